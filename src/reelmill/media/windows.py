"""A short part of an input's picture, at an even rate and to the frame, for what is made of several such. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reelmill.media import composing, cutting, pictures
from reelmill.media.contract import Source
from reelmill.media.formats.video import frame_rate
from reelmill.media.pictures import Shown
from reelmill.media.sources import Span, reading
from reelmill.media.steps import Reading, Taken
from reelmill.media.timeline import SECOND
from reelmill.v1.media_pb2 import MediaInfo

FILTERS = pictures.FILTERS | cutting.FILTERS | composing.FILTERS | {"fps", "null"}
"""FFmpeg's filters that may stand in what is made here."""


_LEAST_FRAMES = 2  # what has one does not move
_HAIR = 1e-6  # of a frame


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A part of a picture, in seconds."""

    start: float
    length: float
    rate: float
    """Frames a second that come out."""

    @property
    def frames(self) -> int:
        """That come out."""
        return max(_LEAST_FRAMES, math.floor(self.length * self.rate + 0.5))


def spread(part: Span, seconds: float, parts: int, rate: float) -> tuple[Window, ...]:
    """Windows of `seconds` all in all in the middles of so many equal parts; less where the whole is shorter.

    Each is as long as its frames are.
    """
    whole = part.length or seconds
    step = whole / parts
    each = max(_LEAST_FRAMES, math.floor(min(seconds, whole) / parts * rate + _HAIR)) / rate
    return tuple(Window(start=part.start + step * i + (step - each) / 2, length=each, rate=rate) for i in range(parts))


def taken(
    source: Source,
    picture: MediaInfo.Stream,
    window: Window,
    shown: Shown,
    place: int,
    last: Sequence[str] = (),
    *,
    alone: bool = True,
) -> tuple[Reading, Taken]:
    """How a window is read, as the step's reading number `place`, and its filters; `last` go at their end."""
    cut = cutting.cut(source, Span(window.start, window.length, cut=True), [picture.index], picture.index)
    count = window.frames
    info = source.info
    chain = (
        *cut.picture(),
        # What comes first stands from the beginning on, and what comes last to the end.
        f"fps={frame_rate(window.rate)}:start_time=0:eof_action=pass",
        f"tpad=stop={count}:stop_mode=clone,trim=end_frame={count}",
        *pictures.filters(picture, shown),
        *last,
    )
    composition = info.composition if info.HasField("composition") else None
    made = composing.taken(composition, picture.index, ",".join(chain), place)
    return reading(source, start=cut.seek / SECOND, alone=alone), made
