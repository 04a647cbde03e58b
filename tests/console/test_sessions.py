"""A session is what we sealed, for as long as we said; and only our own pages may send forms."""

import base64

import pytest
from starlette.datastructures import Headers

from reelmill.console.pages import own_path
from reelmill.console.policy import CONTENT_POLICY, is_secure, require_own_page
from reelmill.console.sessions import MOST_TOKEN_BYTES, SECONDS, Sessions
from reelmill.gateway.problems import Problem
from reelmill.sealing import Keys

OURS, OTHERS = Keys([b"k" * 32]), Keys([b"o" * 32])
NOW = 1_800_000_000.0


def test_a_session_is_opened_until_it_ends() -> None:
    cookie = Sessions(OURS).begin("rm_abc_secret", now=NOW)
    assert "rm_abc" not in cookie
    assert b"secret" not in base64.urlsafe_b64decode(cookie + "===")
    for sessions in (Sessions(OURS), Sessions(Keys([b"n" * 32, b"k" * 32]))):  # another process, another key before it
        assert sessions.token(cookie, now=NOW + SECONDS - 1) == "rm_abc_secret"
        assert sessions.token(cookie, now=NOW + SECONDS) == ""


def test_what_we_did_not_seal_is_no_session() -> None:
    cookie = Sessions(OURS).begin("rm_abc_secret", now=NOW)
    sealed = bytearray(base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4)))
    sealed[-1] ^= 1
    changed = base64.urlsafe_b64encode(bytes(sealed)).decode().rstrip("=")
    plain = base64.urlsafe_b64encode(b'{"token": "rm_x", "until": 9e99}').decode()
    other_purpose = base64.urlsafe_b64encode(OURS.seal(b'{"token": "rm_x", "until": 9e99}', "webhook")).decode()
    for given in ("", "x", "é", changed, plain, other_purpose, cookie[:-4], "A" * 5000):
        assert Sessions(OURS).token(given, now=NOW) == "", given
    assert Sessions(OTHERS).token(cookie, now=NOW) == ""


def test_without_keys_a_session_lives_as_long_as_the_process() -> None:
    one = Sessions(None)
    cookie = one.begin("t", now=NOW)
    assert one.token(cookie, now=NOW) == "t"
    assert Sessions(None).token(cookie, now=NOW) == ""


def test_a_token_that_no_cookie_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than"):
        Sessions(OURS).begin("t" * (MOST_TOKEN_BYTES + 1), now=NOW)
    assert len(Sessions(OURS).begin("t" * MOST_TOKEN_BYTES, now=NOW)) < 4000


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "media.example.org", "origin": "https://media.example.org"},
        {"host": "media.example.org:443", "origin": "https://media.example.org"},
        {"host": "127.0.0.1:8080", "origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-origin"},
        {"host": "[::1]:8080", "origin": "http://[::1]:8080"},
    ],
)
def test_our_own_pages_send_forms(headers: dict[str, str]) -> None:
    require_own_page(Headers(headers))
    with pytest.raises(Problem):  # the same without saying where it comes from
        require_own_page(Headers({"host": headers["host"]}))


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "media.example.org"},
        {"host": "media.example.org", "origin": "null"},
        {"host": "media.example.org", "origin": "https://evil.example.org"},
        {"host": "media.example.org", "origin": "https://media.example.org:8443"},
        {"host": "media.example.org", "origin": "https://media.example.org.evil.net"},
        {"host": "media.example.org", "origin": "ftp://media.example.org"},
        {"host": "media.example.org", "origin": "https://media.example.org:x"},
        {"host": "media.example.org", "origin": "https://media.example.org", "sec-fetch-site": "same-site"},
        {"host": "media.example.org", "origin": "https://media.example.org", "sec-fetch-site": "cross-site"},
    ],
)
def test_other_pages_do_not(headers: dict[str, str]) -> None:
    with pytest.raises(Problem, match="CROSS_SITE"):
        require_own_page(Headers(headers))


def test_a_cookie_is_kept_to_https_where_the_browser_has_that() -> None:
    assert is_secure(Headers({"origin": "https://media.example.org"}))
    assert not is_secure(Headers({"origin": "http://media.example.org"}))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("/jobs/1?x=2", "/jobs/1?x=2"),
        ("https://evil.example.org/jobs", "/jobs"),
        ("//evil.example.org", "/"),
        ("/\\evil.example.org", "/"),
        ("javascript:alert(1)", "/"),
        ("////evil.example.org", "/"),
        ("/a\nb", "/ab"),
        ("http://[", "/"),
        ("", "/"),
    ],
)
def test_nobody_is_led_elsewhere(given: str, wanted: str) -> None:
    assert own_path(given) == wanted


def test_a_page_runs_no_script_but_our_files() -> None:
    told = dict(part.split(" ", 1) for part in CONTENT_POLICY.split("; "))
    assert told["default-src"] == "'none'"
    assert (told["script-src"], told["style-src"], told["connect-src"]) == ("'self'",) * 3
    assert (told["form-action"], told["frame-ancestors"], told["base-uri"]) == ("'self'", "'none'", "'none'")
