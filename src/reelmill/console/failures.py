"""Why a job failed: the cause in one sentence, the line of stderr that decided, and what helps. Pure."""

from dataclasses import dataclass

from reelmill.media.failures import rule_of
from reelmill.v1 import jobs_pb2 as pb

_BY_CODE = {
    "INPUT_NOT_FOUND": "Check the input's address: nothing is there. Then edit the job and run it again.",
    "INPUT_FORBIDDEN": "Give the server access: the folder belongs into its setting read_roots, or the address needs "
    "other credentials. Then retry.",
    "INPUT_EMPTY": "The file has no bytes: wait until it is whole where it comes from, then retry.",
    "INPUT_CORRUPT": "The file is damaged or was cut off on its way: fetch or export it once more, then run it again.",
    "INPUT_NOT_MEDIA": "Give it a file with picture or sound; this one is none that ffmpeg can read.",
    "INPUT_NO_VIDEO": "The input has no picture: edit the job and ask for sound alone.",
    "INPUT_NO_AUDIO": "The input has no sound: edit the job and drop what needs it, or make that optional.",
    "ENCODER_REFUSED": "Edit the output: another size, frame rate or bit rate.",
    "TIME_OUT_OF_RANGE": "Edit the job: the time lies past the input's end.",
    "DEADLINE_EXCEEDED": "Give it a later deadline, a higher priority, or more workers.",
    "WORKER_LOST": "Workers died while they ran it. Their logs and memory limits tell why; a retry may help.",
    "DISK_FULL": "Free some disk on the worker, or give it more. Then retry.",
    "OUT_OF_MEMORY": "Ask for a smaller picture, or give workers more memory.",
}
_BY_CATEGORY = {
    pb.JobError.INPUT: "Edit the job or its input, then run it again: the same would fail again.",
    pb.JobError.LIMIT: "A limit of this server was reached: ask for less, or raise the limit.",
    pb.JobError.TRANSIENT: "Something outside was away: a retry may help.",
    pb.JobError.INTERNAL: "Look into the log below; `reelmill doctor` checks the set-up. A retry may help.",
}
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
    lines: tuple[Line, ...]


def explain(error: pb.JobError) -> Explained:
    """A failure, for people."""
    lines = [line for line in error.stderr_tail.splitlines() if line.strip()][-MOST_LINES:]
    decisive = _decisive(error.message, lines)
    # The message ends with the line itself, which is shown below.
    line = lines[decisive] if decisive is not None else ""
    cause = error.message.removesuffix(line).rstrip(": ") if line else error.message
    return Explained(
        error=error,
        cause=cause or error.message or error.code,
        remedy=_BY_CODE.get(error.code) or _BY_CATEGORY.get(error.category, "Look into the log below."),
        lines=tuple(Line(text=text, decides=i == decisive) for i, text in enumerate(lines)),
    )


def _decisive(message: str, lines: list[str]) -> int | None:
    """Which line the failure was read off: the one that the message ends with, else the first that the table knows."""
    told = [i for i, line in enumerate(lines) if message.endswith(line)]
    if told:
        return told[-1]
    return next((i for i, line in enumerate(lines) if rule_of(line) is not None), None)
