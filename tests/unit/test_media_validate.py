"""What is refused before anything runs, each by its field."""

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from jobs import job

from reelmill.api.validation import violations
from reelmill.media.presets import PRESETS
from reelmill.media.validate import job_violations, preset_violations, with_defaults
from reelmill.v1.media_pb2 import Preset


def refusals(*outputs: dict[str, Any], inputs: tuple[str, ...] = ("",)) -> dict[str, str]:
    """What is said against a job, by field."""
    made = job("", *outputs, inputs=[{"uri": "file:///a", "name": n} for n in inputs])
    return {v.field: v.description for v in [*violations(made, "job"), *job_violations(made, "job")]}


@pytest.mark.parametrize(
    ("output", "field", "told"),
    [
        ({"transcode": {"container": "WEBM", "video": {"codec": "H264"}}}, "transcode.video.codec", "takes VP9, AV1"),
        ({"transcode": {"container": "WEBM", "audio": {"codec": "AAC"}}}, "transcode.audio.codec", "it takes OPUS"),
        ({"transcode": {"video": {"crf": 20, "bitrate_bps": 90000}}}, "transcode.video.crf", "contradicts bitrate_bps"),
        ({"transcode": {"video": {"crf": 60}}}, "transcode.video.crf", "60 is not between 0 and 51, the range of H264"),
        ({"transcode": {"video": {"fit": "PAD", "width": 64}}}, "transcode.video.fit", "needs both width and height"),
        ({"transcode": {"mute": True, "audio": {}}}, "transcode.mute", "contradicts audio"),
        ({"transcode": {"audio": {"codec": "OPUS", "sample_rate_hz": 44100}}}, "transcode.audio.sample_rate_hz", "one"),
        ({"transcode": {"video": {"width": 1}}}, "transcode.video.width", "16"),
        ({"transcode": {"trim": {"start_seconds": -1}}}, "transcode.trim.start_seconds", "0"),
        ({"audio": {"trim": {"start_seconds": 5, "end_seconds": 5}}}, "audio.trim.end_seconds", "greater than start"),
        ({"audio": {"format": "WAV", "bitrate_bps": 64000}}, "audio.bitrate_bps", "WAV is lossless"),
        ({"audio": {"channels": 6}}, "audio.channels", "MP3 takes at most 2"),
        ({"audio": {"format": "MP3", "sample_rate_hz": 96000}}, "audio.sample_rate_hz", "must be one of 8000"),
        ({"thumbnail": {"count": 2, "times_seconds": [1]}}, "thumbnail.count", "contradicts times_seconds"),
        ({"thumbnail": {"times_seconds": [-1]}}, "thumbnail.times_seconds[0]", "0"),
        ({"thumbnail": {"format": "PNG", "quality": 5}}, "thumbnail.quality", "PNG is lossless"),
        ({"thumbnail": {"interval_seconds": 1, "count": 2}}, "thumbnail.count", "contradicts interval_seconds"),
        ({"thumbnail": {"interval_seconds": 1, "best": True}}, "thumbnail.interval_seconds", "contradicts best"),
        ({"thumbnail": {"scene_changes": True, "times_seconds": [1]}}, "thumbnail.scene_changes", "contradicts times"),
        ({"thumbnail": {"interval_seconds": 0.01}}, "thumbnail.interval_seconds", "0.04"),
        ({"sprite": {"interval_seconds": 1, "count": 2}}, "sprite.count", "contradicts interval_seconds"),
        ({"sprite": {"width": 1000, "columns": 50}}, "sprite.columns", "makes sheets of more than 16383 pixels"),
        ({"sprite": {"height": 1000, "rows": 17}}, "sprite.rows", "makes sheets of more than 16383 pixels"),
        ({"sprite": {"format": "PNG", "quality": 5}}, "sprite.quality", "PNG is lossless"),
        ({"sprite": {"count": 10_001}}, "sprite.count", "10000"),
        ({"preview": {"format": "MP4", "loops": 2}}, "preview.loops", "MP4 has no place for it"),
        ({"preview": {"format": "GIF", "quality": 2}}, "preview.quality", "GIF has no quality"),
        ({"preview": {"background": "transparent"}}, "preview.background", "give a colour"),
        ({"preview": {"seconds": 61}}, "preview.seconds", "60"),
        ({"image": {"format": "TIFF", "quality": 2}}, "image.quality", "TIFF has no quality"),
        ({"image": {"fit": "CROP", "width": 2}}, "image.fit", "needs both width and height"),
        ({"image": {"crop": {"width": 2}}}, "image.crop.height", "is required"),
        ({"image": {"width": 16383, "height": 16383}}, "image.width", "at most 67108864 pixels"),
        ({"image": {"format": "JPEG", "background": "transparent"}}, "image.background", "PNG, WEBP, GIF, TIFF alone"),
        ({"transcribe": {"language": "zz9"}}, "transcribe.language", "no code of ISO 639"),
        ({"transcribe": {"format": "SRT", "no_word_times": True}}, "transcribe.no_word_times", "is for WEBVTT"),
        ({"transcribe": {"audio_track": {"all": False}}}, "transcribe.audio_track.all", "must be true"),
        ({"captions": {"track": {"all": True}}}, "captions.track.all", "takes one"),
        ({"captions": {"track": {"language": "zz9"}}}, "captions.track.language", "no code of ISO 639"),
        ({"captions": {"closed_captions": "SERVICE1"}}, "captions.closed_captions", "CC[1-4]"),
        ({"captions": {"closed_captions": "CC1", "track": {"index": 2}}}, "captions.track", "contradicts"),
        ({"captions": {"shift_seconds": 1e6}}, "captions.shift_seconds", "86400"),
        ({"concat": {}}, "concat.parts", "is required"),
        ({"concat": {"parts": [{"input": "b"}]}}, "concat", "'b' is no input of this job"),
        (
            {"concat": {"parts": [{"trim": {"start_seconds": 2, "end_seconds": 1}}]}},
            "concat.parts[0].trim.end_seconds",
            "greater than start",
        ),
        ({"concat": {"parts": [{}], "container": "WEBM", "video": {"codec": "H264"}}}, "concat.video.codec", "VP9"),
        (
            {"concat": {"parts": [{}], "video": {"crop": {"width": 16, "height": 16}}}},
            "concat.video.crop",
            "is not for parts: transcode them first",
        ),
        ({"concat": {"parts": [{}], "crossfade_seconds": 11}}, "concat.crossfade_seconds", "10"),
        ({"preset": "web-mp5"}, "preset", "did you mean 'web-mp4'?"),
        ({"input": "other", "audio": {}}, "input", "'other' is no input of this job"),
    ],
)
def test_what_contradicts_itself_is_told_by_field(output: dict[str, Any], field: str, told: str) -> None:
    said = refusals(output)
    assert list(said) == [f"job.outputs[0].{field}"]
    assert told in said[f"job.outputs[0].{field}"]


