"""Which sound comes out, by its pitch, and what is told of it, over every container that can hold several tracks."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from media.kit import Studio, make

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import languages
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import TrackSelector

pytestmark = pytest.mark.asyncio(loop_scope="session")

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=1")
# Peaks stand exactly on samples: 500 Hz has 96 at 48 kHz.
LOUD = "0.95*sin(2*PI*500*t)"


def tones(*pitches: int) -> tuple[str, ...]:
    return tuple(part for hz in pitches for part in ("-f", "lavfi", "-i", f"sine={hz}:sample_rate=48000:duration=1"))


def heard(path: Path, track: int = 0) -> list[tuple[int, float]]:
    """Pitch in Hz, to 20, and peak of each channel of a file's sound `track`."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="fltp")
        planes: list[list[float]] = []
        rate = 0
        for frame in container.decode(audio=track):
            for made in resampler.resample(frame):
                rate = made.sample_rate
                for i, plane in enumerate(made.planes):
                    if len(planes) <= i:
                        planes.append([])
                    planes[i] += memoryview(bytes(plane)).cast("f")[: made.samples].tolist()
    found = []
    for values in planes:
        middle = values[len(values) // 4 : len(values) * 3 // 4]
        crossings = sum(a < 0 <= b for a, b in pairwise(middle))
        found.append((round(crossings / (len(middle) / rate) / 20) * 20, max(map(abs, middle), default=0.0)))
    return found


def pitches(path: Path, track: int = 0) -> list[int]:
    return [hz for hz, _ in heard(path, track)]


def sounds(info: MediaInfo) -> list[MediaInfo.Stream]:
    return [s for s in info.streams if s.kind == MediaInfo.Stream.AUDIO]


def film(path: Path, *options: str, encoders: tuple[str, ...] = ("-c:a", "aac")) -> Path:
    """A film whose sounds have 300 and 600 Hz."""
    mapped = ("-map", "0", "-map", "1", "-map", "2", "-c:v", "mpeg2video")
    return make(path, *PICTURE, *tones(300, 600), *mapped, *encoders, *options)


SECOND = ("-disposition:a:0", "comment", "-disposition:a:1", "default")
DESCRIBED = ("-disposition:a:0", "visual_impaired+descriptions", "-disposition:a:1", "0")
LANGUAGES = ("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra")


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("mkv", SECOND),
        ("mp4", SECOND),
        ("mov", ("-disposition:a:0", "0", "-disposition:a:1", "default")),
        ("ts", DESCRIBED),
        ("mkv", DESCRIBED),
        ("m2ts", DESCRIBED),
        ("nut", SECOND),
    ],
)
async def test_the_sound_that_a_player_takes_goes_out_with_its_language(
    studio: Studio, tmp_path: Path, suffix: str, options: tuple[str, ...]
) -> None:
    encoders = ("-c:a", "mp2") if suffix in ("ts", "m2ts") else ("-c:a", "aac")
    made = film(tmp_path / f"film.{suffix}", *LANGUAGES, *options, encoders=encoders)
    outputs = [{"transcode": {"container": c}} for c in ("MP4", "MKV")] + [{"audio": {"format": "M4A"}}]
    for path in await studio.make(made, *outputs):
        (sound,) = sounds(await studio.probe_made(path))
        assert pitches(path) == [600], path.name
        assert languages.code(sound.language) == "fra"
        assert not sound.roles


@pytest.mark.parametrize("format", ["MP3", "M4A", "OPUS", "FLAC", "WAV"])
async def test_every_sound_file_says_its_language_and_is_read_again(
    studio: Studio, tmp_path: Path, format: str
) -> None:
    made = film(tmp_path / "film.mkv", *LANGUAGES)
    path = await studio.one(made, audio={"format": format, "audio_track": {"language": "fr"}})
    path = path.rename(tmp_path / path.name)  # what is made next would take its place
    again = await studio.one(path, audio={"format": "M4A"})
    assert languages.code(sounds(await studio.probe_made(again))[0].language) == "fra"


@pytest.mark.parametrize("container", ["MP4", "MKV", "WEBM"])
async def test_several_sounds_go_out_in_the_order_asked_for_with_languages_and_roles(
    studio: Studio, tmp_path: Path, container: str
) -> None:
    made = film(tmp_path / "film.mkv", *LANGUAGES, *SECOND)
    wanted: list[tuple[dict[str, Any], list[int]]] = [
        ({"audio_tracks": [{"all": True}]}, [600, 300]),
        ({"audio_tracks": [{"role": "COMMENTARY"}, {"language": "fr"}]}, [300, 600]),
        ({"audio_tracks": [{"index": 1}]}, [300]),
    ]
    for spec, expected in wanted:
        path = await studio.one(made, transcode={"container": container, **spec})
        found = sounds(await studio.probe_made(path))
        assert [pitches(path, i) for i in range(len(found))] == [[hz] for hz in expected]
        codes = {300: "eng", 600: "fra"}
        assert [languages.code(s.language) for s in found] == [codes[hz] for hz in expected]
        roles = {300: [TrackSelector.COMMENTARY] if container != "WEBM" else [], 600: []}  # WebM has none
        assert [list(s.roles) for s in found] == [roles[hz] for hz in expected]
        if len(found) > 1:
            assert [s.default_track for s in found] == [True, False]
    with pytest.raises(AttemptFailed, match=r"INPUT_NO_AUDIO: .* of language 'ja'; it has 2 \(fra\), 1 \(eng, COMM"):
        await studio.one(made, transcode={"audio_tracks": [{"language": "ja"}]})


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mov", "pcm_s16le"), ("mov", "aac"), ("mxf", "pcm_s16le"), ("mkv", "pcm_s24le"), ("avi", "mp3")],
)
async def test_two_mono_tracks_are_left_and_right(studio: Studio, tmp_path: Path, suffix: str, codec: str) -> None:
    made = film(tmp_path / f"two.{suffix}", "-r", "25", encoders=("-c:a", codec, "-ac", "1"))
    for path in await studio.make(made, {"transcode": {}}, {"audio": {"format": "FLAC"}}, {"audio": {}}):
        assert pitches(path) == [300, 600], path.name
    trim = {"start_seconds": 0.25, "end_seconds": 0.75}
    part = await studio.one(made, audio={"format": "WAV", "trim": trim, "audio_track": {"all": True}})
    assert pitches(part) == [300, 600]
    assert pitches(await studio.one(made, audio={"format": "WAV", "channels": 1})) != [300]


@pytest.mark.parametrize("layout", ["5.1", "7.1", "stereo"])
async def test_no_mix_clips_whatever_its_encoder_and_all_are_as_loud(
    studio: Studio, tmp_path: Path, layout: str
) -> None:
    count = {"5.1": 6, "7.1": 8, "stereo": 2}[layout]
    graph = f"aevalsrc='{'|'.join([LOUD] * count)}':s=48000:d=1:c={layout}"
    loud = make(tmp_path / "loud.mkv", *PICTURE, "-f", "lavfi", "-i", graph, "-c:v", "mpeg4", "-c:a", "flac")
    channels = 1 if layout == "stereo" else 2
    files = [{"audio": {"format": f, "channels": channels}} for f in ("MP3", "M4A", "OPUS", "FLAC", "WAV")]
    films = [{"transcode": {"container": c, "audio": {"channels": channels}}} for c in ("MP4", "WEBM")]
    for path in await studio.make(loud, *files, *films):
        for hz, peak in heard(path):
            assert hz == 500
            assert peak == pytest.approx(0.95, abs=0.05), path.name
