"""Players in a real browser play packages to their end, and lose no frame at a seam."""

import base64
import functools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from gateway.browser import Browser
from media import coded, kit
from media.kit import Studio
from services import npm
from services.process import MissingError

from reelmill.media import keys
from reelmill.v1.encryption_pb2 import Encryption

pytestmark = pytest.mark.asyncio(loop_scope="session")
FRAMES, RATE = 100, 25
PAGE = """<!doctype html><title>player</title><video muted playsinline></video><div id="words"></div>
<script src="/hls.js/dist/hls.min.js"></script><script src="/dashjs/dist/modern/umd/dash.all.min.js"></script>
<script src="/shaka-player/dist/shaka-player.compiled.js"></script>
<script>
const video = document.querySelector("video");
window.seen = {errors: [], levels: [], sounds: [], ended: false};
video.addEventListener("ended", () => seen.ended = true);
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
function dash(url, keys) {
  const player = dashjs.MediaPlayer().create();
  player.on("error", (told) => seen.errors.push(JSON.stringify(told.error || {})));
  player.updateSettings({streaming: {abr: {autoSwitchBitrate: {video: false}}}});
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
const small = (told) => [told.startTime, told.duration, told.positionX, told.positionY, told.width, told.height];
</script>"""


# hls.js counts from when decoding of a transport stream begins, before its first frame is shown: it passes over that
# hole by itself, and tells of it.
HOLES = {"bufferAppendNoProgress", "bufferSeekOverHole"}
KEY, KEY_ID = bytes(range(100, 116)), bytes(range(1, 17))


def _url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Handler(SimpleHTTPRequestHandler):
    """Files with their types, and ranges of them."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".m3u8": "application/vnd.apple.mpegurl",
        ".mpd": "application/dash+xml",
        ".m4s": "video/iso.segment",
    }

    def do_POST(self) -> None:
        """A licence of Clear Key (W3C Encrypted Media Extensions, 9.1.4), whatever is asked for."""
        body = json.dumps({"keys": [{"kty": "oct", "kid": _url(KEY_ID), "k": _url(KEY)}], "type": "temporary"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Not at all."""


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


