"""HEIC and AVIF as a player shows them: of tiles, cropped, turned, transparent; the expected values are libheif's."""

from pathlib import Path

import pytest
from effort import some_or_all
from media import heif
from media import private_files as private
from media.heif import ALPHA, Item, clap, coded, grid, imir, irot
from media.kit import Studio, decode, make, rgb
from media.private_files import icc

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.heif import View
from reelmill.media.leftovers import leftovers

pytestmark = pytest.mark.asyncio(loop_scope="session")

KINDS = [("hvc1", b"heic"), ("av01", b"avif")]
COLOURS = ["red", "lime", "blue", "white", "yellow", "magenta"]
RED, GREEN, BLUE, WHITE, YELLOW, MAGENTA = (
    *((255, 0, 0), (0, 255, 0), (0, 0, 255)),
    *((255, 255, 255), (255, 255, 0), (255, 0, 255)),
)
BLACK = (0, 0, 0)
P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))  # colorants of Display P3


def tiles(folder: Path, kind: str) -> list[Item]:
    """Six tiles of 64 × 64."""
    return [coded(folder, f"color={colour}", 64, 64, kind=kind, hidden=True) for colour in COLOURS]


def corners(path: Path) -> list[tuple[int, ...]]:
    """The colours at the corners: upper left, upper right, lower left, lower right; to 17."""
    seen = decode(path)
    places = [(x, y) for y in (3, seen.height - 4) for x in (3, seen.width - 4)]
    return [tuple(round(value / 17) * 17 for value in rgb(path, *place)) for place in places]


PLACED = [(*kind, in_idat) for in_idat in (True, False) for kind in KINDS]


@pytest.mark.parametrize(("kind", "brand", "in_idat"), some_or_all(PLACED, PLACED[0], PLACED[3]))
async def test_a_picture_of_tiles_is_the_whole(
    studio: Studio, tmp_path: Path, kind: str, brand: bytes, in_idat: bool
) -> None:
    thumb = coded(tmp_path, "color=gray", 64, 64, kind=kind, thumbnail_of=6)
    items = [*tiles(tmp_path, kind), grid(2, 3, 150, 100, tuple(range(6))), thumb]
    path = heif.write(tmp_path / "tiles.heic", items, primary=6, brand=brand, in_idat=in_idat)
    outputs = [
        {"name": "whole", "thumbnail": {"format": "PNG"}},
        {"name": "small", "thumbnail": {"width": 75, "format": "WEBP"}},
        {"name": "film", "transcode": {}},
        {"name": "many", "preset": "preview-thumbs"},
    ]
    whole, small, film, *many = await studio.make(path, *outputs)
    assert (decode(whole).width, decode(whole).height) == (150, 100)
    assert (decode(small).width, decode(small).height) == (75, 50)
    assert (decode(film).width, decode(film).height, decode(film).frames) == (150, 100, 1)
    assert len(many) == 10 and {(decode(p).width, decode(p).height) for p in many} == {(320, 213)}
    for made in (whole, film, many[0], many[9]):
        assert corners(made) == [RED, BLUE, WHITE, MAGENTA], made.name
    assert rgb(whole, 75, 10) == pytest.approx(GREEN, abs=3) and rgb(whole, 75, 90) == pytest.approx(YELLOW, abs=3)


