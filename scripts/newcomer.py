"""A newcomer's walk by the README alone, from a clone to a stream that plays, where nothing is there yet.

`scripts/newcomer.py DOCS [REPOSITORY]` clones this repository, or another, into an empty folder with empty caches, does
there what the README says, and uses the console in Chromium as a person would. It writes DOCS/newcomer.md: the time of
each step, its recording and pictures. Ends with 1 where that took more than ten minutes.
"""

import base64
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from recording import Recording, drawn
from screenshots import FILM_SECONDS, made

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from gateway.browser import Browser

_HERE = Path(__file__).parent.parent
_MOST_SECONDS = 600.0
_WAIT_SECONDS = 300.0  # for what a page is to show


class Walk:
    """What was done, and how long each step took."""

    def __init__(self, folder: Path, repository: str) -> None:
        self.folder = folder
        self.terminal = Recording()
        self.load = os.getloadavg()[0]
        self.steps: list[tuple[str, float]] = []
        self._clone = folder / "reelmill"
        self._environment = _environment(folder) | {"REELMILL": repository}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step."""
        began = time.monotonic()
        yield
        self.steps.append((name, time.monotonic() - began))
        print(f"{self.steps[-1][1]:7.1f} s  {name}", flush=True)

    def type(self, line: str, *, inside: bool = True) -> None:
        """A line at the prompt, run by the shell. Raises SystemExit where it fails."""
        self.terminal.type(line)
        code = self.terminal.run(
            ["/bin/sh", "-c", line], folder=self._clone if inside else self.folder, environment=self._environment
        )
        if code:
            tail = "".join(text for _, text in self.terminal.events[-20:])
            raise SystemExit(f"{line} ended with {code}:\n{tail}")

    @contextmanager
    def up(self) -> Iterator[str]:
        """`reelmill up`, until Ctrl-C; answers the console's address."""
        self.terminal.type(".venv/bin/reelmill up")
        process, terminal = self.terminal.start(
            [".venv/bin/reelmill", "up"], folder=self._clone, environment=self._environment
        )
        said, ready = [], threading.Event()

        def listen() -> None:
            for text in self.terminal.follow(terminal):
                said.append(text)
                if "ready in" in "".join(said):
                    ready.set()
            ready.set()

        listening = threading.Thread(target=listen)
        listening.start()
        try:
            with self.step("`reelmill up` is ready"):
                ready.wait(_WAIT_SECONDS)
            found = re.search(r"Console +(http://[\d.:]+/)", "".join(said))
            if found is None:
                raise SystemExit(f"reelmill up does not start:\n{''.join(said)}")
            yield found[1]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(_WAIT_SECONDS)
            listening.join()
            os.close(terminal)

    def play(self, address: str, film: Path, pictures: Path) -> None:
        """In the console: drop a film, have a stream made of it, and see it to its end."""
        with Browser(self.folder / "browser") as browser:
            with self.step("the console is there"):
                browser.open(address)
                _until(browser, "document.querySelector('#drop') && window.htmx")
                browser._call(
                    "Emulation.setDeviceMetricsOverride", width=1280, height=720, deviceScaleFactor=1, mobile=False
                )
            with self.step(f"drop a film of {FILM_SECONDS} s: it is uploaded"):
                _drop(browser, film)
                _until(browser, "document.querySelector('#uri').value.startsWith('upload:')")
            browser.evaluate("document.querySelector('#preset').value = 'web-hls'")
            browser.screenshot(pictures / "newcomer-drop.png")
            with self.step("choose web-hls and run: it is a stream, and ready to play"):
                browser.evaluate("document.querySelector('#drop button').click()")
                _until(browser, "document.querySelector('h1 .badge')?.textContent === 'completed'")
                _until(browser, "document.querySelector('video[data-hls]')?.readyState >= 2")
            with self.step("play it to its end"):
                browser.evaluate("document.querySelector('video').muted = true")
                browser.evaluate("document.querySelector('#outputs').scrollIntoView()")
                browser.evaluate("scrollBy(0, -80)")  # from below the page's head, which stays
                browser.evaluate("void document.querySelector('video').play()")
                _until(browser, "document.querySelector('video').currentTime > 3")
                browser.screenshot(pictures / "newcomer-plays.png")
                _until(browser, "document.querySelector('video').ended")
            seen = browser.evaluate("document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames")
            assert seen > 5 * FILM_SECONDS, f"{seen} frames were shown"


