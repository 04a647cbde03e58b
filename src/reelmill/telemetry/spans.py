"""What a span is to who makes one."""

from collections.abc import Mapping
from typing import Literal, Protocol

Attributes = Mapping[str, str | int | float | bool]
Kind = Literal["INTERNAL", "SERVER", "PRODUCER", "CONSUMER"]


class Span(Protocol):
    """A step that is under way."""

    def set(self, attributes: Attributes) -> None:
        """Add attributes. Never URLs, texts of users, or contents of files."""
        ...

    def fail(self, reason: str) -> None:
        """Mark the step as failed; `reason` is an error's code or type."""
        ...
