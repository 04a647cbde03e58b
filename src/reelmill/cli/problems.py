"""What the command line tells instead of a traceback, and its exit codes."""

import re
from collections.abc import Sequence

from reelmill.redaction import redacted

FAILED, USAGE, INTERRUPTED = 1, 2, 130
_TYPED = {"filter": "--filter", "url": "URL", "preset.name": "NAME", "name": "NAME"}
"""What a field of a request was typed as, where a command has no words of its own for it."""


class Problem(Exception):
    """One line that says what is wrong and what to do, with details below it; ends the command."""

    def __init__(self, message: str, *, details: Sequence[str] = (), exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.exit_code = exit_code


def problem_of(error: Exception) -> Problem | None:
    """What to tell of an error that a command let through; None for one that is a fault of ours."""
    if isinstance(error, Problem):
        return error
    # What composing the parts raises for a wrong setting or a taken port names it.
    if re.search("^REELMILL_|can't listen on", str(error)):
        return Problem(redacted(str(error)))
    # Late: grpc takes longer to import than most commands to run, and only errors get here.
    from reelmill.client import InvalidRequest, ReelmillError, Unauthenticated

    if isinstance(error, InvalidRequest):
        details = [f"{_TYPED.get(v.field, v.field)}: {v.description}" for v in error.violations]
        if len(details) == 1:
            return Problem(details[0], exit_code=USAGE)
        return Problem("the request breaks a rule" if details else error.message, details=details, exit_code=USAGE)
    if isinstance(error, Unauthenticated):
        return Problem(
            error.message, details=["REELMILL_TOKEN, or REELMILL_TOKEN_FILE, gives the command line its key"]
        )
    if isinstance(error, ReelmillError):
        return Problem(error.message)
    from reelmill.store.migrate import WrongSchema
    from reelmill.store.switches import OlderWorkers

    if isinstance(error, (WrongSchema, OlderWorkers)):
        return Problem(str(error))
    return None
