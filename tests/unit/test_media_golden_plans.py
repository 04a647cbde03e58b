"""What is planned besides arguments, its memory, and every choice of every encoder, compared with tests/golden/*.json.

A planned change is written there as test_media_golden.py says, and then read in the diff.
"""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import av
import planning
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from unit.test_media_golden import CASES, CLIP, GOLDEN, OTHERS, SOUND, SURROUND, VIDEO, WRITE, source, with_others
from waiting import PATIENCE_SECONDS

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import memory, pictures, profiles
from reelmill.media.contract import Source
from reelmill.media.ffmpeg import find_ffmpeg
from reelmill.media.formats import containers, video
from reelmill.media.formats.codec import Wanted
from reelmill.media.formats.sound import SOUND_FILES, SOUNDS
from reelmill.media.geometry import Size, display_size, fit
from reelmill.media.pictures import Shown
from reelmill.media.presets import PRESETS
from reelmill.media.promises import FileSet, PlannedFile
from reelmill.media.validate import job_violations, with_defaults
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import AudioExtract, AudioSettings, Transcode, VideoSettings

STILL = source({**VIDEO, "duration_seconds": 0}, demuxer="png_pipe", duration=0)
UNKNOWN = source({**VIDEO, "duration_seconds": 0}, {**SOUND, "duration_seconds": 0}, duration=0)
SHORT = source({**VIDEO, "duration_seconds": 2.5}, SOUND, duration=60)
ODD = source({**VIDEO, "width": 1279, "height": 719, "pixel_aspect_ratio": 1.5, "frame_rate": 0}, SURROUND)
COVER = source({**VIDEO, "index": 0, "cover": True}, {**VIDEO, "index": 2}, {**SOUND, "index": 1})
MORE: dict[str, tuple[Source, list[dict[str, Any]]]] = {
    **CASES,
    "still": (STILL, [{"thumbnail": {"format": f, "count": 3}} for f in ("JPEG", "PNG", "WEBP")]),
    "still-movie": (STILL, [{"transcode": {}}]),
    "unknown-length": (UNKNOWN, [{"transcode": {}}, {"audio": {}}, {"thumbnail": {}}]),
    "unknown-length-trim": (UNKNOWN, [{"transcode": {"trim": {"start_seconds": 2, "end_seconds": 5}}}]),
    "unknown-length-times": (UNKNOWN, [{"thumbnail": {"times_seconds": [0, 0.02, 1e6]}}]),
    "short-picture": (SHORT, [{"transcode": {}}, {"thumbnail": {"count": 2}}]),
    "short-picture-late": (SHORT, [{"thumbnail": {"times_seconds": [0, 2.4, 59.9]}}]),
    "odd": (ODD, [{"transcode": {"video": {"width": 640}}}, {"thumbnail": {"height": 333, "format": "WEBP"}}]),
    "cover": (COVER, [{"transcode": {}}, {"thumbnail": {}}, {"audio": {}}]),
    "close-stills": (CLIP, [{"thumbnail": {"count": n}} for n in (19, 20, 21)]),
    "sixteen-and-more": (CLIP, [{"thumbnail": {"times_seconds": [i * 3.0 for i in range(n)]}} for n in (16, 17)]),
    "audio-all": (
        source(SURROUND),
        [{"audio": {"format": f}} for f in ("MP3", "M4A", "OPUS", "FLAC", "WAV", "AC3", "EAC3")],
    ),
    "containers": (CLIP, [{"transcode": {"container": c}} for c in ("MP4", "WEBM", "MKV")]),
    "moment": (source({**VIDEO, "duration_seconds": 0.5}, duration=0.5), [{"thumbnail": {"count": n}} for n in (1, 2)]),
    "still-that-lasts": (source({**VIDEO, "duration_seconds": 1}, demuxer="png_pipe"), [{"thumbnail": {"count": 3}}]),
    "boxed-still": (CLIP, [{"thumbnail": {"width": 320, "height": 320}}]),
    "widest-still": (source({**VIDEO, "width": 5461, "height": 100}), [{"thumbnail": {"height": 300}}]),
    "smallest-film": (CLIP, [{"transcode": {"video": {"width": 16, "height": 16, "fit": "STRETCH"}}}]),
    "largest-film": (source({**VIDEO, "width": 1920, "height": 960}), [{"transcode": {"video": {"height": 8192}}}]),
    "qualities": (CLIP, [{"thumbnail": {"quality": q, "count": 1}} for q in (1, 2, 50, 99, 100)]),
    # What the input does not allow.
    "no-picture": (source(SOUND), [{"transcode": {}}]),
    "no-picture-for-a-still": (source(SOUND), [{"thumbnail": {}}]),
    "nothing-to-see": (source(SOUND), [{"analyze": {"looks": ["BLACK"]}}]),
    "sound-alone-is-analysed": (source(SOUND), [{"analyze": {}}]),
    "endless-peaks": (source(SOUND, duration=1e6), [{"waveform": {"format": "JSON", "samples_per_pixel": 64}}]),
    "fades-of-an-unknown-end": (UNKNOWN, [{"audio": {"fade_out_seconds": 1}}]),
    "no-sound": (source(VIDEO), [{"audio": {}}]),
    "no-sound-no-matter": (source(VIDEO), [{"transcode": {}}]),
    "too-small": (CLIP, [{"transcode": {"video": {"height": 16, "width": 16}}}]),
    "too-narrow": (source({**VIDEO, "width": 64, "height": 4096}), [{"transcode": {"video": {"height": 64}}}]),
    "too-wide": (source({**VIDEO, "width": 8192, "height": 64}), [{"transcode": {"video": {"height": 4096}}}]),
    "still-too-wide": (source({**VIDEO, "width": 8192, "height": 64}), [{"thumbnail": {"height": 4096}}]),
    "late": (CLIP, [{"thumbnail": {"times_seconds": [59.9, 60]}}]),
    "late-trim-of-a-film": (CLIP, [{"transcode": {"trim": {"start_seconds": 60}}}]),
    "late-trim": (CLIP, [{"audio": {"trim": {"start_seconds": 60}}}]),
    "spread-over-nothing": (UNKNOWN, [{"thumbnail": {"count": 2}}]),
}
TRANSFERS, SPACES = ("", "bt709", "smpte2084", "arib-std-b67"), ("", "bt709")


