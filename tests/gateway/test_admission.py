"""Requests of other sites' pages are refused, on a real gateway; clients as they are get through."""

import json
import socket
from collections.abc import Iterator
from http import HTTPStatus

import httpx
import pytest
from gateway.test_problems import JOB, problem
from live import Reelmill
from services.process import HOST
from waiting import PATIENCE_SECONDS

OURS, PARTNER = "media.example.com", "https://app.example.com"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def named(idle_api: Reelmill) -> Iterator[httpx.Client]:
    """A gateway with a name of its own, names below another, and pages of a partner."""
    hosts, origins = json.dumps([OURS, "*.films.example"]), json.dumps([PARTNER])
    gateway = Reelmill("gateway", api_target=idle_api.grpc, allowed_hosts=hosts, allowed_origins=origins)
    with gateway, httpx.Client(base_url=gateway.http, timeout=60) as client:
        yield client


def raw(client: httpx.Client, head: str) -> tuple[int, str]:
    """Status and whole answer of a request whose lines are exactly these."""
    with socket.create_connection((HOST, client.base_url.port or 0), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"Connection: close\r\n\r\n")
        answer = connection.makefile("rb").read().decode()
    return int(answer.split()[1]), answer


def stored(client: httpx.Client) -> int:
    return len(client.get("/v1/jobs", params={"page_size": 1000}).json().get("jobs", []))


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "films.example"]
)
def test_a_name_that_is_not_ours_is_refused_whatever_is_asked_for(named: httpx.Client, host: str) -> None:
    for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("POST", "/v1/uploads?name=x"), ("GET", "/")):
        answer = named.request(method, path, headers={"Host": host})
        assert "allowed_hosts" in problem(answer, 421, "HOST_NOT_ALLOWED")["detail"]


def test_a_host_that_can_not_be_read_or_is_told_twice_is_refused(idle_http: httpx.Client) -> None:
    for lines in (
        "Host: localhost\nHost: evil.example\n",
        "Host: [::1\n",
        "Host: a b\n",
        "Host:\n",
        "Host: @localhost\n",
    ):
        status, answer = raw(idle_http, f"GET /v1/jobs HTTP/1.1\n{lines}")
        assert status in (400, 421), (lines, answer)
    assert raw(idle_http, "GET /v1/jobs HTTP/1.0\n")[0] in (400, 421)
    assert raw(idle_http, "GET http://evil.example/v1/jobs HTTP/1.1\nHost: evil.example\n")[0] in (404, 421)


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LocalHost:8080", "localhost.", "app.localhost:1", "127.0.0.1:8080", "[::1]:8080", "[FE80::1]"),
        *("192.0.2.7:30080", "media.example.com", "Media.Example.COM:443", "a.films.example", "a.b.films.example"),
        socket.gethostname(),
    ],
)
def test_our_names_and_every_address_are_answered(named: httpx.Client, host: str) -> None:
    for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/jobs:validate")):
        answer = named.request(method, path, headers={"Host": host, **JSON}, content=json.dumps(JOB))
        assert answer.status_code == 200, answer.text


