"""Packages in transport streams: for HLS alone, in the least version, and with every frame at its time."""

import subprocess
from itertools import pairwise
from pathlib import Path

import av
import m3u8
import pytest
from media import coded, kit
from media.kit import Studio
from media.test_packages import decoded, packed

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import keys, sets, transport
from reelmill.media.ciphers import opened
from reelmill.media.promises import FileSet
from reelmill.media.streams import measured
from reelmill.media.verify import verify
from reelmill.v1.encryption_pb2 import Encryption

pytestmark = pytest.mark.asyncio(loop_scope="session")
FRAMES, RATE = 100, 25
SECONDS = FRAMES / RATE
KEY = "0123456789abcdef0123456789abcdef"
SPEC = {"container": "TS", "segment_seconds": 1, "rungs": [{"height": 64, "crf": 20}, {"height": 32, "crf": 20}]}
STREAMS = ("h264-64", "h264-32", "audio-en")
TEN = 10.0


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds, each frame with its number."""
    return kit.make(
        tmp_path_factory.mktemp("talk") / "talk.mkv", *coded.frames(RATE, SECONDS), *coded.beeps(SECONDS),
        "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac",
        "-metadata:s:a:0", "language=eng",
    )  # fmt: skip


def numbered(path: Path) -> tuple[list[int], list[float], list[float]]:
    """Numbers of a file's frames, when they are shown, and the key frames'."""
    numbers, times, at = [], [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None and frame.time_base is not None
            numbers.append(coded.number(frame))
            times.append(float(frame.pts * frame.time_base))
            at += [times[-1]] if frame.key_frame else []
    return numbers, times, at


async def test_old_players_get_whole_segments_in_the_least_version(studio: Studio, talk: Path, tmp_path: Path) -> None:
    made = await packed(studio, talk, SPEC)
    root = made.folder / "out"
    assert {path.suffix for path in root.rglob("*.*")} == {".m3u8", ".ts"}
    assert {file.content_type for file in made.files if file.path.suffix == ".ts"} == {"video/mp2t"}
    master = m3u8.load(str(root / "master.m3u8"))
    assert "EXT-X-VERSION" not in (root / "master.m3u8").read_text()
    assert [one.uri for one in master.playlists] == ["h264-64/index.m3u8", "h264-32/index.m3u8"]
    assert [(one.language, one.uri) for one in master.media] == [("en", "audio-en/index.m3u8")]
    for name in STREAMS:
        playlist, stream = m3u8.load(str(root / name / "index.m3u8")), measured(root / name)
        assert (playlist.version, playlist.segment_map, playlist.is_endlist) == (3, [], True)
        assert [one.uri for one in playlist.segments] == [f"{i:05d}.ts" for i in (1, 2, 3, 4)]
        lasts = [one.duration for one in playlist.segments]
        assert lasts == pytest.approx([1, 1, 1, 1], abs=0.022 if name == "audio-en" else 1e-4)  # a packet of AAC
        assert lasts == pytest.approx([one.seconds for one in stream.segments], abs=1e-5)
        whole = tmp_path / "whole.ts"
        whole.write_bytes(b"".join((root / name / one.uri).read_bytes() for one in playlist.segments))
        if name == "audio-en":
            assert coded.heard(whole, begin=TEN) == pytest.approx([i / 2 for i in range(8)], abs=0.03)
            assert (stream.track.channels, stream.track.sample_rate_hz) == (1, 48_000)
            continue
        numbers, times, at = numbered(whole)
        assert numbers == list(range(FRAMES))
        assert times == pytest.approx([TEN + i / RATE for i in range(FRAMES)], abs=1e-4)
        assert at == pytest.approx([10, 11, 12, 13], abs=1e-4)
        _check_keys(root / name, tmp_path / "key.ts")
        told = next(one for one in master.playlists if one.uri.startswith(name)).stream_info
        with av.open(str(whole)) as container:
            context = container.streams.video[0].codec_context
            assert context.extradata
            assert told.codecs.startswith("avc1.") and (told.frame_rate, stream.frame_rate) == (RATE, RATE)
            assert told.resolution == (context.width, context.height)
    frames, samples = decoded(root / "master.m3u8")
    assert frames == FRAMES and samples / 48_000 == pytest.approx(SECONDS, abs=0.05)


def _check_keys(folder: Path, target: Path) -> None:
    """Each entry of the playlist of key frames is one whole frame that needs nothing before it."""
    playlist = m3u8.load(str(folder / "iframes.m3u8"))
    assert playlist.is_i_frames_only and (playlist.version, len(playlist.segments)) == (4, 4)
    for i, segment in enumerate(playlist.segments):
        length, begin = map(int, segment.byterange.split("@"))
        target.write_bytes((folder / segment.uri).read_bytes()[begin : begin + length])
        numbers, _, at = numbered(target)
        assert numbers == [i * RATE] and len(at) == 1


async def test_words_go_by_the_clock_of_the_pictures(studio: Studio, talk: Path, tmp_path: Path) -> None:
    (tmp_path / "words.srt").write_text("1\n00:00:00,500 --> 00:00:03,500\nall the while\n")
    spec = SPEC | {"texts": [{"input": "words", "language": "en"}], "mute": True}
    await studio.make(talk, {"package": spec}, others={"words": tmp_path / "words.srt"})
    text = (studio.folder / "out" / "text-en" / "00002.vtt").read_text()
    assert "X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000" in text and "00:00:00.500 --> 00:00:03.500" in text


async def test_whole_segments_are_encrypted(studio: Studio, talk: Path) -> None:
    root = (await packed(studio, talk, SPEC)).folder / "out"
    clear = {(name, i): (root / name / f"{i:05d}.ts").read_bytes() for name in STREAMS for i in (1, 2, 3, 4)}
    told = {"scheme": "AES_128", "keys": [{"key": KEY}], "key_uri": "a.key"}
    planned = await studio.plan(talk, {"package": SPEC | {"encryption": told}})
    ring = keys.given(Encryption(**told))
    await studio.made(talk, planned, {"out": ring})
    for (name, i), data in clear.items():
        hidden = (root / name / f"{i:05d}.ts").read_bytes()
        assert opened(bytes.fromhex(KEY), (i - 1).to_bytes(16, "big"), hidden) == data
        (root / name / "a.key").write_bytes(bytes.fromhex(KEY))
    assert m3u8.load(str(root / "h264-64" / "index.m3u8")).version == 3
    argv = [str(kit.FFMPEG), "-nostdin", "-v", "error", "-allowed_extensions", "ALL", "-i", str(root / "master.m3u8")]
    done = subprocess.run([*argv, "-map", "0:v:0", "-f", "framecrc", "-"], capture_output=True, text=True, check=True)
    assert sum(not line.startswith("#") for line in done.stdout.splitlines()) == FRAMES and not done.stderr
    [files] = [thing for thing in planned.graph.promised if isinstance(thing, FileSet)]
    for path in root.glob("*/a.key"):
        path.unlink()
    assert sets.read(files, studio.folder, ring).problems == []
    assert sets.read(files, studio.folder, keys.given(Encryption(keys=[{"key": KEY[::-1]}]))).problems


async def test_what_is_not_whole_is_refused(studio: Studio, talk: Path) -> None:
    made = await packed(studio, talk, SPEC | {"rungs": SPEC["rungs"][1:], "mute": True})
    path = made.folder / "out" / "h264-32" / "00003.ts"
    data = path.read_bytes()
    first = transport.portion(data).first_end
    for spoilt, said in (
        (data[:-1], "it is no transport stream"),
        (data[: 2 * 188], "a segment of no samples"),
        (data[: 2 * 188] + data[first:], "not all segments begin with a key frame"),
        (None, "00003.ts"),
    ):
        path.unlink()
        if spoilt is not None:
            path.write_bytes(spoilt)
        with pytest.raises(AttemptFailed, match=said):
            await verify([made.set], made.folder, studio.prober.of(""))
        path.write_bytes(data)


async def test_clocks_that_begin_anew_go_on(tmp_path: Path) -> None:
    """33 bits of 90,000 a second end after 26.5 hours."""
    wraps = 2**33
    path = kit.make(
        tmp_path / "late.ts", *coded.frames(RATE, 2), "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2",
        "-muxdelay", "0", "-output_ts_offset", str(wraps / 90_000 - 1),
    )  # fmt: skip
    one = transport.portion(path.read_bytes(), near=wraps - 200_000)
    assert one.shown < wraps <= one.last
    assert one.last - one.shown == pytest.approx((2 * RATE - 1) * 90_000 / RATE, abs=2)
    assert (one.count, one.key) == (2 * RATE, True)
    again = transport.portion(path.read_bytes(), near=one.last)
    assert [(a, b) for a, b in pairwise((one.shown, again.shown)) if a != b] == []
