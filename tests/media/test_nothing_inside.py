"""Files with a header and not one frame behind it: told as that, by the probe."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from media.kit import Studio, make
from media.test_bad_inputs import refusal

from reelmill.jobs.errors import AttemptFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")

_PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5:duration=1")
_TONE = ("-f", "lavfi", "-i", "sine=duration=1:sample_rate=8000")
_MPEG4 = ("-c:v", "mpeg4", "-c:a", "aac", "-ar", "44100")


def _up_to(mark: bytes, more: int = 0) -> Callable[[bytes], bytes]:
    return lambda data: data[: data.index(mark) + more]


def _wav(data: bytes) -> bytes:
    head = data[: data.index(b"data") + 4] + bytes(4)
    return head[:4] + struct.pack("<I", len(head) - 8) + head[8:]


def _live(data: bytes) -> bytes:
    """Matroska as it is sent: its segment has no length."""
    at = data.index(b"\x18\x53\x80\x67") + 4
    return data[:at] + b"\x01" + b"\xff" * 7 + data[at + 8 : data.index(b"\x1f\x43\xb6\x75")]


def _empty_cluster(data: bytes) -> bytes:
    return _live(data) + b"\x1f\x43\xb6\x75\x83\xe7\x81\x00"


def _other_track(data: bytes) -> bytes:
    entry = data.index(b"\xd7\x81\x01", data.index(b"\x16\x54\xae\x6b"))
    return data[: entry + 2] + b"\x07" + data[entry + 3 :]


def _tables(data: bytes) -> bytes:
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    return b"".join(one for one in packets if (one[1] & 0x1F) << 8 | one[2] in (0, 0x11, 0x1000)) * 4


def _pages(data: bytes) -> bytes:
    second = data.index(b"OggS", 4)
    return data[: data.index(b"OggS", second + 4)]


_MADE: dict[str, tuple[tuple[str, ...], Callable[[bytes], bytes]]] = {
    "ivf": ((*_PICTURE, "-c:v", "libvpx"), lambda data: data[:32]),
    "wav": (_TONE, _wav),
    "caf": ((*_TONE, "-c:a", "pcm_s16le"), lambda data: _up_to(b"data", 4)(data) + struct.pack(">qI", 4, 0)),
    "opus": ((*_TONE, "-c:a", "libopus"), _pages),
    "live.mkv": ((*_PICTURE, "-c:v", "mpeg4"), _live),
    "cluster.mkv": ((*_PICTURE, "-c:v", "mpeg4"), _empty_cluster),
    "other.mkv": ((*_PICTURE, "-c:v", "mpeg4"), _other_track),
    "avi": ((*_PICTURE, "-c:v", "mpeg4"), lambda data: data[: data.index(b"movi") + 4]),
    "ts": ((*_PICTURE, *_TONE, *_MPEG4), _tables),
    "mxf": ((*_PICTURE, "-c:v", "mpeg2video", "-r", "25"), lambda data: data[: len(data) // 50]),
    "gif": (_PICTURE, lambda data: data[: 13 + (3 << (data[10] & 7) + 1)] + b";"),
    "jpg": ((*_PICTURE, "-frames:v", "1", "-update", "1"), lambda data: data[: data.index(b"\xff\xda")] + b"\xff\xd9"),
    "flac": (_TONE, _up_to(b"\xff\xf8")),
}  # fmt: skip


@pytest.mark.parametrize("name", _MADE)
async def test_a_header_alone_is_told(studio: Studio, tmp_path: Path, name: str) -> None:
    arguments, cut = _MADE[name]
    path = tmp_path / f"broken.{name}"
    path.write_bytes(cut(make(tmp_path / f"whole.{name}", *arguments).read_bytes()))
    with pytest.raises(AttemptFailed) as caught:
        await studio.prober.of("").probe(path)
    failure = caught.value.failure
    assert failure.code == "INPUT_CORRUPT" and failure.remedy
    assert failure.kind in {"no_data", "cut_off"} or (name == "mxf" and failure.kind == "data_damaged"), failure.cause
    if name == "other.mkv":
        assert "of tracks (1) not declared" in failure.cause


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420jpeg\n", "a header of Y4M and nothing else"),
        (b".snd" + struct.pack(">5I", 32, 0, 3, 8000, 1) + bytes(8), "a header of AU and nothing else"),
        (b"#!AMR\n", "no frame of it follows"),
        (b"TAG" + b"Title".ljust(125, b"\0"), "a tag (ID3) and no sound"),
        (b"\xff\xd8\xff\xd9", "no pixels between"),
        (b"\xff\xf1\x50\x80\x02\x1f\xfc", "begins as AAC"),
        (b"TTA1" + bytes(18), "begins as TTA"),
        (b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x9f\0\0\x59\0\0", "the header of a WebP and no pixels"),
        (b"\0\0\0\1\x67\x42\xc0\x0a" + b"x" * 9 + b"\0\0\0\1\x68\xce\x38\x80", "(SPS, PPS), and none follows"),
    ],
)
async def test_a_few_bytes_are_told_as_what_they_are(
    studio: Studio, tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    told = await refusal(studio, path)
    assert told.startswith("INPUT_CORRUPT") and words in told


async def test_a_film_of_measurements_alone_is_told_as_that(studio: Studio, tmp_path: Path, tiny: Path) -> None:
    path = make(tmp_path / "mute.mp4", "-i", str(tiny), "-an", "-c", "copy")
    path.write_bytes(path.read_bytes().replace(b"vide", b"meta").replace(b"avc1", b"gpmd"))
    with pytest.raises(AttemptFailed, match=r"INPUT_NOT_MEDIA: the file has no picture and no sound, but only"):
        await studio.make(path, {"transcode": {}})
