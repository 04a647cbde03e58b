"""Where callers are asked for keys: a session is its key's, shows nobody else's jobs, and never the key."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from jobs import STILL, job
from live import Reelmill

from reelmill.auth.tokens import new_token
from reelmill.client import Client
from reelmill.console.sessions import COOKIE

ADMIN = new_token().text


@pytest.fixture(scope="module")
def guarded(clip: Path) -> Iterator[Reelmill]:
    with Reelmill("up", authentication="keys", admin_key=ADMIN, worker_slots=1) as system:
        system.bring(clip, "clip.mp4")
        yield system


@pytest.fixture(scope="module")
def tokens(guarded: Reelmill) -> dict[str, str]:
    """Keys of two tenants, and of a viewer."""
    with Client(guarded.grpc, token=ADMIN) as admin:
        admin.create_tenant("theirs")
        made = {tenant: admin.create_key("ann", "operator", tenant=tenant).token for tenant in ("default", "theirs")}
        return made | {"viewer": admin.create_key("vera", "viewer").token}


def browser(system: Reelmill) -> httpx.Client:
    return httpx.Client(base_url=system.http, timeout=60, headers={"Origin": system.http})


@contextmanager
def signed_in(system: Reelmill, token: str) -> Iterator[httpx.Client]:
    with browser(system) as client:
        answer = client.post("/sign-in", data={"token": token, "next": "/"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        yield client


def test_who_has_no_session_is_led_to_sign_in(guarded: Reelmill) -> None:
    with browser(guarded) as client:
        for path in ("/", "/jobs/01a20d22-f85a-70f1-b8c8-3ea9223e6a52", "/live/jobs"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in"), path
        part = client.get("/", headers={"HX-Request": "true"})
        assert (part.status_code, part.headers["hx-redirect"].startswith("/sign-in")) == (401, True)
        assert client.get("/sign-in?next=https://evil.example.org/x").text.count("evil.example.org") == 0
        client.cookies.set(COOKIE, "forged")
        assert client.get("/").status_code == 303


def test_a_key_that_is_not_good_makes_no_session(guarded: Reelmill) -> None:
    with browser(guarded) as client:
        for token in (new_token().text, "nonsense", "", "ü" * 10, "x" * 5000):
            answer = client.post("/sign-in", data={"token": token})
            assert answer.status_code in (400, 401), token
            assert 'role="alert"' in answer.text
            assert "set-cookie" not in answer.headers


def test_a_session_is_kept_from_scripts_and_other_sites_and_hides_its_key(
    guarded: Reelmill, tokens: dict[str, str]
) -> None:
    token = tokens["default"]
    with browser(guarded) as client:
        answer = client.post("/sign-in", data={"token": token, "next": "//evil.example.org"})
        assert answer.headers["location"] == "/"
        cookie = answer.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        shown = cookie + client.get("/").text + client.get("/sign-in").text
        assert token not in shown
        assert token.split("_")[2] not in shown
        # The cookie is the console's alone: /v1 wants the key itself, and so takes no other site's requests.
        assert client.get("/v1/jobs").status_code == 401
        over_tls = {"Origin": guarded.http.replace("http", "https")}
        assert "Secure" in client.post("/sign-in", data={"token": token}, headers=over_tls).headers["set-cookie"]
        out = client.post("/sign-out", data={"now": ""})
        assert "Max-Age=0" in out.headers["set-cookie"]
        assert client.get("/").status_code == 303


def test_a_session_sees_its_callers_jobs_alone(guarded: Reelmill, tokens: dict[str, str]) -> None:
    with Client(guarded.grpc, token=tokens["theirs"]) as client:
        theirs = client.wait(client.create_job(job("example:clip", STILL)).id)
    with signed_in(guarded, tokens["theirs"]) as them, signed_in(guarded, tokens["default"]) as us:
        assert theirs.id in them.get("/").text
        [still] = re.findall(r'<img loading="lazy" src="([^"]+)"', them.get(f"/jobs/{theirs.id}").text)
        assert them.get(still).status_code == 200
        assert theirs.id not in us.get("/").text
        for path in (f"/jobs/{theirs.id}", f"/jobs/{theirs.id}/json", f"/jobs/{theirs.id}/log", still):
            assert us.get(path).status_code == 404, path
        assert us.post(f"/jobs/{theirs.id}", data={"do": "replay"}).status_code == 404
        with them.stream("GET", "/live/jobs") as first:
            told = first.iter_text()
            seen = ""
            while theirs.id not in seen:
                seen += next(told)
            with us.stream("GET", "/live/jobs") as second:  # the same part, while another watches it
                lines = second.iter_text()
                ours = ""
                while "</tr>" not in ours:
                    ours += next(lines)
        assert theirs.id not in ours


def test_what_a_role_may_not_is_said(guarded: Reelmill, tokens: dict[str, str]) -> None:
    with signed_in(guarded, tokens["viewer"]) as client:
        assert client.get("/").status_code == 200
        answer = client.post("/run", data={"uri": "upload:x", "preset": "poster"})
        assert (answer.status_code, "viewer" in answer.text) == (403, True)


def test_a_key_that_a_proxy_puts_in_is_taken(guarded: Reelmill, tokens: dict[str, str]) -> None:
    with browser(guarded) as client:
        answer = client.get("/", headers={"Authorization": f"Bearer {tokens['default']}"})
        assert (answer.status_code, "Sign out" in answer.text) == (200, False)


def test_a_revoked_key_ends_its_sessions(guarded: Reelmill) -> None:
    with Client(guarded.grpc, token=ADMIN) as admin:
        made = admin.create_key("gone", "operator")
        with signed_in(guarded, made.token) as client, client.stream("GET", "/live/jobs") as events:
            admin.revoke_key(made.key.id)
            assert "event: problem" in "".join(events.iter_text())
            assert client.get("/").status_code == 303
