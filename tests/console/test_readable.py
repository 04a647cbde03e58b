"""Every page as axe-core judges it: names, roles, labels, contrast; light and dark, wide and narrow."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from console.walking import eventually, go
from effort import some_or_all
from gateway.browser import Browser
from jobs import STILL, encoding, job
from live import Reelmill
from services import npm

from reelmill.client import Client

# What a page is judged by hangs on its width or on its colours: either of each is enough.
LOOKS = some_or_all(
    [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")], (1280, "light"), (390, "dark")
)
# What is folded is read too, and a colour is judged when it has faded in.
READY = """(() => {
    for (const fold of document.querySelectorAll('details')) fold.open = true;
    for (const moving of document.getAnimations()) moving.finish();
})()"""
JUDGED = """axe.run({resultTypes: ['violations']}).then((told) => told.violations.map((one) =>
    `${one.id} (${one.impact}): ${one.nodes.map((node) => node.html.slice(0, 160)).slice(0, 3).join(' | ')}`))"""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page, and what it shows once it is there."""

    path: str
    until: str = "document.querySelector('main h1')"


@pytest.fixture(scope="module")
def pages(live: Reelmill) -> Iterator[dict[str, Page]]:
    """All of them, by name, with something on each."""
    clip = (live.media / "clip.mp4").as_uri()
    (live.media / "cut.mp4").write_bytes((live.media / "clip.mp4").read_bytes()[:9000])
    with Client(live.grpc) as client:
        film = encoding(height=144) | {"name": "film"}
        done = client.create_job(job(clip, film, STILL, {"preset": "podcast-audio"}, labels={"asset": "42"}))
        failed = client.create_job(job((live.media / "cut.mp4").as_uri(), STILL))
        for made in (done, failed):
            client.wait(made.id)
        hook = client.create_webhook("https://receiver.example.org/hooks").webhook
        client.test_webhook(hook.id)
    yield {
        "jobs": Page(path="/"),
        "a search that is wrong": Page(path="/?q=colour:red", until="document.querySelector('#q-wrong')"),
        "a search without finds": Page(path="/?q=label:none%3Dnone", until="document.querySelector('td.empty')"),
        "job": Page(path=f"/jobs/{done.id}", until="document.querySelector('video')"),
        "job that failed": Page(path=f"/jobs/{failed.id}", until="document.querySelector('#failure')"),
        "form": Page(path=f"/new?uri={clip}"),
        "form as JSON": Page(path=f"/new?job={done.id}"),
        "form of an operation": Page(path="/new?like=poster"),
        "presets": Page(path="/presets"),
        "preset": Page(path="/presets/edit?of=web-hls"),
        "webhooks": Page(path="/webhooks", until="document.querySelector('[value=rotate]')"),
        "deliveries": Page(path=f"/webhooks/{hook.id}"),
        "keys": Page(path="/keys"),
        "system": Page(path="/system", until="document.querySelector('#chart canvas')"),
        "sign in": Page(path="/sign-in"),
        "no such page": Page(path="/jobs/01a20d22-f85a-70f1-b8c8-3ea9223e6a52"),
    }
    with Client(live.grpc) as client:
        client.delete_webhook(hook.id)


@pytest.fixture(scope="module")
def browser(live: Reelmill, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("readable")) as made:
        made.open(f"{live.http}/")
        eventually(made, "document.querySelector('#rows')")
        yield made


def look(browser: Browser, width: int, scheme: str) -> None:
    """A screen of a width, whose owner likes it light or dark."""
    mobile = width < 600
    browser._call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=mobile)
    browser._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


def test_axe_finds_no_fault_on_any_page(browser: Browser, live: Reelmill, pages: dict[str, Page]) -> None:
    axe = (npm.package(*npm.AXE) / "axe.min.js").read_text()
    found = {}
    for name, page in pages.items():
        go(browser, f"{live.http}{page.path}", page.until)
        browser.evaluate(f"{axe}; void 0")
        for width, scheme in LOOKS:
            look(browser, width, scheme)
            browser.evaluate(READY)
            if faults := browser.evaluate(JUDGED):
                found[f"{name}, {width}, {scheme}"] = faults
    assert found == {}, json.dumps(found, indent=1)


def test_a_list_on_a_telephone_is_read_as_a_table(browser: Browser, live: Reelmill, pages: dict[str, Page]) -> None:
    look(browser, 390, "light")
    go(browser, f"{live.http}{pages['jobs'].path}", "document.querySelector('#rows [name=id]')")
    tree = browser._call("Accessibility.getFullAXTree")["nodes"]
    roles = {node["role"]["value"] for node in tree if not node["ignored"]}
    assert {"table", "row", "cell"} <= roles
