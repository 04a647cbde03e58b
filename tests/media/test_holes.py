"""Files that a transfer left holes in: their readers go on behind them as if nothing had been there; we tell."""

import random
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest
from media.kit import Studio, make

from reelmill.jobs.errors import AttemptFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")

_SOUND = ("-f", "lavfi", "-i", "sine=duration=12")
_FILM = ("-f", "lavfi", "-i", "testsrc2=size=192x108:rate=25:duration=12", *_SOUND)
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ar", "44100")
_COPIED = ("-i", "film.mkv", "-c", "copy")
_MADE = {
    "film.mkv": (*_FILM, *_H264),
    "film.ts": _COPIED,
    "film.m2ts": _COPIED,
    "film.flv": _COPIED,
    "film.webm": (*_FILM, "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "16", "-c:a", "libopus"),
    "film.mpg": (*_FILM, "-c:v", "mpeg2video", "-c:a", "mp2", "-f", "vob"),
    "film.mxf": (*_FILM, "-c:v", "mpeg2video", "-c:a", "pcm_s16le", "-ar", "48000"),
    "film.ogv": (*_FILM, "-c:v", "libtheora", "-c:a", "libvorbis"),
    "fragments.mp4": (*_COPIED, "-movflags", "+frag_keyframe+empty_moov"),
    "film.h264": (*_COPIED, "-an"),
    "film.gif": _FILM[:4],
    "sound.flac": _SOUND,
    "sound.ogg": (*_SOUND, "-c:a", "libvorbis"),
    "sound.opus": (*_SOUND, "-c:a", "libopus"),
    "sound.mp3": (*_SOUND, "-c:a", "libmp3lame"),
    "sound.aac": (*_SOUND, "-c:a", "aac", "-f", "adts"),
    "sound.ac3": (*_SOUND, "-c:a", "ac3"),
    "sound.mkv": (*_SOUND, "-c:a", "flac"),
    "pcm.mkv": (*_SOUND, "-c:a", "pcm_s16le"),
}
_CONCEALED = frozenset({"film.h264", "film.mpg", "film.mxf", "sound.flac", "sound.mp3", "sound.ac3"})
"""Without a container, or entered anywhere: noise in them is told from picture and sound by a decoder alone."""


def _left(begin: float, end: float) -> Callable[[bytes], bytes]:
    def hole(data: bytes) -> bytes:
        a, b = int(len(data) * begin), int(len(data) * end)
        return data[:a] + bytes(b - a) + data[b:]

    return hole


def _noise(data: bytes) -> bytes:
    a, b = len(data) // 3, len(data) * 2 // 3
    return data[:a] + random.Random(7).randbytes(b - a) + data[b:]


_HOLES = {"third": _left(1 / 3, 2 / 3), "tenth": _left(0.45, 0.55), "rest": _left(0.6, 1.0), "noise": _noise}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("whole")
    with chdir(folder):
        return {name: make(folder / name, *told) for name, told in _MADE.items()}


async def refused(studio: Studio, path: Path) -> AttemptFailed | None:
    try:
        await studio.prober.of("").probe(path)
    except AttemptFailed as error:
        return error
    return None


@pytest.mark.parametrize("name", _MADE)
async def test_what_a_hole_took_is_missed(studio: Studio, made: dict[str, Path], tmp_path: Path, name: str) -> None:
    assert await refused(studio, made[name]) is None
    for hole, dig in _HOLES.items():
        if hole == "noise" and name in _CONCEALED:
            continue
        path = tmp_path / f"{hole}-{name}"
        path.write_bytes(dig(made[name].read_bytes()))
        error = await refused(studio, path)
        assert error is not None, hole
        assert error.code == "INPUT_CORRUPT", hole
        kinds = ("cut_off", "structure_damaged") if name == "film.gif" else ("no_data",)
        assert error.failure.kind in kinds, hole


async def test_of_a_large_file_some_places_tell(studio: Studio, tmp_path: Path) -> None:
    noise = ("-f", "lavfi", "-i", "nullsrc=size=1280x720:rate=10:duration=4,noise=alls=100:allf=t")
    whole = make(tmp_path / "l.mkv", *noise, "-c:v", "libx264", "-preset", "ultrafast", "-qp", "12", "-threads", "2")
    data = whole.read_bytes()
    assert len(data) > 2**25
    assert await refused(studio, whole) is None
    whole.write_bytes(_HOLES["tenth"](data))
    error = await refused(studio, whole)
    assert error is not None and error.failure.kind == "no_data"
    # Where only a span was fetched the rest is zeros, and that is as it should be.
    await studio.prober.of("").probe(whole, partial=True)


async def test_what_may_stand_between_packets_is_no_hole(studio: Studio, made: dict[str, Path], tmp_path: Path) -> None:
    def tag(count: int) -> bytes:
        return b"ID3\x03\0\0" + bytes(count >> shift & 0x7F for shift in (21, 14, 7, 0)) + bytes(count)

    sound = made["sound.mp3"].read_bytes()
    empty = b"\x47\x1f\xff\x10" + bytes(184)
    film = made["film.ts"].read_bytes()
    middle = len(film) // 376 * 188
    reserved = make(tmp_path / "v.mkv", *_FILM, *_H264, "-reserve_index_space", "200000").read_bytes()
    sectors = made["film.mpg"].read_bytes()
    half = sectors.find(b"\0\0\1\xba", len(sectors) // 2)
    files = {
        "joined.mp3": tag(20_000) + sound + tag(20_000) + sound + b"TAG" + bytes(125),
        "filled.ts": film[:middle] + 500 * empty + film[middle:],
        "reserved.mkv": reserved,
        "constant.mpg": sectors[:half] + bytes(100_000) + sectors[half:],
        "padded.mkv": made["film.mkv"].read_bytes() + bytes(512),
    }
    cover = ("-f", "lavfi", "-i", "color=red:size=64x64", "-frames:v", "1", "-c:v", "mjpeg")
    covered = ("-i", str(make(tmp_path / "c.jpg", *cover)), "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v")
    for suffix in ("flac", "mp3"):
        whole = make(tmp_path / f"w.{suffix}", *_SOUND, *covered, "attached_pic")
        files[f"covered.{suffix}"] = whole.read_bytes()
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        assert await refused(studio, tmp_path / name) is None, name


async def test_a_stream_that_comes_up_on_the_way_is_no_damage(
    studio: Studio, made: dict[str, Path], tmp_path: Path
) -> None:
    mute = make(tmp_path / "mute.flv", "-i", str(made["film.flv"]), "-an", "-c", "copy").read_bytes()
    sound = make(tmp_path / "sound.flv", "-i", str(made["film.flv"]), "-vn", "-c", "copy").read_bytes()
    path = tmp_path / "late.flv"
    path.write_bytes(mute + sound[13:])  # the head says which kinds of streams there are: a picture
    told = await studio.prober.of("").probe(path)
    assert [stream.codec for stream in told.info.streams] == ["h264"]
    assert told.timeline is not None and len(told.timeline.tracks[0].frames) == 300
