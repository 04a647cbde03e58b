"""What tells that an input is another file than before."""

import pytest

from reelmill.jobs.validators import Validator

PLAIN = Validator(size_bytes=7, etag='"a"', modified="Monday")


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (PLAIN, PLAIN, ""),
        (PLAIN, Validator(size_bytes=7, etag='"a"', modified="Tuesday"), ""),  # as another server of the same has it
        (PLAIN, Validator(size_bytes=7, etag='"b"', modified="Monday"), 'its ETag is "b" and was "a"'),
        (PLAIN, Validator(size_bytes=8, etag='"a"', modified="Monday"), "it has 8 bytes and had 7"),
        (PLAIN, Validator(etag='"a"'), ""),
        (PLAIN, Validator(modified="Monday"), ""),
        (PLAIN, Validator(modified="Tuesday"), "its time is Tuesday and was Monday"),
        (PLAIN, Validator(size_bytes=7), "neither ETag nor time is told any more"),
        (Validator(modified="Monday"), Validator(etag='"a"'), "neither ETag nor time is told any more"),
        (Validator(size_bytes=7), PLAIN, ""),
        (Validator(), Validator(), ""),
    ],
)
def test_a_change_is_told_by_size_then_etag_then_time(before: Validator, now: Validator, told: str) -> None:
    assert before.change_to(now) == told


def test_what_a_server_says_is_kept_short_and_weak_etags_count_as_strong_ones() -> None:
    long = ['"' + "a" * 10_000 + end for end in ("b", "c")]
    kept = [Validator.of_answer(size_bytes=1, etag=f'W/{etag}"', modified=None) for etag in long]
    assert kept[0].change_to(kept[1]) and all(len(one.etag) < 100 for one in kept)
    assert len(kept[0].change_to(kept[1])) < 200
    assert Validator.of_answer(etag='W/"a"', modified=" Monday ") == Validator(etag='"a"', modified="Monday")


@pytest.mark.parametrize("one", [PLAIN, Validator(), Validator(size_bytes=1), Validator(etag='"ü\0"')])
def test_it_comes_back_from_its_fields(one: Validator) -> None:
    assert Validator.of_fields(one.fields) == one


def test_a_copy_is_used_again_only_by_size_and_tag_or_time() -> None:
    strong = [PLAIN, Validator(size_bytes=7, etag='"a"'), Validator(size_bytes=7, modified="Monday")]
    weak = [Validator(), Validator(size_bytes=7), Validator(etag='"a"', modified="Monday")]
    assert [one.strong for one in (*strong, *weak)] == [True] * 3 + [False] * 3
