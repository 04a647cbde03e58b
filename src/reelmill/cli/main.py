"""The command `reelmill`. Commands import what they need when they run, so that help is quick."""

import importlib
import io
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from reelmill import __version__
from reelmill.cli.configuration import is_text
from reelmill.cli.importing import importing
from reelmill.cli.problems import INTERRUPTED, USAGE, Problem, problem_of
from reelmill.cli.table import COMMANDS, help_page, no_command, terminal_columns

_UsageError: Any = typer.BadParameter.__mro__[1]
"""Typer's own, which it does not export."""


class Commands(TyperGroup):
    """Imports a command when it is asked for, tells problems in lines of their own and sets the exit code."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command, its module imported; None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        with importing():
            found = getattr(importlib.import_module(f"reelmill.cli.{module}"), name)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command(cmd_name)(found)
            found = alone
        made = typer.main.get_command(found)
        made.name = cmd_name
        return made

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is meant, and its arguments."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise Problem(no_command(args[0]), exit_code=USAGE)
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the page that needs no command's module."""
        typer.echo(help_page(terminal_columns()))

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
            problem = _misread(error) or problem_of(error)
            if problem is None and isinstance(error, OSError) and error.strerror:
                # What the machine refuses is no fault of ours; the services log theirs before it gets here.
                problem = Problem(": ".join(str(part) for part in (error.filename, error.strerror) if part))
            if problem is None:
                raise
            from reelmill.cli.display import show_problem

            show_problem(problem)
            raise typer.Exit(problem.exit_code) from error


def _misread(error: Exception) -> Problem | None:
    """What to tell of a command line that can't be read: a line, and not its usage; None of all else."""
    if not isinstance(error, _UsageError) or type(error).__name__ == "NoArgsIsHelpError":
        return None
    asked = " ".join(("reelmill", *(error.ctx.command_path.split()[1:] if error.ctx else ())))
    told = error.format_message().rstrip(".")
    return Problem(f"{told[:1].lower()}{told[1:]}; `{asked} --help` tells more", exit_code=USAGE)


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
