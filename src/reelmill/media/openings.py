"""What a warm child keeps open between two questions of one attempt about one file.

To open a film again takes as long as a fifth of what is then made of it. Kept is only what reads and decodes after a
seek as if it were just opened: so the second answer is the same, to the pixel. Runs in the child.
"""

import os
import re
from dataclasses import dataclass
from typing import Any

KEPT_SECONDS = 2.0
"""Then an opening is let go: a file that was removed keeps its place on the disk until nobody has it open."""
_ENCODER = re.compile(rb"x264 - core (\d+)")
_NEWEST_QUIRK = 150  # of x264: its decoder does otherwise for builds up to this one, whose pictures say which it was


@dataclass(frozen=True, slots=True)
class Opening:
    """A container, for questions of one holder about one file."""

    holder: str
    file: tuple[int, ...]
    container: Any


class Shelf:
    """Holds one opening at most."""

    def __init__(self) -> None:
        self._kept: Opening | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is kept."""
        return self._kept is None

    def keep(self, holder: str, descriptor: int, container: Any) -> None:
        """Keep a container of an open file, which has a descriptor of its own; it belongs to the shelf from now on."""
        self.clear()
        self._kept = Opening(holder, _identity(descriptor), container)

    def take(self, holder: str, descriptor: int) -> Opening | None:
        """What is kept, if it is this holder's and of this very file, unchanged; anything else is let go."""
        kept = self._kept
        if kept is not None and (kept.holder, kept.file) == (holder, _identity(descriptor)):
            self._kept = None
            return kept
        self.clear()
        return None

    def clear(self) -> None:
        """Let go of what is kept."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.container.close()


def _identity(descriptor: int) -> tuple[int, ...]:
    told = os.fstat(descriptor)
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns


def is_forgotten(codec: str, packet: Any) -> bool:
    """Whether a decoder that was flushed knows nothing any more of a first picture, in this packet.

    H.264's keeps the encoder's build that a picture told, and decodes what follows by it; others (MPEG-4) keep more.
    """
    if codec != "h264":
        return False
    told = _ENCODER.search(memoryview(packet))
    return told is None or int(told[1][:9]) > _NEWEST_QUIRK
