"""Where the command begins: Ctrl-C while Python imports ends it without a word; help and typos need no imports."""

import os
import signal
import sys

_AGAIN_SECONDS = 0.01


def main() -> None:
    """The entry point."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # gRPC prints a line at each start of a child otherwise; none of ours goes on without an exec.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    # Of Pydantic, which looks for plugins in all that is installed; none is meant for our settings.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if "_REELMILL_COMPLETE" in os.environ:
        from reelmill.cli.completing import answer

        if (offered := answer(os.environ)) is not None:
            print(offered, flush=True)
            sys.exit(0)
    elif (code := _at_once(sys.argv[1:])) is not None:
        sys.exit(code)
    from reelmill.cli.importing import importing

    with importing():
        from reelmill.cli import main as commands

    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.unraisablehook = _interrupted_or_told
    commands.main()


def _interrupted_or_told(ignored: "sys.UnraisableHookArgs") -> None:
    """Ctrl-C that came in a callback of Python's own, of an import or of garbage, is lost there: it comes again."""
    if ignored.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(ignored)
        return
    import threading

    us = threading.get_ident()
    threading.Timer(_AGAIN_SECONDS, signal.pthread_kill, (us, signal.SIGINT)).start()  # once that callback is over


def _at_once(arguments: list[str]) -> int | str | None:
    """The exit status, or a word about it, of what needs no command's module; None for all else."""
    from reelmill.cli.table import COMMANDS, help_page, no_command, terminal_columns

    first = arguments[0] if arguments else "--help"
    try:
        if first in ("--help", "-h"):
            print(help_page(terminal_columns()), flush=True)
            return 0 if arguments else 2
        if first == "--version":
            from reelmill import __version__

            print(f"reelmill {__version__}", flush=True)
            return 0
        if first not in COMMANDS and not first.startswith("-") and first.isprintable() and first.isascii():
            print(no_command(first), file=sys.stderr, flush=True)
            return 2
    except BrokenPipeError:  # `reelmill --help | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        return error.strerror or 1
    return None