async def test_players_play_to_the_end_and_lose_no_frame(studio: Studio, tmp_path: Path) -> None:
    path = kit.make(
        tmp_path / "in.mkv", "-f", "lavfi", "-i", f"testsrc2=size=320x180:rate={RATE}:duration={FRAMES / RATE}",
        *coded.beeps(FRAMES / RATE), "-map", "0:v", "-map", "1:a", "-map", "1:a", "-c:v", "libx264", "-preset",
        "ultrafast", "-c:a", "aac", "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra",
    )  # fmt: skip
    spec = {
        "protocols": ["HLS", "DASH"],
        "segment_seconds": 1,
        "rungs": [{"height": 180, "crf": 28}, {"height": 90, "crf": 30}],
        "sounds": [{"track": {"all": True}}],
        "texts": [{"input": "words", "language": "en"}],
        "thumbnails": {"width": 64, "interval_seconds": 1, "columns": 2, "rows": 1},
        "sound_alone": True,
    }
    (tmp_path / "words.srt").write_text("1\n00:00:00,500 --> 00:00:03,500\nall the while\n")
    await studio.make(path, {"package": spec}, others={"words": tmp_path / "words.srt"})
    transport = {name: one for name, one in spec.items() if name not in ("protocols", "thumbnails")} | {
        "container": "TS"
    }
    await studio.make(path, {"name": "ts", "package": transport}, others={"words": tmp_path / "words.srt"})
    sound = kit.make(tmp_path / "podcast.m4a", *coded.beeps(2), "-c:a", "aac")
    await studio.make(sound, {"name": "podcast", "package": {"segment_seconds": 1}})
    site = studio.folder
    (site / "page.html").write_text(PAGE)
    try:
        for name, version in (npm.HLS, npm.DASH, npm.SHAKA):
            (site / name).symlink_to(npm.package(name, version))
    except MissingError as error:
        pytest.skip(str(error))
    with serving(site) as address, Browser(tmp_path / "chromium") as browser:
        for start in (
            "hls('/out/master.m3u8', 0)",
            "hls('/out/master.m3u8', 1)",
            "hls('/ts/master.m3u8', 0)",
            "dash('/out/manifest.mpd')",
            "shaken('/out/master.m3u8')",
            "shaken('/out/manifest.mpd')",
        ):
            browser.open(f"{address}/page.html")
            browser.wait_for("typeof hls === 'function'")
            browser.evaluate(start)
            browser.wait_for("seen.ended")
            assert set(browser.evaluate("seen.errors")) <= (HOLES if "/ts/" in start else set()), start
            # Where a busy machine keeps shaka-player waiting, it seeks to where it stands, and some are decoded again.
            again = 3 * RATE if start.startswith("shaken") else 0
            assert FRAMES <= browser.evaluate("frames()") <= FRAMES + again, start
            assert browser.evaluate("video.duration") == pytest.approx(FRAMES / RATE, abs=0.1)
            if start.startswith("dash"):
                told = "new Promise((done) => player.provideThumbnail(3.2, (t) => done([t.url.slice(-8), t.x, t.y])))"
                assert browser.evaluate(told) == ["0002.jpg", 64, 0]
        # A podcast has no picture.
        browser.open(f"{address}/page.html")
        browser.wait_for("typeof hls === 'function'")
        browser.evaluate("hls('/podcast/master.m3u8', 0)")
        browser.wait_for("seen.ended")
        assert browser.evaluate("seen.errors") == [] and browser.evaluate("frames()") == 0
        assert browser.evaluate("video.duration") == pytest.approx(2, abs=0.1)
        # Small pictures, and words.
        for kind in ("master.m3u8", "manifest.mpd"):
            browser.open(f"{address}/page.html")
            browser.wait_for("typeof shaken === 'function'")
            browser.evaluate(f"shaken('/out/{kind}')")
            assert browser.evaluate("player.getThumbnails(player.getImageTracks()[0].id, 3.2).then(small)") == [
                3, 1, 64, 0, 64, 36,
            ], kind  # fmt: skip
            browser.evaluate("player.selectTextTrack(player.getTextTracks()[0])")
            browser.wait_for("words().includes('all the while')")
        # Another rung, another sound, and another place.
        browser.open(f"{address}/page.html")
        browser.wait_for("typeof shaken === 'function'")
        browser.evaluate("shaken('/out/manifest.mpd')")
        other = "player.getVariantTracks().find((one) => one.height === 90 && one.language === 'fr')"
        browser.evaluate(f"player.selectVariantTrack({other}, true)")
        browser.evaluate("video.currentTime = 2.6")
        browser.wait_for("seen.ended")
        assert browser.evaluate("seen.errors") == []
        assert browser.evaluate("player.getVariantTracks().find((one) => one.active).language") == "fr"
        assert browser.evaluate("[video.videoWidth, video.videoHeight]") == [160, 90]
        browser.open(f"{address}/page.html")
        browser.wait_for("typeof hls === 'function'")
        browser.evaluate("hls('/out/master.m3u8', 1)")
        browser.wait_for("video.currentTime > 0.3")
        browser.evaluate("player.currentLevel = 0, player.audioTrack = 1, video.currentTime = 2.2")
        browser.wait_for("seen.ended")
        assert browser.evaluate("seen.errors") == []
        assert browser.evaluate("seen.levels.at(-1)") == 0 and browser.evaluate("seen.sounds.at(-1)") == "Français"
        assert browser.evaluate("[video.videoWidth, video.videoHeight]") == [160, 90]


