"""Every option of a transcode on the real ffmpeg: what comes out, decoded and measured."""

import array
import math
import re
import subprocess
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from media.edits import Edit, edited, padded
from media.kit import FFMPEG, Studio, decode, make, rgb

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import languages
from reelmill.media.steps import place_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

FFV1 = ("-c:v", "ffv1", "-pix_fmt", "yuv420p")
RED, LIME, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
QUARTERS = (
    "color=red:s=64x48:r=10:d=1[a];color=lime:s=64x48:r=10:d=1[b];color=blue:s=64x48:r=10:d=1[c];"
    "color=white:s=64x48:r=10:d=1[d];[a][b]hstack[t];[c][d]hstack[u];[t][u]vstack,scale=out_color_matrix=bt709,"
    "setparams=colorspace=bt709[v]"
)
NOISE = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=2,noise=alls=40:allf=t")
SHARP = {"crf": 1}


@pytest.fixture(scope="module")
def quarters(files: Path) -> Path:
    """A second of 128 × 96 pixels: red, lime, blue, white, with a tone of 440 Hz."""
    sound = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=1")
    made = (*sound, "-filter_complex", QUARTERS, "-map", "[v]", "-map", "0:a")
    return make(files / "quarters.mkv", *made, *FFV1, "-c:a", "pcm_s16le")


@pytest.fixture(scope="module")
def noisy(files: Path) -> Path:
    """Two seconds that no encoder packs well."""
    return make(files / "noisy.mkv", *NOISE, *FFV1)


def near(found: list[int], wanted: tuple[int, int, int]) -> bool:
    return all(abs(is_ - should) < 24 for is_, should in zip(found, wanted, strict=True))


def corners(path: Path, index: int = 0) -> list[list[int]]:
    """Colours near the four corners, row by row."""
    seen = decode(path)
    return [rgb(path, x, y, index=index) for y in (6, seen.height - 6) for x in (6, seen.width - 6)]


def mono(path: Path) -> tuple[int, array.array]:
    """Rate and samples of a file's first sound, its channels mixed."""
    argv = [str(FFMPEG), "-v", "error", "-i", str(path), "-vn", "-ac", "1", "-ar", "8000", "-f", "s16le", "-"]
    return 8000, array.array("h", subprocess.run(argv, capture_output=True, check=True).stdout)


def power(path: Path, hertz: float, start: float = 0.0, end: float = 1e9) -> float:
    """How loud a tone is in a part of a file's sound: 1 where it is a sine of full scale."""
    rate, samples = mono(path)
    part = samples[int(start * rate) : min(len(samples), int(min(end, 1e6) * rate))]
    steps = [2 * math.pi * hertz * i / rate for i in range(len(part))]
    across = sum(s * math.cos(t) for s, t in zip(part, steps, strict=True))
    along = sum(s * math.sin(t) for s, t in zip(part, steps, strict=True))
    return 2 * math.hypot(across, along) / len(part) / 32768


def luma(path: Path, index: int) -> bytes:
    """The brightness of all pixels of a frame."""
    with av.open(str(path)) as container:
        frame = next(frame for i, frame in enumerate(container.decode(video=0)) if i == index)
    return pixels(frame.reformat(format="gray").planes[0], 1)


def pixels(plane: Any, each: int) -> bytes:
    """The bytes of a plane, `each` for a pixel, without what only fills its lines up."""
    data = bytes(plane)
    return b"".join(data[y * plane.line_size :][: plane.width * each] for y in range(plane.height))


