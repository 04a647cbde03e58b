"""Ranges of a download: every one over small files, beside what RFC 9110 says of it."""

import pytest
from starlette.datastructures import Headers

from reelmill.gateway.ranges import Span, Unsatisfiable, not_modified, requested

TAG = '"abc"'


def asked(value: str, size: int, **headers: str) -> Span | str | None:
    try:
        return requested(Headers({"range": value, **headers}), size, TAG)
    except Unsatisfiable:
        return "416"


def test_every_range_of_a_small_file_ends_with_the_file() -> None:
    for size in range(5):
        content = range(size)
        for first in range(7):
            assert asked(f"bytes={first}-", size) == (Span(first, size) if first < size else "416")
            for last in range(first, 9):
                span = asked(f"bytes={first}-{last}", size)
                if first >= size:
                    assert span == "416"
                else:
                    assert isinstance(span, Span)
                    assert list(content)[span.start : span.end] == [i for i in content if first <= i <= last]
                    assert first <= span.start < span.end <= size
            suffix = asked(f"bytes=-{first}", size)
            assert suffix == (Span(max(0, size - first), size) if first and size else "416")


def test_a_range_that_runs_backwards_or_is_none_asks_for_the_whole() -> None:
    for value in ("bytes=3-2", "bytes=-", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "", "bytes=1"):
        assert asked(value, 10) is None, value
    assert asked("bytes=2-2", 10) == Span(2, 3)
    assert asked(" BYTES = 2 - 3 ", 10) == Span(2, 4)


@pytest.mark.parametrize(("digits", "start"), [(18, "416"), (19, "416"), (1000, "416")])
def test_numbers_of_any_length_are_answered(digits: int, start: object) -> None:
    assert asked(f"bytes={'9' * digits}-", 10) == start
    assert asked(f"bytes=1-{'9' * digits}", 10) == Span(1, 10)
    assert asked(f"bytes=-{'9' * digits}", 10) == Span(0, 10)
    assert asked(f"bytes={'0' * (digits - 1)}1-1", 10) == (Span(1, 2) if digits <= 18 else "416")


def test_an_old_copy_is_sent_whole_and_the_same_is_continued() -> None:
    assert asked("bytes=2-3", 10, **{"if-range": f" {TAG} "}) == Span(2, 4)
    for old in ('"old"', f"W/{TAG}", "", "Tue, 24 Nov 2026 08:00:00 GMT"):
        assert asked("bytes=2-3", 10, **{"if-range": old}) is None


@pytest.mark.parametrize(
    ("condition", "same"),
    [
        (TAG, True),
        (f"W/{TAG}", True),
        (" * ", True),
        (f'"x", {TAG}', True),
        ('"x"', False),
        ("abc", False),
        ("", False),
    ],
)
def test_a_copy_is_still_good_by_its_tag_alone(condition: str, same: bool) -> None:
    assert not_modified(Headers({"if-none-match": condition}), TAG) is same


def test_without_a_condition_everything_is_sent() -> None:
    assert not not_modified(Headers({}), TAG)
    assert requested(Headers({}), 10, TAG) is None
