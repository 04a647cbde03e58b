"""Films that are made in chunks are what they would be if they were made whole."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import pytest
from effort import some_or_all
from jobs import job
from media import coded, kit
from media.edits import edited, padded
from media.kit import FFMPEG, Studio

from reelmill.media import chunking
from reelmill.media.pieces import Join, Made, Sound, joined
from reelmill.media.plan import divisions, probes
from reelmill.media.validate import with_defaults

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def in_chunks(studio: Studio, path: Path, output: dict, seconds: float) -> tuple[Path, Join]:
    """An output that is made of pieces, as tasks of their own would."""
    wanted = with_defaults(job(path.as_uri(), {"name": "out"} | output))
    source = await studio.source(path)
    [division] = divisions(wanted, dict.fromkeys(probes(wanted), source)).values()
    assert division is not None
    track = source.timeline.track(division.picture)
    if missing := chunking.looks(division, track, seconds):
        track = (await studio.source(path, *missing)).timeline.track(division.picture)
    join = Join(edges=chunking.edges(division, track, seconds), clock=division.clock)
    made, files = [], {}
    for piece in (*join.chunks, *((Sound(),) if division.sounds else ())):
        planned = await studio.plan(path, output, piece=piece)
        [file] = await studio.made(path, planned)
        kept = (studio.folder / file.path).rename(studio.folder / f"{piece.name}{file.path.suffix}")
        one = Made(output="out", piece=piece.name, uri="", size_bytes=0, times=file.times)
        made.append(one)
        files[one.file] = kept
    assert len({header(files[one.file]) for one in made if one.piece != Sound().name}) == 1, "one SPS and PPS"
    planned = await studio.plan(path, output, piece=joined(join, made), files=files)
    [file] = await studio.made(path, planned)
    return (studio.folder / file.path).rename(studio.folder / f"joined{file.path.suffix}"), join


def header(path: Path) -> bytes | None:
    """What a film's decoder is told before its first packet."""
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.extradata


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A film's packets: when those of each stream are shown, in order, and which of the picture's are keys."""

    shown: list[list[float]]
    keys: list[float]
    decoded_in_order: bool


def seen(path: Path) -> Seen:
    shown: dict[int, list[float]] = {}
    keys, before, in_order = [], {}, True
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.pts is None or packet.time_base is None or packet.is_discard:
                continue
            time = float(packet.pts * packet.time_base)
            shown.setdefault(packet.stream_index, []).append(time)
            if packet.stream.type == "video" and packet.is_keyframe:
                keys.append(time)
            if packet.dts is not None:
                in_order &= before.get(packet.stream_index, -(2**62)) < packet.dts
                before[packet.stream_index] = packet.dts
    return Seen(
        shown=[sorted(times) for _, times in sorted(shown.items())], keys=sorted(keys), decoded_in_order=in_order
    )


def ssims(folder: Path, *pairs: tuple[Path, Path]) -> list[list[float]]:
    """Of each pair of films the SSIM of each frame with its counterpart."""
    films = list(dict.fromkeys(film for pair in pairs for film in pair))
    uses: dict[Path, list[str]] = {film: [] for film in films}
    ends = []
    for i, pair in enumerate(pairs):
        labels = [f"[{i}.{side}]" for side in range(2)]
        for film, label in zip(pair, labels, strict=True):
            uses[film].append(label)
        ends.append(f"{''.join(labels)}ssim=stats_file={i}.ssim[out{i}]")
    splits = [f"[{i}:v]split={len(uses[film])}{''.join(uses[film])}" for i, film in enumerate(films)]
    inputs = [word for film in films for word in ("-i", str(film))]
    outputs = [word for i in range(len(pairs)) for word in ("-map", f"[out{i}]", "-f", "null", "-")]
    argv = [str(FFMPEG), "-nostdin", "-loglevel", "error", *inputs, "-lavfi", ";".join([*splits, *ends]), *outputs]
    subprocess.run(argv, cwd=folder, check=True)
    lines = ((folder / f"{i}.ssim").read_text() for i in range(len(pairs)))
    return [[float(found) for found in re.findall(r"All:([0-9.]+)", text)] for text in lines]


def noise(rate: str, seconds: float = 8, *, size: str = "160x96") -> tuple[str, ...]:
    """Frames that change all over."""
    return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds},noise=alls=4:allf=t")


def near_seams(values: list[float], shown: list[float], seams: list[float]) -> list[float]:
    """Of the ten frames on each side of each seam."""
    order = [min(range(len(shown)), key=lambda i: abs(shown[i] - seam)) for seam in seams]
    return [value for at in order for value in values[max(0, at - 10) : at + 10]]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


LARGE_BYTES = 17_000_000
"""Files of so many are not read whole."""
LARGE = {
    "mp4": ("-moov_size", str(LARGE_BYTES)),
    "mkv": ("-reserve_index_space", str(LARGE_BYTES)),
    "ts": ("-muxrate", "20000000"),
}
"""What makes a file so large: mere padding."""
TICK = 1.1e-5  # seconds: of the clock of 90 kHz
VARIED = "select='lt(mod(n*n,7),4)'"
AAC = ("-c:a", "aac")
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-g", "48", "-bf", "3")
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "29.97": ("mp4", (*noise("30000/1001"), *coded.beeps(8), *X264, *AAC)),
    "23.976 and open GOP": ("mkv", (*noise("24000/1001"), *coded.beeps(8), *X264, "-x264-params", "open-gop=1", *AAC)),
    "50 and short sound": ("mp4", (*noise("50"), *coded.beeps(6), *X264, *AAC)),
    "59.94 and long sound": ("mkv", (*noise("60000/1001"), *coded.beeps(9), *X264, *AAC)),
    "TS from 10 s": ("ts", (*noise("25"), *coded.beeps(8), *X264, *AAC, "-output_ts_offset", "10")),
    "VFR": ("mp4", (*noise("30"), *coded.beeps(8), "-vf", VARIED, "-fps_mode", "vfr", *X264, *AAC)),
    "late picture": ("mkv", (*noise("25"), "-itsoffset", "-0.7", *coded.beeps(8), *X264, *AAC)),
    "late sound": ("mp4", (*noise("25"), "-itsoffset", "0.7", *coded.beeps(7), *X264, *AAC)),
    "interlaced": (
        "ts",
        (*noise("50"), *coded.beeps(8), "-vf", "interlace", "-flags", "+ildct+ilme", *X264, *AAC),
    ),
    "larger": ("mp4", (*noise("30000/1001", size="320x180"), *coded.beeps(8), *X264, *AAC)),
    "15": ("mp4", (*noise("15"), *coded.beeps(8), *X264, *AAC)),
    "mute MPEG-2": ("ts", (*noise("25"), "-c:v", "mpeg2video", "-q:v", "2", "-bf", "2", "-g", "12")),
}

# The order of frames, the rate, the beginning, the tick, what begins late, and the fields.
SOME_KINDS = ("23.976 and open GOP", "59.94 and long sound", "TS from 10 s", "VFR", "late picture", "interlaced")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The film of a kind, made once for all tests, which read it alone."""
    folder, made = tmp_path_factory.mktemp("films"), dict[str, Path]()

    def of(kind: str) -> Path:
        if kind not in made:
            suffix, arguments = KINDS[kind]
            made[kind] = kit.make(folder / f"{len(made)}.{suffix}", *arguments)
        return made[kind]

    return of