async def test_pictures_are_cut_out_turned_and_mirrored(studio: Studio, quarters: Path) -> None:
    wanted: dict[str, tuple[dict[str, Any], tuple[int, int], list[tuple[int, int, int]]]] = {
        "turned": ({"rotate_degrees": 90}, (96, 128), [BLUE, RED, WHITE, LIME]),
        "over": ({"rotate_degrees": 180}, (128, 96), [WHITE, BLUE, LIME, RED]),
        "back": ({"rotate_degrees": 270}, (96, 128), [LIME, WHITE, RED, BLUE]),
        "mirrored": ({"flip": "HORIZONTAL"}, (128, 96), [LIME, RED, WHITE, BLUE]),
        "upside-down": ({"flip": "VERTICAL"}, (128, 96), [BLUE, WHITE, RED, LIME]),
        "part": ({"crop": {"left": 64, "top": 0, "width": 64, "height": 48}}, (64, 48), [LIME] * 4),
        "less": ({"short_side": 48}, (64, 48), [RED, LIME, BLUE, WHITE]),
        "no-more": ({"short_side": 480, "fit": "SHRINK"}, (128, 96), [RED, LIME, BLUE, WHITE]),
        "all": (
            {"crop": {"left": 0, "top": 24, "width": 64, "height": 48}, "rotate_degrees": 90, "short_side": 96},
            (96, 128),
            [BLUE, RED, BLUE, RED],
        ),
    }
    outputs = [{"name": name, "transcode": {"video": {**SHARP, **spec}}} for name, (spec, _, _) in wanted.items()]
    for path, (_, size, colours) in zip(await studio.make(quarters, *outputs), wanted.values(), strict=True):
        seen = decode(path)
        assert ((seen.width, seen.height), seen.frames) == (size, 10), path.name
        assert all(map(near, corners(path), colours)), path.name


async def test_a_part_of_a_picture_that_is_turned_and_whose_pixels_are_wide(studio: Studio, files: Path) -> None:
    half = "color=red:s=32x96:r=10:d=0.3[a];color=blue:s=32x96:r=10:d=0.3[b];[a][b]hstack,setsar=2[v]"
    wide = make(files / "wide.mp4", "-filter_complex", half, "-map", "[v]", "-crf", "1", "-pix_fmt", "yuv420p")
    turned = make(files / "wide-turned.mp4", "-display_rotation", "90", "-i", str(wide), "-c", "copy")
    # Shown as 128 × 96, the second one as 96 × 128 with its red half below.
    right = {"crop": {"left": 64, "top": 0, "width": 64, "height": 96}}
    below = {"crop": {"left": 0, "top": 64, "width": 96, "height": 64}}
    seen = decode(made := await studio.one(wide, transcode={"video": {**SHARP, **right}}))
    assert (seen.width, seen.height) == (64, 96)
    assert all(near(colour, BLUE) for colour in corners(made))
    seen = decode(made := await studio.one(turned, transcode={"video": {**SHARP, **below}}))
    assert (seen.width, seen.height) == (96, 64)
    assert all(near(colour, RED) for colour in corners(made))


async def test_a_speed_changes_times_and_no_pitch(studio: Studio, quarters: Path) -> None:
    outputs = [
        {"name": "fast", "transcode": {"speed": 2}},
        {"name": "slow", "transcode": {"speed": 0.25}},
        {"name": "even", "transcode": {"speed": 0.5, "video": {"frame_rate": 10}}},
        {"name": "part", "transcode": {"speed": 1.6, "trim": {"start_seconds": 0.2, "end_seconds": 1}}},
    ]
    lengths, frames = (0.5, 4.0, 2.0, 0.5), (10, 10, 20, 8)
    for path, length, count in zip(await studio.make(quarters, *outputs), lengths, frames, strict=True):
        seen = decode(path)
        assert seen.duration_seconds == pytest.approx(length, abs=0.06), path.name
        assert seen.frames == count, path.name
        assert seen.times[1] - seen.times[0] == pytest.approx(length / count, abs=0.002), path.name
        assert power(path, 440) > 4 * power(path, 880) and power(path, 440) > 0.04, path.name


async def test_fades_begin_and_end_in_black_and_silence(studio: Studio, quarters: Path) -> None:
    made = await studio.one(quarters, transcode={"fade_in_seconds": 0.3, "fade_out_seconds": 0.3, "video": SHARP})
    bright = [rgb(made, 100, 70, index=i)[1] for i in range(10)]
    assert bright[0] < 10 and bright[1] < bright[2] < bright[5] > 240 and bright[7] > bright[8] > bright[9] < 110
    assert power(made, 440, 0, 0.05) < power(made, 440, 0.4, 0.6) / 3 > power(made, 440, 0.95, 1.0)


