"""Where ffmpeg begins to read for a part or a still, and what is filled with silence: of timelines of all kinds."""

from array import array
from dataclasses import replace

import pytest

from reelmill.media import cutting, tracks
from reelmill.media.contract import Source
from reelmill.media.sources import Span, reading
from reelmill.media.timeline import SECOND, Timeline, Track
from reelmill.v1.media_pb2 import MediaInfo

EVERYWHERE = ((-(2**62), 2**62),)
FRAME = SECOND // 25
WHOLE, INSIDE = Span(0.0, 8.0, False), Span(2.0, 3.0, True)
BRIDGED = "aresample=async=1:min_hard_comp=0.02"
FILLED = f"{BRIDGED}:first_pts=0"


def picture(start: int = 0, seconds: int = 8, frame: int = FRAME, gop: int = 50, knows: bool = True) -> Track:
    frames = array("q", range(start, start + seconds * SECOND, frame))
    keys = array("q", frames[::gop])
    return Track(
        start=start,
        end=frames[-1] + frame,
        frames=frames,
        keys=keys,
        windows=EVERYWHERE if knows else (),
        interval=frame,
    )


def source(demuxer: str, *tracks: Track, size_bytes: int = 1000, **told: object) -> Source:
    """A picture, and sounds of one channel."""
    info = MediaInfo(format=demuxer, size_bytes=size_bytes)
    for i in range(len(tracks)):
        kind = MediaInfo.Stream.AUDIO if i else MediaInfo.Stream.VIDEO
        info.streams.add(index=i, kind=kind, channels=min(i, 1), codec="pcm_s16le" if i else "h264")
    times = Timeline(tracks=dict(enumerate(tracks)), measured=True, **told)  # type: ignore[arg-type]
    return Source(info=info, demuxer=demuxer, measured=times)


def seek(made: Source, second: float) -> float:
    track = made.timeline.track(0)
    return cutting.seek_for(made, track, track.frame_at(round(second * SECOND))) / SECOND


@pytest.mark.parametrize(
    ("made", "at", "right"),
    [
        (source("mov", picture()), 5.1, 5.08),  # the frame itself: its reader finds the key frame
        (source("matroska", picture()), 5.1, 5.08),
        (source("mpegts", picture()), 5.1, 3.0),  # a second before the key frame at 4.0
        (source("mpegts", picture(knows=False)), 5.1, 3.0),
        (source("flv", picture()), 5.1, 3.0),
        (source("mov", picture(), fragments=True), 5.1, 3.0),
        (source("mpegts", picture()), 2.5, 1.0),
        (source("mpegts", picture()), 1.5, 0.0),  # nothing lies before that key frame's second
        (source("mpeg", picture()), 5.1, 0.0),
        (source("mpeg", picture(), size_bytes=2**24 + 1), 5.1, 3.0),
        (source("h264", picture()), 5.1, 0.0),
        (source("webp_anim", picture()), 5.1, 0.0),
        (source("mpegts", picture(), jumps=(3,)), 5.1, 0.0),
        (source("matroska", picture(), cut_off=True), 5.1, 0.0),
        (source("mxf", picture(), broken=True), 5.1, 0.0),
        (source("mov", picture(), edited=True), 5.1, 0.0),
        (source("mov", picture(), edited=True, size_bytes=2**24 + 1), 5.1, 3.0),
        (source("avi", picture()), 0.1, 0.0),
        (source("avi", picture()), 0.2, 0.2),
        (source("matroska", picture(start=2 * SECOND)), 2.1, 0.0),
        (source("matroska", picture(start=2 * SECOND)), 2.3, 2.28),
    ],
)
def test_reading_begins_where_the_frame_is_found(made: Source, at: float, right: float) -> None:
    assert seek(made, at) == pytest.approx(right, abs=0.001)


