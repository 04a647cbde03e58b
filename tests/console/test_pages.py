"""The pages of a running system, as a browser without scripts sees them, and its live parts."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from jobs import STILL, job
from live import Reelmill

from reelmill.client import Client
from reelmill.console.policy import CONTENT_POLICY
from reelmill.v1 import jobs_pb2 as pb

EVIL = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def browser(live: Reelmill) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live.http, timeout=60, headers={"Origin": live.http}) as client:
        yield client


@pytest.fixture(scope="module")
def done(live: Reelmill, clip: Path) -> pb.Job:
    """A COMPLETED job."""
    spec = job(live.bring(clip, "console.mp4"), {"name": "film", "preset": "web-mp4"}, STILL, labels={"console": EVIL})
    with Client(live.grpc) as client:
        return client.wait(client.create_job(spec).id)


@pytest.fixture(scope="module")
def failed(live: Reelmill) -> pb.Job:
    """A FAILED job, of a file that is none."""
    (live.media / "torn.mp4").write_bytes(b"\0\0\0\x20ftypisom" + b"\0" * 500)
    with Client(live.grpc) as client:
        return client.wait(client.create_job(job((live.media / "torn.mp4").as_uri(), STILL)).id)


def test_every_page_and_file_has_the_policy(browser: httpx.Client, done: pb.Job) -> None:
    files = ("console.css", "console.js", "player.js", "mark.svg", "htmx.min.js", "hx-sse.min.js", "hls.light.min.js")
    for path in ("/", f"/jobs/{done.id}", "/sign-in", *(f"/console/{name}" for name in files)):
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-security-policy"] == CONTENT_POLICY
        assert "unsafe" not in CONTENT_POLICY
        assert CONTENT_POLICY.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        if answer.headers["content-type"].startswith("text/html"):
            # Where something is fetched from, or sent to; an input of a job may be named anywhere.
            elsewhere = r"(src|srcset|href|action|formaction|poster|data|hx-[a-z]+)=[\"']?(https?:)?//(?!127)[a-z]"
            assert not re.search(r"<script(?! src=\"/console/)|<style| style=|" + elsewhere, answer.text)
    assert browser.get("/console/..%2Frooms.py").status_code == 404
    assert browser.get("/swagger/").status_code == 200


def test_a_job_shows_what_it_made(browser: httpx.Client, done: pb.Job) -> None:
    page = browser.get(f"/jobs/{done.id}").text
    [film] = re.findall(r'<video[^>]* src="([^"]+)"', page)
    answer = browser.get(film, headers={"Range": "bytes=0-99"})
    assert (answer.status_code, len(answer.content)) == (206, 100)
    stills = re.findall(r'<img loading="lazy" src="([^"]+)"', page)
    assert [browser.get(still).headers["content-type"] for still in stills] == ["image/jpeg"]
    assert "hx-sse:connect" not in page  # nothing changes any more
    assert browser.get(f"/jobs/{done.id}/json").json()["id"] == done.id
    assert EVIL not in page
    assert "alert(" in page


def test_a_failure_is_explained(browser: httpx.Client, failed: pb.Job) -> None:
    page = browser.get(f"/jobs/{failed.id}").text
    told = failed.error
    assert told.code in page and html.escape(told.remedy, quote=True).replace("&#x27;", "&#39;") in page
    assert html.escape(told.cause[1:]).replace("&#x27;", "&#39;") in page
    assert "Why it failed" in page
    assert 'value="retry"' in page


def test_jobs_are_found(browser: httpx.Client, done: pb.Job, failed: pb.Job) -> None:
    def ids(query: str) -> list[str]:
        return re.findall(r'<tr id="job-([^"]+)"', browser.get("/", params={"q": query}).text)

    assert done.id in ids("state:completed")
    assert failed.id in ids("state:failed")
    assert failed.id not in ids("state:completed")
    escaped = EVIL.replace('"', '\\"')
    assert ids(f'label:console="{escaped}"') == [done.id]
    wrong = browser.get("/", params={"q": "state:gone"})
    assert (wrong.status_code, 'role="alert"' in wrong.text) == (200, True)
    assert "is no RFC 3339 time" in browser.get("/", params={"q": "after:yesterday"}).text
    found = browser.get("/", params={"q": done.id})
    assert (found.status_code, found.headers["location"]) == (303, f"/jobs/{done.id}")


def test_what_is_not_there_is_said(browser: httpx.Client) -> None:
    for path in ("/jobs/01a20d22-f85a-70f1-b8c8-3ea9223e6a52", "/jobs/nonsense"):
        answer = browser.get(path)
        assert (answer.status_code, "There is nothing here" in answer.text) == (404, True)


def test_a_file_becomes_a_job(browser: httpx.Client, clip: Path, live: Reelmill) -> None:
    sent = browser.post("/uploads", params={"name": "my film.mp4"}, content=clip.read_bytes())
    assert sent.status_code == 201
    fields = {"uri": sent.json()["uri"], "preset": "poster", "request_id": "console-1"}
    made = browser.post("/run", data=fields)
    assert made.status_code == 303
    assert browser.post("/run", data=fields).headers["location"] == made.headers["location"]  # pressed twice
    with Client(live.grpc) as client:
        assert client.wait(made.headers["location"].removeprefix("/jobs/")).state == pb.Job.COMPLETED
    refused = browser.post("/run", data={"uri": "nonsense", "preset": "poster"})
    assert (refused.status_code, "job.inputs[0].uri" in refused.text) == (400, True)


def test_jobs_are_made_again_one_or_many(browser: httpx.Client, done: pb.Job, failed: pb.Job, live: Reelmill) -> None:
    again = browser.post(f"/jobs/{done.id}", data={"do": "replay"})
    assert again.status_code == 303
    with Client(live.grpc) as client:
        second = client.wait(again.headers["location"].removeprefix("/jobs/"))
        assert (second.id != done.id, second.state) == (True, pb.Job.COMPLETED)
        many = browser.post("/jobs", data={"do": "retry", "id": [failed.id], "back": "/?q=state:failed"})
        assert (many.status_code, many.headers["location"]) == (303, "/?q=state:failed")
        assert any(one.retry_of == failed.id for one in client.list_jobs(page_size=50))
    some = browser.post("/jobs", data={"do": "retry", "id": [done.id, failed.id]})
    assert (some.status_code, "1 of 2 done" in some.text) == (409, True)
    assert browser.post("/jobs", data={"do": "retry"}).status_code == 400
    assert browser.post("/jobs", data={"do": "delete", "id": [done.id]}).status_code == 400
    assert browser.post("/jobs", data={"do": "retry", "id": ["x"] * 101}).status_code == 400


def test_other_pages_can_send_nothing(live: Reelmill, done: pb.Job) -> None:
    with httpx.Client(base_url=live.http, timeout=60) as client:
        for origin in ("https://evil.example.org", "null", None):
            headers = {"Origin": origin} if origin else {}
            for path, data in (
                (f"/jobs/{done.id}", {"do": "replay"}),
                ("/jobs", {"do": "replay", "id": done.id}),
                ("/run", {"uri": "x", "preset": "poster"}),
                ("/sign-in", {"token": "x"}),
                ("/sign-out", {}),
            ):
                assert client.post(path, data=data, headers=headers).status_code == 403, (path, origin)
            assert client.post("/uploads?name=x", content=b"x", headers=headers).status_code == 403


def test_a_form_is_bounded(browser: httpx.Client) -> None:
    assert browser.post("/run", content=b"x" * (5 * 2**20), headers={"Content-Type": FORM}).status_code == 413
    assert browser.post("/run", content=b"a=1&" * 3000, headers={"Content-Type": FORM}).status_code == 400
    assert browser.post("/run", json={}).status_code == 415


FORM = "application/x-www-form-urlencoded"


def test_a_job_is_followed_to_its_end(browser: httpx.Client, live: Reelmill, clip: Path) -> None:
    with Client(live.grpc) as client:
        made = client.create_job(job(live.bring(clip, "followed.mp4"), {"name": "film", "preset": "web-mp4"}))
        with browser.stream("GET", f"/jobs/{made.id}/live") as events:
            assert events.headers["content-type"].startswith("text/event-stream")
            told = "".join(events.iter_text())
    assert told.rstrip().endswith("event: done\ndata: done")
    assert "Job is completed" in told
    assert told.count('id="said"') >= 2


def test_the_list_is_live(browser: httpx.Client, live: Reelmill, clip: Path) -> None:
    with browser.stream("GET", "/live/jobs?q=label:list=live") as events, Client(live.grpc) as client:
        lines, made = events.iter_lines(), ""
        for line in lines:
            if "No job fits" in line:
                made = client.create_job(job(live.bring(clip, "listed.mp4"), STILL, labels={"list": "live"})).id
            elif made and f'id="job-{made}"' in line:
                return
    pytest.fail("the stream ended")
