"""The timeline of files made at random is what a full decode shows, and what comes out is what it says."""

import itertools
from array import array
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from effort import SEED, short_or_long
from hypothesis import HealthCheck, assume, example, given, note, seed, settings
from hypothesis import strategies as st
from media.coded import frames, shown, still
from media.kit import Studio, decode, make

from reelmill.media.packets import Recorder, Stream
from reelmill.media.timeline import SECOND, Timeline, Track, claimed, micros, packed, unpacked
from reelmill.v1.media_pb2 import MediaInfo

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(short_or_long(300, 7200))]
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-fps_mode", "vfr")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-fps_mode", "vfr")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "2", "-pix_fmt", "yuv420p", "-f", "vob")
CONTAINERS = {"mp4": X264, "mov": X264, "mkv": X264, "ts": X264, "flv": X264, "webm": VP9, "nut": X264, "mpg": MPEG2}
_names = itertools.count()


@st.composite
def clips(draw: st.DrawFn) -> dict:
    """Frame times at random: a constant rate, then gaps where frames were left out; where picture and sound begin."""
    suffix = draw(st.sampled_from(sorted(CONTAINERS)))
    rate = 25.0 if suffix == "mpg" else draw(st.sampled_from([10.0, 25.0, 30000 / 1001]))
    count = draw(st.integers(20, 60))
    keep = draw(st.lists(st.booleans(), min_size=6, max_size=6)) if suffix != "mpg" else [True]
    keep[0] = True
    return {
        "suffix": suffix,
        "rate": rate,
        "count": count,
        "keep": keep,
        "gop": draw(st.integers(5, 40)),
        "b_frames": draw(st.integers(0, 3)) if suffix not in ("webm", "flv") else 0,
        "late": draw(st.sampled_from([0.0, 0.0, 0.3, 1.0])),
        "sound_seconds": draw(st.sampled_from([0.0, 0.5, 1.5, 4.0])),
        "places": draw(st.lists(st.floats(0, 0.999), min_size=4, max_size=4)),
    }


def clip(folder: Path, made: dict) -> Path:
    """The file of a clip."""
    kept = "+".join(f"eq(mod(n\\,{len(made['keep'])})\\,{i})" for i, keep in enumerate(made["keep"]) if keep)
    picture = frames(made["rate"], made["count"] / made["rate"], then=f"select={kept}")
    sound = ("-f", "lavfi", "-i", f"sine=sample_rate=48000:duration={made['sound_seconds']}")
    late = ("-itsoffset", str(made["late"])) if made["sound_seconds"] else ()
    options = ("-g", str(made["gop"]), *(("-bf", str(made["b_frames"])) if made["suffix"] != "webm" else ()))
    codec = {"webm": "libopus", "mpg": "mp2", "flv": "aac"}.get(made["suffix"], "aac")
    audio = ("-c:a", codec, "-ar", "44100" if made["suffix"] == "flv" else "48000") if made["sound_seconds"] else ()
    inputs = (*late, *picture, *(sound if made["sound_seconds"] else ()))
    return make(folder / f"{next(_names)}.{made['suffix']}", *inputs, *CONTAINERS[made["suffix"]], *options, *audio)


