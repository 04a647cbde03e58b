"""Filters and page tokens, read without a server."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from api.test_listing import test_a_filter_that_is_none_is_told as over_the_wire

from reelmill.api.listing import page_token, parse_filter, parse_page_token
from reelmill.jobs.errors import InvalidRequest
from reelmill.store.jobs import JobFilter

[REFUSED] = [mark.args[1] for mark in over_the_wire.pytestmark if mark.name == "parametrize"]
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", JobFilter()),
        ("  ", JobFilter()),
        ('state = "FAILED"', JobFilter(states=("FAILED",))),
        (" state=QUEUED ", JobFilter(states=("QUEUED",))),
        ('labels.a = "x y" AND labels.b-c.d = "z"', JobFilter(labels={"a": "x y", "b-c.d": "z"})),
        (r'labels.a = "say \"hi\" \\ AND"', JobFilter(labels={"a": 'say "hi" \\ AND'})),
        ('labels.labels.a = ""', JobFilter(labels={"labels.a": ""})),
        ('create_time > "2026-01-01T00:00:00Z"', JobFilter(created_after=NEW_YEAR)),
        ('create_time<"2026-01-01T00:00:00Z"', JobFilter(created_before=NEW_YEAR)),
        (
            'create_time > 2026-01-01T00:00:00Z AND create_time < 2026-01-01T02:00:00+01:00 AND state = "FAILED"',
            JobFilter(
                states=("FAILED",),
                created_after=NEW_YEAR,
                created_before=datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=1))),
            ),
        ),
        ('state = "FAILED"AND labels.a=b', JobFilter(states=("FAILED",), labels={"a": "b"})),
    ],
)
def test_a_filter_is_read(text: str, found: JobFilter) -> None:
    assert parse_filter(text) == found


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_a_filter_that_is_none_is_told(text: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_filter(text)
    [violation] = caught.value.violations
    assert violation.field == "filter"
    assert words in violation.description


def test_what_is_told_of_a_filter_shows_where_and_how_it_goes_on() -> None:
    with pytest.raises(InvalidRequest, match="expected AND at 'OR b = \"0123456789ab'; write comparisons joined"):
        parse_filter('labels.a = "b" OR b = "0123456789abcdefghij"')
    with pytest.raises(InvalidRequest, match=f"can't read '{'x' * 40}'; write comparisons joined by AND"):
        parse_filter("x" * 50)
    with pytest.raises(InvalidRequest, match="'ANDROID' is no state; the states are QUEUED, PROCESSING"):
        parse_filter("state = ANDROID")


def test_a_token_is_the_last_id_and_goes_into_an_address_as_it_is() -> None:
    for number in (0, 1, 2**128 - 1, 0x019AB2C3D4E57F00A1B2C3D4E5F60718):
        token = page_token(str(UUID(int=number)))
        assert parse_page_token(token) == UUID(int=number)
        assert len(token) == 22
        assert token.replace("-", "a").replace("_", "a").isalnum()
    assert parse_page_token("") is None


@pytest.mark.parametrize("token", ["x", "!!!!", "AAAA", "A" * 30, "é", "AaIN-vha!cPG4yD6pIj5qUg", "A" * 22 + "=="])
def test_a_token_that_no_server_gave_is_refused(token: str) -> None:
    try:
        assert parse_page_token(token) == UUID(int=0), "spelled otherwise, and still ours"
    except InvalidRequest as error:
        assert [v.field for v in error.violations] == ["page_token"]