def planned(one: Source, outputs: list[dict[str, Any]]) -> Any:
    """A plan without its arguments, or why there is none."""
    named = [{"name": f"out{i}", **output} for i, output in enumerate(outputs)]
    job = with_others(ParseDict({"inputs": [{"uri": "file:///attempt/input-0"}], "outputs": named}, Job()))
    assert job_violations(job, "job") == []
    try:
        made = planning.graph(job, one, threads=2, others=OTHERS)
    except AttemptFailed as error:
        return [error.code, error.failure.output, error.failure.message]
    files = made.promised
    return {
        "steps": [[list(s.outputs), s.cost.seconds, len(s.reads), len(s.writes)] for s in made.steps],
        "memory": [[s.cost.reading_bytes, s.cost.writing_bytes] for s in made.steps],
        "cpu": [[round(s.cost.reading_cpu, 3), round(s.cost.writing_cpu, 3)] for s in made.steps],
        "files": [_file(f) for f in (*files[:2], *files[2:][-1:])],
        "names": [_place(f) for f in files] if len(files) < 6 else len({_place(f) for f in files}),
    }


def _place(file: PlannedFile | FileSet) -> str:
    return str(file.path if isinstance(file, PlannedFile) else file.manifest)


def _file(file: PlannedFile | FileSet) -> dict[str, Any]:
    if isinstance(file, FileSet):
        return json.loads(json.dumps(asdict(file), default=str))
    expected = {name: value for name, value in asdict(file.expected).items() if value}
    told = {**asdict(file), "path": str(file.path), "expected": expected}
    usual = {"data": None, "stored": True, "mastered": None}
    told |= {"data": file.data.value} if file.data else {}
    return {name: value for name, value in told.items() if name not in usual or value != usual[name]}


