"""A signed address lets fetch one file until it expires; whatever is changed in it is refused."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from reelmill.sealing import Keys
from reelmill.signed_urls import (
    PREFIX,
    PURPOSE,
    UPLOAD_PURPOSE,
    Grant,
    Refused,
    UploadGrant,
    granted,
    granted_upload,
    signed_path,
    signed_upload_path,
)

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


UPLOAD_KEYS = Keys([b"k" * 32]).derived(UPLOAD_PURPOSE)
UPLOAD = UploadGrant(path="uploads/t/1-ü.mov", max_bytes=7, expires=1000)


def test_an_upload_is_granted_as_signed_until_it_expires() -> None:
    path, query = parts(signed_upload_path(UPLOAD, UPLOAD_KEYS))
    assert granted_upload(path, query, UPLOAD_KEYS, now=999) == UPLOAD
    with pytest.raises(Refused, match="expired"):
        granted_upload(path, query, UPLOAD_KEYS, now=1000)
    for changed in ({"max_bytes": ["8"]}, {"max_bytes": [""]}, {"expires": ["2000"]}, {"key": ["0"]}, {"type": ["a"]}):
        with pytest.raises(Refused):
            granted_upload(path, query | changed, UPLOAD_KEYS, now=0)
    with pytest.raises(Refused, match="changed"):
        granted_upload("uploads/other/1-ü.mov", query, UPLOAD_KEYS, now=0)


def test_what_is_to_be_fetched_is_not_to_be_written() -> None:
    """The two have keys of their own, so that no text of the one is ever a text of the other."""
    assert not set(UPLOAD_KEYS.values()) & set(KEYS.values())
    path, query = parts(signed_upload_path(UPLOAD, KEYS))
    with pytest.raises(Refused, match="changed"):
        granted_upload(path, query, UPLOAD_KEYS, now=0)
