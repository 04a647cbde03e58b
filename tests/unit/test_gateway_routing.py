"""Requests on their way to a handler and back, with handlers of the test's own: statuses, headers, what is counted."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from reelmill.gateway.admission import Admission
from reelmill.gateway.bindings import Template
from reelmill.gateway.problems import Problem
from reelmill.gateway.routing import Endpoint, Router
from reelmill.jobs.errors import NotFound, Unavailable
from reelmill.telemetry import metrics


async def echo(request: Request) -> Response:
    return JSONResponse({"path": request.path_params, "method": request.method})


def raises(error: Exception) -> Any:
    async def handler(request: Request) -> Response:
        raise error

    return handler


async def breaks_off(request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"half"
        raise Unavailable("away")

    return StreamingResponse(body(), headers={"Content-Length": "8"})


ENDPOINTS = [
    Endpoint(verb="GET", template=Template("/v1/jobs/{id}"), handler=echo),
    Endpoint(verb="POST", template=Template("/v1/jobs/{id}:cancel"), handler=echo),
    Endpoint(verb="DELETE", template=Template("/v1/jobs/{id}"), handler=echo),
    Endpoint(verb="GET", template=Template("/v1/jobs/{id}/watch"), handler=echo, head=False),
    Endpoint(verb="GET", template=Template("/v1/problem"), handler=raises(Problem(418, "TEAPOT", "short"))),
    Endpoint(verb="GET", template=Template("/v1/gone"), handler=raises(NotFound("no"))),
    Endpoint(verb="GET", template=Template("/v1/away"), handler=raises(Unavailable("x"))),
    Endpoint(verb="GET", template=Template("/v1/fault"), handler=raises(ZeroDivisionError("secret"))),
    Endpoint(verb="GET", template=Template("/v1/left"), handler=raises(ClientDisconnect())),
    Endpoint(verb="GET", template=Template("/v1/half"), handler=breaks_off),
]


@asynccontextmanager
async def client() -> AsyncIterator[httpx.AsyncClient]:
    application = Starlette(routes=[Router(ENDPOINTS, Admission(["gateway"], []))])
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as opened:
        yield opened


def counts() -> dict[tuple[str, ...], float]:
    return {key: child._value.get() for key, child in metrics._REQUESTS._metrics.items()}


async def answer(method: str, path: str, **options: Any) -> tuple[httpx.Response, dict[tuple[str, ...], float]]:
    """The answer, and what was counted meanwhile: (method, route, code)."""
    before = counts()
    async with client() as opened:
        got = await opened.request(method, path, **options)
    return got, {key: value - before.get(key, 0) for key, value in counts().items() if value != before.get(key, 0)}


@pytest.mark.parametrize(
    ("method", "path", "variables", "route"),
    [
        ("GET", "/v1/jobs/abc", {"id": "abc"}, "/v1/jobs/{id}"),
        ("DELETE", "/v1/jobs/abc", {"id": "abc"}, "/v1/jobs/{id}"),
        ("POST", "/v1/jobs/abc:cancel", {"id": "abc"}, "/v1/jobs/{id}:cancel"),
        ("GET", "/v1/jobs/a%2Fb%3Ac%20%C3%A9", {"id": "a/b:c é"}, "/v1/jobs/{id}"),
        ("GET", "/v1/jobs/abc?x=/v1/problem", {"id": "abc"}, "/v1/jobs/{id}"),
    ],
)
async def test_a_request_finds_its_handler_with_its_variables(
    method: str, path: str, variables: dict[str, str], route: str
) -> None:
    got, counted = await answer(method, path)
    assert (got.status_code, got.json()) == (200, {"path": variables, "method": method})
    assert got.headers["x-content-type-options"] == "nosniff"
    assert counted == {(method, route, "200"): 1}


async def test_head_has_the_headers_of_a_get_and_no_body() -> None:
    get, _ = await answer("GET", "/v1/jobs/abc")
    head, counted = await answer("HEAD", "/v1/jobs/abc")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert counted == {("HEAD", "/v1/jobs/{id}", "200"): 1}
    endless, _ = await answer("HEAD", "/v1/jobs/abc/watch")
    assert (endless.status_code, endless.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "route"),
    [
        ("GET", "/v1/nothing", 404, "NO_SUCH_ROUTE", "none"),
        ("GET", "/v1/jobs/a/b", 404, "NO_SUCH_ROUTE", "none"),
        ("PUT", "/v1/jobs/abc", 405, "METHOD_NOT_ALLOWED", "none"),
        ("GET", "/v1/jobs/%ff", 400, "INVALID_REQUEST", "none"),
        ("GET", "/v1/problem", 418, "TEAPOT", "/v1/problem"),
        ("GET", "/v1/gone", 404, "NOT_FOUND", "/v1/gone"),
        ("GET", "/v1/away", 503, "UNAVAILABLE", "/v1/away"),
        ("GET", "/v1/fault", 500, "INTERNAL", "/v1/fault"),
        ("BREW", "/v1/problem", 405, "METHOD_NOT_ALLOWED", "none"),
    ],
)
async def test_what_goes_wrong_is_a_problem_and_counted_by_its_route(
    method: str, path: str, status: int, code: str, route: str
) -> None:
    got, counted = await answer(method, path)
    assert (got.status_code, got.headers["content-type"]) == (status, "application/problem+json")
    assert json.loads(got.content)["code"] == code
    assert b"secret" not in got.content
    assert got.headers["x-content-type-options"] == "nosniff"
    assert counted == {("other" if method == "BREW" else method, route, str(status)): 1}


async def test_a_method_that_is_not_taken_is_told_those_that_are() -> None:
    got, _ = await answer("POST", "/v1/jobs/abc")
    assert (got.status_code, got.headers["allow"]) == (405, "DELETE, GET, HEAD")
    assert got.json()["detail"] == "/v1/jobs/{id} takes DELETE, GET, HEAD"


async def test_a_client_that_left_is_counted_as_that() -> None:
    async with client() as opened:
        before = counts()
        with pytest.raises(BaseException):  # noqa: B017 - the transport misses the answer that nobody gets
            await opened.get("/v1/left")
    key = ("GET", "/v1/left", "499")
    assert counts().get(key, 0) == before.get(key, 0) + 1


async def test_an_answer_that_breaks_off_is_cut_and_not_passed_as_whole() -> None:
    async with client() as opened:
        with pytest.raises(Problem):
            await opened.get("/v1/half")


async def test_a_name_that_is_not_ours_is_refused_before_all_else() -> None:
    got, counted = await answer("GET", "/v1/jobs/abc", headers={"host": "evil.example"})
    assert (got.status_code, got.json()["code"]) == (421, "HOST_NOT_ALLOWED")
    assert counted == {("GET", "none", "421"): 1}


def admitted(method: str = "POST", path: str = "/v1/jobs", **headers: str) -> int:
    """0, or the status of what it is refused with."""
    from starlette.datastructures import Headers

    try:
        admission = Admission(["Media.Example.", "*.farm.example"], ["https://App.example"], listening="studio")
        admission.check(method, path, Headers({name.replace("_", "-"): value for name, value in headers.items()}))
    except Problem as problem:
        return problem.status
    return 0


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("media.example", 0),
        ("MEDIA.example.:8080", 0),
        ("a.farm.example", 0),
        ("a.b.farm.example:1", 0),
        ("farm.example", 421),
        ("xfarm.example", 421),
        ("studio", 0),
        ("localhost:65535", 0),
        ("a.localhost", 0),
        ("127.0.0.1", 0),
        ("[::1]:8080", 0),
        ("evil.example", 421),
        ("media.example.evil", 421),
        ("media.example, evil", 421),
        ("", 421),
        ("media.example:123456", 421),
    ],
)
def test_a_host_is_ours_by_name_ending_or_address(host: str, status: int) -> None:
    assert admitted(host=host) == status
    assert admitted("GET", host=host) == status
    assert admitted("GET", "/healthz", host=host) == 0


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://media.example", 0),
        ("https://media.example", 403),
        ("https://app.example", 0),
        ("HTTPS://APP.EXAMPLE", 0),
        ("https://app.example:444", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("ftp://media.example", 403),
    ],
)
def test_a_page_of_elsewhere_changes_nothing(origin: str, status: int) -> None:
    assert admitted(host="media.example:80", origin=origin) == status
    assert admitted("GET", host="media.example:80", origin=origin) == 0


def test_a_browser_that_keeps_the_origin_back_says_so_otherwise() -> None:
    assert admitted(host="media.example", sec_fetch_site="cross-site") == 403
    assert admitted(host="media.example", sec_fetch_site="same-origin") == 0
    assert admitted(host="media.example", origin="https://app.example", sec_fetch_site="cross-site") == 0