def encoders() -> Any:
    """The options of every codec at every effort, rate and container."""
    made: dict[str, Any] = {}
    codecs, efforts = VideoSettings.Codec.values()[1:], VideoSettings.Effort.values()[1:]
    for codec, effort, container, threads in product(codecs, efforts, Transcode.Container.values()[1:], (0, 3)):
        for rate in ({"crf": 23.5}, {"bitrate_bps": 1_000_001}, {"bitrate_bps": 400_000_000}):
            spec = VideoSettings(codec=codec, effort=effort, **rate)
            names = VideoSettings.Codec.Name(codec), Transcode.Container.Name(container), str(threads)
            key = "-".join((*names, VideoSettings.Effort.Name(effort), *map(str, rate.values())))
            family, own = video.VIDEO[codec], (("-threads:v", str(threads)) if threads else ())
            made[key] = " ".join(
                (
                    "-c:v",
                    family.encoder,
                    *family.encoding(Wanted(spec=spec, container=container, threads=threads)),
                    *own,
                )
            )
    for codec, channels, bps in product(AudioSettings.Codec.values()[1:], range(1, 9), (64_000, 512_000)):
        key = f"{AudioSettings.Codec.Name(codec)}-{channels}-{bps}"
        made[key] = " ".join(("-c:a", SOUNDS[codec].encoder, *SOUNDS[codec].encoding(bps, 48_000, channels)))
    for format, channels, bps in product(AudioExtract.Format.values()[1:], (1, 2, 3, 4, 8), (64_000, 512_000)):
        key = f"{AudioExtract.Format.Name(format)}-file-{channels}-{bps}"
        sound = SOUND_FILES[format].codec
        made[key] = " ".join(("-c:a", sound.encoder, *sound.encoding(bps, 44_100, channels)))
    return made


def rates() -> Any:
    """Which sample rate each codec takes for each that a source may have, and how rates of frames are written."""
    sources = (0, 1, 8000, 8001, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 44101, 48000, 48001)
    sources = (*sources, 64000, 88200, 96000, 96001, 192000, 384000)
    every = {"opus": AudioExtract.OPUS, "mp3": AudioExtract.MP3, "aac": AudioExtract.M4A, "pcm": AudioExtract.WAV}
    codecs = {name: SOUND_FILES[format].codec for name, format in every.items()}
    found: dict[str, Any] = {name: [c.accepted_rate(0, s) for s in sources] for name, c in codecs.items()}
    found["asked"] = codecs["opus"].accepted_rate(24000, 48000)
    frames = (
        1,
        23.976,
        23.98,
        23.97,
        24,
        25,
        29.97,
        29.975,
        29.965,
        30,
        59.94,
        119.88,
        239.76,
        12.5,
        0.5,
        10,
        100,
        240,
        1 / 3,
    )
    return found | {"frames": {str(f): video.frame_rate(f) for f in frames}}


def filters() -> Any:
    """The filters of every kind of picture."""
    made = {}
    kinds = product(TRANSFERS, SPACES, (719, 720), (False, True), ("bt709", "bt601"), (False, True))
    for transfer, space, height, interlaced, matrix, full in kinds:
        stream = {"color_transfer": transfer, "color_space": space, "height": height, "interlaced": interlaced}
        picture = MediaInfo.Stream(width=1280, **stream)
        scaling = fit(display_size(picture), 640, 640, VideoSettings.PAD)
        key = f"{transfer}-{space}-{height}-{'i' if interlaced else 'p'}-{matrix}-{'full' if full else 'limited'}"
        made[key] = ",".join(pictures.filters(picture, Shown(scaling=scaling, matrix=matrix, full=full)))
    for primaries, space, interlaced, full in product((profiles.P3, profiles.ADOBE_RGB), SPACES, *[(False, True)] * 2):
        picture = MediaInfo.Stream(color_primaries=primaries, color_space=space, interlaced=interlaced)
        picture.width, picture.height = 1280, 720
        scaling = fit(display_size(picture), 640, 640, VideoSettings.PAD)
        key = f"{primaries}-{space}-{'i' if interlaced else 'p'}-{'full' if full else 'limited'}"
        made[key] = ",".join(pictures.filters(picture, Shown(scaling=scaling, matrix="bt601", full=full)))
    return made


def mebibytes() -> Any:
    """What each encoder and each decoder is reckoned to take for a picture of 1920 × 1080, in MiB; see memory.py."""
    size, made = Size(1920, 1080), {}
    transfers = {"sdr": "bt709", "pq": "smpte2084", "hlg": "arib-std-b67"}
    for codec, effort, (name, transfer) in product(
        VideoSettings.Codec.values()[1:], VideoSettings.Effort.values()[1:], transfers.items()
    ):
        picture = MediaInfo.Stream(color_transfer=transfer)
        key = f"{VideoSettings.Codec.Name(codec)}-{VideoSettings.Effort.Name(effort)}-{name}"
        made[key] = memory.encoding(VideoSettings(codec=codec, effort=effort), size, picture)
    for name, transfer in transfers.items():
        made[f"still-{name}"] = memory.still(size, MediaInfo.Stream(color_transfer=transfer))
    codecs = ("h264", "hevc", "vp9", "gif", "apng", "mjpeg", "png", "webp", "rawvideo", "prores", "dnxhd", "dvvideo")
    for codec, interlaced, threads in product((*codecs, "ffv1", "huffyuv"), (False, True), (0, 4)):
        picture = MediaInfo.Stream(codec=codec, width=1920, height=1080, interlaced=interlaced, pixel_format="yuv420p")
        key = f"{codec}-{'i' if interlaced else 'p'}-{threads}"
        made[key] = memory.decoding(picture, "mov", threads)
    return {key: round(value / 2**20, 2) for key, value in made.items()}