@seed(SEED)
@settings(
    max_examples=short_or_long(10, 300),
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=clips())
@example(  # its last packet is put off by less than its first
    made={
        "suffix": "flv", "rate": 25.0, "count": 20, "keep": [True, False, True, True, True, False], "gop": 5,
        "b_frames": 0, "late": 0.3, "sound_seconds": 0.5, "places": [0.0, 0.0, 0.0, 0.5],
    }
)  # fmt: skip
@example(  # nobody says where it begins
    made={
        "suffix": "nut", "rate": 10.0, "count": 20, "keep": [True, False, False, False, False, False], "gop": 5,
        "b_frames": 1, "late": 0.0, "sound_seconds": 0.0, "places": [0.0, 0.2, 0.5, 0.9],
    }
)  # fmt: skip
async def test_what_comes_out_is_what_was_shown(studio: Studio, tmp_path: Path, made: dict) -> None:
    note(repr(made))
    path = clip(tmp_path, made)
    studio = replace(studio, folder=path.with_suffix(""))
    studio.folder.mkdir()
    source = await studio.source(path)
    times = source.timeline
    assert times.measured and not times.damaged
    seen = shown(path)
    # ffmpeg's muxer of PS leaves out times, and its parser may guess one twice: what goes back is shown by nobody.
    assume(seen == sorted(seen))
    picture = next(s for s in source.info.streams if s.kind == MediaInfo.Stream.VIDEO)
    track = times.track(picture.index)
    assert [time / SECOND for time in track.frames] == pytest.approx([time for time, _ in seen], abs=0.002)
    assert track.end / SECOND >= seen[-1][0]
    assert times.seconds == pytest.approx(max(made["sound_seconds"], track.end / SECOND), abs=0.12)

    def at(time: float) -> int:
        return next((which for begin, which in reversed(seen) if begin <= time), seen[0][1])

    asked = [place * times.seconds for place in made["places"]]
    # Not where a frame begins: both sides of it are right.
    asked = [time for time in asked if all(abs(begin - time) > 0.003 for begin, _ in seen)]
    low, high = min(asked, default=0.0), max(asked, default=0.0)
    outputs: list[dict] = [{"thumbnail": {"count": 3, "format": "PNG"}}]
    outputs += [{"thumbnail": {"times_seconds": asked, "format": "PNG"}}] if asked else []
    cut = high - low > 0.2 and high > track.start / SECOND
    outputs += [{"transcode": {"mute": True, "trim": {"start_seconds": low, "end_seconds": high}}}] if cut else []
    files = await studio.make(path, *outputs)
    spread = [(track.start + (i + 0.5) / 3 * (track.end - track.start)) / SECOND for i in range(3)]
    clear = [i for i, time in enumerate(spread) if all(abs(begin - time) > 0.003 for begin, _ in seen)]
    assert [still(files[i]) for i in clear] == [at(spread[i]) for i in clear]
    assert [still(file) for file in files[3 : 3 + len(asked)]] == [at(time) for time in asked]
    if cut:
        part = shown(files[-1], from_zero=True)
        inside = sorted({low, *(begin for begin, _ in seen if low < begin < high - 0.003)})
        inside = inside if low >= seen[0][0] else inside[1:]
        # Formats of one rate say a frame again where others leave it.
        inside = [next(times) for _, times in itertools.groupby(inside, lambda time: at(time + 0.0005))]
        expected = [at(time + 0.0005) for time in inside]
        numbers = [which for which, _ in itertools.groupby(which for _, which in part)]
        assert numbers == expected
        starts = [next(time for time, which in part if which == number) + low for number in numbers]
        begun = part[0][0] + low
        assert starts[1:] == pytest.approx(inside[1:], abs=0.003)
        assert begun >= low - 0.001
        # Of a picture that begins late the library leaves out what is before, unless that is less than a frame.
        lasts = decode(files[-1]).duration_seconds
        ends = (part[0][0] + lasts, lasts) if part[0][0] < 1 / made["rate"] else (part[0][0] + lasts,)
        assert min(abs(end - (high - low)) for end in ends) <= 0.02, (ends, high - low)


async def test_a_timeline_crosses_a_pipe_and_even_frames_take_next_to_nothing() -> None:
    even = array("q", range(0, 7200 * SECOND, SECOND // 50))
    track = Track(
        start=0, end=7200 * SECOND, claimed=5, frames=even, keys=array("q", even[::100]),
        windows=((-5, 2**62),), holes=((1, 2),), interval=20_000,
    )  # fmt: skip
    whole = Timeline(tracks={3: track, 4: Track(start=5, end=9)}, claimed=7, measured=True, jumps=(1, 2), cut_off=True)
    text = packed(whole)
    assert unpacked(text) == whole
    assert len(text) < 40_000
    with pytest.raises(ValueError, match="no timeline"):
        unpacked("bm9uZQ==")


async def test_the_frame_at_a_time_is_the_last_that_began() -> None:
    track = Track(
        start=40, end=300, frames=array("q", [40, 80, 200]), keys=array("q", [40, 200]), windows=((-(2**62), 2**62),)
    )
    assert [track.frame_at(t) for t in (0, 40, 79, 80, 199, 200, 999)] == [40, 40, 40, 80, 80, 200, 200]
    assert [track.key_before(t) for t in (39, 40, 199, 200)] == [None, 40, 40, 200]
    assert [track.shown_until(t) for t in (0, 80, 250)] == [80, 200, 300]
    assert (track.gaps(0, 300), track.gaps(0, 100), track.gaps(81, 190)) == ((40, 120), (40, 120), (120, 120))


async def test_times_beyond_all_bounds_are_none() -> None:
    stream = Stream(base=Fraction(1, 25), picture=True, rate=25)
    recorder = Recorder({0: stream}, begin=0, mends=True, claimed=0)
    for pts in (0, 2**58, -(2**58), 1):
        recorder.add(0, pts, None, 1, True)
        recorder.add_hidden(0, pts, True)
    times = recorder.timeline(measured=True)
    assert list(times.track(0).frames) == [0, SECOND // 25] and times.damaged


async def test_what_is_not_measured_is_taken_to_be_even() -> None:
    stream = MediaInfo.Stream(index=2, duration_seconds=4, frame_rate=25)
    times = claimed(MediaInfo(duration_seconds=5, streams=[stream]))
    track = times.track(2)
    assert not track.knows(0) and times.seconds == 4
    assert [track.frame_at(micros(t)) for t in (0, 1.01, 3.99, 9)] == [0, micros(1), micros(3.96), micros(3.96)]
    assert times.track(9) == Track(start=0, end=micros(4))
