"""Swagger UI, from files in the package, in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gateway.browser import Browser
from live import Reelmill

from reelmill.client import Client
from reelmill.gateway.bindings import services
from reelmill.v1.jobs_pb2 import Job

OPERATIONS = {m.name for service in services() for m in service.methods} | {"UploadFile", "DownloadFile"}


@pytest.fixture(scope="module")
def page(live: Reelmill, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The page, drawn."""
    with Browser(tmp_path_factory.mktemp("chromium")) as browser:
        browser.open(f"{live.http}/swagger/")
        browser.wait_for("document.querySelectorAll('.opblock').length")
        yield browser


def test_the_short_path_leads_to_the_page(idle_http: httpx.Client) -> None:
    for path in ("/swagger",):
        answer = idle_http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (307, "/swagger/")


def test_every_file_comes_from_here_under_a_strict_policy(idle_http: httpx.Client) -> None:
    for name in ("", "swagger.js", "swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
        answer = idle_http.get(f"/swagger/{name}")
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "http" not in policy
    assert idle_http.get("/swagger/..%2Fapp.py").status_code == 404


def test_the_page_shows_every_operation(page: Browser, tmp_path: Path) -> None:
    shown = page.evaluate("[...document.querySelectorAll('.opblock')].map(o => o.id.split('-').pop())")
    assert sorted(shown) == sorted(OPERATIONS)
    assert page.screenshot(tmp_path / "swagger.png").stat().st_size > 20_000


def test_the_first_execute_makes_a_job_that_completes(page: Browser, live: Reelmill) -> None:
    block = "document.querySelector('[id$=-CreateJob]')"
    page.evaluate(f"{block}.querySelector('.opblock-summary-control').click()")
    page.wait_for(f"{block}.querySelector('textarea') !== null")
    assert '"example:clip"' in page.evaluate(f"{block}.querySelector('textarea').value")
    page.evaluate(f"{block}.querySelector('.execute').click()")
    answer = page.wait_for(f"{block}.querySelector('.live-responses-table')?.innerText")
    with Client(live.grpc) as client:
        done = client.wait(re.findall(r'"id": "([0-9a-f-]{36})"', answer)[0], timeout_seconds=120)
    assert done.state == Job.COMPLETED, done.error
    assert {output.name: len(output.files) for output in done.outputs} == {
        "web": 1,
        "stills": 5,
        "sound": 1,
        "small": 1,
    }


def test_nothing_broke_the_policy(page: Browser) -> None:
    assert page.messages == []
