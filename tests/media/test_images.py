"""Pictures converted on the real ffmpeg, decoded."""

import subprocess
from itertools import pairwise
from pathlib import Path

import av
import pytest
from media import private_files as private
from media.kit import FFMPEG, Studio, decode, make, rgb

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.leftovers import leftovers

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORMATS = {"JPEG": "mjpeg", "PNG": "png", "WEBP": "webp", "AVIF": "av1", "GIF": "gif", "TIFF": "tiff"}
# Left half red, right half blue.
HALVES = ("-f", "lavfi", "-i", "color=red:size=32x48[a];color=blue:size=32x48[b];[a][b]hstack,format=rgb24")
# Red, of which the right half is wholly transparent.
CLEAR = ("-f", "lavfi", "-i", "color=red:size=64x48,format=rgba,geq=r='r(X,Y)':g=0:b=0:a='255*lt(X,32)'")
MOVING = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5:duration=2")


@pytest.fixture(scope="module")
def halves(files: Path) -> Path:
    return make(files / "halves.png", *HALVES, "-frames:v", "1")


@pytest.fixture(scope="module")
def clear(files: Path) -> Path:
    return make(files / "clear.png", *CLEAR, "-frames:v", "1")


def near(path: Path, x: int, y: int) -> str:
    """The colour there, by its name."""
    red, green, blue = rgb(path, x, y)
    known = {"red": (255, 0, 0), "blue": (0, 0, 255), "white": (255, 255, 255), "black": (0, 0, 0), "lime": (0, 255, 0)}
    return min(known, key=lambda name: sum(abs(a - b) for a, b in zip(known[name], (red, green, blue), strict=True)))


def opacity(path: Path, x: int, y: int, width: int) -> int:
    argv = [str(FFMPEG), "-loglevel", "error", "-i", str(path), "-vf", "format=rgba", "-frames:v", "1"]
    pixels = subprocess.run([*argv, "-f", "rawvideo", "-"], capture_output=True, check=True).stdout
    return pixels[(y * width + x) * 4 + 3]


async def test_every_format_comes_out_in_the_size_asked_for(studio: Studio, halves: Path) -> None:
    outputs = [{"name": format.lower(), "image": {"format": format, "width": 33}} for format in FORMATS]
    made = await studio.make(halves, *outputs)
    seen = [decode(path) for path in made]
    assert [one.video_codec for one in seen] == list(FORMATS.values())
    assert {(one.width, one.height, one.frames) for one in seen} == {(33, 25, 1)}
    assert [(near(path, 5, 12), near(path, 28, 12)) for path in made] == [("red", "blue")] * 6


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF"])
async def test_a_better_quality_makes_a_larger_picture(studio: Studio, tiny: Path, tmp_path: Path, format: str) -> None:
    still = make(tmp_path / "still.png", "-i", str(tiny), "-frames:v", "1")
    outputs = [{"name": f"q{q}", "image": {"format": format, "quality": q}} for q in (1, 50, 100)]
    sizes = [path.stat().st_size for path in await studio.make(still, *outputs)]
    assert sizes == sorted(set(sizes))


async def test_a_picture_is_cut_and_fitted(studio: Studio, halves: Path) -> None:
    crop = {"left": 24, "top": 8, "width": 16, "height": 32}
    outputs = {
        "cut": {"crop": crop},
        "pad": {"crop": crop, "width": 40, "height": 40, "fit": "PAD", "background": "#00ff00"},
        "crop": {"width": 20, "height": 40, "fit": "CROP"},
        "stretch": {"width": 20, "height": 40, "fit": "STRETCH"},
        "shrink": {"width": 200, "height": 200, "fit": "SHRINK"},
        "upright": {"width": 24, "height": 32, "match_orientation": True},
    }
    made = dict(
        zip(
            outputs,
            await studio.make(halves, *({"name": n, "image": {"format": "PNG", **o}} for n, o in outputs.items())),
            strict=True,
        )
    )
    sizes = {name: (decode(path).width, decode(path).height) for name, path in made.items()}
    assert sizes == {
        "cut": (16, 32),
        "pad": (40, 40),
        "crop": (20, 40),
        "stretch": (20, 40),
        "shrink": (64, 48),
        "upright": (32, 24),
    }
    assert [near(made["cut"], x, 3) for x in (2, 13)] == ["red", "blue"]
    assert [near(made["pad"], x, 20) for x in (3, 14, 26, 36)] == ["lime", "red", "blue", "lime"]


