"""Pictures with transparent parts and animated pictures: what lies below what is clear is never seen."""

from pathlib import Path

import av
import pytest
from effort import some_or_all
from media.kit import Studio, decode, make, rgb

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Magenta everywhere; clear on the left half.
CLEAR = "color=magenta:size=64x64:rate=10:duration=0.5,format=rgba,geq=r=255:g=0:b=255:a='if(lt(X,32),0,255)'"
GREEN, BLACK, MAGENTA = [0, 255, 0], [0, 0, 0], [255, 0, 255]
PALETTE = ("-vf", "split[a][b];[a]palettegen[p];[b][p]paletteuse")
FILMS = {
    "prores.mov": ("-c:v", "prores_ks", "-pix_fmt", "yuva444p10le"),
    "qtrle.mov": ("-c:v", "qtrle"),
    "png.mov": ("-c:v", "png"),
    "hevc.mov": ("-c:v", "libx265", "-pix_fmt", "yuva420p", "-x265-params", "log-level=error", "-tag:v", "hvc1"),
    "hevc.mkv": ("-c:v", "libx265", "-pix_fmt", "yuva420p", "-x265-params", "log-level=error"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p"),
    "vp8.webm": ("-c:v", "libvpx", "-auto-alt-ref", "0", "-pix_fmt", "yuva420p"),
    "vp9.mkv": ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p"),
    "ffv1.mkv": ("-c:v", "ffv1", "-pix_fmt", "yuva420p"),
    "ffv1.nut": ("-c:v", "ffv1", "-pix_fmt", "bgra"),
    "ut.avi": ("-c:v", "utvideo", "-pix_fmt", "gbrap"),
    "a.gif": PALETTE,
    "a.apng": (),
    "a.png": ("-f", "apng"),  # called as many are
    "a.webp": ("-c:v", "libwebp_anim", "-lossless", "1"),
}
STILLS = {
    "rgba.png": (),
    "palette.png": (*PALETTE, "-pix_fmt", "pal8"),
    "lossy.webp": ("-c:v", "libwebp"),
    "lossless.webp": ("-c:v", "libwebp", "-lossless", "1"),
    "rgba.tiff": ("-pix_fmt", "rgba"),
    "rgba.bmp": ("-pix_fmt", "bgra"),
}


# One of each decoder that tells what is clear in a way of its own, and of each container that says so.
SOME = (
    *("prores.mov", "hevc.mov", "vp9.webm", "vp8.webm", "ffv1.mkv", "qtrle.mov", "ut.avi"),
    *("png.mov", "a.gif", "a.apng", "a.png", "a.webp"),
    *("rgba.png", "palette.png", "lossy.webp", "rgba.tiff", "rgba.bmp"),
)


@pytest.fixture(params=some_or_all([*FILMS, *STILLS], *SOME))
def clear(request: pytest.FixtureRequest, files: Path) -> Path:
    """A picture whose left half is clear."""
    path = files / f"clear-{request.param}"
    options = FILMS.get(request.param) or STILLS.get(request.param, ())
    if request.param in STILLS:
        options = (*options, "-frames:v", "1", *(("-f", "image2") if path.suffix == ".webp" else ()))
    return path if path.exists() else make(path, "-f", "lavfi", "-i", CLEAR, *options)


async def test_what_is_clear_shows_the_background_in_films_and_stills(studio: Studio, clear: Path) -> None:
    black, green, still, jpeg = await studio.make(
        clear,
        {"name": "b", "transcode": {}},
        {"name": "g", "transcode": {"video": {"background": "#00FF00"}}},
        {"name": "s", "thumbnail": {"format": "PNG", "times_seconds": [0], "background": "#00ff00"}},
        {"name": "j", "thumbnail": {"times_seconds": [0], "width": 32, "quality": 100}},
    )
    for path, left in ((black, BLACK), (green, GREEN), (still, GREEN)):
        assert rgb(path, 8, 32) == pytest.approx(left, abs=6), path.name
        assert rgb(path, 56, 32) == pytest.approx(MAGENTA, abs=6), path.name
    assert rgb(jpeg, 4, 16, matrix=5) == pytest.approx(BLACK, abs=6)
    # No magenta bleeds over the edge, and no film is shortened to a picture.
    assert rgb(still, 30, 32)[0] < 40
    if "lossy" not in clear.name and not clear.name.startswith(("clear-a.webp", "clear-rgba", "clear-p", "clear-loss")):
        assert decode(green).frames == 5


async def test_what_is_clear_stays_clear_where_it_is_asked_for_and_has_no_colour(studio: Studio, clear: Path) -> None:
    outputs = [
        {"name": "p", "thumbnail": {"format": "PNG", "times_seconds": [0], "background": "transparent", "width": 32}},
        {"name": "w", "thumbnail": {"format": "WEBP", "times_seconds": [0], "background": "transparent"}},
        {"name": "v", "transcode": {"container": "WEBM", "video": {"background": "transparent"}}},
    ]
    for path in await studio.make(clear, *outputs):
        decoder = "libvpx-vp9" if path.suffix == ".webm" else None
        seen = rgba(path, decoder)
        width = decode(path).width
        assert seen(4, 4)[3] < 4 and max(seen(4, 4)[:3]) < 8, path.name
        assert seen(width - 4, 4) == pytest.approx([*MAGENTA, 255], abs=8), path.name


def rgba(path: Path, decoder: str | None):
    """The colour and opacity at x, y of a file's first frame."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if decoder:
            context = av.CodecContext.create(decoder, "r")
            packet = next(container.demux(stream))
            frame = (context.decode(packet) + context.decode(None))[0]
        else:
            frame = next(container.decode(stream))
    values = frame.reformat(format="rgba")
    plane = values.planes[0]
    data = bytes(plane)
    return lambda x, y: list(data[y * plane.line_size + 4 * x :][:4])


async def test_what_is_half_clear_is_mixed_and_what_is_opaque_keeps_its_values(studio: Studio, tmp_path: Path) -> None:
    half = "color=black:size=256x16,format=rgba,geq=r=X:g=255-X:b=X:a='if(lt(Y,8),255,128)'"
    path = make(tmp_path / "half.png", "-f", "lavfi", "-i", half, "-frames:v", "1")
    made = await studio.one(path, thumbnail={"format": "PNG", "background": "#0000ff"})
    for x in (0, 1, 77, 128, 254, 255):
        assert rgb(made, x, 3) == [x, 255 - x, x]
        assert rgb(made, x, 12) == pytest.approx([x * 128 / 255, (255 - x) * 128 / 255, x * 128 / 255 + 127], abs=1)


async def test_uncompressed_pictures_of_avi_have_no_opacity(studio: Studio, tmp_path: Path) -> None:
    """Recorders of screens leave nothing, or anything, in the fourth byte; no player looks at it."""
    path = make(tmp_path / "screen.avi", "-f", "lavfi", "-i", CLEAR, "-c:v", "rawvideo", "-pix_fmt", "bgra")
    assert rgb(await studio.one(path, transcode={}), 8, 32) == pytest.approx(MAGENTA, abs=6)


# Ten frames of one second in all, each with its number as its grey.
COUNTED = "color=black:size=32x32:rate=10:duration=1,format=yuv444p,geq=lum='16+20*N':cb=128:cr=128,format=rgba"
ANIMATED = {"a.apng": (), "b.png": ("-f", "apng"), "a.webp": FILMS["a.webp"], "a.gif": PALETTE}


@pytest.mark.parametrize("name", ANIMATED)
async def test_animated_pictures_are_films(studio: Studio, tmp_path: Path, name: str) -> None:
    path = make(tmp_path / name, "-f", "lavfi", "-i", COUNTED, *ANIMATED[name])
    film, *stills = await studio.make(
        path,
        {"name": "v", "transcode": {"video": {"crf": 1}}},
        {"name": "s", "thumbnail": {"count": 10, "format": "PNG"}},
    )
    seen = decode(film)
    assert seen.frames == 10
    assert seen.duration_seconds == pytest.approx(1.0, abs=0.05)
    assert seen.times == pytest.approx([i / 10 for i in range(10)], abs=0.002)
    assert [round(rgb(film, 9, 9, index=i)[0] * 219 / 255 / 20) for i in range(10)] == list(range(10))
    assert [round(rgb(p, 9, 9)[0] * 219 / 255 / 20) for p in stills] == list(range(10))
