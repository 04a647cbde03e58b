"""Readers of structures bear whatever stands in a file: they answer, or raise what their callers expect."""

import io
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media.heif import ALPHA, Item, clap, grid, imir, irot, ispe, nclx, profile, write

from reelmill.media import animations, heif, png, webp
from reelmill.media.altered import altered
from reelmill.media.foreign import foreign, unknown

_TILE = Item(kind="hvc1", data=b"coded", properties=(ispe(64, 64),))
_OPACITY = Item(kind="hvc1", data=b"coded", properties=(ispe(64, 64), ALPHA), alpha_of=2, premultiplied=True)
_TURNED = (clap(60, 40, 3, -2), irot(1), imir(1), nclx(1, 13, 6, full_range=True), profile(b"colours"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of two tiles and an opacity, with one property of each kind."""
    items = [_TILE, _TILE, grid(1, 2, 120, 60, (0, 1), properties=_TURNED), _OPACITY]
    return write(tmp_path_factory.mktemp("heif") / "whole.heic", items, primary=2).read_bytes()


def test_a_whole_file_is_read_as_it_was_written(whole: bytes) -> None:
    assert heif.is_heif(whole[:64]) and not heif.is_film(whole[:64])
    found = heif.picture(io.BytesIO(whole))
    assert found is not None
    assert found.layer == heif.Layer(items=(1, 2), columns=2, width=120, height=60)
    # Cut to 60 × 40 at (33, 8), turned against the clock, then mirrored.
    assert found.view == heif.View(left=33, top=8, width=60, height=40, mirrored=True, quarters=1)
    assert found.alpha == heif.Layer(items=(4,), columns=1, width=64, height=64)
    assert found.premultiplied
    assert (found.colours, found.profile) == ((1, 13, 6, True), b"colours")
    assert heif.picture(io.BytesIO(whole[:40])) is None
    assert heif.alpha_tracks(io.BytesIO(whole)) == {}


changes = st.lists(
    st.tuples(st.integers(0, 2000), st.one_of(st.binary(max_size=4), st.just(b"\xff" * 8)), st.integers(0, 8)),
    max_size=6,
)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes)
def test_a_damaged_file_raises_nothing_unforeseen(whole: bytes, spoiled: list[tuple[int, bytes, int]]) -> None:
    data = whole
    for at, put, gone in spoiled:
        at %= len(data) + 1
        data = data[:at] + put + data[at + gone :]
    for read in (heif.picture, heif.alpha_tracks):
        try:
            read(io.BytesIO(data))
        except (heif.Unsupported, heif.Incomplete, struct.error, IndexError, KeyError) as error:
            assert str(error) is not None


_BEGINNINGS = (
    *(
        b"",
        b"PK\3\4",
        b"\x1f\x8b\x08",
        b"BZh9",
        b"\xfd7zXZ\0",
        b"\x5d\0\0",
        b"\x89PNG\r\n\x1a\n",
        b"begin 644 a\n",
        b"\\x00",
    ),
    *(
        b"\x89PNG\r\n\x1a\n\0\0\0\0IHDR",
        b"RIFF\xff\xff\0\0WEBPVP8 ",
        b"RIFF\xff\xff\0\0WEBPANMF",
        b"00000000: ",
        b"%00%01",
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_BEGINNINGS), st.binary(min_size=1, max_size=400))
def test_what_is_told_of_any_bytes_raises_nothing(begin: bytes, rest: bytes) -> None:
    data = begin + rest
    for told in (png.problem(io.BytesIO(data), len(data)), webp.problem(io.BytesIO(data), len(data))):
        assert told is None or told.kind
    told = altered(data) or foreign(data, len(data)) or unknown(data, len(data))
    assert told.kind and told.cause


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_pictures_that_may_move_bear_any_bytes(rest: bytes) -> None:
    assert animations.of_png(io.BytesIO(b"\x89PNG\r\n\x1a\n" + rest)) is None or rest
    assert animations.of_webp(io.BytesIO(b"RIFF\0\0\0\0WEBP" + rest)) is None or rest


def test_a_length_that_no_file_has_is_damage(whole: bytes) -> None:
    far = heif._Items.__new__(heif._Items)
    far._places, far._meta, far._file = {1: (0, 2**63, 10)}, {}, io.BytesIO(whole)
    with pytest.raises(IndexError):
        far._data(1)
