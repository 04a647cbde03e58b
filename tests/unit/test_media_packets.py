"""What packets tell of a picture where their container tells little."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as some

from reelmill.media.h264 import Field
from reelmill.media.packets import Recorder, Stream
from reelmill.media.timeline import Track

TICKS = some.integers(-(2**40), 2**40) | some.integers(-3000, 40_000)
PACKETS = some.lists(
    some.tuples(TICKS, some.integers(-2000, 2000) | TICKS, some.integers(-5, 2000) | TICKS, some.booleans()),
    max_size=30,
).map(lambda told: [(dts + late, dts, duration, key) for dts, late, duration, key in told])
STREAMS = some.sampled_from(
    [
        Stream(base=Fraction(1, 12_800), picture=True, rate=25.0, summed=True),
        Stream(base=Fraction(1001, 30_000), picture=True),
        Stream(base=Fraction(1, 48_000), picture=False, summed=True, longest=42_666),
        Stream(base=Fraction(1, 1000), picture=False),
    ]
)


def of_avi(*packets: tuple[int, Field | None], step: int) -> Track:
    """A picture of 25 frames a second by a clock of 600 ticks; each packet lasts one, as AVI's reader tells.

    `packets`: by the number of the frame that they begin or complete. `step`: ticks from one packet to the next.
    """
    stream = Stream(base=Fraction(1, 600), picture=True, rate=600.0, delay=0, undated=True)
    recorder = Recorder({0: stream}, begin=0, mends=False, claimed=0)
    for i, (_, field) in enumerate(packets):
        recorder.add(0, (i + 1) * step, i * step, 1, True, field=field)
    return recorder.timeline(measured=True).track(0)


def test_the_last_picture_of_avi_is_shown_as_long_as_the_others() -> None:
    track = of_avi(*((number, None) for number in range(5)), step=24)
    assert list(track.frames) == [0, 40_000, 80_000, 120_000, 160_000]
    assert (track.interval, track.end, track.late) == (40_000, 200_000, 0)


def test_a_picture_of_two_packets_has_the_time_of_its_second_one_in_avi() -> None:
    fields = [(number, Field(number % 16, bottom)) for number in range(5) for bottom in (False, True)]
    track = of_avi(*fields, step=12)
    assert list(track.frames) == [0, 40_000, 80_000, 120_000, 160_000]
    assert (track.interval, track.end, track.late) == (40_000, 200_000, 20_000)


@given(STREAMS, PACKETS, some.lists(some.integers(0, 30), max_size=4), some.integers(-1000, 10**6))
def test_packets_taken_together_tell_what_they_tell_one_by_one(
    stream: Stream, packets: list[tuple[int, int, int, bool]], cuts: list[int], begin: int
) -> None:
    """In pieces, and between others; a hidden one ends a piece."""
    told = []
    for together in (False, True):
        known = replace(stream, times=stream.times[:], keys=stream.keys[:], holes=[])
        recorder = Recorder({0: known}, begin=begin, mends=False, claimed=0)
        assert recorder.plain == {0}
        for piece in pieces(packets, cuts):
            if together:
                recorder.add_all(0, piece)
            else:
                for pts, dts, duration, key in piece:
                    recorder.add(0, pts, dts, duration, key)
            recorder.add_hidden(0, 5, True)
        told.append((known, recorder.timeline(measured=True)))
    assert told[0] == told[1]


def pieces(packets: list[tuple[int, int, int, bool]], cuts: list[int]) -> list[list[tuple[int, int, int, bool]]]:
    """Packets in several lists, some of them empty."""
    edges = [0, *sorted(min(cut, len(packets)) for cut in cuts), len(packets)]
    return [packets[low:high] for low, high in pairwise(edges)]


def test_streams_whose_packets_mean_more_are_taken_one_by_one() -> None:
    plain = Stream(base=Fraction(1, 1000), picture=False)
    for stream, mends in ((plain, True), (replace(plain, undated=True), False), (replace(plain, hidden=True), False)):
        assert not Recorder({0: stream}, begin=0, mends=mends, claimed=0).plain
