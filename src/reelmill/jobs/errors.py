"""What can go wrong, in two trees.

ReelmillError              what a call of the API answers
├── InvalidRequest         violations, each naming its field
├── NotFound
├── Conflict               same idempotency key, other body
├── WrongState             e.g. cancelling a COMPLETED job
├── Unauthenticated        no key, or not a good one
├── Forbidden              the key's role does not allow it
└── Unavailable            database, queue or storage away; try again

AttemptFailed              why an attempt of a job failed: carries a Failure, which becomes JobError
Stopped                    what was under way, such as an attempt, ended because it was told to: no failure
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from reelmill.redaction import redacted
from reelmill.v1.jobs_pb2 import JobError


class Category(StrEnum):
    """What kind of thing went wrong."""

    INPUT = "INPUT"  # the input or the request: change it
    LIMIT = "LIMIT"  # a limit of this server
    TRANSIENT = "TRANSIENT"  # something outside was away
    INTERNAL = "INTERNAL"  # a fault of Reelmill or ffmpeg


@dataclass(frozen=True, slots=True)
class Code:
    """A stable error code's meaning."""

    category: Category
    retryable: bool
    meaning: str


# Stable: clients match on these. docs/errors.md shows the table; a test holds the two together.
CODES: dict[str, Code] = {
    "INPUT_NOT_FOUND": Code(Category.INPUT, False, "The input does not exist (file missing, HTTP 404 or 410)."),
    "INPUT_FORBIDDEN": Code(
        Category.INPUT, False, "The input can't be read: outside what is allowed, or access denied."
    ),
    "INPUT_EMPTY": Code(Category.INPUT, False, "The input has no bytes."),
    "INPUT_TOO_LARGE": Code(Category.LIMIT, False, "The input is larger than this server accepts."),
    "INPUT_NOT_MEDIA": Code(Category.INPUT, False, "The input is no media file that ffmpeg can read."),
    "INPUT_CORRUPT": Code(Category.INPUT, False, "The input is damaged or cut off."),
    "INPUT_NO_VIDEO": Code(Category.INPUT, False, "The operation needs a picture and the input has none."),
    "INPUT_NO_AUDIO": Code(Category.INPUT, False, "The operation needs sound and the input has none."),
    "INPUT_NO_CAPTIONS": Code(Category.INPUT, False, "The operation needs a text track and the input has none."),
    "INPUT_UNSUPPORTED": Code(Category.INPUT, False, "The input uses a format that is not accepted."),
    "COPY_IMPOSSIBLE": Code(
        Category.INPUT, False, "A stream must go out as it is, and is not what else was asked for."
    ),
    "INPUT_CHANGED": Code(Category.INPUT, False, "The input was changed or replaced while the job read it."),
    "INPUT_UNAVAILABLE": Code(Category.TRANSIENT, True, "The input's server was away or answered with an error."),
    "INPUT_TIMEOUT": Code(Category.TRANSIENT, True, "The input's server was too slow."),
    "TIME_OUT_OF_RANGE": Code(Category.INPUT, False, "A time lies past the input's end."),
    "OUTPUT_NOT_WRITABLE": Code(Category.INPUT, False, "The destination refused the output."),
    "OUTPUT_UNAVAILABLE": Code(Category.TRANSIENT, True, "The destination was away."),
    "OUTPUT_INVALID": Code(Category.INTERNAL, True, "ffmpeg ended well but its output is not what was asked for."),
    "CONTRACT_BROKEN": Code(Category.INPUT, False, "The output does not satisfy its contract; the message says why."),
    "OUTPUT_TOO_LARGE": Code(Category.LIMIT, False, "The output outgrew its limit."),
    "ENCODER_UNAVAILABLE": Code(Category.INTERNAL, False, "This ffmpeg lacks an encoder or a filter."),
    "ENCODER_REFUSED": Code(Category.INPUT, False, "The encoder does not take the size, rate or bit rate asked for."),
    "FFMPEG_FAILED": Code(Category.INTERNAL, True, "ffmpeg ended with an error that the table does not know."),
    "PACKAGER_UNAVAILABLE": Code(Category.INTERNAL, False, "This worker has no packager for its kind of machine."),
    "PROGRAM_FAILED": Code(Category.INTERNAL, True, "A program beside ffmpeg ended with an error."),
    "FFMPEG_CRASHED": Code(Category.INTERNAL, True, "ffmpeg was ended by a signal."),
    "OUT_OF_MEMORY": Code(Category.LIMIT, False, "The job needs more memory than a worker gives to one."),
    "DISK_FULL": Code(Category.LIMIT, True, "There was not enough disk space."),
    "NO_PROGRESS": Code(Category.INTERNAL, True, "ffmpeg made no progress and was stopped."),
    "WALL_LIMIT": Code(Category.LIMIT, False, "The attempt took longer than its wall limit."),
    "DEADLINE_EXCEEDED": Code(Category.LIMIT, False, "The job's deadline passed."),
    "WORKER_LOST": Code(Category.INTERNAL, True, "Workers died while running this job."),
    "INTERNAL": Code(Category.INTERNAL, True, "A fault of Reelmill; the worker's log has its trace."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why an attempt failed. `code` is a key of CODES, which gives category and retryable."""

    code: str
    message: str
    output: str = ""
    command: str = ""
    stderr_tail: str = ""

    @property
    def retryable(self) -> bool:
        """Whether trying again may help."""
        return CODES[self.code].retryable

    def to_proto(self) -> JobError:
        """The API's form, without secrets that came along from elsewhere."""
        code = CODES[self.code]
        return JobError(
            code=self.code,
            category=code.category.value,
            retryable=code.retryable,
            message=redacted(self.message),
            output=self.output,
            command=redacted(self.command),
            stderr_tail=redacted(self.stderr_tail),
        )


class AttemptFailed(Exception):
    """An attempt of a job failed; `failure` says why."""

    @classmethod
    def of(cls, failure: Failure) -> "AttemptFailed":
        """The error of a failure."""
        return cls(
            failure.code,
            failure.message,
            output=failure.output,
            command=failure.command,
            stderr_tail=failure.stderr_tail,
        )

    def __init__(self, code: str, message: str, *, output: str = "", command: str = "", stderr_tail: str = "") -> None:
        self.failure = Failure(code=code, message=message, output=output, command=command, stderr_tail=stderr_tail)
        self.code = code
        super().__init__(f"{code}: {message}")


class Stopped(Exception):
    """What was under way ended because it was told to."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A field (path such as `job.outputs[0].transcode.video.crf`) and what it must be."""

    field: str
    description: str


MAX_VIOLATIONS = 100
"""What one refusal tells at most."""
_MAX_FIELD, _MAX_DESCRIPTION, _MAX_MESSAGE = 160, 400, 1000  # characters: a client may have chosen what stands there
_LOOKED_AT = 8192  # characters of a text that are searched for secrets, before it is cut


class ReelmillError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(_told(message, _MAX_MESSAGE) if message else (self.__doc__ or "").splitlines()[0])


class InvalidRequest(ReelmillError):
    """The request breaks a rule; violations say which."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        told = [
            Violation(_cut(v.field, _MAX_FIELD), _told(v.description, _MAX_DESCRIPTION))
            for v in violations[:MAX_VIOLATIONS]
        ]
        self.violations = tuple(told)
        super().__init__("; ".join(f"{v.field}: {v.description}" for v in told[:3]))


class NotFound(ReelmillError):
    """There is no such thing."""


class Conflict(ReelmillError):
    """The idempotency key was used with another body; use a new key for another job."""


class WrongState(ReelmillError):
    """The job's state does not allow it."""


class Unauthenticated(ReelmillError):
    """The call needs a key, and has none that is good. Which part of it was wrong is not told."""


class Forbidden(ReelmillError):
    """The key may not do this."""


class Unavailable(ReelmillError):
    """A part of the server is away; try again."""


class Busy(ReelmillError):
    """Too many calls that look into files are under way; try again."""


def _told(text: str, most: int) -> str:
    """A text without secrets, and not longer than `most`."""
    return _cut(redacted(text[:_LOOKED_AT]), most)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