async def test_fields_stay_or_become_whole_and_a_film_gets_its_own_frames_back(studio: Studio, files: Path) -> None:
    moving = "testsrc2=size=128x96:rate=48:duration=2"
    # Two pictures in each frame, and no word of it.
    combed = make(files / "combed.mkv", "-f", "lavfi", "-i", f"{moving},interlace=lowpass=off,setfield=prog", *FFV1)
    outputs = [
        {"name": name, "transcode": {"video": {**SHARP, "deinterlace": how}}}
        for name, how in (("left", "OFF"), ("auto", "AUTO"), ("whole", "ALWAYS"))
    ]
    left, auto, whole = (comb(path) for path in await studio.make(combed, *outputs))
    assert left == pytest.approx(auto, rel=0.01) and whole < 0.9 * left
    pulled = make(
        files / "pulled.mkv", "-f", "lavfi", "-i", "testsrc2=size=128x96:rate=24:duration=2,telecine=pattern=23", *FFV1
    )
    assert decode(pulled).frames == 60
    seen = decode(await studio.one(pulled, transcode={"video": {"deinterlace": "TELECINE"}}))
    assert seen.frames == 48 and seen.duration_seconds == pytest.approx(2, abs=0.06)
    gaps = [after - before for before, after in pairwise(seen.times)]
    assert gaps == pytest.approx([1 / 24] * 47, abs=0.001)


def comb(path: Path) -> float:
    """How much lines differ from those beside them, in the middle frame."""
    seen, rows = decode(path), luma(path, decode(path).frames // 2)
    width = seen.width
    lines = [rows[i : i + width] for i in range(0, len(rows), width)]
    return sum(abs(a - b) for one, two in pairwise(lines) for a, b in zip(one, two, strict=True))


async def test_noise_is_taken_out_and_edges_are_sharpened(studio: Studio, noisy: Path) -> None:
    outputs = [
        {"name": name, "transcode": {"trim": {"end_seconds": 0.5}, "video": {"crf": 4, **spec}}}
        for name, spec in (
            ("plain", {}),
            ("light", {"denoise": "LIGHT"}),
            ("strong", {"denoise": "STRONG"}),
            ("sharp", {"sharpen": "STRONG"}),
        )
    ]
    plain, light, strong, sharp = (comb(path) for path in await studio.make(noisy, *outputs))
    assert strong < light < plain < sharp


async def test_peaks_are_bounded_whatever_the_quality(studio: Studio, noisy: Path) -> None:
    limit, part = 150_000, {"end_seconds": 1.2}
    for codec, quality in (("H264", 20), ("H265", 20), ("VP9", 20), ("AV1", 20)):
        video = {"codec": codec, "crf": quality}
        free, bound = await studio.make(
            noisy,
            {"name": "free", "transcode": {"trim": part, "video": video}},
            {"name": "bound", "transcode": {"trim": part, "video": {**video, "max_bitrate_bps": limit}}},
        )
        rates = [8 * path.stat().st_size / 1.2 for path in (free, bound)]
        # A buffer of two seconds is there at the beginning, too.
        assert rates[1] < min(limit * (1 + 2 / 1.2), 0.7 * rates[0]), (codec, rates)


@pytest.mark.parametrize(("codec", "container"), [("H264", "MP4"), ("H265", "MKV"), ("VP9", "WEBM")])
async def test_two_passes_meet_the_average(studio: Studio, noisy: Path, codec: str, container: str) -> None:
    video = {"codec": codec, "bitrate_bps": 250_000, "two_pass": True}
    planned = await studio.plan(noisy, {"transcode": {"container": container, "video": video}})
    assert len(planned.commands) == 2
    (made,) = [studio.folder / file.path for file in await studio.made(noisy, planned)]
    assert 8 * made.stat().st_size / 2 == pytest.approx(250_000, rel=0.15)
    assert decode(made).frames == 50


async def test_profiles_levels_and_frames_in_both_directions_are_as_asked_for(studio: Studio, noisy: Path) -> None:
    wanted: dict[str, tuple[dict[str, Any], str]] = {
        "baseline": ({"profile": "baseline", "level": "3.1"}, "31"),
        "main": ({"profile": "main", "level": "4", "effort": "SLOW", "b_frames": 2}, "40"),
        "high10": ({"bit_depth": 10, "b_frames": 0}, ""),
        "hevc": ({"codec": "H265", "profile": "main10", "level": "4.1"}, "123"),
    }
    outputs = [
        {"name": name, "transcode": {"trim": {"end_seconds": 1}, "video": spec}} for name, (spec, _) in wanted.items()
    ]
    for path, (name, (spec, level)) in zip(await studio.make(noisy, *outputs), wanted.items(), strict=True):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            head = bytes(stream.codec_context.extradata or b"")
            packets = [p for p in container.demux(stream) if p.pts is not None]
        reordered = [p.pts for p in packets] != sorted(p.pts for p in packets)
        assert reordered == (spec.get("b_frames", 0 if name == "baseline" else 3) > 0), name
        if level:  # avcC (ISO/IEC 14496-15, 5.3.3.1), hvcC (8.3.3.1)
            assert str(head[12 if name == "hevc" else 3]) == level, name
        if name in ("baseline", "main"):
            assert head[1] == {"baseline": 66, "main": 77}[name]
        assert decoded_format(path) == ("yuv420p10le" if name in ("high10", "hevc") else "yuv420p"), name


def decoded_format(path: Path) -> str:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).format.name


