"""A package of what has no picture, and of sound beside pictures, as HLS and DASH have it."""

from pathlib import Path

import m3u8
import pytest
from media import coded, kit
from media.kit import Studio

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import mpd
from reelmill.media.streams import bytes_of, measured

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECONDS = 5.0


@pytest.fixture(scope="module")
def podcast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two languages and a cover."""
    folder = tmp_path_factory.mktemp("podcast")
    cover = kit.make(folder / "cover.png", "-f", "lavfi", "-i", "color=red:size=64x64", "-frames:v", "1")
    return kit.make(
        folder / "podcast.m4a", *coded.beeps(SECONDS), "-i", str(cover), "-map", "0", "-map", "0", "-map", "1", "-c:a",
        "aac", "-c:v", "copy", "-disposition:v", "attached_pic", "-metadata:s:a:0", "language=eng", "-metadata:s:a:1",
        "language=fra",
    )  # fmt: skip


@pytest.mark.parametrize("ranges", [False, True], ids=["segments", "ranges"])
async def test_a_podcast_is_a_stream_of_its_sounds(studio: Studio, podcast: Path, tmp_path: Path, ranges: bool) -> None:
    spec = {
        "protocols": ["HLS", "DASH"], "segment_seconds": 2, "sounds": [{"track": {"all": True}}], "byte_ranges": ranges,
        "trim": {"start_seconds": 1},
    }  # fmt: skip
    await studio.make(podcast, {"package": spec})
    root = studio.folder / "out"
    master = m3u8.load(str(root / "master.m3u8"))
    assert [(one.uri, one.language, one.default) for one in master.media] == [
        ("audio-en/index.m3u8", "en", "YES"),
        ("audio-fr/index.m3u8", "fr", "NO"),
    ]
    [variant] = master.playlists
    assert (variant.uri, variant.stream_info.codecs, variant.stream_info.audio) == (
        "audio-en/index.m3u8",
        "mp4a.40.2",
        "audio",
    )
    assert variant.stream_info.bandwidth >= variant.stream_info.average_bandwidth > 30_000
    assert variant.stream_info.resolution is None and not master.iframe_playlists
    dash = mpd.streams((root / "manifest.mpd").read_text())
    assert dash.keys() == {"audio-en", "audio-fr"}
    for name in dash:
        stream = measured(root / name)
        assert [one.seconds for one in stream.segments] == pytest.approx([2, 2], abs=0.06)
        whole = tmp_path / f"{name}.mp4"
        parts = stream.segments if not ranges else ()
        whole.write_bytes(
            b"".join(bytes_of(root / name, part) for part in (stream.beginning, *parts))
            if not ranges
            else (root / name / "stream.mp4").read_bytes()
        )
        assert coded.heard(whole) == pytest.approx([i / 2 for i in range(8)], abs=0.03)


async def test_hls_offers_the_sound_alone(studio: Studio, tmp_path: Path) -> None:
    path = kit.make(
        tmp_path / "in.mp4", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=2", *coded.beeps(2), "-c:v",
        "libx264", "-preset", "ultrafast", "-c:a", "aac",
    )  # fmt: skip
    await studio.make(path, {"package": {"segment_seconds": 1, "sound_alone": True}})
    variants = m3u8.load(str(studio.folder / "out" / "master.m3u8")).playlists
    assert [one.uri for one in variants] == ["h264-90/index.m3u8", "audio-und/index.m3u8"]
    assert [one.stream_info.codecs.rpartition("mp4a")[1:] for one in variants] == [("mp4a", ".40.2")] * 2
    assert "avc1" not in variants[1].stream_info.codecs
    assert variants[1].stream_info.bandwidth < variants[0].stream_info.bandwidth


ASKED = {
    "rungs": {"rungs": [{"height": 90}]},
    "mute": {"mute": True},
    "thumbnails": {"thumbnails": {}},
    "closed captions": {"closed_captions": [{"channel": "CC1"}]},
}


@pytest.mark.parametrize("asked", ASKED)
async def test_what_is_of_pictures_asks_for_one(studio: Studio, podcast: Path, asked: str) -> None:
    with pytest.raises(AttemptFailed) as caught:
        await studio.plan(podcast, {"package": ASKED[asked]})
    assert caught.value.code == "INPUT_NO_VIDEO"
