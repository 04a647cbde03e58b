"""Fitting pictures: sizes are even, within the box, and of the right shape."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.media.geometry import Scaling, Size, box, display_size, fit
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import VideoSettings as V

sides = st.integers(16, 8192)
boxes = st.tuples(sides, sides)
sources = st.tuples(st.integers(1, 16384), st.integers(1, 16384))
free = st.one_of(st.just(0), sides)
hows = st.sampled_from([V.FIT_UNSPECIFIED, V.CONTAIN, V.PAD, V.CROP, V.STRETCH, V.SHRINK])


def even(pixels: int) -> int:
    return max(2, round(pixels / 2) * 2)


@given(sources, free, free, hows)
def test_sizes_are_even_and_never_nothing(source: tuple[int, int], width: int, height: int, how: int) -> None:
    made = fit(source, width, height, how)
    for size in (made.scaled, made.final):
        assert size.width >= 2 and size.height >= 2
        assert size.width % 2 == size.height % 2 == 0


@given(sources, boxes, st.sampled_from([V.CONTAIN, V.SHRINK]))
def test_what_is_contained_lies_within_the_box(source: tuple[int, int], box: tuple[int, int], how: int) -> None:
    made = fit(source, *box, how)
    assert made.scaled == made.final
    assert made.final.width <= even(box[0]) and made.final.height <= even(box[1])


@given(sources, boxes)
def test_contain_touches_the_box_and_keeps_the_shape(source: tuple[int, int], box: tuple[int, int]) -> None:
    made = fit(source, *box, V.CONTAIN).final
    assert made.width == even(box[0]) or made.height == even(box[1])
    factor = min(even(box[0]) / source[0], even(box[1]) / source[1])
    assert abs(made.width - source[0] * factor) <= 2 and abs(made.height - source[1] * factor) <= 2


@given(sources, boxes, st.sampled_from([V.PAD, V.CROP, V.STRETCH]))
def test_pad_crop_and_stretch_give_exactly_the_box(source: tuple[int, int], box: tuple[int, int], how: int) -> None:
    made = fit(source, *box, how)
    assert made.final == Size(even(box[0]), even(box[1]))
    if how == V.CROP:
        assert made.scaled.width >= made.final.width and made.scaled.height >= made.final.height
    else:
        assert made.scaled.width <= made.final.width and made.scaled.height <= made.final.height


@given(sources, free, free)
def test_shrink_is_never_larger_than_the_input(source: tuple[int, int], width: int, height: int) -> None:
    made = fit(source, width, height, V.SHRINK).final
    assert made.width <= even(source[0]) and made.height <= even(source[1])


@pytest.mark.parametrize(("width", "height"), [(101, 1001), (1001, 101), (100, 100), (1, 1)])
def test_shrink_leaves_alone_what_has_just_the_size(width: int, height: int) -> None:
    kept = fit((width, height), 0, 0, V.CONTAIN)
    assert fit((width, height), width, height, V.SHRINK) == kept
    assert fit((width, height), width, 0, V.SHRINK) == fit((width, height), 0, height, V.SHRINK) == kept


@given(sources, sides)
def test_the_side_left_out_follows_from_the_other(source: tuple[int, int], side: int) -> None:
    wide, high = fit(source, side, 0, V.CONTAIN).final, fit(source, 0, side, V.CONTAIN).final
    assert wide.width == high.height == even(side)
    assert math.isclose(wide.height, max(2, side * source[1] / source[0]), abs_tol=1.0)
    assert math.isclose(high.width, max(2, side * source[0] / source[1]), abs_tol=1.0)


@pytest.mark.parametrize(
    ("rotation", "size"), [(0, (40.0, 10.0)), (90, (10.0, 40.0)), (180, (40.0, 10.0)), (270, (10.0, 40.0))]
)
def test_a_picture_is_measured_as_it_is_shown(rotation: int, size: tuple[float, float]) -> None:
    stream = MediaInfo.Stream(width=20, height=10, pixel_aspect_ratio=2.0, rotation_degrees=rotation)
    assert display_size(stream) == size


def test_only_what_is_needed_is_done_at_the_edges() -> None:
    small, large = Size(10, 10), Size(20, 10)
    assert Scaling(small, small).edges() == ()
    assert Scaling(small, large).edges() == ("pad=20:10:-1:-1:black",)
    assert Scaling(large, small).edges() == ("crop=10:10",)


@pytest.mark.parametrize(
    ("source", "match", "bounds"),
    [
        ((1920, 1080), True, (1920, 1080)),
        ((1080, 1920), True, (1080, 1920)),
        ((1080, 1920), False, (1920, 1080)),
        ((100, 100), True, (1920, 1080)),
    ],
)
def test_a_box_turns_with_the_picture_where_that_is_asked_for(
    source: tuple[int, int], match: bool, bounds: tuple[int, int]
) -> None:
    assert box(source, V(width=1920, height=1080, match_orientation=match)) == bounds
    assert box(source, V(width=1920, match_orientation=match)) == (1920, 0)


@given(st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_a_picture_that_no_encoder_takes_is_enlarged_and_keeps_its_shape(source: tuple[int, int]) -> None:
    made = fit(source, 0, 0, V.CONTAIN, least=16).final
    assert min(made.width, made.height) >= 16
    if min(source) >= 16:
        assert made == fit(source, 0, 0, V.CONTAIN).final
    else:
        assert min(made.width, made.height) == 16
        assert math.isclose(made.width / made.height, source[0] / source[1], rel_tol=0.07)