def test_everything_is_told_at_once() -> None:
    said = refusals({"audio": {"channels": 6}}, {"preset": "x"}, inputs=("a", ""))
    assert list(said) == ["job.inputs[1].name", "job.outputs[0].audio.channels", "job.outputs[1].preset"]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_passes_its_own_rules(name: str) -> None:
    assert PRESETS[name].name == name and PRESETS[name].description
    preset = PRESETS[name]
    made = with_defaults(job("file:///a", {"name": "o", "preset": name, "optional": True}))
    said = [part.WhichOneof("operation") for part in preset.outputs or [preset]]
    assert [output.WhichOneof("operation") for output in made.outputs] == said
    assert [output.name for output in made.outputs] == ([f"o-{part.part}" for part in preset.outputs] or ["o"])
    assert all(output.optional for output in made.outputs)
    assert violations(made) == [] and job_violations(made, "job") == []


def test_parts_of_a_preset_have_names_that_are_new_and_not_too_long_and_count_as_outputs() -> None:
    several = {"preset": "web-av1"}
    assert refusals({"name": "a", **several}, {"name": "b", **several}) == {}
    said = refusals({"name": "a-poster", "audio": {}}, {"name": "a", **several})
    assert list(said) == ["job.outputs[1].name"] and "'a-poster'" in said["job.outputs[1].name"]
    assert list(refusals({"name": "a" * 58, **several})) == ["job.outputs[0].name"]
    assert list(refusals(*({"name": f"o{i}", **several} for i in range(22)))) == ["job.outputs"]


