"""How a picture is turned, by what its decoder tells. Runs in the prober's child."""

import base64
from typing import Any

import av
import av.error

from reelmill.media import jpeg

# A grey picture of 8 × 8 pixels.
_TINY = base64.b64decode(
    "/9j/4AAQSkZJRgABAgAAAQABAAD/2wBDAAgEBAQEBAUFBQUFBQYGBgYGBgYGBgYGBgYHBwcICAgHBwcGBgcHCAgICAkJCQgICAgJCQoKCgwMCwsO"
    "Dg4RERT/xABLAAEAAAAAAAAAAAAAAAAAAAAAAQEAAAAAAAAAAAAAAAAAAAABEAEAAAAAAAAAAAAAAAAAAAAAEQEBAAAAAAAAAAAAAAAAAAAAEf/A"
    "ABEIAAgACAMBEgACEgADEgD/2gAMAwEAAhEDEQA/AAIRC//Z"
)


def prepare() -> None:
    """Do once what each file needs."""
    turned(_TINY)


def degrees(frame: Any) -> int:
    """By how much a frame is turned, with the clock."""
    # A display matrix counts against the clock.
    return int(round(-frame.rotation / 90) * 90 % 360)


def turned(head: bytes) -> int | None:
    """By how much a JPEG that begins so is turned, as its decoder tells it of a tiny picture with the same notes.

    None where that is not known.
    """
    if not jpeg.is_whole(head):
        return None
    try:
        packet = av.Packet(jpeg.notes_on(head, _TINY))
        frame = next(iter(av.CodecContext.create("mjpeg", "r").decode(packet)), None)
    except (av.error.FFmpegError, MemoryError, ValueError):
        return None
    return degrees(frame) if frame is not None else None
