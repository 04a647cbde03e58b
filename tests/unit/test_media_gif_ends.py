"""Whether a GIF ends where its blocks do."""

import io

import pytest

from reelmill.media import probe_child
from reelmill.media.anatomy import anatomy
from reelmill.media.animations import gif_has_picture, gif_is_cut_off

COLOURS = bytes(3 * 4)
HEAD = b"GIF89a" + b"\x10\0\x10\0" + b"\x81\0\0" + COLOURS
CONTROL = b"\x21\xf9\x04\0\x0a\0\0\0"
PICTURE = b"\x2c" + bytes(8) + b"\x81" + COLOURS + b"\x02" + b"\x03abc" + b"\x02de" + b"\0"
WHOLE = HEAD + CONTROL + PICTURE + CONTROL + PICTURE


@pytest.mark.parametrize("end", [b"\x3b", b"", b"\x3btrash behind it", b"\0\0\0"])
def test_a_whole_one_is_none_that_was_cut_off_with_or_without_its_trailer(end: bytes) -> None:
    assert not gif_is_cut_off(WHOLE + end)


def test_it_is_cut_off_where_it_ends_within_a_block() -> None:
    edges = {len(HEAD), len(HEAD + CONTROL), len(HEAD + CONTROL + PICTURE), len(HEAD + CONTROL + PICTURE + CONTROL)}
    for end in range(len(HEAD), len(WHOLE)):
        assert gif_is_cut_off(WHOLE[:end]) == (end not in edges), end


def test_a_head_with_no_picture_behind_it_is_told() -> None:
    assert gif_has_picture(WHOLE) and not gif_has_picture(HEAD + b"\x3b") and not gif_has_picture(HEAD + CONTROL)
    found = anatomy(io.BytesIO(HEAD + CONTROL + b"\x3b"), len(HEAD + CONTROL) + 1)
    assert found is not None and found.kind == "no_data"


def test_a_head_that_is_cut_off_is_told_too() -> None:
    assert gif_is_cut_off(HEAD[:-1])


def test_a_probe_tells_so_of_one_that_ends_within_a_block() -> None:
    assert probe_child.answer(WHOLE[:-3])["kind"] == "cut_off"
    assert "code" not in probe_child.answer(WHOLE + b"\x3b")
