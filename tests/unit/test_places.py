"""Places: a pool and labels as one text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.jobs.places import ENGINE, MAX_LABELS, place, places, pool_of, with_label

labels = st.sets(st.from_regex(r"[a-z0-9]([a-z0-9_.=-]{0,8}[a-z0-9])?", fullmatch=True), max_size=MAX_LABELS)


@given(have=labels, needs=labels)
def test_a_worker_serves_the_places_of_its_pool_whose_labels_it_has(have: set[str], needs: set[str]) -> None:
    assert (place("default", needs) in places("default", have)) == (needs <= have)
    assert place("other", needs) not in places("default", have)
    assert len(places("default", have)) == 2 ** len(have)


def test_a_place_is_the_pool_and_the_labels_in_order() -> None:
    assert place() == "default"
    assert place("large", ["gpu", "disk=fast", "gpu"]) == "large disk=fast gpu"


@pytest.mark.parametrize("name", ["", "a b", "A", "-a", "a-", "ä", "a" * 64])
def test_a_name_that_would_make_a_place_doubtful_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a pool or label has"):
        place(name)
    with pytest.raises(ValueError, match="a pool or label has"):
        place(needs=[name])


def test_a_worker_has_few_labels() -> None:
    with pytest.raises(ValueError, match="5 labels; a worker has at most 4"):
        places("default", "abcde")


def test_a_worker_has_one_label_more_that_names_its_ffmpeg() -> None:
    have = [*"abcd", f"{ENGINE}x"]
    assert len(places("default", have)) == 2 ** (MAX_LABELS + 1)
    with pytest.raises(ValueError, match="a worker has one ffmpeg"):
        places("default", [f"{ENGINE}x", f"{ENGINE}y"])


def test_a_place_takes_a_label_more_in_its_order() -> None:
    where = place("large", ["gpu", "av1"])
    assert (
        with_label(where, f"{ENGINE}x")
        == "large av1 engine=x gpu"
        == with_label(with_label(where, "gpu"), f"{ENGINE}x")
    )
    assert (pool_of(where), pool_of(place())) == ("large", "default")
