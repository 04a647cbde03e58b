"""A person's way through the console, in a real browser: from a file to a stream that plays, and what else there is."""

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from console.walking import choose, eventually, go
from gateway.browser import Browser
from jobs import STILL, job
from live import Reelmill

from reelmill.client import Client

PAGES = ("/", "/new", "/presets", "/presets/edit?of=web-hls", "/webhooks", "/keys", "/system")


@pytest.fixture(scope="module")
def browser(live: Reelmill, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("console")) as made:
        made.open(f"{live.http}/")
        made.wait_for("document.querySelector('#rows')")
        yield made


def test_a_file_becomes_a_stream_that_plays(browser: Browser, live: Reelmill, clip: Path) -> None:
    go(browser, f"{live.http}/", "document.querySelector('#drop') && window.htmx")
    data = base64.b64encode(clip.read_bytes()).decode()
    browser.evaluate(
        f"""(() => {{
            const bytes = Uint8Array.from(atob("{data}"), (letter) => letter.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], "a talk.mp4", {{type: "video/mp4"}}));
            dispatchEvent(new DragEvent("drop", {{dataTransfer: carried, cancelable: true}}));
        }})()"""
    )
    eventually(browser, "document.querySelector('#uri').value.startsWith('upload:')")
    choose(browser, "#preset", "web-hls", "change")
    browser.evaluate("document.querySelector('#drop button').click()")
    eventually(browser, "location.pathname.startsWith('/jobs/') && document.querySelector('#live')")
    # Nobody loads the page anew: what changes comes to it.
    eventually(browser, "document.querySelector('h1 .badge')?.textContent === 'completed'")
    eventually(browser, "document.querySelector('video[data-hls]')?.readyState >= 2")
    browser.evaluate("(() => { const video = document.querySelector('video'); video.muted = true; video.play(); })()")
    eventually(browser, "document.querySelector('video').currentTime > 0.5")
    assert browser.evaluate("document.querySelector('video').videoWidth") > 0


def test_jobs_stay_chosen_while_their_list_is_live(browser: Browser, live: Reelmill) -> None:
    label = f"walk-{secrets.token_hex(4)}"
    with Client(live.grpc) as client:
        made = client.create_job(job((live.media / "clip.mp4").as_uri(), STILL, labels={"walk": label}))
        box = f"document.querySelector('#rows input[value=\"{made.id}\"]')"
        go(browser, f"{live.http}/?q=label:walk%3D{label}", f"{box} && window.htmx")
        browser.evaluate(
            "document.querySelector('#rows').addEventListener('htmx:sse:after:message', () => window.drawn = true)"
        )
        browser.evaluate(f"{box}.click()")
        eventually(browser, "!document.querySelector('#many [value=replay]').disabled")
        # Another job of the label: the list is drawn anew, by itself.
        browser.evaluate("void (window.drawn = false)")
        client.create_job(job((live.media / "clip.mp4").as_uri(), STILL, labels={"walk": label}))
        eventually(browser, "window.drawn && document.querySelectorAll('#rows input[name=id]').length === 2")
        assert browser.evaluate(f"{box}.checked")
        assert browser.evaluate("document.querySelectorAll('#rows input[name=id]:checked').length") == 1
    browser.evaluate("document.querySelector('#many [value=replay]').click()")
    eventually(browser, "document.querySelectorAll('#rows input[name=id]').length === 3")