async def test_a_crop_is_of_the_picture_as_it_is_seen(studio: Studio, tmp_path: Path) -> None:
    turned = make(tmp_path / "turned.jpg", *HALVES, "-frames:v", "1", "-update", "1")
    data = turned.read_bytes()
    exif = b"Exif\0\0" + private.exif(extra={0x0112: (3, b"\0\6")})  # a quarter to the right: red is above
    turned.write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    crop = {"left": 0, "top": 0, "width": 48, "height": 32}
    whole, part = await studio.make(
        turned, {"name": "a", "image": {"format": "PNG"}}, {"name": "b", "image": {"format": "PNG", "crop": crop}}
    )
    assert (decode(whole).width, decode(whole).height) == (48, 64)
    assert [near(whole, 24, y) for y in (8, 56)] == ["red", "blue"]
    assert [near(part, x, y) for x, y in ((2, 2), (45, 28))] == ["red", "red"]
    with pytest.raises(AttemptFailed, match="the crop reaches beyond the picture, which has 48 × 64 pixels"):
        await studio.one(turned, image={"crop": {"left": 10, "width": 40, "height": 4}})


async def test_transparent_parts_stay_where_the_format_can_and_become_white_elsewhere(
    studio: Studio, clear: Path
) -> None:
    made = await studio.make(clear, *({"name": f.lower(), "image": {"format": f}} for f in FORMATS))
    for format, path in zip(FORMATS, made, strict=True):
        assert near(path, 10, 20) == "red", format
        if format in ("JPEG", "AVIF"):
            assert near(path, 60, 20) == "white", format
        else:
            assert (opacity(path, 10, 20, 64), opacity(path, 60, 20, 64)) == (255, 0), format
    filled = await studio.one(clear, image={"format": "PNG", "background": "#0000ff"})
    assert near(filled, 60, 20) == "blue"


@pytest.mark.parametrize("source", ["gif", "webp", "apng"])
async def test_what_moves_goes_on_moving_where_the_format_can(studio: Studio, tmp_path: Path, source: str) -> None:
    loop = ("-loop", "0") if source != "apng" else ("-f", "apng", "-plays", "0")
    moving = make(tmp_path / f"moving.{source}", *MOVING, *loop)
    formats = ("WEBP", "GIF", "PNG", "AVIF")
    made = await studio.make(moving, *({"name": f.lower(), "image": {"format": f, "width": 32}} for f in formats))
    for path in made:
        info = await studio.probe_made(path)
        assert info.duration_seconds == pytest.approx(2.0, abs=0.21), path.name
        assert (info.streams[0].width, info.streams[0].height) == (32, 24)
        if path.suffix != ".webp":
            stream = 1 if path.suffix == ".avif" else 0  # beside a still
            with av.open(str(path)) as container:
                assert sum(1 for _ in container.decode(video=stream)) == 10, path.name
    still, first = await studio.make(
        moving,
        {"name": "a", "image": {"format": "JPEG"}},
        {"name": "b", "image": {"format": "GIF", "first_frame": True}},
    )
    assert decode(still).frames == decode(first).frames == 1


@pytest.mark.parametrize("name", ["big.jpg", "picture.png", "picture.tiff", "picture.webp"])
async def test_nothing_private_of_a_picture_is_in_any_format(studio: Studio, tmp_path: Path, name: str) -> None:
    given = getattr(private, {"big.jpg": "jpeg"}.get(name, name.partition(".")[2]))(tmp_path / name)
    assert len(private.leaks(given)) >= 4
    made = await studio.make(given, *({"name": f.lower(), "image": {"format": f}} for f in FORMATS))
    assert {path.name: found for path in made if (found := private.leaks(path) or leftovers(path))} == {}