@pytest.mark.parametrize("kind", some_or_all(list(KINDS), *SOME_KINDS))
async def test_chunks_are_as_the_whole(studio: Studio, film: Callable[[str], Path], kind: str) -> None:
    path = film(kind)
    assert not await differences(studio, path, {"transcode": {"video": {"keyframe_interval_seconds": 1.5}}})


def cut(path: Path, whole: Path) -> Path:
    """A film whose edit list hides its first 1.3 s and its end."""
    kit.make(path, "-i", str(whole), "-c", "copy", "-movie_timescale", "1000")
    path.write_bytes(edited(path.read_bytes(), [(6.2, 1.3)]))
    return path


async def test_chunks_of_a_turned_film_are_as_the_whole(
    studio: Studio, film: Callable[[str], Path], tmp_path: Path
) -> None:
    path = kit.make(tmp_path / "in.mp4", "-display_rotation", "-90", "-i", str(film("29.97")), "-c", "copy")
    assert not await differences(studio, path, {"transcode": {"video": {"keyframe_interval_seconds": 1.5}}})


async def test_a_film_whose_edits_hide_something_is_not_divided(
    studio: Studio, film: Callable[[str], Path], tmp_path: Path
) -> None:
    path = cut(tmp_path / "in.mp4", film("29.97"))
    wanted = with_defaults(job(path.as_uri(), {"name": "out", "transcode": {}}))
    source = await studio.source(path)
    assert list(divisions(wanted, dict.fromkeys(probes(wanted), source)).values()) == [None]