X265 = ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-preset", "ultrafast")
SCREEN = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
HIGH = {
    "smpte2084": f"log-level=error:master-display={SCREEN}:max-cll=1000,400:hdr10=1",
    "arib-std-b67": "log-level=error",
}


def high(curve: str) -> tuple[str, ...]:
    """How a picture is made in high range."""
    told = f"format=yuv420p10le,setparams=color_primaries=bt2020:color_trc={curve}:colorspace=bt2020nc"
    return ("-vf", told, *X265, "-x265-params", HIGH[curve])


async def test_a_high_range_is_kept_with_what_it_tells_of_itself_or_becomes_standard(
    studio: Studio, files: Path
) -> None:
    for curve in HIGH:
        bars = ("-f", "lavfi", "-i", "smptebars=size=128x96:rate=10:duration=0.5")
        clip = make(files / f"{curve}.mkv", *bars, *high(curve))
        outputs = [
            {
                "name": f"{codec}-{box}".lower(),
                "transcode": {"container": box, "video": {"codec": codec, "hdr": "KEEP"}},
            }
            for codec, box in (("H265", "MP4"), ("VP9", "WEBM"), ("AV1", "MKV"))
        ]
        outputs.append({"name": "sdr", "transcode": {"video": {"bit_depth": 10}}})
        *kept, standard = await studio.make(clip, *outputs)
        for path in kept:
            info = await studio.probe_made(path)
            (stream,) = info.streams
            told = (stream.color_transfer, stream.color_primaries, stream.color_space, stream.pixel_format)
            assert told == (curve, "bt2020", "bt2020nc", "yuv420p10le"), path.name
            # Not a level apart but for what encoding costs.
            pairs = list(zip(luma(path, 2), luma(clip, 2), strict=True))
            assert sum(abs(one - other) for one, other in pairs) / len(pairs) < 6, path.name
            if curve == "smpte2084":
                assert mastering(path), path.name
        (stream,) = (await studio.probe_made(standard)).streams
        assert (stream.color_transfer, stream.pixel_format) == ("bt709", "yuv420p10le")


def mastering(path: Path) -> bool:
    """Whether a file tells of which screen it was made on, and how bright it gets."""
    argv = [str(FFMPEG), "-hide_banner", "-i", str(path), "-vf", "showinfo", "-frames:v", "1", "-f", "null", "-"]
    told = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
    return "Mastering display metadata" in told and bool(re.search(r"MaxCLL=1000|Content [Ll]ight", told))


async def test_quicktime_tells_the_languages_that_it_has_numbers_for(studio: Studio, files: Path, tiny: Path) -> None:
    codes = {"deu": "deu", "fre": "fra", "swe": "", "zho": "zho", "eng": "eng", "glg": ""}
    tagged = [word for i, code in enumerate(codes) for word in (f"-metadata:s:a:{i}", f"language={code}")]
    maps = ["-map", "0:v", *(word for _ in codes for word in ("-map", "0:a"))]
    clip = make(files / "tongues.mkv", "-i", str(tiny), *maps, "-c", "copy", *tagged)
    made = await studio.one(clip, transcode={"container": "MOV", "audio_tracks": [{"all": True}]})
    told = [languages.code(s.language) for s in (await studio.probe_made(made)).streams if s.channels]
    assert told == list(codes.values())


