"""Every shipped preset on ten kinds of source: what comes out decodes and is what the preset says, or is refused.

A kind says what is in it; a preset says what it needs. So each of the pairs is either made and measured, or has the
code that it must be refused with. The presets whose encoders take long go over two kinds or three, and over all where
REELMILL_TEST_LONG is set.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from effort import short_or_long
from media.kit import Studio, decode, make

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.presets import PRESETS

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECONDS = 1.0
PICTURE = ("-f", "lavfi", "-i", f"testsrc2=size=128x96:rate=15000/1001:duration={SECONDS}")
TONE = ("-f", "lavfi", "-i", f"sine=sample_rate=48000:duration={SECONDS}")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
HDR = "setparams=colorspace=bt2020nc:color_trc=smpte2084:color_primaries=bt2020,format=yuv420p10le"
WORDS = "1\n00:00:00,200 --> 00:00:00,800\nHello\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A source, and what is in it."""

    suffix: str
    make: Callable[[Path, Path], Path]
    """The file, of a path and a folder for what it is made of."""
    film: bool = True
    """Whether it moves; else it is a still picture or a sound."""
    photo: bool = False
    """Whether it is a picture for `image`."""
    cover: bool = False
    sound: bool = True
    words: bool = False
    size: tuple[int, int] = (128, 96)
    """As it is shown."""
    seconds: float = SECONDS
    hdr: bool = False


def plain(*arguments: str) -> Callable[[Path, Path], Path]:
    return lambda path, folder: make(path, *arguments)


def phone(path: Path, folder: Path) -> Path:
    flat = make(folder / "flat.mov", *PICTURE, *TONE, *X264, "-c:a", "aac")
    return make(path, "-display_rotation", "-90", "-i", str(flat), "-c", "copy")


def song(path: Path, folder: Path) -> Path:
    cover = make(folder / "cover.png", *PICTURE, "-frames:v", "1")
    tags = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
    return make(path, *TONE, "-i", str(cover), *tags)


def film(path: Path, folder: Path) -> Path:
    (folder / "words.srt").write_text(WORDS)
    surround = ("-filter_complex", "[1:a]aformat=channel_layouts=5.1,asplit[a][b]")
    tags = ("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra")
    maps = ("-map", "0:v", "-map", "[a]", "-map", "[b]", "-map", "2")
    return make(path, *PICTURE, *TONE, "-i", str(folder / "words.srt"), *surround, *maps, *X264, "-c:a", "ac3", *tags)


INTERLACED = (
    "-r",
    "30000/1001",
    "-c:v",
    "mpeg2video",
    "-flags",
    "+ildct+ilme",
    "-vf",
    "setfield=tff",
    "-bf",
    "2",
    "-c:a",
    "mp2",
)
UNEVEN = ("-vf", "select='not(eq(mod(n,5),2))'", "-fps_mode", "vfr", "-c:v", "libvpx", "-deadline", "realtime")
KINDS: Mapping[str, Kind] = {
    "interlaced": Kind(suffix="mpg", make=plain(*PICTURE, *TONE, *INTERLACED)),
    "phone": Kind(suffix="mov", make=phone, size=(96, 128)),
    "browser": Kind(suffix="webm", make=plain(*PICTURE, *TONE, *UNEVEN, "-c:a", "libopus", "-live", "1", "-f", "webm")),
    "song": Kind(suffix="mp3", make=song, film=False, cover=True),
    "still": Kind(suffix="png", make=plain(*PICTURE, "-frames:v", "1"), film=False, photo=True, sound=False),
    "animation": Kind(suffix="gif", make=plain(*PICTURE, "-vf", "fps=12.5"), photo=True, sound=False),
    "languages": Kind(suffix="mkv", make=film, words=True),
    "broadcast": Kind(suffix="ts", make=plain(*PICTURE, *TONE, *X264, "-c:a", "aac", "-output_ts_offset", "5000")),
    "hdr": Kind(
        suffix="mp4",
        make=plain(*PICTURE, *TONE, "-vf", HDR, "-c:v", "libx265", "-x265-params", "log-level=error", "-c:a", "aac"),
        hdr=True,
    ),
    "mute": Kind(suffix="mp4", make=plain(*PICTURE, *X264), sound=False),
}
SLOW: Mapping[str, tuple[str, ...]] = {
    "social-square": ("phone",),
    "social-vertical": ("languages",),
    "archive": ("hdr", "interlaced", "mute"),
    "web-av1": ("browser", "broadcast"),
    "web-cmaf": ("phone", "song", "mute"),
    "web-hls": ("interlaced", "languages", "hdr", "still"),
    "preview": ("interlaced", "animation", "languages", "still", "song"),
    "storyboard": ("browser", "phone", "broadcast", "still", "song"),
}
"""Presets that take long, and the kinds that each change is tried with."""


