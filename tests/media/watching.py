"""Pages for three players of streams, and a web server of a folder for them."""

import base64
import functools
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from gateway.browser import Browser
from services import npm
from services.process import MissingError

KEY, KEY_ID = bytes(range(100, 116)), bytes(range(1, 17))
"""That a licence has."""
_FAST = 4
PAGE = """<!doctype html><title>player</title><video muted playsinline></video><div id="words"></div>
<script src="PLAYER"></script>
<script>
const video = document.querySelector("video");
window.seen = {errors: [], levels: [], sounds: [], ended: false};
video.addEventListener("ended", () => seen.ended = true);
// dash.js does not always tell of the end when a machine is busy; its last frame is shown then.
const over = () => seen.ended || (player.getDashMetrics && video.currentTime > video.duration - 0.04);
const frames = () => video.getVideoPlaybackQuality().totalVideoFrames;
function hls(url, level, settings) {
  const player = new Hls({startLevel: level, capLevelToPlayerSize: false, startFragPrefetch: true, ...settings});
  // A busy machine keeps a player waiting, and what it loads where it leaves for another place is loaded no more. Over
  // a hole it would tell of a nudge or a seek besides.
  const borne = (told) => !told.fatal && ["bufferStalledError", "aborted"].includes(told.details);
  player.on(Hls.Events.ERROR, (_, told) => borne(told) || seen.errors.push(told.details));
  player.on(Hls.Events.LEVEL_SWITCHED, (_, told) => seen.levels.push(told.level));
  player.on(Hls.Events.MANIFEST_PARSED, () => { player.loadLevel = level; video.play(); });
  player.on(Hls.Events.AUDIO_TRACK_SWITCHED, (_, told) => seen.sounds.push(told.name));
  player.loadSource(url);
  player.attachMedia(video);
  window.player = player;
}
function dash(url, keys, ahead = 30) {
  const player = dashjs.MediaPlayer().create();
  player.on("error", (told) => seen.errors.push(JSON.stringify(told.error || {})));
  player.on("trackChangeRendered", (told) => told.mediaType === "audio" && seen.sounds.push(told.newMediaInfo.lang));
  const buffer = {bufferTimeDefault: ahead, bufferTimeAtTopQuality: ahead, bufferTimeAtTopQualityLongForm: ahead};
  player.updateSettings({streaming: {abr: {autoSwitchBitrate: {video: false}}, buffer}});
  player.initialize(video, url, true);
  player.attachTTMLRenderingDiv(document.querySelector("#words"));
  if (keys) player.setProtectionData({"org.w3.clearkey": {clearkeys: keys}});
  window.player = player;
}
async function shaken(url, keys) {
  const player = new shaka.Player();
  await player.attach(video);
  player.addEventListener("error", (told) => seen.errors.push(told.detail.code));
  player.configure({abr: {enabled: false, defaultBandwidthEstimate: 1e9}, streaming: {stallEnabled: false}});
  if (keys) player.configure({drm: {clearKeys: keys}});
  await player.load(url);
  window.player = player;
  video.play();
}
const words = () => [...video.textTracks].flatMap((track) => [...(track.cues || [])].map((cue) => cue.text));
const shown = () => [...video.textTracks].filter((track) => track.mode === "showing")
  .flatMap((track) => [...(track.cues || [])].map((cue) => cue.text));
const small = (told) => [told.startTime, told.duration, told.positionX, told.positionY, told.width, told.height];
</script>"""


PLAYERS = {
    "hls": "/hls.js/dist/hls.min.js",
    "dash": "/dashjs/dist/modern/umd/dash.all.min.js",
    "shaken": "/shaka-player/dist/shaka-player.compiled.js",
}
"""By the functions that start them: a page has the one that it needs, for each takes long to be read."""


def url_safe(data: bytes) -> str:
    """Bytes as a licence of Clear Key has them."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Handler(SimpleHTTPRequestHandler):
    """Files with their types, and ranges of them."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".m3u8": "application/vnd.apple.mpegurl",
        ".mpd": "application/dash+xml",
        ".m4s": "video/iso.segment",
    }

    def send_head(self) -> BytesIO | BinaryIO | None:
        """A range that is asked for, or all."""
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if not found or not path.is_file():
            return super().send_head()
        data, begin = path.read_bytes(), int(found[1])
        part = data[begin : int(found[2]) + 1 if found[2] else None]
        self.send_response(206)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Content-Range", f"bytes {begin}-{begin + len(part) - 1}/{len(data)}")
        self.end_headers()
        return BytesIO(part)

    def do_POST(self) -> None:
        """A licence of Clear Key (W3C Encrypted Media Extensions, 9.1.4), whatever is asked for."""
        body = json.dumps(
            {"keys": [{"kty": "oct", "kid": url_safe(KEY_ID), "k": url_safe(KEY)}], "type": "temporary"}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Not at all."""


def furnish(folder: Path) -> None:
    """Put a page for each player, and the players, into a folder. Skips the test where there are none."""
    for name, player in PLAYERS.items():
        (folder / f"{name}.html").write_text(PAGE.replace("PLAYER", player))
    try:
        for name, version in (npm.HLS, npm.DASH, npm.SHAKA):
            (folder / name).symlink_to(npm.package(name, version))
    except MissingError as error:
        pytest.skip(str(error))


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a web server of a folder."""
    handler = functools.partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:  # else a test that fails would wait for it for ever
            server.shutdown()
            thread.join()


def start(browser: Browser, address: str, call: str) -> None:
    """Begin to play, on a new page: `hls('/a/master.m3u8', 0)`, `dash('/a/manifest.mpd')`, `shaken(…)`."""
    browser.open(f"{address}/{call.partition('(')[0]}.html")
    browser.wait_for("typeof shaken === 'function'")
    browser.evaluate(call)


def play_out(browser: Browser, ended: str = "over()") -> None:
    """Play on to the end, faster than it was filmed: each frame is still decoded and counted."""
    # Again and again: where a busy machine keeps dash.js or shaka-player waiting, they set a rate of their own.
    browser.wait_for(f"(video.playbackRate = {_FAST}) && ({ended})")