def test_a_preset_is_tried_and_saved(browser: Browser, live: Reelmill) -> None:
    go(browser, f"{live.http}/presets", "document.querySelector('#preset-poster')")
    browser.evaluate("document.querySelector('#preset-poster a[href*=edit]').click()")
    eventually(browser, "document.querySelector('#name')?.value === 'poster-copy' && window.htmx")
    choose(browser, "#json", '{"thumbnail": {"width": 7}}', "input")
    eventually(browser, "document.querySelector('#json').getAttribute('aria-invalid') === 'true'")
    choose(browser, "#json", '{"thumbnail": {"width": 64, "count": 1}}', "input")
    eventually(browser, "document.querySelector('#checked').textContent.includes('well formed')")
    assert not browser.evaluate("document.querySelector('#json').hasAttribute('aria-invalid')")
    browser.evaluate("document.querySelector('[formaction=\"/presets/try\"]').click()")
    eventually(browser, "document.querySelector('h1 .badge')?.textContent === 'completed'")
    eventually(browser, "document.querySelector('#live img')?.naturalWidth === 64")
    browser.evaluate("void history.back()")
    eventually(browser, "document.querySelector('#name') && document.readyState === 'complete'")
    choose(browser, "#name", "walked", "input")
    choose(browser, "#json", '{"thumbnail": {"width": 64, "count": 1}}', "input")
    browser.evaluate("document.querySelector('#preset .main').click()")
    eventually(browser, "location.hash === '#preset-walked' && document.querySelector('#preset-walked')")
    with Client(live.grpc) as client:
        assert client.delete_preset("walked").version == 1


def test_a_form_is_checked_while_it_is_typed_and_shows_its_steps(browser: Browser, live: Reelmill) -> None:
    go(browser, f"{live.http}/new", "document.querySelector('#uri') && window.htmx")
    choose(browser, "#uri", (live.media / "clip.mp4").as_uri(), "input")
    choose(browser, "#o0-make", "operation:thumbnail", "change")
    browser.wait_for("document.getElementById('o0-width')")
    choose(browser, "[id='o0-width']", "7", "input")
    browser.wait_for("document.getElementById('o0-width').getAttribute('aria-invalid') === 'true'")
    choose(browser, "[id='o0-width']", "64", "input")
    browser.wait_for("document.querySelector('#checked').textContent.includes('well formed')")
    assert not browser.evaluate("document.getElementById('o0-width').hasAttribute('aria-invalid')")
    browser.evaluate("document.querySelector('#another').click()")
    browser.wait_for("document.querySelectorAll('#made fieldset').length === 2")
    browser.evaluate("document.querySelector('#o1 [data-remove]').click()")
    browser.wait_for("document.querySelectorAll('#made fieldset').length === 1")
    browser.evaluate("document.querySelector('#show-plan').click()")
    browser.wait_for(
        "!document.querySelector('#plan').hidden && document.querySelector('#plan').textContent.includes('ffmpeg')"
    )


def test_the_system_is_drawn(browser: Browser, live: Reelmill) -> None:
    go(browser, f"{live.http}/system", "document.querySelector('#chart canvas')")
    browser.wait_for("JSON.parse(document.querySelector('#figures').dataset.points)[0].length > 1")
    assert browser.evaluate("document.querySelector('#chart canvas').width") > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_as_wide_as_a_telephone_and_can_be_read(browser: Browser, live: Reelmill, scheme: str) -> None:
    browser._call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
    browser._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    try:
        for path in PAGES:
            go(browser, f"{live.http}{path}", "document.querySelector('main h1')")
            assert browser.evaluate("document.documentElement.scrollWidth") <= 390, path
            bare = (
                "[...document.querySelectorAll('input, select, textarea')].filter((e) =>"
                " !(e.labels?.length || e.ariaLabel || e.type === 'hidden' || e.hidden)).map((e) => e.outerHTML)"
            )
            assert browser.evaluate(bare) == [], path
            assert browser.evaluate("document.querySelectorAll('main, header, nav[aria-label]').length >= 3"), path
            assert browser.evaluate("document.querySelectorAll('h1').length") == 1, path
            ground, ink = browser.evaluate(
                "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
            )
            dark = sum(map(int, ground[4:-1].split(","))) < sum(map(int, ink[4:-1].split(",")))
            assert dark is (scheme == "dark"), path
    finally:
        browser._call("Emulation.clearDeviceMetricsOverride")


def test_nothing_broke_the_policy(browser: Browser) -> None:
    assert [message for message in browser.messages if "400" not in message] == []
