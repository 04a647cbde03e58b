"""A signed address lets fetch one file until it expires; whatever is changed in it is refused."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from reelmill.sealing import Keys
from reelmill.signed_urls import PREFIX, PURPOSE, Grant, Refused, granted, signed_path

KEYS = Keys([b"k" * 32, b"o" * 32]).derived(PURPOSE)
GRANT = Grant(path="outputs/t/j-1/a/ü b.mp4", content_type="video/mp4", sha256="00", expires=1000)


def parts(address: str) -> tuple[str, dict[str, list[str]]]:
    split = urlsplit(address)
    assert split.path.startswith(PREFIX)
    return unquote(split.path.removeprefix(PREFIX)), parse_qs(split.query)


def test_it_grants_what_was_signed_until_it_expires() -> None:
    path, query = parts(signed_path(GRANT, KEYS))
    assert granted(path, query, KEYS, now=999.9) == GRANT
    with pytest.raises(Refused, match="expired"):
        granted(path, query, KEYS, now=1000)


def test_a_key_that_is_replaced_is_taken_until_it_is_gone() -> None:
    old = Keys([b"o" * 32]).derived(PURPOSE)
    path, query = parts(signed_path(GRANT, old))
    assert granted(path, query, KEYS, now=0) == GRANT
    with pytest.raises(Refused, match="key"):
        granted(path, query, Keys([b"k" * 32]).derived(PURPOSE), now=0)
    with pytest.raises(Refused):
        granted(path, query, {}, now=0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("path", "outputs/t/j-1/a/other.mp4"),
        ("expires", "2000"),
        ("expires", "-1"),
        ("expires", "²"),
        ("type", "text/html"),
        ("sha256", "01"),
        ("key", "00000000"),
        ("signature", "ü"),
        ("signature", ""),
        ("more", "1"),
    ],
)
def test_what_was_changed_is_refused(name: str, value: str) -> None:
    path, query = parts(signed_path(GRANT, KEYS))
    if name == "path":
        path = value
    else:
        query[name] = [value]
    with pytest.raises(Refused):
        granted(path, query, KEYS, now=0)


def test_each_parameter_is_there_once() -> None:
    path, query = parts(signed_path(GRANT, KEYS))
    for name in query:
        with pytest.raises(Refused, match="whole"):
            granted(path, {key: value for key, value in query.items() if key != name}, KEYS, now=0)
        with pytest.raises(Refused, match="whole"):
            granted(path, query | {name: query[name] * 2}, KEYS, now=0)


def test_no_two_grants_have_one_signature() -> None:
    moved = Grant(path=GRANT.path + "9:video/mp4", content_type="", sha256="00", expires=1000)
    assert parts(signed_path(moved, KEYS))[1]["signature"] != parts(signed_path(GRANT, KEYS))[1]["signature"]
