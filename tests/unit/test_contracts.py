"""Contracts as rules: what contradicts them, and that what was not measured is never taken for kept."""

import pytest
from google.protobuf.json_format import ParseDict
from jobs import job

from reelmill.media.contracts import Facts, in_words, judged
from reelmill.media.presets import PRESETS
from reelmill.media.validate import job_violations
from reelmill.v1.analysis_pb2 import Analysis, Contract
from reelmill.v1.media_pb2 import MediaInfo

FILM = ParseDict(
    {
        "duration_seconds": 10,
        "streams": [
            {"kind": "VIDEO", "codec": "h264", "width": 640, "height": 360, "frame_rate": 29.97},
            {"kind": "AUDIO", "codec": "aac", "channels": 2},
        ],
    },
    MediaInfo(),
)
EVERYTHING = {
    **{"max_black_seconds": 1, "max_freeze_seconds": 1, "max_silence_seconds": 1, "min_lufs": -30, "min_vmaf": 50},
    "max_peak_bitrate_bps": 5000,
}


def judge(info: MediaInfo = FILM, analysis: Analysis | None = None, **contract: object) -> dict[str, str]:
    facts = Facts(info=info, output_bytes=500, input_bytes=1000, analysis=analysis)
    told = judged(ParseDict(contract, Contract()), facts)
    return {miss.field: miss.found for miss in told.misses}


def test_what_was_not_measured_is_not_kept() -> None:
    assert judge(**EVERYTHING) == {
        **dict.fromkeys(("max_black_seconds", "max_freeze_seconds", "max_silence_seconds"), "not measured"),
        **{"min_lufs": "none", "min_vmaf": "none", "max_peak_bitrate_bps": "not measured"},
    }
    assert judge(analysis=Analysis(), max_black_seconds=1, max_silence_seconds=1) == {}


@pytest.mark.parametrize(
    ("contract", "found"),
    [
        ({"min_duration_seconds": 10, "max_duration_seconds": 10}, {}),
        ({"min_duration_seconds": 10.001}, {"min_duration_seconds": "10 s"}),
        ({"min_frame_rate": 29.97, "max_frame_rate": 29.97}, {}),
        ({"max_frame_rate": 25}, {"max_frame_rate": "29.97 a second"}),
        ({"min_width": 641, "max_height": 359}, {"min_width": "640 pixels", "max_height": "360 pixels"}),
        ({"video_streams": 1, "audio_streams": 1, "codecs": ["aac", "h264"]}, {}),
        ({"video_streams": 0, "audio_streams": 2}, {"video_streams": "1", "audio_streams": "1"}),
        ({"codecs": ["hevc", "aac"]}, {"codecs": "h264"}),
        ({"max_size_ratio": 0.5}, {}),
        ({"max_size_ratio": 0.49}, {"max_size_ratio": "0.5"}),
    ],
)
def test_bounds_are_kept_to_the_last_digit(contract: dict, found: dict) -> None:
    assert judge(**contract) == found


def test_where_there_is_no_sound_all_is_silent_and_no_picture_is_black() -> None:
    mute = MediaInfo(duration_seconds=10, streams=FILM.streams[:1])
    assert judge(mute, max_silence_seconds=9) == {"max_silence_seconds": "10 s"}
    heard = MediaInfo(duration_seconds=10, streams=FILM.streams[1:])
    assert judge(heard, max_black_seconds=1) == {}
    told = judged(ParseDict({"min_width": 10}, Contract()), Facts(info=heard, output_bytes=1, input_bytes=1))
    assert in_words(told) == "min_width: 0 pixels instead of at least 10 pixels"


@pytest.mark.parametrize(
    "changed",
    [
        *({"speed": 2}, {"fade_in_seconds": 1}, {"fade_out_seconds": 1}),
        *({"video": video} for video in ({"frame_rate": 5}, {"flip": "VERTICAL"}, {"rotate_degrees": 90})),
        *({"video": video} for video in ({"deinterlace": "OFF"}, {"hdr": "KEEP", "codec": "H265"})),
        *({"video": {"fit": fit, "width": 64, "height": 64}} for fit in ("PAD", "CROP")),
        {"video": {"crop": {"width": 16, "height": 16}}},
    ],
)
def test_frames_that_are_others_are_not_held_against_the_inputs(changed: dict) -> None:
    made = job("file:///a", {"transcode": changed, "contract": {"min_vmaf": 50}})
    [found] = [one for one in job_violations(made, "job") if "contract" in one.field]
    assert found.field == "job.outputs[0].contract.min_vmaf"
    assert "needs the input's own frames" in found.description
    kept = {"video": {"deinterlace": "AUTO", "fit": "STRETCH", "width": 64, "height": 64}, "speed": 1}
    assert not job_violations(job("file:///a", {"transcode": kept, "contract": {"min_vmaf": 50}}), "job")


def test_a_contract_of_any_preset_is_accepted_or_refused_by_field() -> None:
    for name in PRESETS:
        made = job("file:///a", {"preset": name, "contract": {"max_silence_seconds": 5}})
        assert all(one.field == "job.outputs[0].contract" for one in job_violations(made, "job")), name


SPOKEN = MediaInfo()
SPOKEN.CopyFrom(FILM)
for _language in ("eng", "fra", ""):
    SPOKEN.streams.add(kind=MediaInfo.Stream.SUBTITLE, codec="mov_text", language=_language)


@pytest.mark.parametrize(
    ("contract", "misses"),
    [
        ({"text_streams": 3, "caption_languages": ["en", "fr-CA", "fre"]}, {}),
        ({"text_streams": 2}, {"text_streams": "3"}),
        ({"caption_languages": ["eng", "de"]}, {"caption_languages": "eng, fra, und"}),
        ({"codecs": ["h264", "aac"]}, {}),  # of pictures and sounds
    ],
)
def test_captions_are_there_as_promised(contract: dict, misses: dict[str, str]) -> None:
    assert judge(SPOKEN, **contract) == misses


def test_captions_that_are_not_there_are_missed() -> None:
    assert judge(text_streams=1, caption_languages=["en"]) == {"text_streams": "0", "caption_languages": "none"}
    assert judge(text_streams=0) == {}


@pytest.mark.parametrize(
    ("operation", "contract", "fields"),
    [
        ("transcode", {"caption_languages": ["en", "klingonish"]}, {"caption_languages[1]"}),
        ("transcode", {"caption_languages": ["en"], "text_streams": 0}, {"text_streams"}),
        ("audio", {"caption_languages": ["en"], "text_streams": 1}, {"text_streams", "caption_languages"}),
        ("transcode", {"caption_languages": ["en"], "text_streams": 1}, set()),
    ],
)
def test_what_captions_can_t_be_promised_is_told_by_field(operation: str, contract: dict, fields: set[str]) -> None:
    made = job("file:///a.mp4", {"name": "a", operation: {}, "contract": contract})
    found = {v.field.partition(".contract.")[2] for v in job_violations(made, "job")}
    assert found == fields
