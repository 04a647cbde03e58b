"""Which tracks are chosen, of whatever an input has."""

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from unit.test_media_golden import SOUND, VIDEO, source

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import languages, sounds, tracks
from reelmill.v1.operations_pb2 import TrackSelector

COMMENT, DESCRIBED = {"roles": ["COMMENTARY"]}, {"roles": ["AUDIO_DESCRIPTION"]}
MONO = {**SOUND, "channels": 1, "codec": "pcm_s16le"}


def chosen(*streams: dict[str, Any], by: tuple[dict[str, Any], ...] = (), demuxer: str = "matroska") -> list[list[int]]:
    """Indices of the parts of each chosen sound; streams are numbered from 0."""
    numbered = ({**stream, "index": i} for i, stream in enumerate(streams))
    selectors = [ParseDict(one, TrackSelector()) for one in by]
    found = tracks.sounds(source(*numbered, demuxer=demuxer), selectors, "out")
    return [[part.index for part in sound.parts] for sound in found]


@pytest.mark.parametrize(
    ("streams", "first"),
    [
        ([SOUND, SOUND], 0),
        ([SOUND, {**SOUND, "default_track": True}], 1),
        ([{**SOUND, **COMMENT}, {**SOUND, "default_track": True}], 1),
        ([{**SOUND, **DESCRIBED}, SOUND], 1),  # MPEG-TS knows no default
        ([{**SOUND, **DESCRIBED, "default_track": True}, {**SOUND, "default_track": True}], 1),
        ([{**SOUND, **COMMENT, "default_track": True}, SOUND], 0),  # the file says so
        ([{**SOUND, "roles": ["HARD_OF_HEARING"]}, {**SOUND, "roles": ["DUBBED"]}], 1),
        ([{**SOUND, "channels": 0}, {**SOUND, "empty": True}, SOUND], 2),
        ([{**SOUND, **COMMENT}], 0),
    ],
)
def test_what_the_file_calls_its_default_goes_out_and_among_equals_what_is_for_everybody(
    streams: list[dict[str, Any]], first: int
) -> None:
    assert chosen(*streams) == [[first]]


FILM = (
    VIDEO,
    {**SOUND, "language": "eng", "default_track": True},
    {**SOUND, "language": "fre"},
    {**SOUND, "language": "eng", **COMMENT},
    {**SOUND, "language": "deu", **DESCRIBED},
)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (({"index": 2},), [[2]]),
        (({"language": "fr-CA"},), [[2]]),
        (({"language": "EN"},), [[1], [3]]),
        (({"role": "COMMENTARY"}, {"role": "AUDIO_DESCRIPTION"}), [[3], [4]]),
        (({"role": "ROLE_UNSPECIFIED"},), [[1], [2]]),
        (({"default_track": True},), [[1]]),
        (({"all": True},), [[1], [2], [3], [4]]),
        (({"language": "ger"}, {"all": True}), [[4], [1], [2], [3]]),
    ],
)
def test_tracks_are_named_by_index_language_role_or_all_of_them(
    by: tuple[dict[str, Any], ...], expected: list[list[int]]
) -> None:
    assert chosen(*FILM, by=by) == expected


def test_what_is_not_there_is_told_with_what_is() -> None:
    for by in ({"index": 0}, {"language": "ja"}, {"role": "DUBBED"}):
        with pytest.raises(AttemptFailed) as caught:
            chosen(*FILM, by=(by,))
        assert (caught.value.code, caught.value.failure.output) == ("INPUT_NO_AUDIO", "out")
        assert "1 (eng), 2 (fra), 3 (eng, COMMENTARY), 4 (deu, AUDIO_DESCRIPTION)" in caught.value.failure.message
    with pytest.raises(AttemptFailed, match="it has none"):
        chosen(VIDEO, by=({"all": True},))
    with pytest.raises(AttemptFailed, match="INPUT_NO_AUDIO: the input has no sound; leave"):
        tracks.sound(source(VIDEO), None, "out")
    with pytest.raises(AttemptFailed, match="INPUT_NO_AUDIO: the input 'music' has no sound; leave"):
        tracks.sound(replace(source(VIDEO), name="music"), None, "out")
    assert chosen(VIDEO) == []


def test_the_number_of_tracks_is_bounded() -> None:
    assert len(chosen(*[SOUND] * 32, by=({"all": True},))) == tracks.MAX_TRACKS == 32
    with pytest.raises(AttemptFailed, match="INPUT_UNSUPPORTED: 33 sound tracks"):
        chosen(*[SOUND] * 33, by=({"all": True},))


@pytest.mark.parametrize(
    ("streams", "demuxer", "expected"),
    [
        ([MONO] * 2, "mov", [[0, 1]]),
        ([MONO] * 4, "mxf", [[0, 1], [2, 3]]),
        ([{**MONO, "codec": "aac"}] * 2, "mov", [[0, 1]]),
        ([MONO] * 2, "matroska", [[0, 1]]),  # a camera's, in another container
        ([{**MONO, "codec": "aac"}] * 2, "matroska", [[0], [1]]),
        ([MONO] * 3, "mov", [[0], [1], [2]]),
        ([{**MONO, "language": "eng"}, {**MONO, "language": "fra"}], "mov", [[0], [1]]),
        ([MONO, {**MONO, **COMMENT}], "mov", [[0], [1]]),
        ([MONO, {**MONO, "sample_rate_hz": 8000}], "mov", [[0], [1]]),
        ([MONO, {**MONO, "empty": True}], "mov", [[0]]),
        ([{**MONO, "channels": 2}] * 2, "mov", [[0], [1]]),
    ],
)
def test_two_mono_tracks_of_a_camera_are_left_and_right(
    streams: list[dict[str, Any]], demuxer: str, expected: list[list[int]]
) -> None:
    assert chosen(*streams, by=({"all": True},), demuxer=demuxer) == expected
    assert chosen(*streams, by=({"index": 0},), demuxer=demuxer) == [[0]]


def test_the_picture_is_the_default_one_that_is_no_cover() -> None:
    cover, other = {**VIDEO, "cover": True, "default_track": True}, {**VIDEO, "default_track": True}
    flat, empty = {**VIDEO, "height": 0}, {**VIDEO, "empty": True}
    streams = [{**s, "index": i} for i, s in enumerate((cover, flat, empty, VIDEO, other))]
    assert tracks.picture(source(*streams), "o").index == 4
    assert tracks.picture(source(*streams[:4]), "o").index == 3
    with pytest.raises(AttemptFailed) as caught:
        tracks.picture(source(*streams[:3]), "o")
    assert (caught.value.code, caught.value.failure.output) == ("INPUT_NO_VIDEO", "o")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[("fr", "fra"), ("fre", "fra"), ("FRA", "fra"), ("pt-BR", "por"), ("zh_Hans", "zho"), ("iw", "heb")],
        *[("yue", "yue"), ("und", ""), ("", ""), ("français", ""), ("My name", ""), ("xx", ""), ("zxx", "")],
    ],
)
def test_a_language_leaves_as_a_code_of_three_letters_or_not_at_all(text: str, code: str) -> None:
    assert languages.code(text) == code


def test_sound_is_scaled_where_channels_become_fewer_alone() -> None:
    surround = tracks.sounds(source({**SOUND, "channels": 6}), [], "o")[0]
    assert [bool(sounds.filters(surround, n)) for n in (1, 2, 5, 6, 8)] == [True, True, True, False, False]
