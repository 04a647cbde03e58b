"""What is on the screen, and heard, when: real files of all kinds, their frames known by number."""

import wave
from array import array
from pathlib import Path

import pytest
from effort import some_or_all
from media.coded import frames, shown, still
from media.kit import Studio, decode, make

from reelmill.jobs.errors import AttemptFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p")
B_FRAMES = ("-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-keyint_min", "50", "-pix_fmt", "yuv420p")
MPEG2 = ("-c:v", "mpeg2video", "-g", "50", "-bf", "2", "-q:v", "2", "-pix_fmt", "yuv420p")
# A name: its ending, and how it is made.
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ts": ("ts", B_FRAMES),
    "m2ts": ("m2ts", (*B_FRAMES, "-f", "mpegts", "-mpegts_m2ts_mode", "1")),
    "ts-mpeg2": ("ts", MPEG2),
    "ps": ("mpg", (*MPEG2, "-f", "vob")),
    "mp4": ("mp4", B_FRAMES),
    "mp4-fragments": ("mp4", (*B_FRAMES, "-movflags", "+frag_keyframe+empty_moov")),
    "mov": ("mov", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")),
    "mkv": ("mkv", B_FRAMES),
    "mkv-live": ("mkv", (*B_FRAMES, "-f", "matroska", "-live", "1")),
    "webm": ("webm", ("-c:v", "libvpx-vp9", "-g", "50", "-deadline", "realtime", "-cpu-used", "8")),
    "webm-vp8": ("webm", ("-c:v", "libvpx", "-g", "50", "-auto-alt-ref", "1", "-lag-in-frames", "10", "-b:v", "300k")),
    "flv": ("flv", B_FRAMES),
    "avi": ("avi", ("-c:v", "mpeg4", "-g", "50", "-q:v", "2")),
    "avi-b": ("avi", ("-c:v", "mpeg4", "-g", "50", "-bf", "2", "-q:v", "2")),
    "avi-h264": ("avi", B_FRAMES),
    "mxf-h264": ("mxf", B_FRAMES),
    "mxf": ("mxf", ("-c:v", "mpeg2video", "-g", "12", "-q:v", "2", "-pix_fmt", "yuv420p")),
    "ogv": ("ogv", ("-c:v", "libtheora", "-g", "50", "-q:v", "8")),
    "ivf": ("ivf", ("-c:v", "libvpx-vp9", "-g", "50", "-deadline", "realtime", "-cpu-used", "8")),
    "nut": ("nut", X264),
    "gif": ("gif", ()),
    "apng": ("apng", ("-f", "apng", "-plays", "1")),
    "raw": ("h264", (*X264, "-bf", "0")),
}
TIMES = (0.0, 1.0, 2.5, 5.1, 7.7, 7.99)
# One of each reader, and of what each reckons with: B-frames, fragments, frames that are not shown, none that is a key.
SOME_KINDS = ("ts", "ps", "mp4", "mp4-fragments", "mkv", "webm-vp8", "flv", "avi-b", "avi-h264", "mxf", "ogv", "ivf",
              "gif", "raw")  # fmt: skip


@pytest.fixture(scope="module", params=some_or_all(list(KINDS), *SOME_KINDS))
def film(request: pytest.FixtureRequest, files: Path) -> Path:
    """Eight seconds at 25 frames a second, with key frames 2 s apart where there are any."""
    suffix, encoder = KINDS[request.param]
    return make(files / f"times-{request.param}.{suffix}", *frames(), *encoder)


async def test_the_frame_on_the_screen_comes_out_of_every_container(studio: Studio, film: Path) -> None:
    stills = {"format": "PNG", "times_seconds": TIMES}
    part = {"start_seconds": 5.1, "end_seconds": 7.1}
    made = await studio.make(
        film,
        {"thumbnail": stills},
        {"thumbnail": {"format": "PNG", "count": 2}},  # by seeking
        {"thumbnail": {"format": "PNG", "count": 10}},  # by one decode
        {"transcode": {"trim": part}},
    )
    assert [still(path) for path in made[:6]] == [0, 25, 62, 127, 192, 199]
    assert [still(path) for path in made[6:8]] == [50, 150]
    assert [still(path) for path in made[8:18]] == [10 + 20 * i for i in range(10)]
    begin, *_, end = shown(made[18])
    assert begin == (0.0, 127) and end[1] == 177, (begin, end)
    assert decode(made[18]).duration_seconds == pytest.approx(2.0, abs=0.05)
    assert len(decode(made[18]).times) == 51
    assert (await studio.source(film)).info.duration_seconds == pytest.approx(8.0, abs=0.05)


