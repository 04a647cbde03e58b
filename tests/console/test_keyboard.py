"""The console by keyboard alone: from a file to a stream that plays, and all that a job can be told."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from console.walking import eventually, go, pick, press, type_text
from gateway.browser import Browser
from jobs import LONG, STILL, job
from live import Reelmill

from reelmill.client import Client
from reelmill.v1.jobs_pb2 import Job

MOST_TABS = 80
FOCUSED = "document.activeElement"
# Whoever presses Tab sees where he is: a ring of at least 2 pixels, within the window.
SEEN = f"""(() => {{
    const one = {FOCUSED}, style = getComputedStyle(one), box = one.getBoundingClientRect();
    const ringed = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
    return ringed && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
}})()"""


@pytest.fixture(scope="module")
def browser(live: Reelmill, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("keyboard")) as made:
        made.open(f"{live.http}/")
        eventually(made, "document.querySelector('#rows')")
        yield made


def tab_to(browser: Browser, selector: str, *, shift: bool = False) -> None:
    """Press Tab until what a selector names has the focus; each stop on the way can be seen."""
    wanted = f"{FOCUSED}.matches({json.dumps(selector)})"
    for _ in range(MOST_TABS):
        press(browser, "Tab", shift=shift)
        assert browser.evaluate(SEEN), browser.evaluate(f"{FOCUSED}.outerHTML")
        if browser.evaluate(wanted):
            return
    raise AssertionError(f"{MOST_TABS} times Tab do not lead to {selector}")


def told(browser: Browser, selector: str) -> str:
    """What a live region says, which a screen reader reads without being asked."""
    polite = "e.closest('[aria-live=polite], [role=status], [role=alert]')"
    said = f"(() => {{ const e = document.querySelector({json.dumps(selector)}); return {polite} && e.textContent }})()"
    return str(browser.evaluate(said))


def test_the_content_is_reached_first(browser: Browser, live: Reelmill) -> None:
    go(browser, f"{live.http}/presets", "document.querySelector('.skip')")
    press(browser, "Tab")
    assert browser.evaluate(f"{FOCUSED}.className") == "skip"
    press(browser, "Enter")
    eventually(browser, f"{FOCUSED}.id === 'main'")
    tab_to(browser, "main a")


def test_a_file_becomes_a_stream_that_plays(browser: Browser, live: Reelmill, clip: Path, tmp_path: Path) -> None:
    film = tmp_path / "a talk.mp4"
    film.write_bytes(clip.read_bytes())
    go(browser, f"{live.http}/", "document.querySelector('#drop') && window.htmx")
    tab_to(browser, "#file")
    pick(browser, film)
    eventually(browser, "document.querySelector('#uri').value.startsWith('upload:')")
    assert told(browser, "#upload-state") == "a talk.mp4 is uploaded."
    tab_to(browser, "#preset")
    type_text(browser, "web-h")
    assert browser.evaluate(f"{FOCUSED}.value") == "web-hls"
    tab_to(browser, "#drop button")
    press(browser, "Enter")
    eventually(browser, "document.querySelector('h1 .badge')?.textContent === 'completed'")
    assert told(browser, "#said") == "Job is completed."
    eventually(browser, "document.querySelector('video[data-hls]')?.readyState >= 2")
    tab_to(browser, "video")
    press(browser, " ")
    eventually(browser, "!document.querySelector('video').paused && document.querySelector('video').currentTime > 0.3")


def test_a_job_is_cancelled_and_tried_again(browser: Browser, live: Reelmill) -> None:
    with Client(live.grpc) as client:
        made = client.create_job(job((live.media / "clip.mp4").as_uri(), LONG))
        go(browser, f"{live.http}/jobs/{made.id}", "document.querySelector('[value=cancel]') && window.htmx")
        tab_to(browser, "[value=cancel]")
        press(browser, "Enter")
        eventually(browser, "document.querySelector('#said')?.textContent === 'Job is cancelled.'")
        tab_to(browser, "[value=retry]")
        press(browser, "Enter")
        eventually(browser, f"location.pathname.startsWith('/jobs/') && !location.pathname.includes('{made.id}')")
        eventually(browser, "document.querySelector('#actions [value=cancel]')")
        again = client.get_job(str(browser.evaluate("location.pathname")).removeprefix("/jobs/"))
        assert again.retry_of == made.id
        client.cancel_job(again.id)


def test_the_focus_stays_where_a_job_that_is_watched_ends(browser: Browser, live: Reelmill) -> None:
    with Client(live.grpc) as client:
        made = client.create_job(job((live.media / "clip.mp4").as_uri(), LONG))
        go(browser, f"{live.http}/jobs/{made.id}", "document.querySelector('[value=cancel]') && window.htmx")
        tab_to(browser, "[value=cancel]")
        client.cancel_job(made.id)
        eventually(browser, "document.querySelector('h1 .badge').textContent === 'cancelled'")
        assert browser.evaluate(f"{FOCUSED}.closest('#actions') !== null")


def test_jobs_are_searched_and_many_replayed(browser: Browser, live: Reelmill) -> None:
    label = f"keys-{secrets.token_hex(4)}"
    with Client(live.grpc) as client:
        made = client.create_job(job((live.media / "clip.mp4").as_uri(), STILL, labels={"walk": label}))
        assert client.wait(made.id).state == Job.COMPLETED
    go(browser, f"{live.http}/", "document.querySelector('#q') && window.htmx")
    tab_to(browser, "#q")
    type_text(browser, f"label:walk={label}")
    press(browser, "Enter")
    eventually(browser, f"location.search.includes('{label}') && document.querySelector('#rows [name=id]')")
    tab_to(browser, "#rows [name=id]")
    press(browser, " ")
    assert told(browser, "#chosen") == "1 chosen:"
    tab_to(browser, "#many [value=replay]", shift=True)
    press(browser, "Enter")
    eventually(browser, "document.querySelectorAll('#rows [name=id]').length === 2")
    tab_to(browser, "#rows a[href^='/jobs/']")
    press(browser, "Enter")
    eventually(browser, "location.pathname.startsWith('/jobs/') && document.querySelector('#said')")


def test_what_is_wrong_in_a_form_is_told(browser: Browser, live: Reelmill) -> None:
    go(browser, f"{live.http}/new?uri=example:clip", "document.querySelector('#job') && window.htmx")
    tab_to(browser, "#o0-make")
    type_text(browser, "thumb")
    eventually(browser, "document.getElementById('o0-width')")
    assert browser.evaluate(f"{FOCUSED}.id") == "o0-make"
    tab_to(browser, "[id='o0-width']")
    type_text(browser, "7")
    eventually(browser, f"{FOCUSED}.id === 'o0-width' && {FOCUSED}.getAttribute('aria-invalid') === 'true'")
    assert "width" in told(browser, "#checked [data-for]")
    tab_to(browser, "#show-plan")
    press(browser, "Enter")
    eventually(browser, "document.querySelector('#plan').textContent || document.querySelector('.problem')")
