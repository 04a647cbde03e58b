"""What is typed into the search field is the filter that the api reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.api.listing import parse_filter
from reelmill.console.search import Unreadable, read
from reelmill.jobs.errors import InvalidRequest

ID = "01a20d22-f85a-70f1-b8c8-3ea9223e6a52"


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("", ""),
        ("state:failed label:asset=42", 'state = "FAILED" AND labels.asset = "42"'),
        ("STATE:Queued", 'state = "QUEUED"'),
        ('label:team="news desk"', 'labels.team = "news desk"'),
        ('"label":x', None),
        ("after:2026-01-31", 'create_time > "2026-01-31T00:00:00Z"'),
        ("before:2026-01-31T10:00:00Z", 'create_time < "2026-01-31T10:00:00Z"'),
    ],
)
def test_a_search_becomes_a_filter(typed: str, wanted: str | None) -> None:
    if wanted is None:
        with pytest.raises(Unreadable):
            read(typed)
    else:
        assert read(typed).filter == wanted
        parse_filter(read(typed).filter)


def test_an_id_is_that_job() -> None:
    assert read(f" {ID.upper()} ").job_id == ID


@pytest.mark.parametrize(
    "typed", ["talk.mov", "state:gone", "label:asset", "label:a b=1", "state:failed state:queued", "size:3", '"']
)
def test_what_can_not_be_read_is_told(typed: str) -> None:
    with pytest.raises(Unreadable) as told:
        read(typed)
    assert len(str(told.value)) > 20


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
def test_any_value_of_a_label_is_found_as_it_is(value: str) -> None:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    assert parse_filter(read(f'label:a="{escaped}"').filter).labels == {"a": value}


@given(st.text(max_size=80))
def test_whatever_is_typed_is_read_or_refused(typed: str) -> None:
    try:
        found = read(typed).filter
    except Unreadable:
        return
    try:
        parse_filter(found)
    except InvalidRequest as error:
        assert "create_time" in found, error  # a moment that is none: the api says so, and the page repeats it