MINE = ParseDict({"name": "mine", "audio": {"bitrate_bps": 64000}, "contract": {"min_duration_seconds": 1}}, Preset())
SET = ParseDict(
    {
        "name": "set",
        "outputs": [{"part": "a", "audio": {}, "optional": True}, {"part": "b", "compare": {"reference": "x"}}],
    },
    Preset(),
)
MINE.version, SET.version = 3, 1


def test_presets_of_ones_own_say_what_is_made_and_the_output_keeps_which() -> None:
    presets = {**PRESETS, "mine": MINE, "mine@3": MINE, "set": SET}
    asked = job(
        "file:///a",
        {"name": "o", "preset": "mine"},
        {"name": "p", "preset": "poster"},
        {"name": "q", "preset": "mine@3"},
    )
    assert job_violations(asked, "job", presets=presets) == []
    made = with_defaults(asked, presets).outputs
    assert [output.from_preset for output in made] == ["mine@3", "poster", "mine@3"]
    assert (made[0].audio.bitrate_bps, made[0].contract.min_duration_seconds) == (64000, 1)
    own = job("file:///a", {"name": "o", "preset": "mine", "contract": {"min_duration_seconds": 2}})
    assert with_defaults(own, presets).outputs[0].contract.min_duration_seconds == 2
    several = with_defaults(job("file:///a", {"name": "o", "preset": "set"}), presets).outputs
    assert [(o.name, o.optional, o.from_preset) for o in several] == [("o-a", True, "set@1"), ("o-b", False, "set@1")]


def test_a_preset_that_reads_an_input_by_name_needs_it() -> None:
    asked = job("file:///a", {"name": "o", "preset": "set"})
    [found] = job_violations(asked, "job", presets={"set": SET})
    assert (found.field, found.description) == ("job.outputs[0].preset", "'x' is no input of this job; there are ")
    assert job_violations(asked, "job", presets=PRESETS, names=("sets",))[0].description.endswith(
        "did you mean 'sets'?"
    )


@pytest.mark.parametrize(
    ("preset", "field", "told"),
    [
        ({"name": "web-mp4", "audio": {}}, "preset.name", "comes with Reelmill: choose another name"),
        ({"name": "mine"}, "preset", "set either outputs, or one of"),
        ({"name": "mine", "audio": {}, "outputs": [{"part": "a", "audio": {}}]}, "preset", "set either outputs"),
        (
            {"name": "mine", "outputs": [{"part": "a", "audio": {}}], "contract": {}},
            "preset.contract",
            "each of the outputs",
        ),
        ({"name": "mine", "description": "x" * 20_000, "audio": {}}, "preset", "at most 16384 are allowed"),
        ({"name": "mine", "audio": {"channels": 6}}, "preset.audio.channels", ""),
        (
            {"name": "mine", "outputs": [{"part": "a", "audio": {"channels": 6}}]},
            "preset.outputs[0].audio.channels",
            "",
        ),
        ({"name": "mine", "thumbnail": {}, "contract": {"min_vmaf": 90}}, "preset.contract", ""),
    ],
)
def test_a_preset_that_can_not_be_saved_is_told_why_by_its_field(preset: dict[str, Any], field: str, told: str) -> None:
    found = preset_violations(ParseDict(preset, Preset()), "preset")
    assert [one.field for one in found] == [field] and told in found[0].description


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_shipped_preset_could_be_saved_under_another_name(name: str) -> None:
    copy = Preset()
    copy.CopyFrom(PRESETS[name])
    copy.name = "mine"
    assert preset_violations(copy, "preset") == [] == violations(copy)


def test_speech_is_refused_where_nothing_hears_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelmill.media.speech.is_installed", lambda: False)
    found = job_violations(job("file:///a", {"name": "said", "transcribe": {}}), "job")
    assert [violation.field for violation in found] == ["job.outputs[0].transcribe"]
    assert "pip install 'reelmill[speech]'" in found[0].description
