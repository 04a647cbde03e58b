"""Picture sizes: what a target asks for, given the source. Pure; all sizes in pixels."""

from dataclasses import dataclass

from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import VideoSettings


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of a picture with square pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Scaling:
    """Scale to `scaled`, then crop or pad around the middle to `final`."""

    scaled: Size
    final: Size

    def edges(self, colour: str = "black") -> tuple[str, ...]:
        """The FFmpeg filter that brings what was scaled to the final size; none where it has it."""
        if self.final.width > self.scaled.width or self.final.height > self.scaled.height:
            return (f"pad={self.final.width}:{self.final.height}:-1:-1:{colour}",)
        return (f"crop={self.final.width}:{self.final.height}",) if self.final != self.scaled else ()


def display_size(stream: MediaInfo.Stream) -> tuple[float, float]:
    """Width and height as a player shows them: square pixels, rotated."""
    width = stream.width * (stream.pixel_aspect_ratio or 1.0)
    height = float(stream.height)
    return (height, width) if stream.rotation_degrees in (90, 270) else (width, height)


def aspects(stream: MediaInfo.Stream, start: float) -> tuple[tuple[float, float], ...]:
    """From which second after `start` on a stream is shown with which width over height; empty where that stays."""
    found: list[tuple[float, float]] = []
    for shape in stream.shapes:
        aspect = shape.width * (shape.pixel_aspect_ratio or 1.0) / shape.height
        if shape.start_seconds <= start:
            found.clear()
        found.append(
            (max(0.0, shape.start_seconds - start), 1 / aspect if stream.rotation_degrees in (90, 270) else aspect)
        )
    return tuple(found)


def box(source: tuple[float, float], spec: VideoSettings) -> tuple[int, int]:
    """The width and height that are asked for, for a picture that lies or stands as `source` does."""
    upright = source[1] > source[0]
    if spec.short_side:
        return (spec.short_side, 0) if upright else (0, spec.short_side)
    if spec.match_orientation and spec.width and spec.height and upright == (spec.width > spec.height):
        return spec.height, spec.width
    return spec.width, spec.height


def fit(
    source: tuple[float, float], width: int, height: int, how: int, *, multiple: int = 2, least: int = 1
) -> Scaling:
    """How to bring a picture into width × height; 0 follows from the other, both 0 keep the size.

    Sizes are rounded to a multiple of `multiple` (2 for video: chroma is stored for 2 × 2 pixels). A picture that keeps
    its size is enlarged where a side has fewer than `least` pixels.
    """
    have_width, have_height = source
    if how == VideoSettings.SHRINK:
        if (not width or have_width <= width) and (not height or have_height <= height):
            width = height = 0
        how = VideoSettings.CONTAIN
    if not (width and height):
        enlarged = max(1.0, least / min(source))
        factor = width / have_width if width else height / have_height if height else enlarged
        scaled = Size(_round(width or have_width * factor, multiple), _round(height or have_height * factor, multiple))
        return Scaling(scaled, scaled)
    box = Size(_round(width, multiple), _round(height, multiple))
    if how == VideoSettings.STRETCH:
        return Scaling(box, box)
    factors = box.width / have_width, box.height / have_height
    factor = max(factors) if how == VideoSettings.CROP else min(factors)
    scaled = Size(_round(have_width * factor, multiple), _round(have_height * factor, multiple))
    # Rounding must not push the picture over the edge it was fitted to.
    bound = max if how == VideoSettings.CROP else min
    scaled = Size(bound(scaled.width, box.width), bound(scaled.height, box.height))
    return Scaling(scaled, scaled if how == VideoSettings.CONTAIN else box)


def _round(pixels: float, multiple: int) -> int:
    return max(multiple, round(pixels / multiple) * multiple)
