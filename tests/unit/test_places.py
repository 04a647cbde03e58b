"""Places: a pool and labels as one text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.jobs.places import MAX_LABELS, place, places

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
