"""Whole argument lists, compared with tests/golden/*.txt: one argument a line, an empty line between commands.

A planned change of a command is written there by

    REELMILL_TEST_GOLDEN=write .venv/bin/pytest tests/unit/test_media_golden.py

and then read in the diff. With CI set nothing is written.
"""

import os
from dataclasses import replace
from pathlib import Path

import planning
import pytest
from google.protobuf.json_format import ParseDict
from jobs import job

from reelmill.media.contract import Source
from reelmill.media.inputs import inputs_of
from reelmill.media.validate import job_violations
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.media_pb2 import MediaInfo

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
WRITE = os.environ.get("REELMILL_TEST_GOLDEN") == "write" and not os.environ.get("CI")

VIDEO = {"index": 0, "kind": "VIDEO", "codec": "h264", "duration_seconds": 60, "width": 1920, "height": 1080}
VIDEO |= {"frame_rate": 25, "pixel_aspect_ratio": 1, "pixel_format": "yuv420p", "color_space": "bt709"}
SOUND = {"index": 1, "kind": "AUDIO", "codec": "aac", "duration_seconds": 60, "sample_rate_hz": 44100, "channels": 2}
HDR = {"color_transfer": "smpte2084", "color_space": "bt2020nc"}
SURROUND = {**SOUND, "channels": 6, "sample_rate_hz": 48000}


SQUARE = {"width": 640, "fit": "PAD"}
MONO = {**SOUND, "codec": "pcm_s16le", "channels": 1}
TILE = {**VIDEO, "codec": "hevc", "width": 512, "height": 512, "duration_seconds": 0, "color_space": "smpte170m"}
TILES = {
    "picture": {"streams": [0, 1], "columns": 2, "width": 1000, "height": 500},
    "alpha": {"streams": [2], "columns": 1, "width": 500, "height": 250},
    **{"left": 10, "top": 20, "width": 900, "height": 400, "mirrored": True, "rotation_degrees": 90, "still": True},
    **{"color_space": "smpte170m", "color_transfer": "iec61966-2-1", "color_primaries": "bt709", "full_range": True},
}
SHAPES = [
    {"width": 720, "height": 576, "pixel_aspect_ratio": 16 / 15},
    {"start_seconds": 30, "width": 720, "height": 576, "pixel_aspect_ratio": 64 / 45},
]
BROADCAST = {
    **VIDEO,
    "codec": "mpeg2video",
    "width": 720,
    "height": 576,
    "pixel_aspect_ratio": 16 / 15,
    "shapes": SHAPES,
}


def source(*streams: dict, demuxer: str = "mov", duration: float = 60.0, composition: dict | None = None) -> Source:
    described = {"format": demuxer, "duration_seconds": duration, "size_bytes": 10_000_000, "streams": list(streams)}
    if composition:
        described["composition"] = composition
    return Source(info=ParseDict(described, MediaInfo()), demuxer=demuxer)


CLIP = source(VIDEO, SOUND)
LOGO = source(
    {**VIDEO, "codec": "png", "width": 400, "height": 200, "pixel_format": "rgba", "alpha": True}, demuxer="png_pipe"
)
MUSIC = source({**SOUND, "index": 0, "codec": "mp3", "duration_seconds": 20}, demuxer="mp3", duration=20)
TITLED = source(VIDEO, SOUND)
TITLED.info.title = "a=b; #c"
for begin, name in ((0, "Before"), (5, "Über \\"), (30, "Then")):
    TITLED.info.chapters.add(start_seconds=begin, end_seconds=begin + 25, title=name)
