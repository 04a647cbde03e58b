"""What packets tell of a picture where their container tells little."""

from fractions import Fraction

from reelmill.media.h264 import Field
from reelmill.media.packets import Recorder, Stream
from reelmill.media.timeline import Track


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
