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

from reelmill.jobs.codes import CODES
from reelmill.redaction import redacted
from reelmill.v1.jobs_pb2 import JobError

FULL_ONLY = ("command", "stderr_tail", "reproduction")
"""Fields of a JobError that the BASIC view leaves out: they are long, and tell how a worker is set up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why an attempt failed. `code` is a key of CODES, which gives category and retryable."""

    code: str
    message: str
    output: str = ""
    command: str = ""
    stderr_tail: str = ""
    kind: str = ""
    """What went wrong more exactly than `code`, such as no_index; empty where nobody looked."""
    cause: str = ""
    """In one sentence; empty: the message is it."""
    deciding_line: str = ""
    """Of all that was printed the line that tells it."""
    remedy: str = ""
    """What to do; empty: what helps with the code."""
    reproduction: str = ""
    """A line for a shell, which fails in the same way."""

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
            kind=self.kind,
            cause=redacted(self.cause or self.message),
            deciding_line=redacted(self.deciding_line),
            remedy=self.remedy or code.remedy,
            reproduction=redacted(self.reproduction),
        )


class AttemptFailed(Exception):
    """An attempt of a job failed; `failure` says why."""

    @classmethod
    def of(cls, failure: Failure) -> "AttemptFailed":
        """The error of a failure."""
        made = cls(failure.code, failure.message)
        made.failure = failure
        return made

    def __init__(
        self,
        code: str,
        message: str,
        *,
        output: str = "",
        command: str = "",
        stderr_tail: str = "",
        kind: str = "",
        cause: str = "",
        deciding_line: str = "",
        remedy: str = "",
    ) -> None:
        self.failure = Failure(
            code=code,
            message=message,
            output=output,
            command=command,
            stderr_tail=stderr_tail,
            kind=kind,
            cause=cause,
            deciding_line=deciding_line,
            remedy=remedy,
        )
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
