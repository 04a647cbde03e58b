"""What the operations need of an ffmpeg, and what one lacks of it. Pure."""

from collections.abc import Iterable

from reelmill.media.ffmpeg import Capabilities
from reelmill.media.operations import OPERATIONS


def lacking(able: Capabilities) -> str:
    """The encoders and filters that operations need and an ffmpeg lacks, and whose they are; empty where it has all."""
    missing = [
        *_named("encoder", {name: operation.encoders - able.encoders for name, operation in OPERATIONS.items()}),
        *_named("filter", {name: operation.filters - able.filters for name, operation in OPERATIONS.items()}),
    ]
    return ", ".join(missing)


def _named(what: str, missing: dict[str, frozenset[str]]) -> Iterable[str]:
    for name in sorted(frozenset().union(*missing.values())):
        whose = ", ".join(operation for operation, names in missing.items() if name in names)
        yield f"the {what} {name} ({whose})"
