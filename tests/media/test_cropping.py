"""A container may say which part of a track's picture is shown: clean apertures of MOV and MP4, edges of Matroska."""

import struct
from pathlib import Path

import pytest
from media.heif import box
from media.kit import Studio, decode, make, rgb

from reelmill.jobs.errors import AttemptFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")

X264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-qp", "10")
# White, and in it 80 × 48 red pixels at (8, 4).
FRAMED = "color=white:size=96x64:rate=10:duration=1,format=rgb24,drawbox=x=8:y=4:w=80:h=48:color=red:t=fill"
HALF = (1, 2)


def with_aperture(path: Path, width: int, height: int, x: tuple[int, int], y: tuple[int, int]) -> Path:
    """A MOV whose only track says what of it is shown: a size, and how far its middle lies off the picture's."""
    data = bytearray(path.read_bytes())
    clap = struct.pack(">I4s8i", 40, b"clap", width, 1, height, 1, *x, *y)
    at, around = 0, []
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        while data[at + 4 : at + 8] != name:
            at += int.from_bytes(data[at : at + 4])
        around.append(at)
        at += 8
    at += 8  # the first sample entry
    for outer in (*around, at):
        data[outer : outer + 4] = struct.pack(">I", int.from_bytes(data[outer : outer + 4]) + len(clap))
    data[at + 86 : at + 86] = clap
    made = path.with_stem(f"{path.stem}-shown")
    made.write_bytes(data)
    return made


@pytest.mark.parametrize("suffix", ["mov", "mp4", "mkv"])
@pytest.mark.parametrize(
    ("more", "turned", "size"),
    [
        ("", (), (80, 48)),
        ("", ("-display_rotation", "-90"), (48, 80)),
        (",setsar=2", (), (160, 48)),
    ],
)  # fmt: skip
async def test_what_lies_outside_the_clean_aperture_is_not_shown(
    studio: Studio, tmp_path: Path, suffix: str, more: str, turned: tuple[str, ...], size: tuple[int, int]
) -> None:
    flat = make(tmp_path / "flat.mov", "-f", "lavfi", "-i", FRAMED + more, *X264)
    moved = make(tmp_path / "turned.mov", *turned, "-i", str(flat), "-c", "copy")
    path = with_aperture(moved, 80, 48, (0, 1), (-4, 1))
    if suffix != "mov":
        path = make(tmp_path / f"shown.{suffix}", "-i", str(path), "-c", "copy")
    film, still = await studio.make(path, {"name": "v", "transcode": {}}, {"name": "s", "thumbnail": {"format": "PNG"}})
    for made in (film, still):
        seen = decode(made)
        assert (seen.width, seen.height) == size
        corners = [(x, y) for x in (1, size[0] - 2) for y in (1, size[1] - 2)]
        assert all(red > 200 and green < 60 for red, green, _ in (rgb(made, x, y) for x, y in corners))
    told = (await studio.probe_made(path)).streams[0]
    assert (told.width, told.height) == (80, 48)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p"])
@pytest.mark.parametrize(
    "aperture",
    [
        (79, 47, (0, 1), (0, 1)),
        (80, 48, HALF, (-7, 2)),
        (33, 21, (-3, 1), (5, 2)),
        (97, 48, (0, 1), (0, 1)),  # larger than the picture: it is not looked at, as is what lies outside
        (80, 48, (20, 1), (0, 1)),
        (0, 48, (0, 1), (0, 1)),
        (80, 48, (0, 0), (0, 1)),
    ],
)  # fmt: skip
async def test_what_is_told_is_what_ffmpeg_cuts_out(
    studio: Studio, tmp_path: Path, pixels: str, aperture: tuple[int, int, tuple[int, int], tuple[int, int]]
) -> None:
    flat = make(tmp_path / "flat.mov", "-f", "lavfi", "-i", FRAMED, "-c:v", "libx264", "-pix_fmt", pixels)
    path = with_aperture(flat, *aperture)
    cut = decode(make(tmp_path / "cut.png", "-i", str(path), "-frames:v", "1"))
    copied = make(tmp_path / "copied.mkv", "-i", str(path), "-c", "copy")
    for file in (path, copied):
        told = (await studio.probe_made(file)).streams[0]
        assert (told.width, told.height) == (cut.width, cut.height)


async def test_a_part_without_a_size_is_refused(studio: Studio, tmp_path: Path) -> None:
    path = with_aperture(make(tmp_path / "flat.mov", "-f", "lavfi", "-i", FRAMED, *X264), 80, 48, (1, 0), (0, 1))
    with pytest.raises(AttemptFailed, match="INPUT_UNSUPPORTED: the part of the picture that is shown has no size"):
        await studio.probe_made(path)


@pytest.mark.parametrize("film", [False, True])
async def test_the_short_form_of_heic_is_refused(studio: Studio, tmp_path: Path, film: bool) -> None:
    """And is not taken for the film beside it."""
    path = tmp_path / "short.heic"
    beside = make(tmp_path / "film.mp4", "-f", "lavfi", "-i", FRAMED, *X264).read_bytes() if film else b""
    path.write_bytes(box(b"ftyp", b"mif3", b"heic") + box(b"mini", bytes(range(90))) + beside[32:])
    with pytest.raises(
        AttemptFailed, match="INPUT_UNSUPPORTED: the picture is told in the short form of HEIC and AVIF"
    ):
        await studio.probe_made(path)