def defaults() -> Any:
    """What each operation and preset takes where nothing is said."""
    specs: dict[str, dict[str, Any]] = {
        "transcode": {"transcode": {}},
        "webm": {"transcode": {"container": "WEBM"}},
        "mkv": {"transcode": {"container": "MKV"}},
        "mute": {"transcode": {"mute": True}},
        "bitrate": {"transcode": {"video": {"bitrate_bps": 90000}, "audio": {"bitrate_bps": 64000}}},
        "lossless": {"transcode": {"video": {"crf": 0, "effort": "SLOW", "fit": "CROP", "width": 64, "height": 64}}},
        **{c.lower(): {"transcode": {"container": "MKV", "video": {"codec": c}}} for c in ("H265", "VP9", "AV1")},
        "thumbnail": {"thumbnail": {}},
        "times": {"thumbnail": {"times_seconds": [1]}},
        "png": {"thumbnail": {"format": "PNG", "count": 3}},
        "webp": {"thumbnail": {"format": "WEBP", "quality": 7}},
        "audio": {"audio": {}},
        "flac": {"audio": {"format": "FLAC"}},
        "loud": {"audio": {"loudness_lufs": -16, "remove_silence": {"inside": True}}},
        "waveform": {"waveform": {}},
        "transcribe": {"transcribe": {}},
        "peaks": {"waveform": {"format": "JSON"}},
        "analyze": {"analyze": {"looks": ["CROP", "CROP"]}},
        "analyze-all": {"analyze": {}},
        "compare": {"compare": {"reference": "a"}},
        "opus": {"audio": {"format": "OPUS", "bitrate_bps": 64000}},
        **{name: {"preset": name} for name in PRESETS},
    }
    made = {}
    for name, spec in specs.items():
        job = ParseDict({"inputs": [{"uri": "file:///a"}], "outputs": [{"name": "o", **spec}]}, Job())
        made[name] = MessageToDict(with_defaults(job), preserving_proto_field_name=True)["outputs"]
    return made


TABLES: dict[str, Callable[[], Any]] = {
    "plans": lambda: {name: planned(*case) for name, case in MORE.items()},
    "encoders": encoders,
    "rates": rates,
    "filters": filters,
    "memory": mebibytes,
    "defaults": defaults,
}


def shown(table: dict[str, Any]) -> str:
    """A line for each key, so that a diff shows what changed."""
    lines = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in table.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


@pytest.mark.parametrize("name", TABLES)
def test_every_choice_is_the_golden_one(name: str) -> None:
    made = json.loads(json.dumps(TABLES[name]()))
    path: Path = GOLDEN / f"{name}.json"
    if WRITE:
        path.write_text(shown(made))
    kept = json.loads(path.read_text())
    for key in sorted({*made, *kept}):
        assert made.get(key) == kept.get(key), key


def test_every_demuxer_stands_alone_and_stills_are_told_from_films() -> None:
    assert {"mov", "matroska", "png_pipe", "mp3", "wav"} <= containers.DEMUXERS
    assert not {"hls", "concat", "dash", "image2", "lavfi", "sdp", "rtsp"} & containers.DEMUXERS
    assert len(containers.DEMUXERS) == 40
    assert {"bmp_pipe", "jpeg_pipe", "png_pipe", "tiff_pipe", "webp_pipe"} == containers.STILL_DEMUXERS
    assert containers.MAX_PIXELS == 8192 * 8192


def test_both_who_reads_inputs_know_every_demuxer() -> None:
    """The prober's library finds the name; ffmpeg is then told to read the file as just that."""
    asked = [find_ffmpeg(), "-hide_banner", "-demuxers"]
    listed = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True).stdout
    spoken = {name.split(",")[0] for name in re.findall(r"^ D.. +(\S+)", listed, re.MULTILINE)}
    assert spoken >= containers.DEMUXERS
    # Animated WebP is read by us (animations.py).
    assert {name.split(",")[0] for name in av.formats_available} | {"webp_anim"} >= containers.DEMUXERS