TEXT = {"index": 2, "kind": "SUBTITLE", "codec": "subrip", "language": "fr"}
WORDY = source(VIDEO, SOUND, TEXT, {**TEXT, "index": 3, "codec": "hdmv_pgs_subtitle"}, demuxer="matroska")
OTHERS = {"logo": replace(LOGO, name="logo"), "music": replace(MUSIC, name="music")}
"""Inputs that outputs may read besides."""
JPEG = {**VIDEO, "codec": "mjpeg", "duration_seconds": 0, "rotation_degrees": 90, "color_space": "bt470bg"}
PHOTO = source(JPEG, demuxer="jpeg_pipe", duration=0)
KEYS = [{"key_id": "00" * 16, "key": "ab" * 16}]
CASES: dict[str, tuple[Source, list[dict]]] = {
    "transcode-defaults": (CLIP, [{"transcode": {}}]),
    "transcode-h265": (CLIP, [{"transcode": {"video": {"codec": "H265", "crf": 26, "effort": "SLOW"}}}]),
    "transcode-h265-mkv": (CLIP, [{"transcode": {"container": "MKV", "video": {"codec": "H265"}}}]),
    "transcode-webm": (CLIP, [{"transcode": {"container": "WEBM", "video": {"effort": "MEDIUM"}}}]),
    "transcode-av1": (CLIP, [{"transcode": {"video": {"codec": "AV1", "bitrate_bps": 400000000}}}]),
    "transcode-h264-bitrate": (CLIP, [{"transcode": {"video": {"bitrate_bps": 2000000, "height": 720}}}]),
    "transcode-vp9-bitrate": (CLIP, [{"transcode": {"container": "WEBM", "video": {"bitrate_bps": 1000000}}}]),
    "transcode-pad": (CLIP, [{"transcode": {"video": {"width": 640, "height": 640, "fit": "PAD"}}}]),
    "transcode-crop": (CLIP, [{"transcode": {"video": {"width": 640, "height": 640, "fit": "CROP"}}}]),
    "transcode-trim": (CLIP, [{"transcode": {"trim": {"start_seconds": 1.5, "end_seconds": 10.25}}}]),
    "transcode-frame-rate": (CLIP, [{"transcode": {"video": {"frame_rate": 23.976}}}]),
    "transcode-key-frames": (CLIP, [{"transcode": {"video": {"codec": "H265", "keyframe_interval_seconds": 2}}}]),
    "transcode-mute": (CLIP, [{"transcode": {"mute": True}}]),
    "transcode-opus-mono": (CLIP, [{"transcode": {"audio": {"codec": "OPUS", "channels": 1, "bitrate_bps": 500000}}}]),
    "transcode-hdr": (source({**VIDEO, **HDR}), [{"transcode": {"video": {"height": 720}}}]),
    "transcode-interlaced": (source({**VIDEO, "interlaced": True}), [{"transcode": {}}]),
    "transcode-rotated": (source({**VIDEO, "rotation_degrees": 90}), [{"transcode": {"video": {"width": 540}}}]),
    "transcode-several-sounds": (
        source(
            VIDEO, {**SOUND, "language": "eng"}, {**SURROUND, "index": 2, "language": "fr", "roles": ["COMMENTARY"]}
        ),
        [{"transcode": {"audio_tracks": [{"language": "fra"}, {"index": 1}]}}],
    ),
    "transcode-mono-pair": (
        source(VIDEO, MONO, {**MONO, "index": 2}),
        [{"transcode": {"container": "MKV"}}, {"name": "mixed", "audio": {"channels": 1}}],
    ),
    "transcode-transparent": (
        source({**VIDEO, "codec": "vp9", "alpha": True}, demuxer="matroska"),
        [
            {"name": "black", "transcode": {}},
            {
                "name": "white",
                "transcode": {"video": {"background": "#ffffff", "width": 640, "height": 640, "fit": "PAD"}},
            },
            {"name": "clear", "transcode": {"container": "WEBM", "video": {"background": "transparent"}}},
        ],
    ),
    "transcode-other-shapes": (
        source(BROADCAST, demuxer="mpegts"),
        [{"transcode": {"trim": {"start_seconds": 10}}}, {"name": "stills", "thumbnail": {"times_seconds": [1, 40]}}],
    ),
    "transcode-wide-colours": (source({**VIDEO, "color_primaries": "bt2020"}), [{"transcode": {}}]),
    "transcode-turned": (
        source({**VIDEO, "pixel_aspect_ratio": 1.5, "rotation_degrees": 90}),
        [
            {
                "transcode": {
                    "video": {
                        "crop": {"left": 60, "top": 30, "width": 600, "height": 300},
                        "rotate_degrees": 270,
                        "flip": "HORIZONTAL",
                        "short_side": 240,
                        "denoise": "LIGHT",
                        "sharpen": "STRONG",
                    }
                }
            }
        ],
    ),
    "transcode-telecine": (
        source({**VIDEO, "interlaced": True}),
        [{"transcode": {"video": {"deinterlace": "TELECINE"}}}],
    ),
    "transcode-fields": (
        source({**VIDEO, "interlaced": True}),
        [
            {"name": "kept", "transcode": {"mute": True, "video": {"deinterlace": "OFF"}}},
            {"name": "all", "transcode": {"mute": True, "video": {"deinterlace": "ALWAYS"}}},
        ],
    ),
    "transcode-faster": (
        CLIP,
        [
            {
                "transcode": {
                    "speed": 4,
                    "fade_in_seconds": 0.5,
                    "fade_out_seconds": 2,
                    "trim": {"start_seconds": 10, "end_seconds": 30},
                }
            }
        ],
    ),
    "transcode-slower": (CLIP, [{"transcode": {"speed": 0.25, "video": {"frame_rate": 25}}}]),
    "transcode-peaks": (
        CLIP,
        [
            {"name": c.lower(), "transcode": {"container": "MP4", "mute": True, "video": {"codec": c, **more}}}
            for c, more in (
                ("H264", {"max_bitrate_bps": 3_000_000, "buffer_seconds": 1, "b_frames": 2}),
                ("H265", {"max_bitrate_bps": 3_000_000}),
                ("VP9", {"max_bitrate_bps": 3_000_000}),
                ("AV1", {"max_bitrate_bps": 3_000_000}),
            )
        ],
    ),
    "transcode-twice": (
        CLIP,
        [
            {
                "name": c.lower(),
                "transcode": {"container": "MKV", "video": {"codec": c, "bitrate_bps": 800_000, "two_pass": True}},
            }
            for c in ("H264", "H265", "VP9")
        ],
    ),
    "transcode-level": (
        CLIP,
        [
            {
                "name": "h264",
                "transcode": {"video": {"effort": "SLOW", "profile": "main", "level": "4", "bit_depth": 8}},
            },
            {
                "name": "h265",
                "transcode": {
                    "video": {"codec": "H265", "profile": "main10", "level": "4.1", "bitrate_bps": 15_000_000}
                },
            },
        ],
    ),
    "transcode-hdr-kept": (
        source({**VIDEO, **HDR}),
        [
            {"name": c.lower(), "transcode": {"container": "MKV", "video": {"codec": c, "hdr": "KEEP", "height": 720}}}
            for c in ("H265", "VP9", "AV1")
        ],
    ),
    "transcode-hdr-deep": (source({**VIDEO, **HDR}), [{"transcode": {"video": {"bit_depth": 10}}}]),
    "transcode-containers": (
        CLIP,
        [
            {"name": "mov", "transcode": {"container": "MOV", "video": {"codec": "H265"}}},
            {"name": "ts", "transcode": {"container": "TS"}},
            {"name": "sound", "transcode": {"container": "MKV", "no_video": True, "audio": {"codec": "OPUS"}}},
        ],
    ),
    "transcode-copied": (
        source({**VIDEO, "bitrate_bps": 4_000_000}, {**SOUND, "bitrate_bps": 128_000}),
        [
            {
                "name": "both",
                "transcode": {
                    "video": {"copy": "REQUIRED", "short_side": 1080, "fit": "SHRINK", "max_bitrate_bps": 5_000_000},
                    "audio": {"copy": "REQUIRED"},
                },
            },
            {
                "name": "sound",
                "transcode": {
                    "video": {"copy": "WHEN_POSSIBLE", "height": 720},
                    "audio": {"copy": "WHEN_POSSIBLE", "bitrate_bps": 128_000},
                },
            },
        ],
    ),
    "transcode-overlays": (
        CLIP,
        [
            {
                "transcode": {
                    "fade_in_seconds": 1,
                    "video": {"height": 720},
                    "overlays": [
                        {"image": {"input": "logo"}, "opacity": 0.5, "start_seconds": 1, "end_seconds": 2.5},
                        {"text": {"text": "it's 100%: {a}\nb,c;[d]", "box_color": "#102030"}, "position": "TOP"},
                        {"timecode": {"start_seconds": 3600, "color": "#ff0000"}, "margin": 0, "position": "LEFT"},
                        {"image": {"input": "logo", "width": 0.01}, "position": "CENTER", "start_seconds": 3},
                    ],
                }
            }
        ],
    ),
    "transcode-soundtrack": (
        CLIP,
        [
            {
                "name": "replaced",
                "transcode": {"soundtrack": {"input": "music", "gain_db": -3}, "fade_out_seconds": 2, "speed": 2},
            },
            {"name": "mixed", "transcode": {"soundtrack": {"input": "music", "mode": "MIX", "gain_db": -12}}},
        ],
    ),
    "transcode-kept": (
        TITLED,
        [
            {
                "transcode": {
                    "keep": ["TITLE", "CHAPTERS"],
                    "speed": 2,
                    "trim": {"start_seconds": 10, "end_seconds": 50},
                }
            },
            {"name": "title", "transcode": {"keep": ["TITLE"], "no_video": True}},
        ],
    ),
    "transcode-subtitles": (
        WORDY,
        [
            {"name": "track", "transcode": {"subtitles": [{}, {"track": {"index": 2}, "language": "de"}], "speed": 2}},
            {
                "name": "drawn",
                "transcode": {
                    "container": "MKV",
                    "trim": {"start_seconds": 10, "end_seconds": 20},
                    "subtitles": [{"burn_in": True}, {"track": {"language": "fra"}}],
                },
            },
        ],
    ),
    "thumbnail-tiles": (
        source(TILE, {**TILE, "index": 1}, {**TILE, "index": 2}, duration=0, composition=TILES),
        [{"thumbnail": {"count": 2, "width": 200}}, {"name": "film", "transcode": {}}],
    ),
    "thumbnail-defaults": (CLIP, [{"thumbnail": {}}]),
    "thumbnail-times": (CLIP, [{"thumbnail": {"times_seconds": [0, 12.5], "width": 320, "format": "PNG"}}]),
    "thumbnail-seventeen-seeks": (CLIP, [{"thumbnail": {"count": 17, "format": "WEBP", "quality": 50}}]),
    "thumbnail-one-decode": (CLIP, [{"thumbnail": {"count": 100, "width": 160}}]),
    "thumbnail-hdr": (source({**VIDEO, **HDR}), [{"thumbnail": {"width": 320}}]),
    "thumbnail-interval": (CLIP, [{"thumbnail": {"interval_seconds": 1, "width": 160}}]),
    "thumbnail-scenes": (CLIP, [{"thumbnail": {"scene_changes": True, "count": 3}}]),
    "thumbnail-best": (CLIP, [{"thumbnail": {"best": True, "count": 2, "width": 320}}]),
    "thumbnail-cover": (
        source({**VIDEO, "codec": "mjpeg", "cover": True, "duration_seconds": 0}, SOUND, demuxer="mp3"),
        [{"thumbnail": {"count": 2}}],
    ),
    "sprite-defaults": (CLIP, [{"sprite": {}}]),
    "sprite-interval": (CLIP, [{"sprite": {"interval_seconds": 4, "columns": 4, "rows": 2, "format": "WEBP"}}]),
    "preview-defaults": (CLIP, [{"preview": {}}]),
    "preview-gif": (CLIP, [{"preview": {"format": "GIF", "trim": {"start_seconds": 3, "end_seconds": 5}, "loops": 1}}]),
    "preview-mp4": (CLIP, [{"preview": {"format": "MP4", "height": 180, "parts": 2, "seconds": 3}}]),
    "image-defaults": (PHOTO, [{"image": {}}]),
    "image-crop": (
        PHOTO,
        [
            {
                "image": {
                    "format": "JPEG",
                    "crop": {"left": 10, "top": 20, "width": 300, "height": 200},
                    "width": 150,
                    "height": 150,
                    "fit": "PAD",
                }
            }
        ],
    ),
    "image-avif": (PHOTO, [{"image": {"format": "AVIF", "width": 640}}]),
    "image-animated": (
        source({**VIDEO, "codec": "gif", "alpha": True, "frames": 20, "width": 100, "height": 80}, demuxer="gif"),
        [{"name": name.lower(), "image": {"format": name}} for name in ("WEBP", "GIF", "PNG", "AVIF", "TIFF")],
    ),
    "transcribe": (source(SURROUND), [{"transcribe": {"language": "fra", "format": "SRT"}}]),
    "captions-file": (
        source({"index": 0, "kind": "SUBTITLE", "codec": "subrip"}, demuxer="srt", duration=0),
        [{"captions": {"format": "TTML", "shift_seconds": -1.5}}],
    ),
    "captions-track": (
        source(VIDEO, {"index": 2, "kind": "SUBTITLE", "codec": "mov_text", "language": "eng"}),
        [{"captions": {"trim": {"start_seconds": 2, "end_seconds": 9}, "track": {"language": "en"}}}],
    ),
    "captions-closed": (CLIP, [{"captions": {"closed_captions": "CC3", "trim": {"end_seconds": 9}}}]),
    "concat-two": (CLIP, [{"concat": {"parts": [{"trim": {"end_seconds": 2}}, {"trim": {"start_seconds": 50}}]}}]),
    "concat-faded": (
        CLIP,
        [
            {
                "concat": {
                    "parts": [{"trim": {"end_seconds": 2}}, {"trim": {"start_seconds": 55}}, {}],
                    "crossfade_seconds": 0.5,
                    "container": "WEBM",
                }
            }
        ],
    ),
    "preset-storyboard": (CLIP, [{"preset": "storyboard"}]),
    "preset-preview": (CLIP, [{"preset": "preview"}]),
    "preset-poster": (CLIP, [{"preset": "poster"}]),
    "preset-podcast": (CLIP, [{"preset": "podcast"}]),
    "preset-waveform": (CLIP, [{"preset": "waveform"}]),
    "preset-thumbnails": (CLIP, [{"preset": "thumbnails"}]),
    "preset-photo-web": (PHOTO, [{"preset": "photo-web"}]),
    "audio-mp3": (CLIP, [{"audio": {}}]),
    "audio-m4a": (CLIP, [{"audio": {"format": "M4A", "trim": {"end_seconds": 5}}}]),
    "audio-opus": (source(SURROUND), [{"audio": {"format": "OPUS", "channels": 4}}]),
    "audio-flac": (source(SURROUND), [{"audio": {"format": "FLAC", "channels": 6}}]),
    "audio-wav": (CLIP, [{"audio": {"format": "WAV", "sample_rate_hz": 16000, "channels": 1}}]),
    "audio-mastered": (
        CLIP,
        [
            {
                "audio": {
                    "format": "EAC3",
                    "loudness_lufs": -14,
                    "true_peak_dbtp": -2,
                    "remove_silence": {"inside": True},
                    "fade_in_seconds": 0.5,
                    "fade_out_seconds": 2,
                    "trim": {"end_seconds": 30},
                }
            }
        ],
    ),
    "package": (
        source(VIDEO, {**SOUND, "language": "eng"}, {**SOUND, "index": 2, "language": "fra", "roles": ["DUBBED"]}),
        [
            {
                "package": {
                    "protocols": ["HLS", "DASH"],
                    "sounds": [{"track": {"all": True}}],
                    "rungs": [
                        {"height": 720, "max_bitrate_bps": 3000000},
                        {"codec": "H265", "height": 540},
                        {"codec": "AV1", "height": 540},
                        {"codec": "VP9", "height": 240},
                    ],
                }
            }
        ],
    ),
    "waveform-png": (CLIP, [{"waveform": {}}]),
    "waveform-json": (source(SURROUND), [{"waveform": {"format": "JSON", "bits": 16, "split_channels": True}}]),
    "analyze": (CLIP, [{"analyze": {"silence_dbfs": -40, "freeze_seconds": 1.5}}]),
    "analyze-shares": (CLIP, [{"analyze": {"looks": ["BLACK", "CROP"]}}, {"name": "t", "thumbnail": {"count": 60}}]),
    "compare": (CLIP, [{"compare": {"reference": "", "metrics": ["VMAF", "VMAF_NEG", "SSIM", "XPSNR"]}}]),
    "contract": (
        CLIP,
        [
            {
                "transcode": {"trim": {"start_seconds": 2, "end_seconds": 12}},
                "contract": {
                    **{"min_vmaf": 80, "max_black_seconds": 1, "max_freeze_seconds": 1, "max_silence_seconds": 3},
                    **{"max_lufs": -10, "max_peak_bitrate_bps": 5000000, "min_duration_seconds": 9},
                },
            }
        ],
    ),
    "package-words": (
        source(
            {**VIDEO, "width": 320, "height": 180},
            {"index": 1, "kind": "SUBTITLE", "codec": "subrip", "language": "eng"},
            {"index": 2, "kind": "SUBTITLE", "codec": "ass", "language": "fra"},
        ),
        [
            {
                "package": {
                    "protocols": ["HLS", "DASH"],
                    "mute": True,
                    "texts": [
                        {"track": {"language": "eng"}, "default_track": True},
                        {"track": {"language": "fra"}, "role": "HARD_OF_HEARING", "name": "Français (SME)"},
                    ],
                    "trim": {"start_seconds": 10, "end_seconds": 20},
                }
            }
        ],
    ),
    "package-in-ranges": (
        source({**VIDEO, "frame_rate": 30000 / 1001, "width": 320, "height": 180}, SOUND),
        [{"package": {"byte_ranges": True, "mute": True, "segment_seconds": 4, "trim": {"start_seconds": 10}}}],
    ),
    "package-transport": (
        source({**VIDEO, "width": 320, "height": 180}, {**SOUND, "language": "eng"}),
        [{"package": {"container": "TS", "rungs": [{"height": 180}, {"height": 90}]}}],
    ),
    "package-imsc": (
        source({**VIDEO, "width": 320, "height": 180}, {"index": 1, "kind": "SUBTITLE", "codec": "subrip"}),
        [{"package": {"text_format": "IMSC", "mute": True, "texts": [{"track": {"index": 1}}]}}],
    ),
    "package-encrypted": (
        source({**VIDEO, "width": 320, "height": 180}, SOUND),
        [
            {
                "package": {
                    "protocols": ["HLS"],
                    "rungs": [{"height": 180}],
                    "encryption": {"scheme": scheme, "key_uri": "{key_id}", "clear_lead_seconds": 2, "keys": KEYS},
                }
            }
            for scheme in ("AES_128", "CBCS")
        ],
    ),
    "preset-web-hls": (CLIP, [{"preset": "web-hls"}]),
    "preset-web-cmaf": (CLIP, [{"preset": "web-cmaf"}]),
    "preset-web-mp4": (CLIP, [{"preset": "web-mp4"}]),
    "preset-preview-thumbs": (CLIP, [{"preset": "preview-thumbs"}]),
    "preset-podcast-audio": (CLIP, [{"preset": "podcast-audio"}]),
    "joined": (
        CLIP,
        [
            {"name": "web", "transcode": {"video": {"height": 720}}},
            {"name": "small", "transcode": {"video": {"height": 360}}},
            {"name": "stills", "thumbnail": {"count": 60}},
            {"name": "sound", "audio": {}},
            {"name": "part", "audio": {"trim": {"start_seconds": 10}}},
        ],
    ),
}