def refusal(preset: str, kind: Kind) -> str:
    """The code that a source is refused with; empty: it is for it."""
    match preset:
        case "podcast-audio" | "podcast" | "waveform":
            return "" if kind.sound else "INPUT_NO_AUDIO"
        case "captions":
            return "" if kind.words else "INPUT_NO_CAPTIONS"
        case "photo-web":
            return "" if kind.photo else "INPUT_UNSUPPORTED" if kind.film else "INPUT_NO_VIDEO"
        case "poster" | "preview-thumbs" | "thumbnails":
            return ""
        case "web-hls" | "web-cmaf":
            return "" if kind.film or kind.sound else "INPUT_UNSUPPORTED"
        case "preview" | "storyboard":
            return "" if kind.film else "INPUT_UNSUPPORTED" if kind.photo else "INPUT_NO_VIDEO"
        case _:  # of a still picture a film of one frame
            return "" if kind.film or kind.photo else "INPUT_NO_VIDEO"


FILMS = {
    **{"web-mp4": ("h264", 0), "mobile": ("h264", 0), "archive": ("hevc", 0)},
    **{"social-square": ("h264", 1080), "social-vertical": ("h264", 1080)},
    **{"web-av1-av1": ("av1", 0), "web-av1-h264": ("h264", 0)},
}
"""The codec of each film that a preset makes, and its width; 0: the source's."""
_STILLS = {
    **{"poster": (1280, 1), "preview-thumbs": (320, 10)},
    **{"thumbnails-poster": (1280, 1), "thumbnails-small": (320, 10)},
}
"""How wide they are, and how many."""
TALL = {"social-square": 1080, "social-vertical": 1920}


def asked(name: str) -> list[str]:
    """The presets that are run on a kind."""
    return [preset for preset in PRESETS if short_or_long(name in SLOW.get(preset, (name,)), 1)]