@pytest.mark.parametrize(("kind", "brand"), KINDS)
async def test_pictures_are_cropped_turned_and_mirrored_in_the_order_of_the_file(
    studio: Studio, tmp_path: Path, kind: str, brand: bytes
) -> None:
    parts = tiles(tmp_path, kind)

    async def shown(*properties: bytes) -> tuple[tuple[int, int], list[tuple[int, ...]]]:
        items = [*parts, grid(2, 3, 150, 100, tuple(range(6)), properties=properties)]
        path = heif.write(tmp_path / "turned.heic", items, primary=6, brand=brand)
        made = await studio.one(path, thumbnail={"format": "PNG"})
        return (decode(made).width, decode(made).height), corners(made)

    # The grid is red, green, blue above white, yellow, magenta; green begins at 64, the second row too.
    assert await shown(irot(1)) == ((100, 150), [BLUE, MAGENTA, RED, WHITE])
    assert await shown(irot(2)) == ((150, 100), [MAGENTA, WHITE, BLUE, RED])
    assert await shown(irot(3)) == ((100, 150), [WHITE, RED, MAGENTA, BLUE])
    assert await shown(imir(0)) == ((150, 100), [WHITE, MAGENTA, RED, BLUE])
    assert await shown(imir(1)) == ((150, 100), [BLUE, RED, MAGENTA, WHITE])
    assert await shown(irot(1), imir(1)) == ((100, 150), [MAGENTA, BLUE, WHITE, RED])
    assert await shown(clap(60, 100, 20, 0)) == ((60, 100), [GREEN, GREEN, YELLOW, YELLOW])
    assert await shown(clap(100, 80, -5, 4), irot(1)) == ((80, 100), [GREEN, YELLOW, RED, WHITE])
    assert await shown(irot(1), clap(36, 22, 32, 64)) == ((36, 22), [WHITE] * 4)
    assert await shown(clap(500, 100, 0, 0)) == ((150, 100), [RED, BLUE, WHITE, MAGENTA])  # larger than the picture


@pytest.mark.parametrize(("kind", "brand"), KINDS)
async def test_a_single_item_and_one_that_is_derived_of_it_are_cropped_and_turned(
    studio: Studio, tmp_path: Path, kind: str, brand: bytes
) -> None:
    halves = "color=red:size=64x32,drawbox=x=32:w=32:h=32:color=blue:t=fill"
    one = coded(tmp_path, halves, 64, 32, kind=kind, properties=(clap(48, 32, 8, 0), irot(3)))
    path = heif.write(tmp_path / "one.heic", [one], primary=0, brand=brand)
    made = await studio.one(path, thumbnail={"format": "PNG"})
    assert ((decode(made).width, decode(made).height), corners(made)) == ((32, 48), [RED, RED, BLUE, BLUE])
    same = Item(kind="iden", data=b"", of=(0,), properties=(irot(1),))
    path = heif.write(tmp_path / "iden.heic", [one, same], primary=1, brand=brand)
    assert corners(await studio.one(path, thumbnail={"format": "PNG"})) == [RED, BLUE, RED, BLUE]


@pytest.mark.parametrize(("kind", "brand"), KINDS)
async def test_opacity_beside_a_picture_counts(studio: Studio, tmp_path: Path, kind: str, brand: bytes) -> None:
    opaque = [coded(tmp_path, f"color={c}", 64, 64, kind=kind, hidden=True) for c in ["black", "white"] * 3]
    whole = grid(2, 3, 150, 100, tuple(range(6)))
    alpha = grid(2, 3, 150, 100, tuple(range(7, 13)), alpha_of=6, properties=(ALPHA,))
    path = heif.write(tmp_path / "alpha.heic", [*tiles(tmp_path, kind), whole, *opaque, alpha], primary=6, brand=brand)
    black, green, clear = await studio.make(
        path,
        {"name": "b", "thumbnail": {"format": "PNG"}},
        {"name": "g", "thumbnail": {"format": "PNG", "background": "#00ff00"}},
        {"name": "c", "thumbnail": {"format": "PNG", "background": "transparent"}},
    )
    assert corners(black) == [BLACK, BLACK, WHITE, MAGENTA]
    assert corners(green) == [GREEN, GREEN, WHITE, MAGENTA]
    assert (await studio.probe_made(clear)).streams[0].pixel_format == "rgba"


@pytest.mark.parametrize(("kind", "brand"), KINDS)
async def test_each_tile_may_have_its_own_opacity(studio: Studio, tmp_path: Path, kind: str, brand: bytes) -> None:
    opaque = [
        coded(tmp_path, f"color={c}", 64, 64, kind=kind, hidden=True, alpha_of=i, properties=(ALPHA,))
        for i, c in enumerate(["black", "white"] * 3)
    ]
    items = [*tiles(tmp_path, kind), *opaque, grid(2, 3, 150, 100, tuple(range(6)))]
    path = heif.write(tmp_path / "alpha.heic", items, primary=12, brand=brand)
    made = await studio.one(path, thumbnail={"format": "PNG", "background": "#00ff00"})
    assert corners(made) == [GREEN, GREEN, WHITE, MAGENTA]