async def test_chunks_of_a_large_film_whose_edits_hide_something_are_as_the_whole(
    studio: Studio, film: Callable[[str], Path], tmp_path: Path
) -> None:
    path = cut(tmp_path / "in.mp4", film("29.97"))
    path.write_bytes(padded(path.read_bytes(), LARGE_BYTES))
    times = (await studio.source(path, span=(0, 3))).timeline
    assert times.edited and times.track(0).knows(0) and not times.measured
    assert not await differences(studio, path, {"transcode": {"video": {"keyframe_interval_seconds": 1.5}}})


@pytest.mark.parametrize(
    ("codec", "container", "kind"), [("H265", "MP4", "VFR"), ("VP9", "WEBM", "29.97"), ("AV1", "MKV", "15")]
)
async def test_chunks_of_each_codec_are_as_the_whole(
    studio: Studio, film: Callable[[str], Path], codec: str, container: str, kind: str
) -> None:
    path = film(kind)
    video = {"codec": codec, "keyframe_interval_seconds": 1.5}
    assert not await differences(studio, path, {"transcode": {"container": container, "video": video}})


@pytest.mark.parametrize("codec", ["H264", "H265"])
async def test_chunks_that_press_a_highest_rate_keep_it_over_their_seams(
    studio: Studio, tmp_path: Path, codec: str
) -> None:
    """A buffer that was full again at each chunk would let twice as much pass in the second across a seam."""
    frames = "testsrc2=size=160x96:rate=30:duration=6,noise=alls=30:allf=t"
    path = kit.make(tmp_path / "in.mp4", "-f", "lavfi", "-i", frames, *X264)
    video = {"codec": codec, "crf": 18, "max_bitrate_bps": 200_000, "keyframe_interval_seconds": 1.5}
    made, join = await in_chunks(studio, path, {"transcode": {"video": video}}, 3)
    [whole] = await studio.make(path, {"transcode": {"video": video}})
    [seam] = join.edges[1:-1]
    assert 200_000 < most_across(whole, seam / 1e6) < 250_000, "it presses"
    assert most_across(made, seam / 1e6) < 250_000
    assert made.stat().st_size == pytest.approx(whole.stat().st_size, rel=0.05)


def most_across(path: Path, seam: float) -> int:
    """The most bits of a second that begins before a seam and ends behind it."""
    with av.open(str(path)) as container:
        found = [(p.pts * p.time_base, p.size) for p in container.demux(video=0) if None not in (p.pts, p.time_base)]
    begins = [time for time, _ in found if seam - 1 < time < seam]
    return max(sum(size for time, size in found if begin <= time < begin + 1) for begin in begins) * 8


WORDS = [{"text": {"text": "%{n}"}, "start_seconds": 2, "end_seconds": 5.5}, {"timecode": {}, "position": "TOP"}]


