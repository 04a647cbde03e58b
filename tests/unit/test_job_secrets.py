"""A job's secrets are sealed for its tenant, opened as they were, and shown to nobody."""

from functools import partial
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.jobs import secrets
from reelmill.sealing import KEY_BYTES, Keys, Unsealable
from reelmill.storage import headers
from reelmill.v1.jobs_pb2 import Input, Job

ME, OTHER = UUID(int=1), UUID(int=2)
OLD, NEW = Keys([b"o" * KEY_BYTES]), Keys([b"n" * KEY_BYTES, b"o" * KEY_BYTES])
TOKEN = "Bearer s3cret"


def job(**given: str) -> Job:
    return Job(inputs=[Input(uri="https://example.com/a.mp4", headers=given)], labels={"a": "sealed:b"})


def opening(keys: Keys, tenant_id: UUID = ME) -> partial[bytes]:
    return partial(keys.open, purpose=secrets.purpose(tenant_id))


@given(st.text(min_size=1))
def test_what_is_sealed_opens_as_it_was_and_tells_nothing(text: str) -> None:
    made = job(Authorization=text)
    assert secrets.are_in(made) and not secrets.are_in(job())
    secrets.seal(made, partial(OLD.seal, purpose=secrets.purpose(ME)))
    kept = made.inputs[0].headers["Authorization"]
    assert kept.startswith("sealed:") and secrets.may_be_in(made.SerializeToString())
    assert len(text) < 4 or text not in kept
    assert secrets.opened(kept, opening(OLD)) == secrets.opened(kept, opening(NEW)) == text  # after a rotation too
    with pytest.raises(Unsealable):
        secrets.opened(kept, opening(OLD, OTHER))
    secrets.redact(made)
    assert dict(made.inputs[0].headers) == {"Authorization": "redacted"} and secrets.shown(made)
    assert made.labels["a"] == "sealed:b"


@pytest.mark.parametrize("text", ["", TOKEN, "sealed:", "sealed:!", "sealed:AAAA"])
def test_what_is_not_sealed_does_not_open(text: str) -> None:
    with pytest.raises(ValueError, match=r"sealed|damaged"):
        secrets.opened(text, opening(OLD))


@pytest.mark.parametrize(
    ("uri", "given", "wrong"),
    [
        ("https://a/b", {}, None),
        ("HTTP://a/b", {"Authorization": TOKEN, "X-Token": "a b\tc"}, None),
        ("file:///a", {"Authorization": TOKEN}, ""),
        ("s3://a/b", {"Authorization": TOKEN}, ""),
        ("https://a/b", {"Host": "b"}, "Host"),
        ("https://a/b", {"range": "bytes=0-"}, "range"),
        ("https://a/b", {"A b": "c"}, "A b"),
        ("https://a/b", {"A": "b\r\nC: d"}, "A"),
        ("https://a/b", {"A": " b"}, "A"),
        ("https://a/b", {"A": ""}, "A"),
        ("https://a/b", {"A": "é"}, "A"),
        ("https://a/b", {"A": "b", "a": "c"}, "a"),
        ("https://a/b", {"A": "b" * 8000, "B": "c" * 8400}, ""),
    ],
)
def test_headers_that_cannot_be_sent_are_named(uri: str, given: dict[str, str], wrong: str | None) -> None:
    found = headers.problem(uri, given)
    assert (found[0] if found else None) == wrong
    if found:
        assert not any(len(value) > 3 and value in found[1] for value in given.values())
