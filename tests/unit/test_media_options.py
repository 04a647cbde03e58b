"""Options of a transcode: refused by field outside their bounds, and planned as they are asked for."""

from dataclasses import replace
from typing import Any

import planning
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from jobs import job
from unit.test_media_golden import CLIP, HDR, OTHERS, SOUND, TITLED, VIDEO, WORDY, source, with_others

from reelmill.api.validation import violations
from reelmill.jobs.errors import AttemptFailed
from reelmill.media import effects, films
from reelmill.media.contract import PlanContext, Source
from reelmill.media.film import film
from reelmill.media.inputs import inputs_of
from reelmill.media.operations import OPERATIONS
from reelmill.media.pieces import Chunk
from reelmill.media.render.command import Placed
from reelmill.media.render.escaping import escaped
from reelmill.media.render.rendering import rendered
from reelmill.media.steps import COPY, digest, place_of
from reelmill.media.timeline import SECOND
from reelmill.media.validate import job_violations
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.operations_pb2 import Transcode

CLOCK: dict[str, Any] = {"timecode": {}}
# What is asked for, and the field that it is refused by.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"video": {"short_side": 15}}, "video.short_side"),
    ({"video": {"short_side": 8193}}, "video.short_side"),
    ({"video": {"short_side": 720, "width": 1280}}, "video.short_side"),
    ({"video": {"short_side": 720, "fit": "PAD"}}, "video.fit"),
    ({"video": {"crop": {"width": 100}}}, "video.crop.height"),
    ({"video": {"crop": {"height": 100}}}, "video.crop.width"),
    ({"video": {"crop": {"width": 1, "height": 100}}}, "video.crop.width"),
    ({"video": {"crop": {"left": -1, "width": 100, "height": 100}}}, "video.crop.left"),
    ({"video": {"crop": {"top": 16385, "width": 100, "height": 100}}}, "video.crop.top"),
    ({"video": {"rotate_degrees": 45}}, "video.rotate_degrees"),
    ({"video": {"rotate_degrees": -90}}, "video.rotate_degrees"),
    ({"video": {"rotate_degrees": 360}}, "video.rotate_degrees"),
    ({"video": {"max_bitrate_bps": 9999}}, "video.max_bitrate_bps"),
    ({"video": {"bitrate_bps": 2000000, "max_bitrate_bps": 1999999}}, "video.max_bitrate_bps"),
    ({"video": {"buffer_seconds": 2}}, "video.buffer_seconds"),
    ({"video": {"buffer_seconds": 11, "max_bitrate_bps": 1000000}}, "video.buffer_seconds"),
    ({"video": {"codec": "VP9", "buffer_seconds": 1, "max_bitrate_bps": 1000000}}, "video.buffer_seconds"),
    ({"video": {"two_pass": True}}, "video.two_pass"),
    ({"video": {"codec": "AV1", "bitrate_bps": 100000, "two_pass": True}}, "video.two_pass"),
    ({"video": {"b_frames": 17}}, "video.b_frames"),
    ({"video": {"codec": "AV1", "b_frames": 0}}, "video.b_frames"),
    ({"video": {"profile": "baseline", "b_frames": 1}}, "video.b_frames"),
    ({"video": {"profile": "main10"}}, "video.profile"),
    ({"video": {"profile": "High"}}, "video.profile"),
    ({"video": {"profile": "high", "bit_depth": 10}}, "video.profile"),
    ({"video": {"profile": "high", "crf": 0}}, "video.profile"),
    ({"video": {"codec": "H265", "profile": "high"}}, "video.profile"),
    ({"video": {"codec": "H265", "profile": "main", "hdr": "KEEP"}}, "video.profile"),
    ({"video": {"codec": "VP9", "profile": "main"}}, "video.profile"),
    ({"video": {"level": "4.3"}}, "video.level"),
    ({"video": {"level": "7"}}, "video.level"),
    ({"video": {"codec": "H265", "level": "1.1"}}, "video.level"),
    ({"video": {"codec": "AV1", "level": "4.1"}}, "video.level"),
    ({"video": {"level": "3", "max_bitrate_bps": 10000001}}, "video.max_bitrate_bps"),
    ({"video": {"level": "3", "bitrate_bps": 10000001}}, "video.bitrate_bps"),
    ({"video": {"bit_depth": 9}}, "video.bit_depth"),
    ({"video": {"bit_depth": 12}}, "video.bit_depth"),
    ({"video": {"codec": "H265", "bit_depth": 8, "hdr": "KEEP"}}, "video.bit_depth"),
    ({"video": {"hdr": "KEEP"}}, "video.hdr"),
    ({"container": "MOV", "video": {"codec": "AV1"}}, "video.codec"),
    ({"container": "TS", "video": {"codec": "VP9"}}, "video.codec"),
    ({"container": "TS", "audio": {"codec": "OPUS"}}, "audio.codec"),
    ({"no_video": True, "video": {}}, "no_video"),
    ({"no_video": True, "mute": True}, "no_video"),
    ({"speed": 0.2}, "speed"),
    ({"speed": 4.1}, "speed"),
    ({"fade_in_seconds": 0.01}, "fade_in_seconds"),
    ({"fade_out_seconds": 61}, "fade_out_seconds"),
    ({"video": {"copy": "REQUIRED", "denoise": "LIGHT"}}, "video.denoise"),
    ({"video": {"copy": "REQUIRED", "crop": {"width": 100, "height": 100}}}, "video.crop"),
    ({"video": {"copy": "REQUIRED", "b_frames": 0}}, "video.b_frames"),
    ({"video": {"copy": "REQUIRED", "deinterlace": "ALWAYS"}}, "video.deinterlace"),
    ({"video": {"copy": "REQUIRED"}, "trim": {"end_seconds": 1}}, "trim"),
    ({"audio": {"copy": "REQUIRED"}, "speed": 2}, "speed"),
    ({"audio": {"copy": "REQUIRED"}, "soundtrack": {"input": ""}}, "soundtrack"),
    ({"video": {"copy": "REQUIRED"}, "overlays": [CLOCK]}, "overlays"),
    ({"overlays": [{}]}, "overlays[0]"),
    ({"overlays": [CLOCK] * 17}, "overlays"),
    ({"overlays": [{"image": {}}]}, "overlays[0].image.input"),
    ({"overlays": [{"image": {"input": "logo"}}]}, ""),
    ({"overlays": [{"text": {}}]}, "overlays[0].text.text"),
    ({"overlays": [{"text": {"text": "x" * 2001}}]}, "overlays[0].text.text"),
    ({"overlays": [{"text": {"text": "a\0b"}}]}, "overlays[0].text.text"),
    ({"overlays": [{"text": {"text": "a", "color": "red"}}]}, "overlays[0].text.color"),
    ({"overlays": [{"text": {"text": "a", "box_color": "#12345"}}]}, "overlays[0].text.box_color"),
    ({"overlays": [{"text": {"text": "a", "size": 1.1}}]}, "overlays[0].text.size"),
    ({"overlays": [{"timecode": {"start_seconds": 86401}}]}, "overlays[0].timecode.start_seconds"),
    ({"overlays": [{**CLOCK, "opacity": 1.1}]}, "overlays[0].opacity"),
    ({"overlays": [{**CLOCK, "margin": 0.6}]}, "overlays[0].margin"),
    ({"overlays": [{**CLOCK, "start_seconds": -1}]}, "overlays[0].start_seconds"),
    ({"overlays": [{**CLOCK, "start_seconds": 2, "end_seconds": 2}]}, "overlays[0].end_seconds"),
    ({"overlays": [CLOCK], "no_video": True}, "no_video"),
    ({"overlays": [CLOCK], "video": {"codec": "H265", "hdr": "KEEP"}}, "video.hdr"),
    (
        {"overlays": [CLOCK], "container": "WEBM", "video": {"codec": "VP9", "background": "transparent"}},
        "video.background",
    ),
    ({"soundtrack": {"input": "music"}}, ""),
    ({"keep": ["TITLE"], "container": "TS"}, "keep"),
    ({"subtitles": [{}] * 17}, "subtitles"),
    ({"subtitles": [{}], "container": "TS"}, "subtitles[0]"),
    ({"subtitles": [{"track": {}}]}, "subtitles[0].track"),
    ({"subtitles": [{"track": {"all": True}}]}, "subtitles[0].track.all"),
    ({"subtitles": [{"language": "x"}]}, "subtitles[0].language"),
    ({"subtitles": [{"input": "other"}]}, ""),
    ({"subtitles": [{"burn_in": True}, {"burn_in": True}]}, "subtitles[1].burn_in"),
    ({"subtitles": [{"burn_in": True}], "video": {"codec": "H265", "hdr": "KEEP"}}, "video.hdr"),
    ({"subtitles": [{"burn_in": True}], "video": {"copy": "REQUIRED"}}, "subtitles"),
    ({"subtitles": [{}], "no_video": True}, "no_video"),
    ({"keep": ["KEPT_UNSPECIFIED"]}, "keep[0]"),
    ({"soundtrack": {"input": "", "gain_db": 21}}, "soundtrack.gain_db"),
]
INTERLACED = source({**VIDEO, "interlaced": True})
RATED = source({**VIDEO, "bitrate_bps": 4_000_000}, {**SOUND, "bitrate_bps": 128_000})