def test_frames_that_ffmpeg_shows_late_are_moved_back() -> None:
    late = replace(picture(), late=2 * FRAME)
    avi = source("avi", late)
    assert seek(avi, 5.1) == pytest.approx(3.0)  # a second before the key frame at 4 s: the place of another frame
    assert seek(avi, 2.5) == pytest.approx(1.0)
    assert seek(source("avi", late), 1.9) == 0.0
    assert cutting.from_seek(avi, 3 * SECOND, 5_080_000, 0) == ("trim=start=2.1595",)
    assert cutting.from_seek(avi, 0, 0, 0) == ("trim=start=0.0795",)
    whole = cutting.cut(avi, Span(0.0, 8.0, False), [0], 0)
    assert whole.picture() == ("settb=1/90000", "trim=start=0.0795", "setpts=max(0\\,PTS-0.08/TB)")
    assert whole.sound() == ()
    part = cutting.cut(avi, Span(5.1, 2.0, True), [0], 0)
    assert part.picture() == ("settb=1/90000", "trim=start=2.1595", "setpts=max(0\\,PTS-2.18/TB)")
    assert part.sound() == ("atrim=start=2.1", "asetpts=PTS-2.1/TB")


def test_reading_begins_so_early_that_the_picture_is_whole() -> None:
    slow = replace(picture(), recovery=SECOND)
    assert seek(source("mov", slow), 5.1) == pytest.approx(3.0)  # at 4 s it begins to be renewed
    assert seek(source("mov", slow), 4.9) == pytest.approx(1.0)
    assert seek(source("mov", slow), 2.5) == 0.0


def test_ffmpeg_counts_from_where_packets_begin() -> None:
    midway = replace(picture(start=SECOND), begin=400_000)
    made = source("mpegts", midway, Track(start=0, end=8 * SECOND))
    assert (cutting.origin(made, 0, [0]), cutting.origin(made, 0, [0, 1])) == (400_000, 0)
    assert cutting.origin(source("mpeg", picture(), ahead=500_000), 0, [0]) == -500_000


def test_a_sound_whose_times_overlap_is_counted() -> None:
    made = source("mov", picture(), Track(start=0, end=8 * SECOND, counted=True))
    sound = tracks.Sound(parts=tuple(made.info.streams[1:]))
    part = cutting.cut(made, Span(2.0, 3.0, True), [1])
    assert part.seek == 0
    counted = "asetpts=STARTPTS+N/SR/TB"
    assert cutting.sound_filters(made, Span(2.0, 3.0, True), part, sound, alone=True) == (
        counted, "atrim=start=2", "asetpts=PTS-2/TB",
    )  # fmt: skip
    assert reading(made).options == ("-flags2:1", "+skip_manual")


def test_a_picture_that_is_late_is_read_by_times_of_decoding() -> None:
    late = replace(picture(), late=0)
    made = source("avi", late)
    made.info.streams[0].width = made.info.streams[0].height = 16
    assert reading(made).options == ("-bsf:0", "setts=pts=NOPTS")
    made.info.streams[0].codec = "mpeg4"
    assert reading(made).options == ()


def test_of_what_is_damaged_frames_may_be_missing() -> None:
    for damaged in ({"broken": True}, {"jumps": (3,)}, {"cut_off": True}):
        assert cutting.cut(source("mov", picture(), **damaged), WHOLE, [0], 0).sparse
    assert not cutting.cut(source("mov", picture()), WHOLE, [0], 0).sparse


def test_a_sound_before_the_picture_is_not_sought() -> None:
    made = source("matroska", picture(start=2 * SECOND), Track(start=0, end=8 * SECOND))
    assert cutting.cut(made, Span(1.5, 2.0, True), [1]).seek == 0
    assert cutting.cut(made, Span(3.0, 2.0, True), [1]).seek == 2_500_000  # for decoders need what came before


def test_a_part_begins_with_what_is_on_the_screen_by_a_fine_clock() -> None:
    slow = source("mov", picture(frame=SECOND))
    made = cutting.cut(slow, Span(2.4, 2.8, True), [0], 0)
    assert (made.seek, made.offset, made.shown) == (2 * SECOND, 400_000, 0)
    assert made.picture()[:3] == ("settb=1/90000", "trim=start=0:end=3.2", "setpts=max(0\\,PTS-0.4/TB)")
    assert made.last == 2_600_000  # the frame that begins at 5 s has 0.2 s left, and is held for them
    assert cutting.cut(source("mov", picture()), Span(0.0, 2.0, True), [0], 0).picture() == ()