async def test_a_phones_picture_becomes_any_image_upright_and_nothing_but_the_picture(
    studio: Studio, tmp_path: Path
) -> None:
    opaque = [coded(tmp_path, f"color={c}", 64, 64, hidden=True) for c in ["black", "white"] * 3]
    whole = grid(2, 3, 150, 100, tuple(range(6)), properties=(irot(3),))
    alpha = grid(2, 3, 150, 100, tuple(range(7, 13)), alpha_of=6, properties=(ALPHA, irot(3)))
    told = Item(kind="Exif", data=bytes(4) + private.exif(), hidden=True)
    items = [*tiles(tmp_path, "hvc1"), whole, *opaque, alpha, told]
    path = heif.write(tmp_path / "phone.heic", items, primary=6)
    assert private.leaks(path)
    formats = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF")
    made = await studio.make(path, *({"name": f.lower(), "image": {"format": f}} for f in formats))
    for one in made:
        assert (decode(one).width, decode(one).height) == (100, 150), one.name
        assert private.leaks(one) == leftovers(one) == [], one.name
    png, jpeg, *_ = made
    assert corners(jpeg)[0] == WHITE and corners(jpeg)[3] == WHITE  # by its own colour, and for the background
    assert (await studio.probe_made(png)).streams[0].pixel_format == "rgba"
    small = {"width": 50, "format": "PNG", "crop": {"left": 0, "top": 0, "width": 100, "height": 64}}
    part = await studio.one(path, image=small)
    assert (decode(part).width, decode(part).height) == (50, 32)


async def test_a_coded_picture_may_be_larger_than_its_item(studio: Studio, tmp_path: Path) -> None:
    """Encoders fill up to whole blocks, and say in the item what counts."""
    halves = "color=red:size=64x64,drawbox=x=30:w=34:h=64:color=blue:t=fill"
    full = coded(tmp_path, halves, 64, 64)
    item = Item(kind="hvc1", data=full.data, properties=(full.properties[0], heif.ispe(30, 50)))
    alpha = coded(tmp_path, "color=white", 64, 64, alpha_of=0, properties=(ALPHA,))
    opacity = Item(kind="hvc1", data=alpha.data, properties=(alpha.properties[0], heif.ispe(30, 50), ALPHA), alpha_of=0)
    for items in ([item], [item, opacity]):
        made = await studio.one(heif.write(tmp_path / "larger.heic", items, primary=0), thumbnail={"format": "PNG"})
        assert (decode(made).width, decode(made).height) == (30, 50)
        assert corners(made) == [RED] * 4


@pytest.mark.parametrize(("transfer", "kept"), [(13, True), (4, True), (5, True), (1, True), (16, False), (18, False)])
async def test_colours_of_the_whole_win_over_those_of_its_parts(
    studio: Studio, tmp_path: Path, transfer: int, kept: bool
) -> None:
    """Also names that filters call otherwise, and HDR beside an opacity: grey 0x80 of PQ is 93 nits, so darker."""
    for with_alpha in (False, True):
        whole = (heif.nclx(2 if transfer == 16 else 1, transfer, 6, full_range=True),)
        items = [coded(tmp_path, "color=0x808080", 64, 64, properties=whole)]
        if with_alpha:
            items.append(coded(tmp_path, "color=white", 64, 64, alpha_of=0, properties=(ALPHA,)))
        path = heif.write(tmp_path / "colours.heic", items, primary=0)
        made = await studio.one(path, thumbnail={"format": "PNG", "width": 33, "height": 33})
        assert (decode(made).width, decode(made).height) == (33, 33)
        seen = rgb(made, 9, 9)
        assert max(seen) - min(seen) < 4
        assert (abs(seen[0] - 0x80) < 3) == kept, seen


async def test_colours_that_are_multiplied_already_are_not_multiplied_again(studio: Studio, tmp_path: Path) -> None:
    half = coded(tmp_path, "color=0x808080", 64, 64)
    alpha = coded(tmp_path, "color=0x808080", 64, 64, alpha_of=0, premultiplied=True, properties=(ALPHA,))
    path = heif.write(tmp_path / "premultiplied.heic", [half, alpha], primary=0)
    assert rgb(await studio.one(path, thumbnail={"format": "PNG"}), 9, 9) == pytest.approx([0x80] * 3, abs=3)


