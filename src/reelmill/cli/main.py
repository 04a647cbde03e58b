"""The command `reelmill`. Commands import what they need when they run, so that help is quick."""

import io
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from reelmill import __version__
from reelmill.cli import access, doctor, jobs, local, operations, reproduce, serve, settings_command, webhooks
from reelmill.cli.configuration import is_text
from reelmill.cli.problems import INTERRUPTED, Problem, problem_of


class Commands(TyperGroup):
    """Tells problems in lines of their own and sets the exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line."""
        for argument in args:
            if not is_text(argument):
                # Jobs, URIs and logs are UTF-8, and a name that can't be said there is no name.
                raise ctx.fail(f"{argument!a} is not UTF-8; rename the file, or call it by a link")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:  # `reelmill jobs | head` has seen enough
            raise typer.Exit(0) from None
        except Exception as error:
            if isinstance(error, typer.Exit | typer.Abort):
                raise
            problem = problem_of(error)
            if problem is None and isinstance(error, OSError) and error.strerror:
                # What the machine refuses is no fault of ours; the services log theirs before it gets here.
                problem = Problem(": ".join(str(part) for part in (error.filename, error.strerror) if part))
            if problem is None:
                raise
            from reelmill.cli.display import show_problem

            show_problem(problem)
            raise typer.Exit(problem.exit_code) from error


app = typer.Typer(
    cls=Commands,
    help="Reelmill: a self-hosted, distributed media processing pipeline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"reelmill {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


_PANELS: dict[str, dict[str, Callable[..., None]]] = {
    "Try it": {"up": serve.up, "run": local.run, "demo": local.demo, "operations": operations.operations},
    "Jobs": {
        "submit": jobs.submit,
        "jobs": jobs.list_jobs,
        "job": jobs.show,
        "watch": jobs.watch,
        "cancel": jobs.cancel,
        "retry": jobs.retry,
        "delete": jobs.delete,
        "logs": jobs.logs,
        "reproduce": reproduce.reproduce,
    },
    "Run it in production": {
        "api": serve.api,
        "gateway": serve.gateway,
        "worker": serve.worker,
        "scheduler": serve.scheduler,
        "migrate": serve.migrate,
    },
    "Look into it": {
        "workers": jobs.workers,
        "audit": access.audit,
        "doctor": doctor.doctor,
        "settings": settings_command.settings,
    },
}
for _panel, _commands in _PANELS.items():
    for _name, _command in _commands.items():
        app.command(_name, rich_help_panel=_panel)(_command)
app.add_typer(webhooks.commands, name="webhooks", rich_help_panel="Jobs")
for _name, _group in {"keys": access.keys, "tenants": access.tenants}.items():
    app.add_typer(_group, name=_name, rich_help_panel="Say who may call")


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter gets a stand-in
    try:
        app(prog_name="reelmill")
    except KeyboardInterrupt:  # before there is a command
        sys.exit(INTERRUPTED)
    except OSError as error:  # of a help page, which is printed before there is a command
        sys.exit(error.strerror)