async def test_every_container_holds_films_and_sound_alone(studio: Studio, tiny: Path) -> None:
    outputs = [
        {"name": "mov", "transcode": {"container": "MOV"}},
        {"name": "mov-hevc", "transcode": {"container": "MOV", "video": {"codec": "H265"}}},
        {"name": "ts", "transcode": {"container": "TS"}},
        {"name": "ts-hevc", "transcode": {"container": "TS", "video": {"codec": "H265"}}},
        *(
            {"name": f"sound-{box.lower()}", "transcode": {"container": box, "no_video": True}}
            for box in ("MP4", "MOV", "WEBM", "MKV", "TS")
        ),
    ]
    for path in await studio.make(tiny, *outputs):
        seen, alone = decode(path), path.name.startswith("sound")
        assert seen.frames == (0 if alone else 10), path.name
        assert seen.video_codec == ("" if alone else "hevc" if "hevc" in path.name else "h264"), path.name
        assert seen.audio_codec == ("opus" if path.suffix == ".webm" else "aac"), path.name
        assert seen.samples == pytest.approx(48000, abs=2100), path.name
        assert seen.duration_seconds == pytest.approx(1, abs=0.12), path.name


@pytest.mark.parametrize(
    ("suffix", "codec", "box", "encoder"),
    [
        ("mp4", "H264", "MKV", "libx264"),
        ("ts", "H264", "MP4", "libx264"),
        ("mkv", "H265", "MP4", "libx265"),
        ("webm", "VP9", "MP4", "libvpx-vp9"),
        ("mp4", "AV1", "WEBM", "libsvtav1"),
        ("mov", "H264", "TS", "libx264"),
    ],
)
async def test_what_complies_goes_out_as_it_is(
    studio: Studio, files: Path, suffix: str, codec: str, box: str, encoder: str
) -> None:
    sound = "OPUS" if suffix == "webm" or box == "WEBM" else "AAC"
    clip = make(
        files / f"complies-{encoder}.{suffix}", "-f", "lavfi", "-i", "testsrc2=size=128x96:rate=10:duration=1", "-f",
        "lavfi", "-i", "sine=sample_rate=48000:duration=1", "-c:v", encoder, "-pix_fmt", "yuv420p", "-c:a",
        "libopus" if sound == "OPUS" else "aac",
    )  # fmt: skip
    spec = {
        "container": box,
        "video": {"codec": codec, "copy": "REQUIRED", "short_side": 1080, "fit": "SHRINK"},
        "audio": {"codec": sound, "copy": "REQUIRED"},
    }
    planned = await studio.plan(clip, {"transcode": spec})
    (command,) = planned.commands
    assert [command.argv[i + 1] for i, word in enumerate(command.argv) if word in ("-c:v", "-c:a")] == ["copy", "copy"]
    (file,) = await studio.made(clip, planned)
    made = studio.folder / file.path
    assert frames(made) == frames(clip)
    assert abs(decode(made).samples - decode(clip).samples) <= 2048
    # What its encoder wrote of itself between the pictures is not for others.
    assert (b"x264 - core" in clip.read_bytes()) == (encoder == "libx264")
    assert b"x264 - core" not in made.read_bytes()


def frames(path: Path) -> list[int]:
    """A number for each decoded frame that depends on every pixel."""
    with av.open(str(path)) as container:
        return [hash(b"".join(pixels(p, 1) for p in frame.planes)) for frame in container.decode(video=0)]


async def test_what_does_not_comply_is_encoded_or_refused_stream_by_stream(studio: Studio, tiny: Path) -> None:
    spec = {"video": {"copy": "WHEN_POSSIBLE", "short_side": 32}, "audio": {"copy": "REQUIRED"}}
    made = await studio.one(tiny, transcode=spec)
    assert (decode(made).width, decode(made).frames) == (32, 10)
    with pytest.raises(AttemptFailed) as raised:
        await studio.one(tiny, transcode={"video": {"copy": "REQUIRED", "short_side": 32}})
    assert raised.value.code == "COPY_IMPOSSIBLE"