async def test_an_animated_avif_is_a_film_and_its_opacity_is_a_track(studio: Studio, tmp_path: Path) -> None:
    colour = ("-f", "lavfi", "-i", "color=magenta:size=64x64:rate=10:duration=0.5,format=yuv420p")
    opacity = "color=black:size=64x64:rate=10:duration=0.5,format=gray,geq=lum='if(lt(X,32),0,255)'"
    encoder = ("-c:v", "libaom-av1", "-cpu-used", "8")
    both = make(tmp_path / "both.avif", *colour, "-f", "lavfi", "-i", opacity, "-map", "0", "-map", "1", *encoder)
    alone = make(tmp_path / "alone.avif", *colour, *encoder)
    for path, left in ((both, GREEN), (alone, MAGENTA)):
        made = await studio.one(path, transcode={"video": {"background": "#00ff00"}})
        assert (decode(made).frames, decode(made).duration_seconds) == (5, pytest.approx(0.5, abs=0.05))
        assert rgb(made, 9, 9, index=4) == pytest.approx(left, abs=5)
        assert rgb(made, 55, 9, index=4) == pytest.approx(MAGENTA, abs=5)
        assert len(await studio.make(path, {"thumbnail": {"count": 2}})) == 2


async def test_a_profile_of_the_whole_is_meant(studio: Studio, tmp_path: Path) -> None:
    plain = coded(tmp_path, "color=0x20C020", 64, 64)
    wide = coded(tmp_path, "color=0x20C020", 64, 64, properties=(heif.profile(icc(P3)),))
    colours = []
    for i, item in enumerate((plain, wide)):
        path = heif.write(tmp_path / f"{i}.heic", [item], primary=0)
        colours.append(rgb(await studio.one(path, thumbnail={"format": "PNG"}), 9, 9))
    assert colours[0] == pytest.approx([0x20, 0xC0, 0x20], abs=4)
    assert colours[1][0] < 8 and colours[1][1] > 0xC2  # a green that sRGB has not: brought to its edge


async def test_what_can_not_be_composed_is_told_and_no_part_of_it_goes_out(studio: Studio, tmp_path: Path) -> None:
    parts = tiles(tmp_path, "hvc1")
    missing = [*parts, grid(2, 3, 150, 100, tuple(range(5)))]
    overlay = [*parts, Item(kind="iovl", data=bytes(20), of=(0, 1))]
    large = [*parts, grid(32, 32, 64 * 32, 64 * 32, (0,) * 1024)]
    for items, words in (
        (missing, "INPUT_CORRUPT: the (file|input) is damaged or cut off"),
        (overlay, "INPUT_UNSUPPORTED: the picture is an item of kind 'iovl'; make a JPEG or PNG of it"),
        (large, "INPUT_UNSUPPORTED: the picture has 1024 tiles, and 512 is the most"),
    ):
        path = heif.write(tmp_path / "bad.heic", items, primary=6)
        with pytest.raises(AttemptFailed, match=words):
            await studio.one(path, thumbnail={})
    whole = heif.write(tmp_path / "cut.heic", [*parts, grid(2, 3, 150, 100, tuple(range(6)))], primary=6)
    whole.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(AttemptFailed, match="INPUT_CORRUPT"):
        await studio.one(whole, thumbnail={})


async def test_parts_of_a_view_are_counted_as_they_are_seen() -> None:
    whole = View(left=0, top=0, width=30, height=20)
    assert whole.turned(1).cropped(1, 2, 3, 4) == View(left=2, top=16, width=4, height=3, quarters=1)
    assert whole.turned(2).cropped(1, 2, 3, 4) == View(left=26, top=14, width=3, height=4, quarters=2)
    assert whole.turned(3).cropped(1, 2, 3, 4) == View(left=24, top=1, width=4, height=3, quarters=3)
    assert whole.flipped().cropped(1, 2, 3, 4) == View(left=26, top=2, width=3, height=4, mirrored=True)
    assert whole.flipped().flipped() == whole == whole.turned(1).turned(3)
    assert whole.cropped(-1, 0, 3, 4) == whole.cropped(0, 0, 31, 4) == whole.cropped(0, 0, 0, 4) == whole
