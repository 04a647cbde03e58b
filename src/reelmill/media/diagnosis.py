"""What is wrong with a file or a run, in the words that a job tells it in. Pure."""

from dataclasses import dataclass

LINE_CHARACTERS = 500
"""Of the line that tells it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """Why something failed."""

    kind: str
    """A stable name, such as no_index; docs/errors.md lists them."""
    code: str
    """A key of jobs.codes.CODES."""
    cause: str
    """In one sentence."""
    remedy: str
    line: str = ""
    """What was printed that tells it, where something was."""

    @property
    def message(self) -> str:
        """Cause and line, as a job's error tells both in one."""
        return f"{self.cause}: {self.line}" if self.line else self.cause


AGAIN = "Copy or download the file again from its source, and compare its size with what is there"
"""What helps where bytes are missing or were changed on the way."""
