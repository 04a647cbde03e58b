"""URIs of media files: what each means and which are refused."""

from pathlib import Path

import pytest

from reelmill.storage import uris
from reelmill.storage.uris import S3Location


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///media/talk.mov", "/media/talk.mov"),
        ("file://localhost/media/talk.mov", "/media/talk.mov"),
        ("FILE:/media/a%20b.mov", "/media/a b.mov"),
        ("file:///media/100%25%3F%23.mov", "/media/100%?#.mov"),
        ("file:///media/out/", "/media/out"),
    ],
)
def test_a_file_uri_names_an_absolute_path(uri: str, path: str) -> None:
    assert uris.file_path(uri) == Path(path)


@pytest.mark.parametrize(
    "uri",
    ["file:talk.mov", "file://media/talk.mov", "file:///a?b", "file:///a#b", "file:", "file:///a%00b", "file://[/a"],
)
def test_another_file_uri_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        uris.file_path(uri)


@pytest.mark.parametrize("path", ["/media/talk.mov", "/a b/ü%20?#.mov", "/-/~"])
def test_a_path_comes_back_from_its_uri(path: str) -> None:
    assert uris.file_path(uris.file_uri(Path(path))) == Path(path)


def test_an_s3_uri_names_bucket_and_key() -> None:
    assert uris.s3_location("s3://bucket/a%20b/c.mov") == S3Location("bucket", "a b/c.mov")
    assert uris.s3_location("s3://bucket") == S3Location("bucket", "")


@pytest.mark.parametrize(
    "uri", ["s3://", "s3:///key", "s3://B_d/key", "s3://user@bucket/key", "s3://b/key", "s3://bucket/a?b"]
)
def test_another_s3_uri_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        uris.s3_location(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "upload:",
        "upload:no-uuid/talk.mov",
        "upload:00000000-0000-0000-0000-000000000001",
        "upload:00000000-0000-0000-0000-000000000001/",
        "upload:00000000-0000-0000-0000-000000000001/../../x",
        "upload:00000000-0000-0000-0000-000000000001/a/b",
        "upload:00000000-0000-0000-0000-000000000001/.hidden",
    ],
)
def test_an_upload_uri_that_we_never_gave_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="no upload"):
        uris.upload(uri)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("talk.mov", "talk.mov"),
        ("../../etc/passwd", "passwd"),
        ("Mein Vidéo (1).MOV", "Mein_Vid_o_1_.MOV"),
        (".hidden", "hidden"),
        ("", "upload"),
        ("///", "upload"),
        ("…", "upload"),
        ("x" * 300 + ".mov", "x" * 124 + ".mov"),
    ],
)
def test_the_name_of_an_upload_is_safe_and_keeps_its_ending(name: str, safe: str) -> None:
    assert uris.safe_name(name, 128) == safe
    assert uris.upload(f"upload:00000000-0000-0000-0000-000000000001/{safe}").name == safe


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "http://example.org/a",
            "https://Example.ORG:8443/a?b#c",
            "http://user:pw@example.org/",
            "http://example.org./",
        ),
        *(
            "http://93.184.215.14/",
            "http://[2606:2800::1]:80/",
            "http://bücher.example/",
            "http://xn--bcher-kva.example/",
        ),
        *(f"http://{'a' * 63}.com/", "http://2130706433/", "http://a-b.example/%00"),
    ],
)
def test_an_address_that_can_be_asked_passes(uri: str) -> None:
    uris.check_http(uri)


@pytest.mark.parametrize(
    "uri",
    [
        *("http://", "http:///x", "http:x", "https:", "http://a..b/", "http://.a/", "http://xn--/", "http://xn--a/"),
        *(
            f"http://{'a' * 64}.com/",
            f"http://{'a.' * 127}com/",
            f"http://{'é' * 63}.com/",
            "http://%00/",
            "http://\x80/",
        ),
        *("http://\u2488.com/", "http://[::1", "http://[v1.x]/", "http://a:99999/", "http://a:b/", "http://a/\x7f"),
        "http://a b/",
    ],
)
def test_one_that_can_not_is_told_in_words(uri: str) -> None:
    with pytest.raises(ValueError, match=r"is no address|must name a host|names no host"):
        uris.check_http(uri)


@pytest.mark.parametrize(
    ("key", "prefix", "below"),
    [
        ("s3://b-c/a/x", "b-c", True),
        ("s3://b-c/a/x", "b-c/a", True),
        ("s3://b-c/a/x", "b-c/a/", True),
        ("s3://b-c/a", "b-c/a", True),
        ("s3://b-c/ab/x", "b-c/a", False),
        ("s3://b-c/a/../x", "b-c/a", False),
        ("s3://b-c/a/%2E%2E/x", "b-c/a", False),
        ("s3://b-c/a%2Fb/x", "b-c/a/b", True),
        ("s3://b-cd/a", "b-c", False),
        ("s3://b-c", "b-c/a", False),
    ],
)
def test_a_key_lies_below_a_prefix_by_whole_parts(key: str, prefix: str, below: bool) -> None:
    assert uris.s3_location(key).below(S3Location.of_entry(prefix)) is below