async def check(studio: Studio, name: str, kind: Kind, made: list[Path]) -> None:
    """The files of one output are what its preset says."""
    first = studio.folder / made[0]
    if name in FILMS:
        codec, width = FILMS[name]
        info, seen = await studio.probe_made(first), decode(first)
        size = (width, TALL[name]) if width else kind.size
        assert (seen.video_codec, seen.width, seen.height) == (codec, *size), name
        if kind.film:
            assert seen.frames > 10 and info.duration_seconds == pytest.approx(kind.seconds, abs=0.15), name
        else:
            assert seen.frames == 1, name
        sounds = [stream for stream in info.streams if stream.sample_rate_hz]
        assert len(info.streams) == 1 + len(sounds) and len(sounds) == kind.sound, name
        assert not seen.audio_codec or seen.samples == pytest.approx(seen.sample_rate_hz * kind.seconds, rel=0.1), name
        transfer = info.streams[0].color_transfer
        assert (transfer == "smpte2084") is (kind.hdr and name == "archive"), name
    elif name in ("podcast-audio", "podcast-sound"):
        seen = decode(first)
        assert (seen.audio_codec, seen.sample_rate_hz) == ("mp3float", 44100) or seen.audio_codec == "mp3"
        assert seen.samples == pytest.approx(44100 * kind.seconds, rel=0.1)
    elif name in ("web-hls", "web-cmaf"):
        await check_package(studio, name, kind, made)
    elif name == "captions":
        text = first.read_text()
        assert text.startswith("WEBVTT") and "Hello" in text
    elif name.endswith("-peaks"):
        peaks = json.loads(first.read_text())
        assert peaks["length"] * peaks["samples_per_pixel"] == pytest.approx(
            peaks["sample_rate"] * kind.seconds, rel=0.1
        )
    elif name == "waveform-picture":
        info = await studio.probe_made(first)
        assert [(s.codec, s.width, s.height) for s in info.streams] == [("png", 1280, 240)]
    elif name.startswith("photo-web"):
        info = await studio.probe_made(first)
        assert [(s.codec, s.width, s.height) for s in info.streams] == [("webp", *kind.size)]
    elif name == "preview":
        assert (await studio.probe_made(first)).duration_seconds == pytest.approx(min(kind.seconds, 4), abs=0.45)
    elif name == "storyboard":
        sheet = next(path for path in made if path.suffix == ".jpg")
        assert first.read_text().startswith("WEBVTT") or made[1].read_text().startswith("WEBVTT")
        assert decode(studio.folder / sheet).width % 160 == 0
    else:  # stills
        width, count = _STILLS.get(name) or (kind.size[0], 1)
        assert len(made) == count
        assert {(decode(path).video_codec, decode(path).width) for path in made} == {("mjpeg", width)}, name


async def check_package(studio: Studio, name: str, kind: Kind, made: list[Path]) -> None:
    """Its playlists are there, and each rendition decodes and lasts as the source."""
    names = {path.name for path in made}
    assert "master.m3u8" in names and ("manifest.mpd" in names) is (name == "web-cmaf")
    heard = 0
    for folder in sorted({path.parent for path in made if path.suffix == ".m4s"}):
        parts = sorted(path for path in made if path.parent == folder)
        begin = [path for path in parts if path.suffix == ".mp4"]
        whole = studio.folder / f"{name}-{folder.name}.whole.mp4"
        whole.write_bytes(b"".join(path.read_bytes() for path in (*begin, *(p for p in parts if p.suffix == ".m4s"))))
        seen = decode(whole)
        heard += bool(seen.audio_codec)
        if seen.video_codec:
            assert seen.frames > 10 and (seen.width > seen.height) is (kind.size[0] > kind.size[1])
        assert (await studio.probe_made(whole)).duration_seconds == pytest.approx(kind.seconds, abs=0.15)
    assert bool(heard) is kind.sound


@pytest.mark.parametrize("name", KINDS)
async def test_every_preset_makes_what_it_says_of_a_kind_or_refuses_it(
    studio: Studio, tmp_path: Path, name: str
) -> None:
    kind = KINDS[name]
    source = kind.make(tmp_path / f"source.{kind.suffix}", tmp_path)
    fitting = [preset for preset in asked(name) if not refusal(preset, kind)]
    planned = await studio.plan(source, *({"name": preset, "preset": preset} for preset in fitting))
    found: dict[str, list[Path]] = {}
    for file in await studio.made(source, planned):
        if file.stored:
            found.setdefault(file.output, []).append(studio.folder / file.path)
    parts = {part.part for preset in PRESETS.values() for part in preset.outputs}
    assert {output.removesuffix(f"-{part}") for output in found for part in parts} >= set(fitting)
    for output, made in found.items():
        await check(studio, output, kind, made)
    for preset in (preset for preset in asked(name) if refusal(preset, kind)):
        with pytest.raises(AttemptFailed) as refused:
            await studio.make(source, {"name": preset, "preset": preset})
        assert refused.value.failure.code == refusal(preset, kind), preset


async def test_every_shipped_preset_is_for_a_kind_that_is_tried() -> None:
    assert len(KINDS) == 10
    for preset in PRESETS:
        assert any(preset in asked(name) and not refusal(preset, kind) for name, kind in KINDS.items()), preset
