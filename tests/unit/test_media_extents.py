"""What is read of a file for a part of it: all that the part needs, in few pieces."""

from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.media import extents
from reelmill.media.extents import EARLIER, Layout, Samples, as_told, total_bytes
from reelmill.media.timeline import SECOND

FIRST, GAP = 300, 16


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extents, "_FIRST_BYTES", FIRST)
    monkeypatch.setattr(extents, "_GAP_BYTES", GAP)
    monkeypatch.setattr(extents, "_LEAST_BEHIND", 3)


@st.composite
def layouts(draw: st.DrawFn) -> tuple[dict[int, Samples], int]:
    """Streams whose samples stand in any order in a file, with boxes between them."""
    found, at = {}, draw(st.integers(0, 50))
    for index in range(draw(st.integers(1, 3))):
        sizes = draw(st.lists(st.integers(1, 40), min_size=1, max_size=60))
        times, places = [draw(st.integers(-SECOND, 3 * SECOND))], []
        for _ in sizes[1:]:
            times.append(times[-1] + draw(st.integers(0, SECOND)))
        for size in sizes:
            at += draw(st.sampled_from([0, 0, 0, 7, 100]))
            places.append(at)
            at += size
        keys = sorted(draw(st.sets(st.integers(0, len(sizes) - 1))))
        found[index] = Samples(
            places=array("q", places), sizes=array("q", sizes), times=array("q", times), keys=array("q", keys)
        )
    return found, at + draw(st.integers(0, 50))


@given(layouts(), st.integers(0, 40 * SECOND), st.integers(0, 10 * SECOND), st.data())
def test_all_that_a_span_needs_is_in_order_inside_and_once(
    made: tuple[dict[int, Samples], int], start: int, length: int, data: st.DataObject
) -> None:
    streams, size = made
    used = data.draw(st.sets(st.sampled_from(sorted(streams)), min_size=1))
    telling = data.draw(st.sets(st.sampled_from(sorted(streams))))
    found = Layout(streams, size, telling=telling).of(used, start, start + length)
    assert all(0 <= begin < end <= size for begin, end in found)
    assert all(end + GAP < begin for (_, end), (begin, _) in pairwise(found))
    there = bytearray(size)
    for begin, end in found:
        there[begin:end] = b"x" * (end - begin)
    assert there.count(b"x") == total_bytes(found)

    def has(begin: int, end: int) -> bool:
        return there[begin:end] == b"x" * (end - begin)

    taken = bytearray(size)
    for index, one in streams.items():
        before = [t for i, t in enumerate(one.times) if i in one.keys and t <= start - EARLIER - SECOND]
        for place, length_bytes, time in zip(one.places, one.sizes, one.times, strict=True):
            taken[place : place + length_bytes] = b"x" * length_bytes
            shown = (before[-1] if before else -(2**62)) <= time < start + length + 10 * SECOND
            if index in telling or (index in used and shown):
                assert has(place, place + length_bytes)
    assert all(there[i] == ord("x") for i in range(size) if not taken[i])  # boxes
    learnt = 0
    for _, place, bytes_ in sorted(
        (t, p, s) for one in streams.values() for t, p, s in zip(one.times, one.places, one.sizes, strict=True)
    ):
        learnt += bytes_
        assert has(place, place + bytes_)
        if learnt > FIRST:
            break


def even(count: int, *, seconds: float = 1.0, keys: int = 5) -> Samples:
    """Samples of 100 bytes, each 100 behind the last."""
    return Samples(
        places=array("q", [200 * i for i in range(count)]),
        sizes=array("q", [100] * count),
        times=array("q", [round(i * seconds * SECOND) for i in range(count)]),
        keys=array("q", range(0, count, keys)),
    )


def test_a_reader_begins_at_the_key_frame_before_and_ends_where_decoders_have_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = even(100)
    assert (one.first(53 * SECOND), one.first(52 * SECOND), one.first(0)) == (50, 45, 0)
    assert (one.behind(50 * SECOND), even(100, seconds=20.0).behind(1000 * SECOND)) == (60, 53)
    late = Samples(places=one.places, sizes=one.sizes, times=one.times, keys=array("q", [40]))
    assert (late.first(39 * SECOND), late.first(60 * SECOND)) == (0, 40)


def test_they_are_few_whatever_a_file_looks_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extents, "MOST_EXTENTS", 7)
    streams = {0: even(1000, seconds=0.01)}
    found = Layout(streams, 200 * 1000).of([0], 5 * SECOND, 6 * SECOND)
    assert len(found) <= 7 and total_bytes(found) <= 200 * 1000


def test_what_no_index_tells_of_is_read() -> None:
    assert Layout({0: even(0)}, 1000).of([0], 0, SECOND) == ((0, 1000),)
    assert Layout({}, 1000).of([], 0, SECOND) == ((0, 1000),)


@pytest.mark.parametrize(
    "told",
    [
        None,
        7,
        [7],
        [[1, 2, 3]],
        [["1", "2"]],
        [[1.0, 2.0]],
        [[-1, 2]],
        [[2, 2]],
        [[0, 11]],
        [[0, 5], [4, 6]],
        [[True, 2]],
    ],
)
def test_what_a_child_says_is_taken_for_extents_only_if_they_are(told: object) -> None:
    assert as_told([[0, 3], [5, 10]], 10) == ((0, 3), (5, 10))
    with pytest.raises((ValueError, TypeError)):
        as_told(told, 10)