async def test_players_decrypt_with_the_key_alone(studio: Studio, tmp_path: Path) -> None:
    path = kit.make(
        tmp_path / "in.mkv", "-f", "lavfi", "-i", f"testsrc2=size=160x90:rate={RATE}:duration=2",
        *coded.beeps(2), "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac",
    )  # fmt: skip
    given = [{"key_id": KEY_ID.hex(), "key": KEY.hex()}]
    schemes = {
        "whole": {"scheme": "AES_128", "keys": given, "key_uri": "/stream.key"},
        "cenc": {"scheme": "CENC", "keys": given, "key_uri": "/licence", "key_format": "CLEAR_KEY"},
        "cbcs": {"scheme": "CBCS", "keys": given, "key_uri": "/licence", "key_format": "CLEAR_KEY"},
    }
    spec = {"segment_seconds": 1, "rungs": [{"height": 90, "crf": 30}]}
    outputs = [
        {"name": name, "package": {**spec, "protocols": ["HLS", "DASH"][: 1 + (name != "whole")], "encryption": told}}
        for name, told in schemes.items()
    ]
    transport = {**spec, "container": "TS", "encryption": schemes["whole"]}
    outputs.append({"name": "transport", "package": transport})
    schemes["transport"] = schemes["whole"]
    ring = {name: keys.given(Encryption(**told)) for name, told in schemes.items()}
    await studio.made(path, await studio.plan(path, *outputs), ring)
    site = studio.folder
    (site / "page.html").write_text(PAGE)
    (site / "stream.key").write_bytes(KEY)
    try:
        for name, version in (npm.HLS, npm.DASH, npm.SHAKA):
            (site / name).symlink_to(npm.package(name, version))
    except MissingError as error:
        pytest.skip(str(error))
    eme = "{emeEnabled: true, drmSystems: {'org.w3.clearkey': {licenseUrl: '/licence'}}}"
    clear = json.dumps({_url(KEY_ID): _url(KEY)})
    hexed = json.dumps({KEY_ID.hex(): KEY.hex()})
    with serving(site) as address, Browser(tmp_path / "chromium") as browser:
        for start in (
            "hls('/whole/master.m3u8', 0)",
            f"dash('/cenc/manifest.mpd', {clear})",
            f"dash('/cbcs/manifest.mpd', {clear})",
            f"shaken('/cenc/manifest.mpd', {hexed})",
            f"shaken('/cbcs/manifest.mpd', {hexed})",
            "hls('/transport/master.m3u8', 0)",
            f"hls('/cbcs/master.m3u8', 0, {eme})",
        ):
            browser.open(f"{address}/page.html")
            browser.wait_for("typeof hls === 'function'")
            browser.evaluate(start)
            browser.wait_for("seen.ended")
            assert set(browser.evaluate("seen.errors")) <= (HOLES if "/transport/" in start else set()), start
            assert browser.evaluate("frames()") >= 2 * RATE, start


async def test_players_show_words_in_fragments(studio: Studio, tmp_path: Path) -> None:
    path = kit.make(
        tmp_path / "in.mkv", "-f", "lavfi", "-i", f"testsrc2=size=160x90:rate={RATE}:duration=4", "-c:v", "libx264",
        "-preset", "ultrafast",
    )  # fmt: skip
    (tmp_path / "words.srt").write_text("1\n00:00:00,200 --> 00:00:03,800\n<i>all</i> & the while\n")
    spec = {"protocols": ["HLS", "DASH"], "segment_seconds": 1, "rungs": [{"height": 90, "crf": 30}]}
    spec |= {"texts": [{"input": "words", "language": "en", "default_track": True}]}
    for kind in ("WVTT", "IMSC"):
        output = {"name": kind.lower(), "package": {**spec, "text_format": kind}}
        await studio.make(path, output, others={"words": tmp_path / "words.srt"})
    site = studio.folder
    (site / "page.html").write_text(PAGE)
    try:
        for name, version in (npm.HLS, npm.DASH, npm.SHAKA):
            (site / name).symlink_to(npm.package(name, version))
    except MissingError as error:
        pytest.skip(str(error))
    said = "words().some((one) => one.replace(/<[^>]*>/g, '') === 'all & the while')"
    with serving(site) as address, Browser(tmp_path / "chromium") as browser:
        for start, shown in (
            ("shaken('/wvtt/manifest.mpd')", said),
            ("shaken('/imsc/manifest.mpd')", said),
            ("shaken('/imsc/master.m3u8')", said),
            ("dash('/wvtt/manifest.mpd')", said),
            ("dash('/imsc/manifest.mpd')", "document.querySelector('#words').innerText.includes('all & the while')"),
            ("hls('/imsc/master.m3u8', 0)", said),
        ):
            browser.open(f"{address}/page.html")
            browser.wait_for("typeof hls === 'function'")
            browser.evaluate(start)
            if start.startswith("shaken"):
                browser.evaluate("player.selectTextTrack(player.getTextTracks()[0])")
            browser.wait_for(shown)
            browser.wait_for("seen.ended")
            assert browser.evaluate("seen.errors") == [], start
            assert browser.evaluate("frames()") >= 4 * RATE, start