def sounds(
    *made: Track, part: Span, alone: bool = True, demuxer: str = "mov"
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Filters of a sound, or of a pair, in a part; and those of each of a pair."""
    whole = source(demuxer, picture(), *made)
    sound = tracks.Sound(parts=tuple(whole.info.streams[1:]))
    cut = cutting.cut(whole, part, range(1, 1 + len(made)))
    first = cutting.sound_filters(whole, part, cut, sound, alone=alone)
    return first, cutting.pair_filters(whole, part, cut, sound)


def test_what_is_missing_of_a_sound_is_silent() -> None:
    full, late, early = (Track(start=a * SECOND, end=b * SECOND) for a, b in ((0, 8), (3, 8), (0, 4)))
    hole = Track(start=0, end=8 * SECOND, holes=((2_500_000, 3 * SECOND),))
    assert sounds(full, part=WHOLE)[0] == ()
    assert sounds(hole, part=WHOLE)[0] == (FILLED,) == sounds(hole, part=WHOLE, alone=False)[0]
    # Where films may be joined, channels may change, and with them all filters are made anew.
    assert sounds(hole, part=WHOLE, demuxer="mpegts")[0] == (BRIDGED,)
    inside, _ = sounds(hole, part=INSIDE, demuxer="mpegts")
    assert inside and inside[-1] == FILLED
    begun = ("atrim=start=0.5", "asetpts=PTS-0.5/TB")
    assert sounds(hole, part=Span(4.0, 2.0, True))[0] == begun
    assert sounds(late, part=WHOLE)[0] == (FILLED,)
    assert sounds(late, part=WHOLE, alone=False)[0] == ()
    assert sounds(early, part=INSIDE)[0] == (*begun, "apad=whole_dur=3")
    assert sounds(early, part=INSIDE, alone=False)[0] == begun
    assert sounds(early, part=Span(5.0, 2.0, True))[0] is None
    assert sounds(late, part=Span(0.0, 2.0, True))[0] is None


def test_what_a_decoder_swallows_is_silent_at_the_beginning_alone() -> None:
    made = source("asf", picture(), Track(start=0, end=8 * SECOND))
    made.info.streams[1].codec = "wmav2"
    sound = tracks.Sound(parts=tuple(made.info.streams[1:]))
    for part, alone, filled in ((WHOLE, True, True), (WHOLE, False, False), (INSIDE, True, False)):
        found = cutting.sound_filters(made, part, cutting.cut(made, part, [1]), sound, alone=alone)
        assert found is not None and (FILLED in found) is filled


def test_sounds_in_ogg_whose_pages_are_misread_are_not_sought() -> None:
    for codec, seek in (("flac", 0), ("vorbis", 1_500_000), ("opus", 1_500_000)):
        made = source("ogg", picture(), Track(start=0, end=8 * SECOND))
        made.info.streams[1].codec = codec
        assert cutting.cut(made, INSIDE, [1]).seek == seek


def test_a_pair_is_joined_by_times() -> None:
    full, late, early = (Track(start=a * SECOND, end=b * SECOND) for a, b in ((0, 8), (3, 8), (0, 4)))
    hole = Track(start=0, end=8 * SECOND, holes=((2_500_000, 3 * SECOND),))
    assert sounds(full, full, part=WHOLE)[1] == ()
    for other in (late, early, hole):
        assert sounds(full, other, part=WHOLE)[1] == (FILLED, "apad=whole_dur=8") == sounds(other, full, part=WHOLE)[1]
    assert sounds(full, late, part=INSIDE)[1] == (FILLED, "apad=whole_dur=6.5")  # of where reading begins
    # One of both is enough.
    assert sounds(early, full, part=Span(5.0, 2.0, True))[0] is not None
    assert sounds(late, full, part=Span(0.0, 2.0, True))[0] == ()


def test_who_fills_holes_or_counts_otherwise_shares_no_process() -> None:
    full, late = (Track(start=start, end=8 * SECOND) for start in (0, SECOND))
    assert cutting.joins(source("mpegts", picture(), full), ((), None), [0])
    for filled in (FILLED, BRIDGED):
        assert not cutting.joins(source("mpegts", picture(), full), ((), (filled,)), [0])
    assert not cutting.joins(source("mpegts", picture(), late), (), [1])
    assert cutting.joins(source("matroska", picture(), late), (), [1])