async def test_what_a_gif_a_tiff_or_an_avif_has_besides_its_picture_is_seen(tmp_path: Path, halves: Path) -> None:
    gif = make(tmp_path / "a.gif", "-i", str(halves))
    data = gif.read_bytes()
    gif.write_bytes(data[:-1] + b"!\xfe\x05hello\0" + data[-1:])
    assert leftovers(gif) == ["comment"]
    assert leftovers(private.tiff(tmp_path / "b.tiff")) != []
    avif = make(tmp_path / "c.avif", "-i", str(halves), "-c:v", "libaom-av1", "-still-picture", "1")
    assert leftovers(avif) == []
    data = avif.read_bytes()
    at = data.index(b"infe") + 4
    avif.write_bytes(data[: at + 8] + b"Exif" + data[at + 12 :])
    assert leftovers(avif) == ["Exif"]


async def test_a_film_is_no_picture(studio: Studio, tiny: Path) -> None:
    with pytest.raises(AttemptFailed, match="INPUT_UNSUPPORTED: the input is a film"):
        await studio.one(tiny, image={})


def photo(path: Path, encoder: str = "mjpeg", pixels: str = "yuvj420p", orientation: int = 1) -> Path:
    """Of 800 × 600 pixels with fine detail."""
    source = ("-f", "lavfi", "-i", "mandelbrot=size=800x600,noise=alls=10:all_seed=5", "-frames:v", "1")
    make(path, *source, "-update", "1", "-pix_fmt", pixels, "-c:v", encoder)
    data = path.read_bytes()
    exif = b"Exif\0\0" + private.exif(extra={0x0112: (3, bytes((0, orientation)))})
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    return path


def decibels(one: Path, other: Path) -> float:
    """How alike two pictures are (PSNR)."""
    argv = [
        str(FFMPEG),
        "-i",
        str(one),
        "-i",
        str(other),
        "-filter_complex",
        "[0]format=gbrp[a];[1]format=gbrp[b];[a][b]psnr",
    ]
    said = subprocess.run([*argv, "-f", "null", "-"], capture_output=True, text=True, check=True).stderr
    return float(said.split("average:")[1].split()[0])


@pytest.mark.parametrize("orientation", [1, 6])
async def test_a_photo_that_is_made_small_is_decoded_small_and_looks_the_same(
    studio: Studio, tmp_path: Path, orientation: int
) -> None:
    given = photo(tmp_path / "photo.jpg", orientation=orientation)
    size = {1: (80, 60), 6: (60, 80)}[orientation]
    small = {"format": "PNG", "width": size[0]}
    planned = await studio.plan(given, {"image": small})
    assert ("-lowres", "2") in pairwise(planned.commands[0].argv)
    made = await studio.one(given, image=small)
    assert (decode(made).width, decode(made).height) == size
    scaled = f"scale={size[0]}:{size[1]}:flags=bicubic,format=rgb24"
    whole = make(tmp_path / "whole.png", "-i", str(given), "-vf", scaled, "-frames:v", "1")
    assert decibels(made, whole) > 40


@pytest.mark.parametrize(
    ("encoder", "pixels", "image"),
    [
        ("mjpeg", "yuvj420p", {"width": 101}),
        ("mjpeg", "yuvj420p", {"width": 10, "crop": {"width": 800, "height": 600}}),
        ("ljpeg", "yuvj420p", {"width": 10}),
        ("ljpeg", "bgr24", {"width": 10}),
        ("png", "rgb24", {"width": 10}),
    ],
)
async def test_what_comes_out_little_smaller_or_cut_or_cant_come_small_is_decoded_whole(
    studio: Studio, tmp_path: Path, encoder: str, pixels: str, image: dict
) -> None:
    given = (
        photo(tmp_path / "photo.jpg", encoder, pixels)
        if encoder != "png"
        else make(tmp_path / "a.png", *HALVES, "-frames:v", "1")
    )
    planned = await studio.plan(given, {"image": {"format": "PNG", **image}})
    assert "-lowres" not in planned.commands[0].argv
    made = await studio.one(given, image={"format": "PNG", **image})
    assert decode(made).width == image["width"]
