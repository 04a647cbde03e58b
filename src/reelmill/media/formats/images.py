"""Formats of pictures, still and animated, as the operation image writes them. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from reelmill.media.formats.still import STILLS
from reelmill.v1.image_pb2 import Image
from reelmill.v1.operations_pb2 import Thumbnail

ANIMATED_DEMUXERS = frozenset({"gif", "apng", "webp_anim"})
"""FFmpeg's demuxers of pictures that move."""
PALETTE = "split[all][seen];[all]palettegen[palette];[seen][palette]paletteuse=dither=bayer:bayer_scale=4"
"""The filters that give a film, or a picture, a palette of its own. (Of what moves alone, palettegen's mode diff, it
lacks the colours of the last frames.)"""
_ONE = ("-f", "image2", "-update", "1")  # the path is a name and no pattern for many


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFormat:
    """A format, and how its encoders are told what to do."""

    extension: str
    codec: str
    """FFmpeg's name of the codec, as a probe finds it."""
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
    """Options for a quality of 1 to 100; none for a format without."""
    fixed: tuple[str, ...] = ()
    """Options that are always given."""
    still_fixed: tuple[str, ...] = ()
    """Those of a still."""
    muxing: tuple[str, ...] = _ONE
    moving: str = ""
    """The encoder of what moves; empty where the format can't."""
    moving_codec: str = ""
    """What a probe finds it to be."""
    moving_muxing: tuple[str, ...] = ()
    beside: int = 0
    """Stills that lie in a file beside what moves."""
    last: tuple[str, ...] = ()
    """Filters that go at the end."""
    nanoseconds: float = 60.0
    """Of CPU for each pixel of what moves."""

    @property
    def has_quality(self) -> bool:
        """Whether there is a choice."""
        return self.quality is not None

    def options(self, quality: int, *, moves: bool) -> tuple[str, ...]:
        """Of the encoder."""
        chosen = self.quality(quality) if self.quality is not None else ()
        return (*self.fixed, *(() if moves else self.still_fixed), *chosen)


def _of_a_still(
    format: Thumbnail.Format,
    *,
    clear: str = "",
    moving: str = "",
    moving_codec: str = "",
    moving_muxing: tuple[str, ...] = (),
    nanoseconds: float = 60.0,
) -> ImageFormat:
    """A format that stills of films have too."""
    made = STILLS[format]
    return ImageFormat(
        extension=made.extension,
        codec=made.codec,
        encoder=made.encoder,
        matrix=made.matrix,
        full=made.full,
        pixels=made.pixels,
        clear_pixels=clear,
        quality=made.quality,
        moving=moving,
        moving_codec=moving_codec,
        moving_muxing=moving_muxing,
        nanoseconds=nanoseconds,
    )


IMAGES: dict[Image.Format, ImageFormat] = {
    Image.JPEG: _of_a_still(Thumbnail.JPEG),
    Image.PNG: _of_a_still(
        Thumbnail.PNG, clear="rgba", moving="apng", moving_codec="apng", moving_muxing=("-plays", "0", "-f", "apng")
    ),
    Image.WEBP: _of_a_still(
        Thumbnail.WEBP,
        clear="bgra",
        moving="libwebp_anim",
        moving_codec="webp",
        moving_muxing=("-loop", "0", "-f", "webp"),
        nanoseconds=110.0,
    ),
    Image.AVIF: ImageFormat(
        extension="avif",
        codec="av1",
        encoder="libaom-av1",
        matrix="bt601",
        full=True,
        pixels="yuv420p",
        quality=lambda quality: ("-crf", str(round(63 - 0.55 * quality))),
        fixed=("-cpu-used", "8"),
        still_fixed=("-usage", "allintra", "-still-picture", "1"),
        muxing=("-f", "avif"),
        moving="libaom-av1",
        moving_codec="av1",
        moving_muxing=("-loop", "0", "-f", "avif"),
        beside=1,
        nanoseconds=200.0,
    ),
    Image.GIF: ImageFormat(
        extension="gif",
        codec="gif",
        encoder="gif",
        matrix="bt709",
        full=True,
        pixels="bgra",
        clear_pixels="bgra",
        muxing=("-f", "gif"),
        moving="gif",
        moving_codec="gif",
        moving_muxing=("-loop", "0", "-f", "gif"),
        last=(PALETTE,),
    ),
    Image.TIFF: ImageFormat(
        extension="tiff",
        codec="tiff",
        encoder="tiff",
        matrix="bt709",
        full=True,
        pixels="rgb24",
        clear_pixels="rgba",
        fixed=("-compression_algo", "deflate"),
    ),
}