def with_others(made: Job) -> Job:
    """A job with the further inputs that its outputs read."""
    read = {name for output in made.outputs for name in inputs_of(output, made)} & OTHERS.keys()
    if read:  # names are needed where there are several
        made.inputs[0].name = "film"
        for name in sorted(read):
            made.inputs.add(name=name, uri=f"file:///attempt/{name}")
    return made


def commands(source: Source, outputs: list[dict], threads: int = 2) -> list[list[str]]:
    made = with_others(job("file:///attempt/input-0", *({"name": "out"} | output for output in outputs)))
    assert job_violations(made, "job") == []
    graph = planning.graph(made, source, threads=threads, others=OTHERS)
    paths = {name: f"/attempt/{name}" for name in OTHERS}
    return [list(command.argv) for command in planning.commands(graph, threads=threads, others=paths)]


def read(path: Path) -> list[list[str]]:
    return [block.splitlines() for block in path.read_text().rstrip("\n").split("\n\n")]


@pytest.mark.parametrize("name", CASES)
def test_the_whole_command_is_the_golden_one(name: str) -> None:
    made = commands(*CASES[name])
    path = GOLDEN / f"{name}.txt"
    if WRITE:
        path.write_text("\n\n".join("\n".join(argv) for argv in made) + "\n")
    assert made == read(path)


def test_every_golden_file_has_its_case() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(CASES)


def test_outputs_of_one_input_share_one_process_and_a_trim_has_its_own() -> None:
    joined, part = commands(*CASES["joined"])
    assert [argv.count("-i") for argv in (joined, part)] == [1, 1]
    assert joined[-1] == "sound/sound.mp3"
    assert part[:2] == ["-ss", "9.5"]  # its decoder needs what came before


def test_threads_are_left_to_ffmpeg_where_none_are_given() -> None:
    assert not [argument for argument in commands(*CASES["transcode-h265"], threads=0)[0] if "threads" in argument]