@pytest.mark.parametrize("kind", some_or_all(["mp4", "mkv", "ts", "webm", "ivf"], "mp4", "ts", "ivf"))
async def test_seeking_and_one_decode_agree(
    studio: Studio, files: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    suffix, encoder = KINDS[kind]
    path = make(files / f"agree-{kind}.{suffix}", *frames(seconds=3, then="select=not(mod(n\\,3))"), *encoder)
    spec = {"thumbnail": {"count": 16, "format": "PNG"}}
    decoded = [still(path) for path in await studio.make(path, spec)]
    monkeypatch.setattr("reelmill.media.operations.thumbnail._SEEK_SECONDS", 0)
    assert [still(path) for path in await studio.make(path, spec)] == decoded
    assert len(set(decoded)) > 12


HELD = ("-bsf:v", "setts=duration=if(eq(N\\,24)\\,3/TB\\,DURATION)")


@pytest.mark.parametrize("output", [("MP4", "H264"), ("MP4", "H265"), ("MKV", "H264"), ("WEBM", "VP9")])
async def test_the_last_frame_stays_as_long_as_it_did(studio: Studio, files: Path, output: tuple[str, str]) -> None:
    path = make(files / "hold.mp4", *frames(seconds=1), *X264, "-bf", "0", *HELD)
    spec = {"container": output[0], "video": {"codec": output[1]}}
    cuts = [(0.0, 0.0, 0, 3.96), (0.5, 2.5, 12, 2.0), (2.0, 3.0, 24, 1.0)]
    trims = [{"trim": {"start_seconds": a, "end_seconds": b}} if b else {} for a, b, _, _ in cuts]
    made = await studio.make(path, *({"transcode": spec | trim} for trim in trims))
    for one, (_, _, first, length) in zip(made, cuts, strict=True):
        seen = shown(one)
        assert (seen[0], seen[-1][1]) == ((0.0, first), 24)
        assert decode(one).duration_seconds == pytest.approx(length, abs=0.06)
    stills = await studio.make(path, {"thumbnail": {"count": 4, "format": "PNG"}})
    assert [still(path) for path in stills] == [12, 24, 24, 24]


SCREEN = frames(0.2, 15)


@pytest.mark.parametrize("keep", some_or_all(["1,3,4,6", "0,1,2,3", "0,3,5", "0,2,3"], "1,3,4,6", "0,3,5"))
async def test_parts_of_uneven_frames_last_as_long_as_was_asked_for(studio: Studio, files: Path, keep: str) -> None:
    """Of eight frames some; with B-frames, whose order MP4 counts by, and ends that cut a frame short."""
    chosen = "+".join(f"eq(mod(n\\,8)\\,{i})" for i in keep.split(","))
    path = make(
        files / f"uneven-{keep}.mp4", *frames(seconds=3, then=f"select={chosen}"), *B_FRAMES, "-fps_mode", "vfr"
    )
    outputs = [{}, {"container": "MKV"}, {"video": {"codec": "H265"}}, {"container": "WEBM"}]
    parts = [(0.31, 1.92), (0.5, 1.97), (1.02, 2.06), (0.84, 1.41)]
    for output in outputs:
        trims = [{"start_seconds": low, "end_seconds": high} for low, high in parts]
        made = await studio.make(path, *({"transcode": output | {"trim": trim}} for trim in trims))
        lengths = [decode(file).duration_seconds for file in made]
        assert lengths == pytest.approx([high - low for low, high in parts], abs=0.01), output


SCREENS = [(suffix, container) for container in ("MP4", "MKV", "WEBM") for suffix in ("mp4", "mkv", "mov")]


@pytest.mark.parametrize(("suffix", "container"), some_or_all(SCREENS, ("mp4", "WEBM"), ("mkv", "MP4"), ("mov", "MKV")))
async def test_a_screen_that_changes_each_five_seconds(
    studio: Studio, files: Path, suffix: str, container: str
) -> None:
    sound = ("-f", "lavfi", "-i", "sine=duration=15")
    path = make(files / f"screen.{suffix}", *SCREEN, *sound, *X264, "-c:a", "aac")
    cuts = {(2.5, 7.5): [(0.0, 0), (2.5, 1)], (6.0, 8.0): [(0.0, 1)], (4.0, 14.5): [(0.0, 0), (1.0, 1), (6.0, 2)]}
    spec = {"container": container}
    outputs = ({"transcode": spec | {"trim": {"start_seconds": a, "end_seconds": b}}} for a, b in cuts)
    for one, ((a, b), changes) in zip(await studio.make(path, *outputs), cuts.items(), strict=True):
        seen = shown(one)
        firsts = {}
        for time, which in seen:
            firsts.setdefault(which, pytest.approx(time, abs=0.002))
        assert [(time, which) for which, time in firsts.items()] == changes
        assert decode(one).duration_seconds == pytest.approx(b - a, abs=0.13)


async def test_a_recording_without_a_length_has_one(studio: Studio, files: Path) -> None:
    whole = make(files / "live.mkv", *frames(seconds=4), *X264, "-f", "matroska", "-live", "1")
    (*made,) = await studio.make(whole, {"preset": "preview-thumbs"})
    assert len(made) == 10
    assert [still(path) for path in await studio.make(whole, {"thumbnail": {"count": 4}})] == [12, 37, 62, 87]


@pytest.mark.parametrize("suffix", ["ts", "mpg"])
async def test_files_one_after_the_other_last_as_both(studio: Studio, files: Path, suffix: str) -> None:
    encoder = X264 if suffix == "ts" else (*MPEG2, "-f", "vob")
    sound = ("-f", "lavfi", "-i", "sine=duration=3", "-c:a", "mp2")
    one = make(files / f"part.{suffix}", *frames(seconds=3), *sound, *encoder)
    path = files / f"joined.{suffix}"
    path.write_bytes(one.read_bytes() * 2)
    made = await studio.make(
        path,
        {"transcode": {}},
        {"thumbnail": {"times_seconds": [1.02, 4.1, 5.5], "format": "PNG"}},
        {"transcode": {"trim": {"start_seconds": 2.0, "end_seconds": 5.0}}},
    )
    assert decode(made[0]).duration_seconds == pytest.approx(6.0, abs=0.2)
    assert [which for _, which in shown(made[0])] == [*range(75), *range(75)]
    seen = [still(path) for path in made[1:4]]
    assert all(abs(which - right) <= 2 for which, right in zip(seen, (25, 26, 61), strict=True)), seen
    assert decode(made[4]).duration_seconds == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize(("suffix", "encoder"), [
    ("aac", ("-c:a", "aac", "-q:a", "0.1")),
    ("mp3", ("-c:a", "libmp3lame", "-q:a", "9", "-write_xing", "0")),
    ("ogg", ("-c:a", "libopus")),
])  # fmt: skip
async def test_a_sound_lasts_as_long_as_it_sounds(
    studio: Studio, files: Path, suffix: str, encoder: tuple[str, ...]
) -> None:
    """Loud, then silent: by the bit rate of its beginning it would be far shorter, or longer."""
    loud = "aevalsrc='if(lt(t,1),random(0)-0.5,0)':s=48000:d=10"
    path = make(files / f"uneven.{suffix}", "-f", "lavfi", "-i", loud, *encoder)
    if suffix == "ogg":  # chained: one after the other
        path.write_bytes(path.read_bytes() * 2)
    seconds = 20 if suffix == "ogg" else 10
    made = await studio.make(path, *({"audio": {"format": f}} for f in ("WAV", "M4A")))
    assert [decode(path).duration_seconds for path in made] == pytest.approx([seconds] * 2, abs=0.15)
    part = {"start_seconds": 6.0, "end_seconds": 8.0}
    assert decode(await studio.one(path, audio={"format": "WAV", "trim": part})).samples == 96_000


async def test_a_matroska_that_begins_at_100_s_or_whose_header_lies(studio: Studio, files: Path) -> None:
    late = make(files / "at100.mkv", *frames(seconds=2), *X264, "-output_ts_offset", "100")
    assert decode(await studio.one(late, transcode={})).duration_seconds == pytest.approx(2.0, abs=0.05)
    assert [still(p) for p in await studio.make(late, {"thumbnail": {"times_seconds": [0.5, 1.5]}})] == [12, 37]
    data = bytearray(make(files / "lies.mkv", *frames(seconds=2), *X264).read_bytes())
    at = data.index(b"\x44\x89\x88") + 3
    data[at : at + 8] = b"\x40\xcf\x40\x00\x00\x00\x00\x00"  # 16 s
    (files / "lies.mkv").write_bytes(data)
    assert decode(await studio.one(files / "lies.mkv", transcode={})).duration_seconds == pytest.approx(2.0, abs=0.05)


def loudness(path: Path) -> list[int]:
    """How loud each tenth of a second of a mono WAV is, at its loudest."""
    with wave.open(str(path)) as file:
        step = file.getframerate() // 10
        values = array("h", file.readframes(file.getnframes()))
    return [max(map(abs, values[i : i + step])) for i in range(0, len(values), step)]


HOLE = "sine=frequency=440:sample_rate=48000:duration=6,aselect='lt(t,2)+gte(t,4)'"


@pytest.mark.parametrize("suffix", some_or_all(["mkv", "mp4", "ts", "flv"], "mkv", "mp4"))
async def test_a_hole_in_a_sound_is_silent(studio: Studio, files: Path, suffix: str) -> None:
    sound = ("-f", "lavfi", "-i", HOLE, "-c:a", "aac")
    path = make(files / f"hole.{suffix}", *frames(seconds=6), *sound, *X264)
    part = {"start_seconds": 1.0, "end_seconds": 5.0}
    spec = {"format": "WAV", "channels": 1, "sample_rate_hz": 48_000}
    whole, cut, *others = await studio.make(
        path,
        {"audio": spec},
        {"audio": spec | {"trim": part}},
        *({"audio": {"format": f}} for f in ("MP3", "FLAC", "M4A", "OPUS")),
        {"transcode": {}},
    )
    loud = loudness(whole)
    assert len(loud) == pytest.approx(60, abs=1)
    assert min(loud[1:19]) > 3000 and max(loud[21:39]) < 100 and min(loud[41:58]) > 3000
    loud = loudness(cut)
    assert len(loud) == 40
    assert min(loud[1:9]) > 3000 and max(loud[11:29]) < 100 and min(loud[31:]) > 3000
    assert [decode(p).duration_seconds for p in others] == pytest.approx([6.0] * 5, abs=0.15)


@pytest.mark.parametrize("suffix", some_or_all(["mp4", "mkv", "ts"], "mp4", "ts"))
async def test_tracks_that_begin_late_or_end_early(studio: Studio, files: Path, suffix: str) -> None:
    sound = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=2", "-c:a", "aac", *X264)
    path = make(files / f"early.{suffix}", *frames(seconds=6), *sound)
    spec = {"format": "WAV", "channels": 1}
    part = {"trim": {"start_seconds": 1.03, "end_seconds": 4.03}}
    silent = {"trim": {"start_seconds": 3.03, "end_seconds": 5.03}}
    one, two, film, mute = await studio.make(
        path, {"audio": spec | part}, {"audio": spec | silent}, {"transcode": part}, {"transcode": silent}
    )
    loud = loudness(one)
    assert len(loud) == 30 and min(loud[1:9]) > 3000 and max(loud[12:]) < 100
    assert len(loudness(two)) == 20 and max(loudness(two)) == 0
    assert shown(film)[0] == (0.0, 25) and decode(film).duration_seconds == pytest.approx(3.0, abs=0.1)
    assert shown(mute)[0] == (0.0, 75) and decode(mute).duration_seconds == pytest.approx(2.0, abs=0.1)
    # The picture begins 2 s after the sound, and ends 2 s before it.
    sound = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=6")
    late = make(files / f"late.{suffix}", *sound, "-itsoffset", "2", *frames(seconds=2), "-c:a", "aac", *X264)
    stills, film = (
        [still(p) for p in await studio.make(late, {"thumbnail": {"count": 4, "format": "PNG"}})],
        await studio.one(late, transcode={"trim": {"start_seconds": 3.03, "end_seconds": 5.53}}),
    )
    assert stills == [6, 18, 31, 43]
    first = [which for time, which in shown(late) if time <= 3.03][-1]
    assert shown(film)[0] == (0.0, first) and first in (24, 25) and shown(film)[-1][1] == 49
    assert decode(film).duration_seconds == pytest.approx(2.5, abs=0.1)
    after = await studio.one(late, transcode={"trim": {"start_seconds": 4.5, "end_seconds": 5.5}})
    assert {which for _, which in shown(after)} == {49}
    assert decode(after).duration_seconds == pytest.approx(1.0, abs=0.1)


SHORT = [(kind, count) for count in (1, 2) for kind in ("gif", "ivf", "ogv", "apng", "mp4", "webm-vp8", "ts")]
SOME_SHORT = [(kind, 1) for kind in ("gif", "ivf", "ogv", "mp4", "ts")] + [("apng", 2), ("webm-vp8", 2), ("mp4", 2)]


@pytest.mark.parametrize(("kind", "count"), some_or_all(SHORT, *SOME_SHORT))
async def test_short_films_give_as_many_stills_as_are_asked_for(
    studio: Studio, files: Path, kind: str, count: int
) -> None:
    suffix, encoder = KINDS[kind]
    path = make(files / f"short{count}-{kind}.{suffix}", *frames(10, 1), "-frames:v", str(count), *encoder)
    stills = [still(p) for p in await studio.make(path, {"thumbnail": {"count": 10, "format": "PNG"}})]
    assert stills in ([0] * 10, [0] * 5 + [1] * 5)
    assert len(set(stills)) == count
    await studio.one(path, transcode={})


async def test_an_edit_list_and_a_trim_stay_together(studio: Studio, files: Path) -> None:
    """Cut without encoding, so the film begins within a group of pictures: an edit list hides what comes before."""
    tone = "aevalsrc='if(gte(t,3)*lt(t,3.2),sin(2*PI*440*t),0)':s=48000:d=6"
    whole = make(files / "edit-whole.mp4", *frames(seconds=6), "-f", "lavfi", "-i", tone, *B_FRAMES, "-c:a", "aac")
    path = make(files / "edit.mp4", "-ss", "1.4", "-i", str(whole), "-c", "copy")
    first = shown(path)[0][1]
    begin = 1.0
    trim = {"start_seconds": begin, "end_seconds": 4.0}
    film = await studio.one(path, transcode={"trim": trim})
    spec = {"format": "WAV", "channels": 1}
    sound = await studio.one(film, audio=spec)
    flash = next(time for time, which in shown(film) if which >= 75)
    loud = next(i for i, value in enumerate(loudness(sound)) if value > 3000) / 10
    assert flash == pytest.approx(loud, abs=0.15), (first, flash, loud)


async def test_what_fails_for_a_broken_input_is_its_fault(studio: Studio, files: Path) -> None:
    whole = make(files / "cut.flac", "-f", "lavfi", "-i", "sine=duration=4")
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(AttemptFailed, match="INPUT_CORRUPT"):
        await studio.one(whole, audio={"format": "WAV"})


def enlarge(path: Path) -> None:
    """More than 16 MiB, of what readers skip: null packets, or a free box."""
    size = 2**24 + 1
    with path.open("r+b") as file:
        if path.suffix == ".ts":
            data = file.read()
            file.seek(0)
            null = b"\x47\x1f\xff\x10" + bytes(184)
            middle = len(data) // 376 * 188
            file.write(data[:middle] + null * (size // 188 + 1) + data[middle:])
        else:
            file.seek(0, 2)
            file.write(size.to_bytes(4) + b"free" + bytes(size - 8))


async def test_a_large_file_whose_picture_comes_late_shows_its_first_frame_before(studio: Studio, files: Path) -> None:
    tone = ("-f", "lavfi", "-i", "sine=duration=6", "-itsoffset", "3", *frames(seconds=3), "-map", "1", "-map", "0")
    for suffix in ("mp4", "ts"):
        path = make(files / f"large-late.{suffix}", *tone, *B_FRAMES, "-c:a", "aac")
        enlarge(path)
        stills = {"format": "PNG", "times_seconds": [0.0, 1.5, 2.5, 4.01]}
        seen = [still(one) for one in await studio.make(path, {"name": suffix, "thumbnail": stills})]
        assert seen[:3] == [0, 0, 0] and seen[3] in (24, 25), (suffix, seen)


async def test_a_large_file_is_looked_into_where_a_job_will_look(studio: Studio, files: Path) -> None:
    """As large ones are: without a walk, frames are known around the times that matter, and lengths from the end."""
    for suffix in ("mp4", "ts"):
        path = make(files / f"large.{suffix}", *frames(seconds=6), *B_FRAMES)
        enlarge(path)
        looks = (2.51, 5.99, -0.25)
        times = (await studio.prober.of("").probe(path, looks)).timeline
        assert times is not None and not times.measured
        track = times.track(0)
        assert times.seconds == pytest.approx(6.0, abs=0.3)
        assert track.knows(2_510_000) and not track.knows(4_000_000)
        assert track.frame_at(2_510_000) == pytest.approx(2_480_000, abs=1000) and track.knows(1_490_000)
        part = {"start_seconds": 2.51, "end_seconds": 4.51}
        stills = {"format": "PNG", "times_seconds": [1.01, 2.5, 5.99]}
        outputs = ({"name": f"{suffix}-s", "thumbnail": stills}, {"name": suffix, "transcode": {"trim": part}})
        *made, film = await studio.make(path, *outputs)
        assert [still(one) for one in made] == [25, 62, 149]
        assert shown(film)[0] == (0.0, 62) and decode(film).duration_seconds == pytest.approx(2.0, abs=0.05)