@pytest.mark.parametrize("edits", [[], [(1.2, 0.5)], [(0.8, 0), (0.8, 1.2)]])
async def test_a_large_film_is_copied_unless_its_edits_hide_something(
    studio: Studio, tmp_path: Path, edits: list[Edit]
) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=2", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    path = make(tmp_path / "in.mp4", *picture, "-movie_timescale", "1000")
    data = path.read_bytes()
    path.write_bytes(padded(edited(data, edits) if edits else data, 2**24))  # it is not read whole
    refused = pytest.raises(AttemptFailed, match="it is no plain film") if edits else nullcontext()
    with refused:
        await studio.plan(path, {"transcode": {"video": {"copy": "REQUIRED"}}})


NASTY = [
    "it's 100% \\ {n} %{pts}",
    "a,b;c[d]=e:f",
    "'\"`$(id)",
    "\n\n\\n",
    "ü ß 漢 🙂 \u202eabc",
    " ",
    "[s0][o0]",
    "{font}",
]


async def test_images_words_and_the_time_lie_over_the_picture(studio: Studio, files: Path, tmp_path: Path) -> None:
    black = make(files / "black.mkv", "-f", "lavfi", "-i", "color=black:s=320x240:r=10:d=1", *FFV1)
    # Half of it is clear.
    half_clear = "color=red:s=64x32,format=rgba,geq=r=255:g=0:b=0:a='255*lt(X,32)'"
    logo = make(tmp_path / "logo.png", "-f", "lavfi", "-i", half_clear, "-frames:v", "1")
    marks = [
        {"image": {"input": "logo", "width": 0.2}, "position": "TOP_LEFT", "margin": 0.1, "start_seconds": 0.3,
         "end_seconds": 0.6},
        {"image": {"input": "logo", "width": 0.2}, "position": "BOTTOM_RIGHT", "margin": 0, "opacity": 0.5},
        {"text": {"text": "HHHH", "size": 0.2, "color": "#00ff00", "box_color": "#0000ff"}, "position": "CENTER"},
    ]  # fmt: skip
    words = [{"text": {"text": text}, "position": "TOP"} for text in NASTY]
    clocks = [{"timecode": {"start_seconds": 59.5, "size": 0.2}, "position": "CENTER"}]
    outputs = [
        {"name": "marks", "transcode": {"video": SHARP, "overlays": marks}},
        {"name": "words", "transcode": {"video": SHARP, "overlays": words}},
        {"name": "clocks", "transcode": {"video": {**SHARP, "bit_depth": 10}, "overlays": clocks}},
    ]
    made, written, clock = await studio.make(black, *outputs, others={"logo": logo})
    at = [rgb(made, 24 + 10, 24 + 10, index=i) for i in range(10)]
    assert [near(colour, RED) for colour in at] == [3 <= i < 6 for i in range(10)]
    assert near(rgb(made, 24 + 48, 24 + 10, index=4), BLACK)  # its clear half
    assert 90 < rgb(made, 320 - 60, 240 - 10)[0] < 165  # the fainter one
    centre = [tuple(rgb(made, x, 120)) for x in range(90, 230, 3)]
    assert any(near(list(c), LIME) for c in centre) and any(near(list(c), BLUE) for c in centre)
    for text in NASTY:
        assert (studio.folder / place_of(text, "txt")).read_text() == text
    assert max(luma(written, 0)[: 320 * 60]) > 200
    shown = {luma(clock, i) for i in range(10)}
    assert len(shown) == 10 and max(luma(clock, 0)) > 200
    assert decode(clock).frames == 10


