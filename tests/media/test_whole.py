"""Pictures come out whole, or their job fails and says that they are damaged: none is filled up in silence."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from media.kit import Studio, make

from reelmill.jobs.errors import AttemptFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")
_ONE = ("-f", "lavfi", "-i", "mandelbrot=size=160x120:rate=10", "-frames:v", "1")
_SOME = ("-f", "lavfi", "-i", "mandelbrot=size=96x64:rate=10", "-frames:v", "5")
_AVIF = ("-c:v", "libaom-av1", "-cpu-used", "8", "-still-picture", "1")
# How each is made; their names end as files of their kind do.
_GOOD = {
    "rgb.png": (*_ONE, "-pix_fmt", "rgb24"),
    "palette.png": (*_ONE, "-pix_fmt", "pal8"),
    "moving.png": (*_SOME, "-f", "apng"),
    "plain.jpg": (*_ONE, "-q:v", "3", "-pix_fmt", "yuvj420p"),
    "still.gif": _ONE,
    "moving.gif": _SOME,
    "lossy.webp": (*_ONE, "-c:v", "libwebp", "-pix_fmt", "yuv420p"),
    "lossless.webp": (*_ONE, "-c:v", "libwebp", "-lossless", "1"),
    "moving.webp": (*_SOME, "-c:v", "libwebp_anim", "-lossless", "0"),
    "raw.tiff": (*_ONE, "-compression_algo", "raw"),
    "packed.tiff": (*_ONE, "-compression_algo", "lzw"),
    "plain.bmp": _ONE,
    "still.avif": (*_ONE, *_AVIF),
}
Damage = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Sound pictures."""
    folder = tmp_path_factory.mktemp("good")
    return {name: make(folder / name, *how).read_bytes() for name, how in _GOOD.items()}


def _cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def _all_but_the_end(data: bytes) -> bytes:
    return data[:-40]


def _garbage(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes((7 * i * i + 3 * i) % 251 for i in range(600)) + data[middle + 600 :]


def _lost(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + data[middle + 500 :]


def _scan_cut_and_ended(data: bytes) -> bytes:
    return data[: len(data) // 2] + b"\xff\xd9"


def _blocks_cut_and_ended(data: bytes) -> bytes:
    return data[: len(data) // 2] + b"\0\x3b"


def _without_palette(data: bytes) -> bytes:
    at = data.index(b"PLTE") - 4
    return data[:at] + data[at + 12 + int.from_bytes(data[at : at + 4]) :]


def _without_a_part(data: bytes) -> bytes:
    """Of its compressed pixels half is missing, and all chunks are sound."""
    at = data.index(b"IDAT") - 4
    count = int.from_bytes(data[at : at + 4]) // 2
    kept = b"IDAT" + data[at + 8 : at + 8 + count]
    chunk = struct.pack(">I", count) + kept + struct.pack(">I", zlib.crc32(kept))
    end = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
    return data[:at] + chunk + end


def _coded_cut(data: bytes) -> bytes:
    """Half of the last coded part of a WebP, of which all around it knows."""
    at = max(data.rfind(name) for name in (b"VP8 ", b"VP8L"))
    count = int.from_bytes(data[at + 4 : at + 8], "little")
    missing = count // 2 // 2 * 2
    made = data[: at + 4] + struct.pack("<I", count - missing) + data[at + 8 : at + 8 + count - missing]
    if (frame := data.rfind(b"ANMF", 0, at)) >= 0:
        told = int.from_bytes(data[frame + 4 : frame + 8], "little") - missing
        made = made[: frame + 4] + struct.pack("<I", told) + made[frame + 8 :]
    return b"RIFF" + struct.pack("<I", len(made) - 8) + made[8:]


def _item_of_zeros(data: bytes) -> bytes:
    at = data.index(b"mdat") + 200
    return data[:at] + bytes(5000) + data[at + 5000 :]


_DAMAGES: dict[str, tuple[Damage, ...]] = {
    "rgb.png": (_cut, _all_but_the_end, _garbage, _lost, _without_a_part),
    "palette.png": (_cut, _without_palette),
    "moving.png": (_cut, _garbage),
    "plain.jpg": (_cut, _all_but_the_end, _garbage, _lost, _scan_cut_and_ended),
    "still.gif": (_cut, _garbage, _blocks_cut_and_ended),
    "moving.gif": (_cut, _garbage),
    "lossy.webp": (_cut, _coded_cut),
    "lossless.webp": (_cut, _coded_cut),
    "moving.webp": (_cut, _coded_cut),
    "raw.tiff": (_cut, _all_but_the_end),
    "packed.tiff": (_cut, _garbage),
    "plain.bmp": (_cut, _all_but_the_end),
    "still.avif": (_cut, _item_of_zeros),
}
_ALL = [(name, damage) for name, damages in _DAMAGES.items() for damage in damages]
_OUTPUTS = ({"image": {}}, {"thumbnail": {}}, {"transcode": {"video": {"height": 72}}})


@pytest.mark.parametrize(("name", "damage"), _ALL, ids=[f"{name}-{damage.__name__[1:]}" for name, damage in _ALL])
async def test_a_damaged_picture_is_told_and_not_filled_up(
    studio: Studio, tmp_path: Path, good: dict[str, bytes], name: str, damage: Damage
) -> None:
    path = tmp_path / name
    path.write_bytes(damage(good[name]))
    for output in _OUTPUTS:
        with pytest.raises(AttemptFailed) as failed:
            await studio.make(path, output)
        assert failed.value.failure.code == "INPUT_CORRUPT", failed.value.failure
        assert failed.value.failure.cause or failed.value.failure.message


@pytest.mark.parametrize("name", _GOOD)
async def test_a_sound_picture_comes_out(studio: Studio, tmp_path: Path, good: dict[str, bytes], name: str) -> None:
    path = tmp_path / name
    path.write_bytes(good[name])
    for output in _OUTPUTS:
        assert await studio.make(path, output)
