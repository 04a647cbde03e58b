"""Still pictures. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from reelmill.v1.operations_pb2 import Thumbnail

MAX_SIDE = 16383
"""Pixels that WebP takes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StillFormat:
    """A format, and how its encoder is told what to do."""

    extension: str
    codec: str
    """FFmpeg's name of the codec, as a probe of the output finds it."""
    encoder: str
    """FFmpeg's name of the encoder."""
    matrix: str
    """Of its colours: bt601 or bt709."""
    full: bool
    """Colours in full range."""
    pixels: str
    """FFmpeg's pixel format."""
    clear_pixels: str = ""
    """The one with an opacity; empty where the format has none."""
    quality: Callable[[int], tuple[str, ...]] | None = None
    """Options for a quality of 1 to 100; none for a lossless format."""


def _jpeg_quality(quality: int) -> tuple[str, ...]:
    # mjpeg's scale goes from 2, the best, to 31.
    return ("-q:v", str(round(31 - 29 * (quality - 1) / 99)))


# JPEG and WebP store BT.601, in full and in limited range.
STILLS: dict[Thumbnail.Format, StillFormat] = {
    Thumbnail.JPEG: StillFormat(
        extension="jpg",
        codec="mjpeg",
        encoder="mjpeg",
        matrix="bt601",
        full=True,
        pixels="yuv420p",
        quality=_jpeg_quality,
    ),
    Thumbnail.PNG: StillFormat(
        extension="png",
        codec="png",
        encoder="png",
        matrix="bt709",
        full=True,
        pixels="rgb24",
        clear_pixels="rgba",
    ),
    Thumbnail.WEBP: StillFormat(
        extension="webp",
        codec="webp",
        encoder="libwebp",
        matrix="bt601",
        full=False,
        pixels="yuv420p",
        clear_pixels="bgra",
        quality=lambda quality: ("-quality", str(quality)),
    ),
}