async def test_another_sound_is_put_in_or_beside_and_is_as_long_as_the_film(
    studio: Studio, quarters: Path, tmp_path: Path
) -> None:
    tone = ("-f", "lavfi", "-i")
    short = make(tmp_path / "short.mp3", *tone, "sine=frequency=1000:sample_rate=44100:duration=0.5")
    long = make(tmp_path / "long.wav", *tone, "sine=frequency=1000:sample_rate=44100:duration=5")
    others = {"short": short, "long": long}
    outputs = [
        {"name": "instead", "transcode": {"soundtrack": {"input": "long"}}},
        {"name": "louder", "transcode": {"soundtrack": {"input": "short", "gain_db": 6}}},
        {"name": "beside", "transcode": {"soundtrack": {"input": "short", "mode": "MIX", "gain_db": -6}}},
    ]
    instead, louder, beside = await studio.make(quarters, *outputs, others=others)
    for path in (instead, louder, beside):
        assert decode(path).samples / decode(path).sample_rate_hz == pytest.approx(1, abs=0.07), path.name
        assert decode(path).frames == 10
    assert power(instead, 1000, 0.1, 0.9) > 20 * power(instead, 440, 0.1, 0.9)
    assert power(louder, 1000, 0.1, 0.4) == pytest.approx(2 * power(instead, 1000, 0.1, 0.4), rel=0.1)
    assert power(louder, 1000, 0.7, 0.95) < 0.005
    share = 10 ** (-6 / 20)
    assert power(beside, 440, 0.1, 0.9) == pytest.approx(0.125 / (1 + share), rel=0.1)
    assert power(beside, 1000, 0.1, 0.4) == pytest.approx(0.125 * share / (1 + share), rel=0.15)
    mute = make(tmp_path / "mute.mkv", "-i", str(quarters), "-an", "-c", "copy")
    alone = await studio.one(mute, others=others, transcode={"soundtrack": {"input": "long", "mode": "MIX"}})
    assert power(alone, 1000, 0.1, 0.9) > 0.1


async def test_a_film_is_put_to_its_own_sound_once(studio: Studio, quarters: Path) -> None:
    for name, others in (("film", {"logo": quarters}), ("again", {"again": quarters})):
        spec = {"soundtrack": {"input": name, "mode": "MIX"}}
        both = await studio.one(quarters, others=others, transcode=spec)
        assert power(both, 440, 0.1, 0.9) == pytest.approx(0.125, rel=0.1)
        assert len((await studio.probe_made(both)).streams) == 2


async def test_presets_make_what_they_say(studio: Studio, files: Path, tiny: Path) -> None:
    names = ("web-av1", "mobile", "archive", "social-vertical", "social-square")
    short = make(files / "short.mp4", "-t", "0.3", "-i", str(tiny), "-c:v", "libx264", "-c:a", "copy")
    made = await studio.make(short, *({"name": name, "preset": name} for name in names))
    assert [path.name for path in made] == [
        *("web-av1-av1.mp4", "web-av1-h264.mp4", "web-av1-poster-0001.jpg"),
        *("mobile.mp4", "archive.mkv", "social-vertical.mp4", "social-square.mp4"),
    ]
    seen = {path.stem: decode(path) for path in made if path.suffix != ".jpg"}
    told = {name: (one.video_codec, one.width, one.height) for name, one in seen.items()}
    assert told == {
        "web-av1-av1": ("av1", 64, 64),
        "web-av1-h264": ("h264", 64, 64),
        "mobile": ("h264", 64, 64),
        "archive": ("hevc", 64, 64),
        "social-vertical": ("h264", 1080, 1920),
        "social-square": ("h264", 1080, 1080),
    }
    assert all(one.samples and one.audio_codec == "aac" for one in seen.values())
    assert seen["social-square"].frames == 9 and decoded_format(made[4]) == "yuv420p10le"


