"""Where the command begins: Ctrl-C while Python imports ends it without a word."""

import os
import signal


def main() -> None:
    """The entry point."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # gRPC prints a line at each start of a child otherwise; none of ours goes on without an exec.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    from reelmill.cli import main as commands

    signal.signal(signal.SIGINT, signal.default_int_handler)
    commands.main()
