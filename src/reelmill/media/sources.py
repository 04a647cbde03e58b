"""What planning reads out of a probed input: its streams, its length, how it is opened. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import showing
from reelmill.media.contract import Source
from reelmill.media.formats.containers import STILL_DEMUXERS, UNORDERED
from reelmill.media.geometry import Size
from reelmill.media.promises import allowance
from reelmill.media.steps import Reading
from reelmill.media.timeline import SECOND, Timeline
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import TimeRange

_LEAST_BYTES_PER_SECOND = 1.0
QUARTER = ("-lowres", "2")
"""Options of a reading whose decoder gives a picture at a quarter of its width and height."""
_AT_A_QUARTER = 8
"""Times that a picture is made smaller: from there on a quarter of it has twice what is wanted, as scaling needs. (Half
of it takes FFmpeg longer to decode than the whole.)"""
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own leave the opacity out
_CONSTANT = frozenset({"mov", "gif", "apng", "webp_anim"})  # they say one size for a whole track


@dataclass(frozen=True, slots=True)
class Span:
    """A part of an input, in seconds; `length` is 0 where the input does not say how long it is."""

    start: float
    length: float
    cut: bool
    """Whether the end is before the input's own."""


def believable_seconds(info: MediaInfo) -> float:
    """How long an input may be taken to last: what it claims, but no longer than its bytes can hold.

    A forged header claims years in a few kilobytes; the sparsest honest files (a picture that stands for minutes) have
    more than a byte for each second.
    """
    return min(info.duration_seconds, info.size_bytes / _LEAST_BYTES_PER_SECOND)


def span(source: Source, trim: TimeRange, output: str) -> Span:
    """The part that a trim asks for. Raises AttemptFailed TIME_OUT_OF_RANGE where it begins past the end."""
    duration = source.timeline.seconds
    start, end = trim.start_seconds, trim.end_seconds
    if duration and (start >= duration or end > duration + 0.5):
        what = f"end_seconds ({end:g})" if start < duration else f"start_seconds ({start:g})"
        message = f"the trim's {what} lies past the input's end at {duration:.3f} s; give a smaller one"
        raise AttemptFailed("TIME_OUT_OF_RANGE", message, output=output)
    cut = bool(end) and (not duration or end < duration)
    last = end if cut else duration
    return Span(start, max(0.0, last - start), cut)


def expected_seconds(
    part: Span, streams: Sequence[MediaInfo.Stream | None], times: Timeline | None = None
) -> tuple[float | None, float]:
    """How long a file of these streams must be, and by how much it may differ; None where that can't be told.

    Without measured `times` a stream may begin later than its file, and only the file's whole length shows it: what
    lies between the longest stream's length and the file's is right.
    """
    if not part.length:
        return None, 0.0
    known = [s.duration_seconds for s in streams if s]
    least = min(part.length, max(0.0, max(known) - part.start)) if all(known) else part.length
    if times is not None and times.measured and not times.cut_off:
        ends = [times.track(s.index).end / SECOND for s in streams if s]
        if part.cut or max(ends) > part.start:
            # What begins late may come out at once, or when it did.
            starts = min(times.track(s.index).start for s in streams if s) / SECOND
            # Of a part that is cut the picture holds to the end, and sound is silent.
            most = part.length if part.cut else min(part.length, max(ends) - part.start)
            return most - max(0.0, starts - part.start) / 2, max(0.0, starts - part.start) / 2 + allowance(most)
    return (least + part.length) / 2, (part.length - least) / 2 + allowance(part.length)


def reading(source: Source, *, start: float = 0.0, alone: bool = False) -> Reading:
    """An opening of an input, read from `start` seconds on; `alone` as there."""
    return Reading(of=source.name, demuxer=source.demuxer, seek=start, options=_options(source), alone=alone)


def reading_for(source: Source, size: Size, whole: tuple[float, float]) -> Reading:
    """An opening of a picture that is shown with `whole` pixels and is scaled to `size`: no larger than needed."""
    opening = reading(source, alone=True)
    least = _AT_A_QUARTER * size.width <= whole[0] and _AT_A_QUARTER * size.height <= whole[1]
    return replace(opening, options=(*opening.options, *QUARTER)) if source.comes_smaller and least else opening


def is_still(source: Source) -> bool:
    """Whether an input is a single picture and no film."""
    return source.demuxer in STILL_DEMUXERS or source.info.composition.still


def may_change(source: Source) -> bool:
    """Whether the picture's size may change on the way: in formats that are joined, recorded or sent as they come."""
    return source.demuxer not in _CONSTANT and not is_still(source)


def _options(source: Source) -> tuple[str, ...]:
    counted = (i for i, track in source.timeline.tracks.items() if track.counted)
    return (*_picture_options(source), *chain.from_iterable((f"-flags2:{i}", "+skip_manual") for i in counted))


def _picture_options(source: Source) -> tuple[str, ...]:
    info = source.info
    if info.composition.still:
        # What is cropped and turned is the whole, not each of its streams.
        return ("-noautorotate", "-apply_cropping", "codec")
    picture = showing.shown(info)
    if picture is not None and picture.alpha and picture.codec in _ALPHA_DECODERS:
        return (f"-c:{picture.index}", _ALPHA_DECODERS[picture.codec])
    late = source.timeline.track(picture.index).late if picture is not None else None
    if picture is not None and late is not None and picture.codec in UNORDERED:
        # What its reader makes up is in another order than frames are shown.
        return (f"-bsf:{picture.index}", "setts=pts=NOPTS")
    return ()