def _environment(folder: Path) -> dict[str, str]:
    """Of somebody who has never been here: no caches, no data, and none of our settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REELMILL_", "VIRTUAL_ENV"))}
    caches = {name: str(folder / "caches") for name in ("XDG_CACHE_HOME", "PIP_CACHE_DIR", "UV_CACHE_DIR")}
    ports = {f"REELMILL_{kind}_PORT": str(port) for kind, port in (("HTTP", 8080), ("GRPC", 9090)) if not _free(port)}
    return {**kept, **caches, **dict.fromkeys(ports, "0"), "REELMILL_DATA_DIR": str(folder / "data")}


def _free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _until(browser: Browser, expression: str) -> None:
    """Wait until an expression is true, on whichever page the browser is by then."""
    end = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < end:
        with suppress(AssertionError):  # the page was left meanwhile
            if browser.evaluate(f"Boolean({expression})"):
                return
        time.sleep(0.05)
    raise SystemExit(f"not within {_WAIT_SECONDS:g} s: {expression}")


def _drop(browser: Browser, film: Path) -> None:
    data = base64.b64encode(film.read_bytes()).decode()
    browser.evaluate(
        f"""(() => {{
            const bytes = Uint8Array.from(atob("{data}"), (letter) => letter.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], "{film.name}", {{type: "video/quicktime"}}));
            dispatchEvent(new DragEvent("drop", {{dataTransfer: carried, cancelable: true}}));
        }})()"""
    )


def _page(walk: Walk, total: float) -> str:
    rows = "\n".join(f"| {name} | {seconds:.1f} s |" for name, seconds in walk.steps)
    when = f"{total:.0f} s on {datetime.now(UTC):%Y-%m-%d}, on {os.cpu_count()} cores"
    if (others := walk.load) >= 1:
        when += f" beside other work (load {others:.0f})"
    return f"""# A newcomer's walk

By the README alone, from a clone to a stream that plays in the console: {when}, with
Git, Python and make, and nothing in any cache. `make newcomer` does it again, in an empty folder, and writes this page.

| step | time |
|---|---|
{rows}
| all | {total:.1f} s |

What the terminal showed ([as an asciicast](pictures/newcomer.cast), with its real times; here no pause is longer than
1.2 s):

![The terminal](pictures/newcomer.svg)

The console: a film was dropped, then it plays.

![A film was dropped](pictures/newcomer-drop.png)

![It plays](pictures/newcomer-plays.png)
"""


def main(docs: Path, repository: str) -> int:
    """Walk, and write what was seen."""
    pictures = docs.absolute() / "pictures"
    folder = Path(tempfile.mkdtemp(prefix="reelmill-newcomer-"))
    try:
        walk = Walk(folder, repository)
        film = made(folder / "talk.mov")  # the newcomer has one: it has no part in the time
        began = time.monotonic()
        with walk.step("`git clone`"):
            walk.type('git clone --quiet "$REELMILL" reelmill', inside=False)
        with walk.step("`make demo`: install everything, make a clip, run a job on it"):
            walk.type("make demo")
        shutil.copy(film, folder / "reelmill")
        before = len(walk.terminal.events)
        with walk.step(f"`reelmill run talk.mov --preset web-mp4 -o out/`, {FILM_SECONDS} s of 720p"):
            walk.type(".venv/bin/reelmill run talk.mov --preset web-mp4 -o out/")
        run = Recording(events=walk.terminal.events[before:])
        with walk.up() as address:
            walk.play(address, film, pictures)
            total = time.monotonic() - began
        (pictures / "newcomer.cast").write_text(walk.terminal.cast())
        (pictures / "newcomer.svg").write_text(drawn(walk.terminal, "A newcomer's terminal"))
        (pictures / "run.svg").write_text(drawn(run, "reelmill run talk.mov --preset web-mp4 -o out/"))
        (docs / "newcomer.md").write_text(_page(walk, total))
        print(f"{total:7.1f} s  all")
        return int(total > _MOST_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else str(_HERE)))
