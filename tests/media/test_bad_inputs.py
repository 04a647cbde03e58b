"""Inputs that are no good, on the real prober and the real ffmpeg: each is told by its own code."""

import random
import struct
import zlib
from pathlib import Path

import pytest
from effort import some_or_all
from media.kit import Studio, decode, make

from reelmill.jobs.errors import AttemptFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")

SRT = "1\n00:00:00,000 --> 00:00:01,000\nhello\n"


async def refusal(studio: Studio, path: Path) -> str:
    """What the prober says against a file."""
    with pytest.raises(AttemptFailed) as caught:
        await studio.prober.of("").probe(path)
    return str(caught.value)


def png(width: int, height: int) -> bytes:
    """A picture whose header promises width × height, with little behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "INPUT_EMPTY: the file is empty"),
        (b"just some text\n" * 100, "INPUT_NOT_MEDIA: the file is no media but a text: "),
        (SRT.encode() * 400_000, "INPUT_UNSUPPORTED: the captions have "),
        (b"\0\0\0\x10ftypmif3\0\0\0\0\0\0\0\1mdat\0", "INPUT_CORRUPT: the file is damaged: behind byte 16"),
        (png(30000, 30000), "INPUT_CORRUPT: the picture claims 30000 × 30000 pixels, which can't be read"),
        (png(9000, 9000), "INPUT_UNSUPPORTED: the picture has 9000 × 9000 pixels; at most 67108864"),
    ],
)
async def test_what_is_no_good_is_told_by_the_probe(studio: Studio, tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "input.mp4"
    path.write_bytes(content)
    assert (await refusal(studio, path)).startswith(told)


async def test_a_file_that_is_not_there(studio: Studio, tmp_path: Path) -> None:
    assert (await refusal(studio, tmp_path / "none.mp4")).startswith("INPUT_NOT_FOUND")


@pytest.mark.parametrize("seed", some_or_all(range(8), 0, 1))
async def test_random_bytes_never_become_an_output(studio: Studio, tmp_path: Path, seed: int) -> None:
    path = tmp_path / "input.mp4"
    path.write_bytes(random.Random(seed).randbytes(200_000))
    for output in ({"transcode": {}}, {"audio": {}}):
        with pytest.raises(AttemptFailed, match="INPUT_"):
            await studio.make(path, output)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {other}\n",
        "file '{other}'\n",
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><BaseURL>{other}</BaseURL></Period></MPD>',
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nm=video 5004 RTP/AVP 96\r\n",
        "\nv=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    ],
)
async def test_a_list_of_other_files_opens_none_of_them(studio: Studio, tmp_path: Path, tiny: Path, text: str) -> None:
    path = tmp_path / "input.mp4"
    path.write_text(text.format(other=tiny))
    assert (await refusal(studio, path)).startswith(("INPUT_UNSUPPORTED: the file is a list", "INPUT_NOT_MEDIA"))


async def test_an_mp4_that_names_another_file_does_not_read_it(studio: Studio, tmp_path: Path, tiny: Path) -> None:
    data = tiny.read_bytes()
    own = b"\x00\x00\x00\x0curl \x00\x00\x00\x01"  # "the data is in this file"
    assert data.count(own) == 2
    path = tmp_path / "input.mp4"
    path.write_bytes(data.replace(own, own[:-1] + b"\x00"))  # "it is where the address says"
    (planned,) = (await studio.plan(path, {"transcode": {}})).commands
    assert not {"-use_absolute_path", "-enable_drefs"} & set(planned.argv)
    assert decode(await studio.one(path, transcode={})).frames == 10  # its own: the address is not followed


async def test_a_film_behind_another_is_not_lost_in_silence(studio: Studio, tmp_path: Path, tiny: Path) -> None:
    path = tmp_path / "input.mp4"
    path.write_bytes(tiny.read_bytes() * 2)
    assert (await refusal(studio, path)).startswith("INPUT_UNSUPPORTED: the file is several films")


async def test_an_mp4_cut_before_its_index_is_corrupt(studio: Studio, tmp_path: Path, tiny: Path) -> None:
    path = tmp_path / "input.mp4"
    path.write_bytes(tiny.read_bytes()[:4000])
    assert (await refusal(studio, path)).startswith("INPUT_CORRUPT: the file is damaged or cut off")


FILM = ({"transcode": {}}, {"audio": {}}, {"thumbnail": {"count": 9}})


@pytest.mark.parametrize(
    ("suffix", "output"),
    [
        *((suffix, output) for suffix in ("mp4", "mkv", "avi") for output in FILM),
        *((suffix, {"audio": {}}) for suffix in ("wav", "w64", "caf", "mp3", "rf64")),
    ],
)
async def test_a_file_cut_in_the_middle_fails_and_is_not_passed_as_a_short_one(
    studio: Studio, tmp_path: Path, suffix: str, output: dict
) -> None:
    sound = ("-f", "lavfi", "-i", "sine=duration=8")
    film = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=8", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    how = (*sound, *film, "-c:a", "aac") if suffix in ("mp4", "mkv", "avi") else sound
    large = ("-rf64", "always", "-f", "wav") if suffix == "rf64" else ()  # as above 4 GiB
    whole = make(tmp_path / f"whole.{suffix}", *how, "-movflags", "+faststart", *large)
    path = tmp_path / "input"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    source = await studio.source(path)
    assert source.timeline.damaged and source.info.duration_seconds == pytest.approx(8, abs=0.2)
    with pytest.raises(AttemptFailed, match="INPUT_CORRUPT"):
        await studio.make(path, output)


async def test_damage_in_the_middle_is_a_warning_while_the_output_is_whole(
    studio: Studio, tmp_path: Path, tiny: Path
) -> None:
    data = bytearray(tiny.read_bytes())
    middle = data.index(b"mdat") + 1500
    data[middle : middle + 40] = random.Random(1).randbytes(40)
    path = tmp_path / "input.mp4"
    path.write_bytes(data)
    (command,) = (await studio.plan(path, {"transcode": {}})).commands
    (studio.folder / "out").mkdir()
    assert (await studio.run(command)).input_damaged


@pytest.mark.parametrize("operation", ["transcode", "audio"])
async def test_a_trim_past_the_end_is_told(studio: Studio, tiny: Path, operation: str) -> None:
    with pytest.raises(AttemptFailed, match=r"TIME_OUT_OF_RANGE: the trim's start_seconds \(5\) lies past"):
        await studio.one(tiny, **{operation: {"trim": {"start_seconds": 5}}})
    with pytest.raises(AttemptFailed, match=r"TIME_OUT_OF_RANGE: the trim's end_seconds \(9\) lies past"):
        await studio.one(tiny, **{operation: {"trim": {"start_seconds": 0.5, "end_seconds": 9}}})


async def test_films_of_ogg_one_after_the_other_are_refused_and_sounds_are_not(studio: Studio, tmp_path: Path) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=0.5")
    sound = ("-f", "lavfi", "-i", "sine=duration=0.5")
    film = make(tmp_path / "film.ogv", *picture, *sound, "-c:v", "libtheora", "-c:a", "libvorbis")
    song = make(tmp_path / "song.ogg", *sound, "-c:a", "libvorbis")
    for path in (film, song):
        path.with_stem("twice").write_bytes(path.read_bytes() * 2)
    assert (await studio.source(film)).timeline.seconds == pytest.approx(0.5, abs=0.05)
    assert (await studio.source(tmp_path / "twice.ogg")).timeline.seconds == pytest.approx(1.0, abs=0.2)
    told = "INPUT_UNSUPPORTED: the file is several films, one after the other"
    assert (await refusal(studio, tmp_path / "twice.ogv")).startswith(told)