def of(spec: dict[str, Any]) -> Job:
    return job("file:///attempt/input-0", {"name": "out", "transcode": spec})


@pytest.mark.parametrize(("spec", "field"), REFUSED, ids=lambda value: value if isinstance(value, str) else None)
def test_an_option_outside_its_bounds_is_refused_by_its_field(spec: dict[str, Any], field: str) -> None:
    made = of(spec)
    found = [v.field for v in (*violations(made, "job"), *job_violations(made, "job"))]
    assert f"job.outputs[0].transcode{'.' * bool(field)}{field}" in found and len(set(found)) <= 2


@pytest.mark.parametrize(
    ("one", "spec", "code", "words"),
    [
        (CLIP, {"video": {"crop": {"left": 1900, "width": 30, "height": 30}}}, "INPUT_UNSUPPORTED", "1920 × 1080"),
        (CLIP, {"video": {"level": "3"}}, "INPUT_UNSUPPORTED", "level 3"),
        (CLIP, {"speed": 2, "video": {"level": "4"}}, "INPUT_UNSUPPORTED", "50 times a second"),
        (source(VIDEO), {"no_video": True}, "INPUT_NO_AUDIO", "no sound"),
        (
            source({**VIDEO, "duration_seconds": 0}, duration=0),
            {"fade_out_seconds": 1},
            "INPUT_UNSUPPORTED",
            "how long",
        ),
        (CLIP, {"video": {"copy": "REQUIRED", "codec": "H265"}}, "COPY_IMPOSSIBLE", "h264 and not hevc"),
        (CLIP, {"video": {"copy": "REQUIRED", "height": 720}}, "COPY_IMPOSSIBLE", "1280 × 720"),
        (CLIP, {"video": {"copy": "REQUIRED", "max_bitrate_bps": 1000000}}, "COPY_IMPOSSIBLE", "unknown bits"),
        (INTERLACED, {"video": {"copy": "REQUIRED"}}, "COPY_IMPOSSIBLE", "fields"),
        (source({**VIDEO, **HDR}), {"video": {"copy": "REQUIRED"}}, "COPY_IMPOSSIBLE", "dynamic range"),
        (source({**VIDEO, "rotation_degrees": 90}), {"video": {"copy": "REQUIRED"}}, "COPY_IMPOSSIBLE", "1080 × 1920"),
        (source({**VIDEO, "pixel_format": "yuv422p"}), {"video": {"copy": "REQUIRED"}}, "COPY_IMPOSSIBLE", "yuv422p"),
        (replace(CLIP, demuxer="avi"), {"video": {"copy": "REQUIRED"}}, "COPY_IMPOSSIBLE", "format"),
        (CLIP, {"audio": {"copy": "REQUIRED", "channels": 1}}, "COPY_IMPOSSIBLE", "2 channels"),
        (CLIP, {"audio": {"copy": "REQUIRED", "sample_rate_hz": 48000}}, "COPY_IMPOSSIBLE", "44100"),
        (CLIP, {"subtitles": [{}]}, "INPUT_UNSUPPORTED", "it has none"),
        (WORDY, {"subtitles": [{"track": {"language": "eng"}}]}, "INPUT_UNSUPPORTED", "2 (fra, subrip), 3 ("),
        (WORDY, {"subtitles": [{"track": {"index": 3}}]}, "INPUT_UNSUPPORTED", "as text"),
        (RATED, {"audio": {"copy": "REQUIRED", "bitrate_bps": 96000}}, "COPY_IMPOSSIBLE", "128000"),
        (RATED, {"container": "MKV", "audio": {"copy": "REQUIRED", "codec": "OPUS"}}, "COPY_IMPOSSIBLE", "aac"),
    ],
)
def test_what_an_input_does_not_allow_is_told(one: Source, spec: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(AttemptFailed) as raised:
        planning.graph(of(spec), one)
    assert (raised.value.code, raised.value.failure.output) == (code, "out")
    assert words in raised.value.failure.message


def test_what_complies_is_copied_and_what_does_not_is_encoded_stream_by_stream() -> None:
    def encoders(spec: dict[str, Any], one: Source = RATED) -> list[str]:
        (step,) = planning.graph(of(spec), one).steps
        return [stream.encoder for stream in step.writes[0].streams]

    may = "WHEN_POSSIBLE"
    assert encoders({"video": {"copy": may}, "audio": {"copy": may}}) == [COPY, COPY]
    assert encoders({"video": {"copy": may}}) == [COPY, "aac"]
    assert encoders({"video": {"copy": may, "crf": 18, "sharpen": "LIGHT"}, "audio": {"copy": may}}) == [
        "libx264",
        COPY,
    ]
    assert encoders({"video": {"copy": "NEVER"}, "audio": {"copy": "NEVER"}}) == ["libx264", "aac"]
    assert encoders({"video": {"copy": may}, "audio": {"copy": may, "bitrate_bps": 64000}}) == [COPY, "aac"]
    fast = {"trim": {"start_seconds": 1}, "video": {"copy": may}, "audio": {"copy": may}}
    assert encoders(fast) == ["libx264", "aac"]
    assert encoders({"video": {"copy": may, "deinterlace": "OFF"}}, INTERLACED) == [COPY]


@pytest.mark.parametrize(
    ("spec", "whole"),
    [
        ({}, False),
        ({"fade_in_seconds": 1, "fade_out_seconds": 1}, False),
        ({"video": {"denoise": "STRONG", "sharpen": "LIGHT", "rotate_degrees": 90, "level": "5.1"}}, False),
        ({"video": {"max_bitrate_bps": 1000000}}, False),
        ({"container": "TS"}, False),
        ({"speed": 2}, True),
        ({"speed": 1}, False),
        ({"video": {"deinterlace": "TELECINE"}}, True),
        ({"video": {"bitrate_bps": 1000000, "two_pass": True}}, True),
        ({"video": {"copy": "WHEN_POSSIBLE"}}, True),
        ({"no_video": True}, True),
    ],
)
def test_what_frames_times_or_rates_depend_on_the_whole_is_made_whole(spec: dict[str, Any], whole: bool) -> None:
    operation = OPERATIONS["transcode"]
    made = operation.with_defaults(ParseDict(spec, Transcode()))
    assert (operation.division("out", made, RATED) is None) == whole


def test_a_fade_in_a_chunk_goes_by_the_time_of_the_film() -> None:
    spec = OPERATIONS["transcode"].with_defaults(ParseDict({"fade_in_seconds": 12, "fade_out_seconds": 5}, Transcode()))
    wanted = film("out", spec, CLIP)
    divided = films.division(wanted)
    assert divided is not None
    chunk = Chunk(start=10 * SECOND, end=20 * SECOND, clock=divided.clock, index=1, last=False)
    (step,) = films.planned(wanted, PlanContext(piece=chunk))
    graph = step.writes[0].streams[0].taken.filters
    assert "setpts=floor(PTS+10/TB),fade=t=in:st=0:d=12,fade=t=out:st=55:d=5,setpts=ceil(PTS-10/TB)" in graph
    assert effects.shifts(0) == ((), ())


def test_a_first_pass_comes_first_is_for_its_output_and_promises_nothing() -> None:
    made = planning.graph(of({"video": {"bitrate_bps": 500000, "two_pass": True}}), CLIP)
    first, second = made.steps
    assert (first.outputs, first.promised) == (("out",), ())
    assert second.after == (first.writes[0].path,)
    assert [stream.kind.value for stream in first.writes[0].streams] == ["v"]
    assert digest(first) != digest(second) != digest(replace(second, after=()))


def test_frames_that_a_level_holds_are_as_many_as_its_table_says() -> None:
    one = source({**VIDEO, "frame_rate": 29.97}, SOUND)
    (step,) = planning.graph(of({"video": {"level": "4", "effort": "SLOW"}}), one).steps
    options = step.writes[0].streams[0].options
    assert options[options.index("-refs:v") + 1] == "4"  # 32,768 macroblocks of which a picture has 8,160
    assert options[options.index("-maxrate") + 1] == "20000000"


@pytest.mark.parametrize(
    ("spec", "field"),
    [({"mute": True}, "mute"), ({"no_video": True}, "no_video"), ({"audio_tracks": [{"all": True}]}, "audio_tracks")],
)
def test_a_soundtrack_contradicts_what_leaves_no_place_for_it(spec: dict[str, Any], field: str) -> None:
    found = OPERATIONS["transcode"].violations(ParseDict({"soundtrack": {"input": "a"}, **spec}, Transcode()), "t")
    assert [v.field for v in found] == [f"t.{field}"]
    mixed = ParseDict({"soundtrack": {"input": "a", "mode": "MIX"}, "audio_tracks": [{"all": True}]}, Transcode())
    assert OPERATIONS["transcode"].violations(mixed, "t") == []


def test_an_output_reads_its_marks_and_its_other_sound_and_tells_of_its_texts() -> None:
    overlays = [{"image": {"input": "logo"}}, {"text": {"text": "a\nb"}}, {"image": {"input": "logo"}}]
    spec = {"overlays": overlays, "soundtrack": {"input": "music"}}
    made = with_others(job("file:///attempt/input-0", {"name": "out", "transcode": spec}))
    assert inputs_of(made.outputs[0], made) == ("film", "logo", "music")
    graph = planning.graph(made, CLIP, others=OTHERS)
    (step,) = graph.steps
    assert [reading.of for reading in step.reads] == ["", "logo", "music"]
    assert step.texts == ((place_of("a\nb", "txt"), "a\nb"),)
    assert f"textfile={step.texts[0][0]}:" in step.writes[0].streams[0].taken.filters
    assert not step.shares and digest(step) != digest(replace(step, texts=()))
    paths = {name: f"/attempt/{name}" for name in OTHERS}
    placed = Placed(inputs={"": "/attempt/input-0", **paths}, font="/a:b/it's.ttf")
    command = rendered(step, placed)
    assert command.written == step.texts and command.reads[-1] == "/a:b/it's.ttf"
    assert any("fontfile=/a\\\\:b/it\\\\\\'s.ttf:" in argument for argument in command.argv)
    with pytest.raises(AttemptFailed) as raised:
        planning.graph(made, source({**VIDEO, "duration_seconds": 0}, duration=0), others=OTHERS)
    assert raised.value.code == "INPUT_UNSUPPORTED"


def test_chapters_are_where_they_belong_in_a_part_and_at_a_speed() -> None:
    spec = {"keep": ["TITLE", "CHAPTERS"], "speed": 2, "trim": {"start_seconds": 10, "end_seconds": 50}}
    (step,) = planning.graph(of(spec), TITLED).steps
    ((path, text),) = step.texts
    assert step.reads[-1].of == path and not step.shares
    assert text.splitlines()[:2] == [";FFMETADATA1", "title=a\\=b\\; \\#c"]
    chapters = [part.splitlines()[1:] for part in text.split("[CHAPTER]")[1:]]
    assert [(one[1], one[2]) for one in chapters] == [
        ("START=0", "END=7500000"),
        ("START=0", "END=10000000"),
        ("START=10000000", "END=20000000"),
    ]
    assert chapters[1][3] == "title=Über \\\\"
    (plain,) = planning.graph(of({"keep": ["CHAPTERS"]}), CLIP).steps
    assert plain.texts == () and len(plain.reads) == 1


@given(st.text(min_size=1, max_size=20))
def test_escaping_round_trips_for_any_text(text: str) -> None:
    assert token(token(escaped(text), "[],;"), ":") == text


def token(text: str, ends: str) -> str:
    """As FFmpeg's av_get_token reads it, to its end: none of `ends` stands outside of what is escaped."""
    text, out, kept, i = text.lstrip(" \n\t\r"), "", 0, 0
    while i < len(text):
        c = text[i]
        assert c not in ends
        if c == "\\" and i + 1 < len(text):
            out, i = out + text[i + 1], i + 2
            kept = len(out)
        elif c == "'":
            end = text.index("'", i + 1)
            out, i = out + text[i + 1 : end], end + 1
            kept = len(out)
        else:
            out, i = out + c, i + 1
    return out[:kept] + out[kept:].rstrip(" \n\t\r")


def test_a_promise_of_likeness_contradicts_what_makes_a_picture_another_one() -> None:
    def refused(spec: dict[str, Any]) -> list[str]:
        made = job("file:///a", {"name": "out", "transcode": spec, "contract": {"min_vmaf": 90}})
        return [v.field for v in job_violations(made, "job")]

    other: list[dict[str, Any]] = [{"speed": 2}, {"fade_in_seconds": 1}, {"overlays": [CLOCK]}, {"no_video": True}]
    other += [{"video": one} for one in ({"flip": "VERTICAL"}, {"denoise": "LIGHT"}, {"codec": "H265", "hdr": "KEEP"})]
    assert [refused(spec) for spec in other] == [["job.outputs[0].contract.min_vmaf"]] * len(other)
    assert refused({"video": {"short_side": 360, "bit_depth": 10, "max_bitrate_bps": 1000000}}) == []
