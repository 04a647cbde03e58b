"""Pictures of the console for README and docs: `scripts/screenshots.py FOLDER [NAME…]`, of a system of its own."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

import reelmill

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from gateway.browser import Browser
from live import Reelmill

FILM_SECONDS = 12
_PLAYED_SECONDS = 7  # into the film, where something is to be seen
_SETTLE_SECONDS = 1.5  # for charts and pictures that fade in
_FILM = f"gradients=rate=25:duration={FILM_SECONDS}:speed=0.03:n=5:seed=7:size="
_SOUND = f"sine=frequency=330:sample_rate=48000:duration={FILM_SECONDS}"
# Each player at a place where its film shows something.
_PLAYED = f"""(() => {{
    const videos = [...document.querySelectorAll("video")];
    for (const video of videos.filter((one) => !one.asked)) {{
        video.asked = video.muted = true;
        video.currentTime = {_PLAYED_SECONDS};
    }}
    return videos.every((video) => video.readyState >= 2 && !video.seeking && video.currentTime >= {_PLAYED_SECONDS});
}})()"""
# An operation's own fields, once it is chosen.
_CHOSEN = """(() => {
    const field = document.querySelector("#o0-make");
    if (!window.chosen && window.htmx) {
        window.chosen = true;
        field.value = "operation:thumbnail";
        field.dispatchEvent(new Event("change", {bubbles: true}));
    }
    return document.getElementById("o0-width");
})()"""
_CHARTED = "JSON.parse(document.querySelector('#figures').dataset.points)[0].length > 8"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A page as somebody sees it."""

    name: str
    path: str
    scheme: str = "light"
    width: int = 1280
    height: int = 800
    until: str = "true"
    """What must be so before it is taken."""
    at: str = ""
    """What is scrolled to; the top without it."""


def made(path: Path, size: str = "1280x720") -> Path:
    """A film with sound."""
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    inputs = ("-f", "lavfi", "-i", _FILM + size, "-f", "lavfi", "-i", _SOUND)
    coded = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p", "-c:a", "aac")
    subprocess.run([ffmpeg, "-v", "error", "-y", *inputs, *coded, str(path)], check=True)
    return path


def filled(address: str, folder: Path) -> dict[str, str]:
    """Jobs of all kinds, the last of which still run; answers ids by what became of them."""
    film = made(folder / "talk.mov", "640x360")
    broken = folder / "broken.mp4"
    broken.write_bytes(film.read_bytes()[:100_000])
    with reelmill.Client(address) as client:
        done = client.run(
            film,
            web="web-hls",
            mp4="web-mp4",
            stills=reelmill.thumbnail(count=5, width=320),
            sound="podcast-audio",
            options={"labels": {"asset": "42", "team": "news desk"}},
        )
        done.raise_for_state()
        for asset in ("44", "45"):
            client.run("example:clip", web="web-mp4", options={"labels": {"asset": asset}}).raise_for_state()
        failed = client.run(broken, web="web-mp4", options={"labels": {"asset": "46"}})
        slow = reelmill.transcode(container="MP4", video={"codec": "AV1", "effort": "SLOW", "height": 1080})
        options = {"labels": {"asset": "47"}}
        runs = client.submit(film, archive=slow, web="web-hls", poster="poster", options=options)
        for asset in ("48", "49"):
            client.submit("example:clip", web="web-hls", options={"labels": {"asset": asset}})
        return {"done": done.id, "failed": failed.id, "runs": runs.id}


def pictures(ids: dict[str, str]) -> list[Picture]:
    """What is drawn."""
    live = "document.querySelector('#rows progress')?.value > 0"
    return [
        Picture(name="jobs-light", path="/", until=live),
        Picture(name="jobs-telephone", path="/", scheme="dark", width=390, height=844, until=live),
        Picture(name="job-dark", path=f"/jobs/{ids['done']}", scheme="dark", until=_PLAYED),
        Picture(name="tasks-light", path=f"/jobs/{ids['done']}", at="#tasks"),
        Picture(name="failed-light", path=f"/jobs/{ids['failed']}"),
        Picture(name="new-light", path="/new?uri=example:clip", until=_CHOSEN),
        Picture(name="presets-light", path="/presets"),
        Picture(name="system-dark", path="/system", scheme="dark", until=_CHARTED),
    ]


def draw(browser: Browser, address: str, picture: Picture, folder: Path) -> None:
    """Take a picture once its page is there."""
    phone = picture.width < 600
    screen = {"width": picture.width, "height": picture.height, "deviceScaleFactor": 1, "mobile": phone}
    browser._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": picture.scheme}])
    browser._call("Emulation.setDeviceMetricsOverride", **screen)
    browser._call("Page.navigate", url=f"{address}{picture.path}")
    browser.wait_for("document.readyState === 'complete' && document.querySelector('main h1')")
    browser.wait_for(picture.until)
    if picture.at:
        browser.evaluate(f"document.querySelector('{picture.at}').scrollIntoView()")
        browser.evaluate("scrollBy(0, -80)")  # from below the page's head, which stays
    time.sleep(_SETTLE_SECONDS)
    browser.screenshot(folder / f"console-{picture.name}.png")


def main(folder: Path, names: Sequence[str] = ()) -> None:
    """Start a system, give it work, and draw its pages, or some of them."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as own, Reelmill("up", worker_slots=1) as system:
        ids = filled(system.http, Path(own))
        with Browser(Path(own) / "browser") as browser:
            browser.open("about:blank")
            for picture in (one for one in pictures(ids) if not names or one.name in names):
                draw(browser, system.http, picture, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