def test_health_is_told_under_any_name(idle_http: httpx.Client) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert idle_http.get(path, headers={"Host": "10-1-2-3.default.pod.cluster.local:8080"}).status_code == 200
        assert raw(idle_http, f"GET {path} HTTP/1.0\n")[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://localhost"},
        {"Origin": "http://localhost:8080.evil.example"},
        {"Origin": "null"},
        {"Origin": "file://"},
        {"Origin": "http://user@localhost:8080"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:8080", "Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_a_page_of_another_site_can_not_submit(idle_http: httpx.Client, headers: dict[str, str]) -> None:
    before = stored(idle_http)
    kinds = "application/json", "text/plain", "application/x-www-form-urlencoded"
    for path in ("/v1/jobs", "/v1/jobs:batchCreate", "/v1/media:probe", "/v1/uploads?name=talk.mov"):
        for kind in kinds:
            sent = headers | {"Host": "localhost:8080", "Content-Type": kind}
            answer = idle_http.post(path, headers=sent, content=json.dumps(JOB))
            assert "allowed_origins" in problem(answer, 403, "CROSS_SITE")["detail"]
        problem(idle_http.post(path, headers=headers | {"Host": "localhost:8080"}), 403, "CROSS_SITE")
    assert stored(idle_http) == before


def test_two_origins_are_as_good_as_the_worse(idle_http: httpx.Client) -> None:
    origins = "Origin: http://localhost\nOrigin: http://evil.example\n"
    status, _ = raw(idle_http, f"POST /v1/jobs HTTP/1.1\nHost: localhost\n{origins}Content-Length: 0\n")
    assert status == 403


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("LOCALHOST:8080", "HTTP://localhost:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("127.0.0.1", "http://127.0.0.1"),
        ("media.example.com", "https://media.example.com"),  # TLS ends before us
        ("media.example.com:443", "https://media.example.com"),
        ("media.example.com", PARTNER),
    ],
)
def test_our_own_pages_and_those_of_partners_submit(named: httpx.Client, host: str, origin: str) -> None:
    site = "cross-site" if origin == PARTNER else "same-origin"
    answer = named.post("/v1/jobs:validate", headers={"Host": host, "Origin": origin, "Sec-Fetch-Site": site}, json=JOB)
    assert answer.status_code == 200, answer.text
    assert answer.headers.get("access-control-allow-origin") == (PARTNER if origin == PARTNER else None)


def test_cors_is_closed_but_for_partners(idle_http: httpx.Client, named: httpx.Client) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    closed = idle_http.options("/v1/jobs", headers=asked | {"Origin": PARTNER})
    assert closed.status_code == 405
    assert not [name for name in closed.headers if name.startswith("access-control")]
    opened = named.options("/v1/jobs", headers=asked | {"Origin": PARTNER})
    assert (opened.status_code, opened.headers["access-control-allow-origin"]) == (200, PARTNER)
    assert named.options("/v1/jobs", headers=asked | {"Origin": "https://evil.example"}).status_code == 400
    assert (
        "access-control-allow-origin" not in named.get("/v1/jobs", headers={"Origin": "https://evil.example"}).headers
    )


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", HTTPStatus.OK),
        ("Application/JSON; Charset=UTF-8", HTTPStatus.OK),
        ('application/json;charset="utf-8"', HTTPStatus.OK),
        ("application/json; charset=latin-1", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        ("application/merge-patch+json", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        ("application/json, text/plain", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        ("text/plain; application/json", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        ("text/plain", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        ("application/x-www-form-urlencoded", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        ("multipart/form-data; boundary=x", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        ("", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        (None, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    ],
)
def test_a_body_is_called_json(idle_http: httpx.Client, content_type: str | None, status: int) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    for content in (json.dumps(JOB).encode(), iter([json.dumps(JOB).encode()])):  # with its length told, and in chunks
        answer = idle_http.post("/v1/jobs:validate", headers=headers, content=content)
        assert answer.status_code == status, answer.text
        if status != HTTPStatus.OK:
            assert "Content-Type: application/json" in problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")["detail"]


def test_what_needs_no_body_needs_no_type(idle_http: httpx.Client) -> None:
    made = idle_http.post("/v1/jobs", json=JOB).json()
    assert idle_http.post(f"/v1/jobs/{made['id']}:cancel").json()["state"] == "CANCELLED"


def test_an_upload_is_the_file_and_no_form_around_it(idle_http: httpx.Client) -> None:
    answer = idle_http.post("/v1/uploads?name=talk.mov", files={"file": b"bytes"})
    assert "--data-binary" in problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")["detail"]
    for kind in ("application/octet-stream", "video/mp4", "application/x-www-form-urlencoded"):  # the last is curl's
        answer = idle_http.post("/v1/uploads?name=talk.mov", headers={"Content-Type": kind}, content=b"bytes")
        assert answer.status_code == 201


@pytest.mark.parametrize("encoding", ["gzip", "Identity, br", "deflate"])
def test_a_packed_body_is_refused(idle_http: httpx.Client, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    for path, kind in (("/v1/jobs", "application/json"), ("/v1/uploads?name=a.mp4", "application/octet-stream")):
        answer = idle_http.post(path, content=b"{}", headers={**headers, "Content-Type": kind})
        assert "Content-Encoding" in problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")["detail"]
    same = {"Content-Encoding": "identity", "Content-Type": "application/json"}
    assert idle_http.post("/v1/jobs:validate", json=JOB, headers=same).status_code == HTTPStatus.OK