@pytest.mark.parametrize(
    "options",
    [
        {"fade_in_seconds": 4, "fade_out_seconds": 4.5, "overlays": WORDS},
        {"container": "TS", "video": {"denoise": "STRONG", "sharpen": "LIGHT", "rotate_degrees": 90}},
        {"container": "MOV", "video": {"crop": {"left": 8, "width": 100, "height": 60}, "bit_depth": 10}},
    ],
)
async def test_chunks_with_options_are_as_the_whole(studio: Studio, film: Callable[[str], Path], options: dict) -> None:
    path = film("29.97")
    video = {**options.get("video", {}), "keyframe_interval_seconds": 1.5}
    # They are not like the source, so its quality is no measure.
    found = await differences(studio, path, {"transcode": {**options, "video": video}}, like_source=False)
    assert not found


@pytest.mark.parametrize("suffix", some_or_all(list(LARGE), "mkv", "ts"))
async def test_chunks_of_a_file_that_is_not_read_whole_are_as_the_whole(
    studio: Studio, film: Callable[[str], Path], tmp_path: Path, suffix: str
) -> None:
    path = kit.make(tmp_path / f"in.{suffix}", "-i", str(film("29.97")), "-c", "copy", *LARGE[suffix])
    assert not (await studio.source(path)).timeline.measured
    assert not await differences(studio, path, {"transcode": {"video": {"keyframe_interval_seconds": 1.5}}})


@pytest.mark.parametrize("trim", some_or_all([(1.25, 7.01), (0.02, 7.5)], (1.25, 7.01)))
async def test_chunks_of_a_part_are_as_the_whole(
    studio: Studio, film: Callable[[str], Path], trim: tuple[float, float]
) -> None:
    path = film("23.976 and open GOP")
    part = {"start_seconds": trim[0], "end_seconds": trim[1]}
    assert not await differences(
        studio, path, {"transcode": {"trim": part, "video": {"keyframe_interval_seconds": 1.5}}}
    )


async def test_chunks_whose_key_frames_are_the_encoders_own_have_all_frames(
    studio: Studio, film: Callable[[str], Path]
) -> None:
    path = film("larger")
    # Each chunk's first frame is a key frame, which is better than what the whole has there.
    of_keys = {"key frames", "size", "quality", "quality beside seams"}
    assert set(await differences(studio, path, {"transcode": {}})) <= of_keys


async def differences(studio: Studio, path: Path, output: dict, *, like_source: bool = True) -> list[str]:
    """How a film that is made in chunks of 3 s differs from the one that is made whole."""
    made, join = await in_chunks(studio, path, output, 3)
    [whole] = await studio.make(path, output)
    one, other = seen(made), seen(whole)
    of_source = ((made, path), (whole, path)) if like_source else ()
    same, *beside = ssims(studio.folder, (made, whole), *of_source)
    seams = [(at - join.edges[0]) / 1e6 + one.shown[0][0] for at in join.edges[1:-1]]
    near = [mean(near_seams(values, one.shown[0], seams)) for values in beside]
    # Frames of a part have others beside them in the source than their own.
    cut = "trim" in output["transcode"] or not like_source
    holds = {
        "it has chunks": len(join.chunks) >= 2,
        "packets follow each other": one.decoded_in_order,
        "as many packets": [len(times) for times in one.shown] == [len(times) for times in other.shown],
        "packets' times": all(
            times == pytest.approx(meant, abs=TICK) for times, meant in zip(one.shown, other.shown, strict=True)
        ),
        "key frames": one.keys == pytest.approx(other.keys, abs=TICK),
        "size": made.stat().st_size == pytest.approx(whole.stat().st_size, rel=0.01),
        "every frame": len(same) == len(one.shown[0]) and min(same) > 0.85,
        "quality": cut or mean(beside[0]) == pytest.approx(mean(beside[1]), abs=0.0005),
        "quality beside seams": cut or near[0] == pytest.approx(near[1], abs=0.0005),
    }
    return [what for what, held in holds.items() if not held]
