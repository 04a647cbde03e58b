"""Players in a real browser play packages to their end, and lose no frame at a seam."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from effort import some_or_all
from gateway.browser import Browser
from media import coded, kit
from media.kit import Studio
from media.watching import KEY, KEY_ID, furnish, play_out, serving, start, url_safe

from reelmill.media import keys
from reelmill.v1.encryption_pb2 import Encryption

pytestmark = pytest.mark.asyncio(loop_scope="session")
FRAMES, RATE = 100, 25
# hls.js counts from when decoding of a transport stream begins, before its first frame is shown: it passes over that
# hole by itself, and tells of it.
HOLES = {"bufferAppendNoProgress", "bufferSeekOverHole"}
# Slowly from there on: so a busy machine has not come to the end before it has changed. dash.js fetches no other words
# for a film that stands.
UNDER_WAY = "video.currentTime > 0.3 && (video.playbackRate = 0.1)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("chromium")) as made:
        yield made


async def test_players_play_to_the_end_and_lose_no_frame(studio: Studio, browser: Browser, tmp_path: Path) -> None:
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
        "texts": [{"input": "words", "language": "en"}, {"input": "mots", "language": "fr"}],
        "thumbnails": {"width": 64, "interval_seconds": 1, "columns": 2, "rows": 1},
        "sound_alone": True,
    }
    said = {"words": tmp_path / "words.srt", "mots": tmp_path / "mots.srt"}
    for name, text in {"words": "all the while", "mots": "tout le temps"}.items():
        said[name].write_text(f"1\n00:00:00,500 --> 00:00:03,500\n{text}\n")
    await studio.make(path, {"package": spec}, others=said)
    transport = {name: one for name, one in spec.items() if name not in ("protocols", "thumbnails")} | {
        "container": "TS"
    }
    await studio.make(path, {"name": "ts", "package": transport}, others=said)
    sound = kit.make(tmp_path / "podcast.m4a", *coded.beeps(2), "-c:a", "aac")
    await studio.make(sound, {"name": "podcast", "package": {"segment_seconds": 1}})
    site = studio.folder
    furnish(site)
    with serving(site) as address:
        for call in (
            "hls('/out/master.m3u8', 0)",
            "hls('/ts/master.m3u8', 0)",
            "dash('/out/manifest.mpd')",
            "shaken('/out/master.m3u8')",
            "shaken('/out/manifest.mpd')",
        ):
            start(browser, address, call)
            if call.startswith("shaken"):
                _shaka_shows_small_pictures_and_words(browser, call)
            play_out(browser)
            assert set(browser.evaluate("seen.errors")) <= (HOLES if "/ts/" in call else set()), call
            # Where a busy machine keeps a player waiting, it seeks to where it stands, and some are decoded again.
            again = 3 * RATE if call.startswith("shaken") or browser.evaluate("seen.errors.length") else 0
            assert 0 <= (found := browser.evaluate("frames()")) - FRAMES <= again, (call, found)
            assert browser.evaluate("video.duration") == pytest.approx(FRAMES / RATE, abs=0.1)
            if call.startswith("dash"):
                told = "new Promise((done) => player.provideThumbnail(3.2, (t) => done([t.url.slice(-8), t.x, t.y])))"
                assert browser.evaluate(told) == ["0002.jpg", 64, 0]
        # A podcast has no picture.
        start(browser, address, "hls('/podcast/master.m3u8', 0)")
        play_out(browser)
        assert browser.evaluate("seen.errors") == [] and browser.evaluate("frames()") == 0
        assert browser.evaluate("video.duration") == pytest.approx(2, abs=0.1)
        for change in (_shaka_changes, _hls_changes, _dash_changes):
            change(browser, address)
            assert browser.evaluate("seen.errors") == [], change
            assert browser.evaluate("[video.videoWidth, video.videoHeight]") == [160, 90], change
            assert browser.evaluate("shown()") == ["tout le temps"], change
            assert browser.evaluate("frames()") >= 1.4 * RATE, change


def _shaka_shows_small_pictures_and_words(browser: Browser, call: str) -> None:
    found = browser.evaluate("player.getThumbnails(player.getImageTracks()[0].id, 3.2).then(small)")
    assert found == [3, 1, 64, 0, 64, 36], call
    browser.evaluate("player.selectTextTrack(player.getTextTracks()[0])")
    browser.wait_for("words().includes('all the while')")


def _shaka_changes(browser: Browser, address: str) -> None:
    """To another rung, another sound, other words and another place."""
    start(browser, address, "shaken('/out/manifest.mpd')")
    other = "player.getVariantTracks().find((one) => one.height === 90 && one.language === 'fr')"
    browser.evaluate(f"player.selectVariantTrack({other}, true)")
    browser.evaluate("player.selectTextTrack(player.getTextTracks().find((one) => one.language === 'fr'))")
    browser.evaluate("video.currentTime = 2.6")
    play_out(browser)
    assert browser.evaluate("player.getVariantTracks().find((one) => one.active).language") == "fr"


def _hls_changes(browser: Browser, address: str) -> None:
    start(browser, address, "hls('/out/master.m3u8', 1)")
    browser.wait_for(UNDER_WAY)
    browser.evaluate("player.currentLevel = 0, player.audioTrack = 1, player.subtitleTrack = 1")
    browser.evaluate("video.currentTime = 2.2")
    play_out(browser)
    assert browser.evaluate("seen.levels.at(-1)") == 0 and browser.evaluate("seen.sounds.at(-1)") == "Français"


def _dash_changes(browser: Browser, address: str) -> None:
    """After such changes dash.js may not tell of the end, but it comes to it."""
    start(browser, address, "dash('/out/manifest.mpd', null, 1)")
    browser.wait_for(UNDER_WAY)
    browser.evaluate("player.setTextTrack(player.getTracksFor('text').findIndex((one) => one.lang === 'fr'))")
    browser.wait_for("shown().length")  # a change of place gives up what is being fetched
    browser.evaluate("player.setCurrentTrack(player.getTracksFor('audio').find((one) => one.lang === 'fr'))")
    least = "player.getRepresentationsByType('video').findIndex((one) => one.height === 90)"
    browser.evaluate(f"player.setRepresentationForTypeByIndex('video', {least})")
    browser.evaluate("player.seek(2.2)")
    play_out(browser, "video.currentTime > video.duration - 0.1")
    assert browser.evaluate("player.getCurrentTrackFor('audio').lang") == "fr"
    assert browser.evaluate("player.getCurrentRepresentationForType('video').id") == "h264-90"


async def test_players_decrypt_with_the_key_alone(studio: Studio, browser: Browser, tmp_path: Path) -> None:
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
    kinds = {name: {"protocols": ["HLS", "DASH"][: 1 + (name != "whole")]} for name in schemes}
    kinds["cbcs"]["byte_ranges"] = True
    outputs = [{"name": name, "package": {**spec, **kinds[name], "encryption": told}} for name, told in schemes.items()]
    transport = {**spec, "container": "TS", "encryption": schemes["whole"]}
    outputs.append({"name": "transport", "package": transport})
    schemes["transport"] = schemes["whole"]
    ring = {name: keys.given(Encryption(**told)) for name, told in schemes.items()}
    await studio.made(path, await studio.plan(path, *outputs), ring)
    site = studio.folder
    furnish(site)
    (site / "stream.key").write_bytes(KEY)
    eme = "{emeEnabled: true, drmSystems: {'org.w3.clearkey': {licenseUrl: '/licence'}}}"
    clear = json.dumps({url_safe(KEY_ID): url_safe(KEY)})
    hexed = json.dumps({KEY_ID.hex(): KEY.hex()})
    calls = {
        "whole": "hls('/whole/master.m3u8', 0)",
        "dash cenc": f"dash('/cenc/manifest.mpd', {clear})",
        "dash cbcs": f"dash('/cbcs/manifest.mpd', {clear})",
        "shaka cenc": f"shaken('/cenc/manifest.mpd', {hexed})",
        "shaka cbcs": f"shaken('/cbcs/manifest.mpd', {hexed})",
        "transport": "hls('/transport/master.m3u8', 0)",
        "hls cbcs": f"hls('/cbcs/master.m3u8', 0, {eme})",
    }
    with serving(site) as address:  # each player, and each scheme
        for name in some_or_all(list(calls), "whole", "dash cenc", "shaka cbcs", "transport", "hls cbcs"):
            call = calls[name]
            start(browser, address, call)
            play_out(browser)
            assert set(browser.evaluate("seen.errors")) <= (HOLES if "/transport/" in call else set()), call
            assert browser.evaluate("frames()") >= 2 * RATE, call


async def test_players_show_words_in_fragments(studio: Studio, browser: Browser, tmp_path: Path) -> None:
    path = kit.make(
        tmp_path / "in.mkv", "-f", "lavfi", "-i", f"testsrc2=size=160x90:rate={RATE}:duration=4", "-c:v", "libx264",
        "-preset", "ultrafast",
    )  # fmt: skip
    (tmp_path / "words.srt").write_text("1\n00:00:00,200 --> 00:00:03,800\n<i>all</i> & the while\n")
    texts = [{"input": "words", "language": "en", "default_track": True}]
    spec = {"protocols": ["HLS", "DASH"], "segment_seconds": 1, "texts": texts}
    for kind, codec in {"WVTT": "VP9", "IMSC": "AV1"}.items():
        rungs = [{"height": 90, "codec": codec, "crf": 40}]
        output = {"name": kind.lower(), "package": {**spec, "rungs": rungs, "text_format": kind}}
        await studio.make(path, output, others={"words": tmp_path / "words.srt"})
    site = studio.folder
    furnish(site)
    said = "words().some((one) => one.replace(/<[^>]*>/g, '') === 'all & the while')"
    calls = {
        "shaken('/wvtt/manifest.mpd')": said,
        "shaken('/imsc/manifest.mpd')": said,
        "shaken('/imsc/master.m3u8')": said,
        "dash('/wvtt/manifest.mpd')": said,
        "dash('/imsc/manifest.mpd')": "document.querySelector('#words').innerText.includes('all & the while')",
        "hls('/imsc/master.m3u8', 0)": said,
    }
    alike = ("shaken('/imsc/manifest.mpd')", "dash('/wvtt/manifest.mpd')")
    with serving(site) as address:  # each player, and each kind of fragments in each kind of manifest
        for call in some_or_all(list(calls), *(call for call in calls if call not in alike)):
            shown = calls[call]
            start(browser, address, call)
            if call.startswith("shaken"):
                browser.evaluate("player.selectTextTrack(player.getTextTracks()[0])")
            browser.wait_for(shown)
            play_out(browser)
            assert browser.evaluate("seen.errors") == [], call
            assert browser.evaluate("frames()") >= 4 * RATE, call
