"""Why a job failed, as its error tells it, with the line of stderr that decided lit. Pure."""

from dataclasses import dataclass

from reelmill.v1 import jobs_pb2 as pb

MOST_LINES = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line of stderr."""

    text: str
    decides: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """What a page tells of a failure."""

    error: pb.JobError
    cause: str
    remedy: str
    reproduction: str
    """What fails alike in a shell; else the command that failed, if one did."""
    lines: tuple[Line, ...]


def explain(error: pb.JobError) -> Explained:
    """A failure, for people. A job of a release before tells a message alone."""
    lines = [line for line in error.stderr_tail.splitlines() if line.strip()]
    decisive = [i for i, line in enumerate(lines) if error.deciding_line and error.deciding_line in line]
    shown = [Line(text=line, decides=i in decisive[-1:]) for i, line in enumerate(lines)]
    if error.deciding_line and not decisive:  # it stood before the end that is kept
        shown.insert(0, Line(text=error.deciding_line, decides=True))
    return Explained(
        error=error,
        cause=error.cause or error.message or error.code,
        remedy=error.remedy or "Look into the log below.",
        reproduction=error.reproduction or error.command,
        lines=tuple([line for line in shown[:-MOST_LINES] if line.decides] + shown[-MOST_LINES:]),
    )
