"""Somebody signs in at an issuer of OpenID Connect, and nobody else gets the session that comes of it."""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from api.test_openid import Issuer
from live import Reelmill

from reelmill.console.sessions import COOKIE, VISIT_COOKIE

CLIENT, SECRET = "the console", "s:cret/ü"


class Provider(Issuer):
    """An issuer with pages: whoever comes is Ann, with the role that is set here."""

    def __init__(self) -> None:
        super().__init__()
        self.claims: dict[str, Any] = {}
        self.given: dict[str, dict[str, str]] = {}
        self.refuses = False
        provider = self

        class Pages(self.server.RequestHandlerClass):  # type: ignore[name-defined,misc]
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                status, told = provider.answer(parse_qs(body), self.headers.get("authorization", ""))
                data = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server.RequestHandlerClass = Pages

    def answers(self) -> dict[str, Any]:
        found = super().answers()
        ends = {"authorization_endpoint": f"{self.url}/authorize?kind=people", "token_endpoint": f"{self.url}/token"}
        found["/.well-known/openid-configuration"] |= ends
        return found

    def visited(self, address: str) -> str:
        """Where a browser that was sent to `address` is led back to, once Ann has said who she is."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (query["response_type"], query["client_id"], query["kind"]) == ("code", CLIENT, "people")
        assert (query["scope"], query["code_challenge_method"]) == ("openid", "S256")
        code = secrets.token_hex(8)
        self.given[code] = query
        return f"{query['redirect_uri']}?code={code}&state={quote(query['state'])}"

    def answer(self, asked: dict[str, list[str]], authorization: str) -> tuple[int, dict[str, Any]]:
        """The answer to a code, which is good once."""
        given = self.given.pop(asked["code"][0], None)
        name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        digest = hashlib.sha256(asked["code_verifier"][0].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        known = (name, secret) == (quote(CLIENT, safe=""), quote(SECRET, safe=""))
        if not known or given is None or challenge != given["code_challenge"] or self.refuses:
            return 400, {"error": "invalid_grant"}
        assert asked["redirect_uri"] == [given["redirect_uri"]]
        claims = {"aud": CLIENT, "nonce": given["nonce"], "roles": "operator"} | self.claims
        return 200, {"id_token": self.token(**claims)[1].removeprefix("Bearer "), "access_token": "opaque"}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()
    assert issubclass(made.server.RequestHandlerClass, BaseHTTPRequestHandler)
    thread = Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture(scope="module")
def system(provider: Provider) -> Iterator[Reelmill]:
    client = {"oidc_client_id": CLIENT, "oidc_client_secret": SECRET, "oidc_audience": CLIENT}
    networks = {"http_allowed_networks": '["127.0.0.0/8"]'}
    with Reelmill("up", authentication="keys", oidc_issuer=provider.url, **client, **networks) as running:
        yield running


@pytest.fixture
def browser(system: Reelmill, provider: Provider) -> Iterator[httpx.Client]:
    provider.claims, provider.refuses = {}, False
    with httpx.Client(base_url=system.http, timeout=60, headers={"Origin": system.http}) as client:
        yield client


def test_who_signs_in_at_the_issuer_has_a_session(browser: httpx.Client, provider: Provider, system: Reelmill) -> None:
    page = browser.get("/sign-in?next=/presets").text
    assert 'href="/sign-in/openid?next=/presets"' in page and urlsplit(provider.url).netloc in page
    there = browser.get("/sign-in/openid?next=/presets")
    assert there.status_code == 303
    kept = there.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/sign-in/openid", "Max-Age=600"} <= set(kept.split("; "))
    address = there.headers["location"]
    assert address.startswith(f"{provider.url}/authorize?kind=people&")
    back = provider.visited(address)
    assert back.startswith(f"{system.http}/sign-in/openid/back?")
    done = browser.get(back)
    assert (done.status_code, done.headers["location"]) == (303, "/presets")
    cookies = done.headers.get_list("set-cookie")
    assert {one.partition("=")[0] for one in cookies} == {COOKIE, VISIT_COOKIE}
    assert all("HttpOnly" in one and "SameSite=lax" in one for one in cookies)
    assert "Sign out" in browser.get("/presets").text
    # A code and a state are good once.
    assert browser.get(back).status_code == 401


@pytest.mark.parametrize("lacks", ["the cookie", "the state", "the code"])
def test_a_way_back_that_is_not_this_browsers_makes_no_session(
    browser: httpx.Client, provider: Provider, lacks: str
) -> None:
    back = provider.visited(browser.get("/sign-in/openid").headers["location"])
    if lacks == "the cookie":
        browser.cookies.clear()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    if lacks == "the state":
        asked["state"] += "x"
    if lacks == "the code":
        asked = {"state": asked["state"], "error": "access_denied"}
    answer = browser.get("/sign-in/openid/back", params=asked)
    assert (answer.status_code, 'role="alert"' in answer.text) == (401, True)
    assert not any(one.startswith(COOKIE) for one in answer.headers.get_list("set-cookie"))


@pytest.mark.parametrize(
    ("claims", "refuses", "words"),
    [
        ({"nonce": "another"}, False, "made for another visit"),
        ({"aud": "others"}, False, "may give you no role here"),
        ({"roles": "nobody"}, False, "may give you no role here"),
        ({}, True, "the issuer gave no token: invalid_grant"),
    ],
)
def test_a_token_that_is_not_for_us_makes_no_session(
    browser: httpx.Client, provider: Provider, claims: dict[str, str], refuses: bool, words: str
) -> None:
    provider.claims, provider.refuses = claims, refuses
    back = provider.visited(browser.get("/sign-in/openid?next=//evil.example.org").headers["location"])
    answer = browser.get(back)
    assert (answer.status_code, words in answer.text) == (401, True), answer.text
    assert "evil.example.org" not in answer.text
    assert not any(one.startswith(COOKIE) for one in answer.headers.get_list("set-cookie"))