async def test_title_and_chapters_are_kept_on_request_alone(studio: Studio, files: Path) -> None:
    words = files / "words.txt"
    words.write_text(
        ";FFMETADATA1\ntitle=A title\\; such\nartist=Nobody\nlocation=+48.2+016.3/\n"
        "[CHAPTER]\nTIMEBASE=1/10\nSTART=0\nEND=4\ntitle=One\n[CHAPTER]\nTIMEBASE=1/10\nSTART=4\nEND=10\ntitle=Zwei ü\n"
    )
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=1")
    clip = make(files / "titled.mkv", *picture, "-f", "ffmetadata", "-i", str(words), "-map_metadata", "1", *FFV1)
    info = await studio.probe_made(clip)
    assert info.title == "A title; such" and [c.title for c in info.chapters] == ["One", "Zwei ü"]
    part = {"start_seconds": 0.2, "end_seconds": 0.8}
    boxes = ("MP4", "MOV", "MKV", "WEBM")
    outputs = [
        *(
            {"name": b, "transcode": {"container": b, "keep": ["TITLE", "CHAPTERS"], "trim": part, "speed": 0.5}}
            for b in boxes
        ),
        *({"name": f"{b}-title", "transcode": {"container": b, "keep": ["TITLE"]}} for b in boxes),
        *({"name": f"{b}-none", "transcode": {"container": b}} for b in boxes),
    ]
    for path in await studio.make(clip, *outputs):
        data, told = path.read_bytes(), await studio.probe_made(path)
        assert b"Nobody" not in data and b"+48.2" not in data, path.name
        assert told.title == ("" if "none" in path.name else "A title; such"), path.name
        chapters = [(c.title, round(c.start_seconds, 2), round(c.end_seconds, 2)) for c in told.chapters]
        assert chapters == ([("One", 0, 0.4), ("Zwei ü", 0.4, 1.2)] if "-" not in path.stem else []), path.name


async def test_captions_are_tracks_or_drawn_where_they_belong_in_time(studio: Studio, files: Path) -> None:
    words = files / "words.srt"
    words.write_text(
        "1\n00:00:00,150 --> 00:00:00,550\nHMHMHM\n\n2\n00:00:01,050 --> 00:00:01,550\nÜber\n", encoding="utf-8"
    )
    picture = ("-f", "lavfi", "-i", "color=black:s=320x180:r=10:d=2")
    tracks = ("-i", str(words), "-map", "0", "-map", "1", "-metadata:s:s:0", "language=ger", "-c:s", "srt")
    clip = make(files / "wordy.mkv", *picture, *tracks, *FFV1)
    part = {"start_seconds": 0.3, "end_seconds": 1.7}
    boxes = {"MP4": "mov_text", "MOV": "mov_text", "WEBM": "webvtt", "MKV": "subrip"}
    within = list(boxes)[1:]
    outputs = [
        *({"name": box, "transcode": {"container": box, "subtitles": [{}, {"language": "fr"}]}} for box in within),
        *({"name": f"{box}-part", "transcode": {"container": box, "subtitles": [{}], "trim": part}} for box in boxes),
        {"name": "slow", "transcode": {"container": "MKV", "subtitles": [{}], "speed": 0.5}},
        {"name": "drawn", "transcode": {"subtitles": [{"burn_in": True}], "trim": part, "speed": 0.5, "video": SHARP}},
    ]
    others = {"words": words}
    outputs.insert(
        0, {"name": "MP4", "transcode": {"subtitles": [{"input": "words", "language": "de"}, {"language": "fr"}]}}
    )
    *made, drawn = await studio.make(clip, *outputs, others=others)
    for path in made:
        with av.open(str(path)) as container:
            texts = container.streams.subtitles
            first = texts[0].index
            shown = [
                (float(p.pts * p.time_base), float((p.pts + (p.duration or 0)) * p.time_base))
                for p in container.demux(texts[0])
                if p.pts is not None and p.size > 2  # mov_text fills gaps with nothing
            ]
            assert [languages.code(t.language or "") for t in texts] == (
                ["deu", "fra"] if "-" not in path.stem and path.stem != "slow" else ["deu"]
            )
            assert texts[0].codec.canonical_name == boxes[path.stem.partition("-")[0].replace("slow", "MKV")], first
        wanted = {"part": [(0, 0.25), (0.75, 1.25)], "slow": [(0.3, 1.1), (2.1, 3.1)]}
        at = wanted.get(path.stem.rpartition("-")[2], [(0.15, 0.55), (1.05, 1.55)])
        assert [time for pair in shown for time in pair] == pytest.approx(
            [t for pair in at for t in pair], abs=0.011
        ), path.name
    lit = [max(luma(drawn, i)[320 * 90 :]) > 150 for i in range(decode(drawn).frames)]
    times = decode(drawn).times
    assert lit == [time < 0.5 or 1.5 < time < 2.5 for time in times]
