"""What players are told of a stream, out of what was measured."""

import re
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.media import fragments, mpd, playlists
from reelmill.media.fragments import Track
from reelmill.media.manifests import manifests
from reelmill.media.packaging import sounds
from reelmill.media.playlists import Segment
from reelmill.media.renditions import Divided, Known, Order, Rates, Told, rates
from reelmill.media.streams import Stream
from reelmill.media.tracks import Sound
from reelmill.v1.media_pb2 import MediaInfo


def test_a_peak_is_that_of_segments_in_a_row() -> None:
    even = rates([750_000] * 3, [6.0] * 3, 6)
    assert even == Rates(peak=1_000_000, average=1_000_000)
    # The last one alone is too short to count, and with the one before it is the peak.
    late = rates([750_000, 750_000, 500_000], [6.0, 6.0, 1.0], 6)
    assert late == Rates(peak=-(-1_250_000 * 8 // 7), average=-(-2_000_000 * 8 // 13))
    assert rates([125_000], [1.0], 6) == Rates(peak=1_000_000, average=1_000_000)


@given(st.lists(st.tuples(st.integers(1, 10**7), st.floats(0.01, 12)), min_size=1, max_size=50), st.integers(1, 12))
def test_no_average_is_higher_than_its_peak(segments: list[tuple[int, float]], target: int) -> None:
    found = rates([size for size, _ in segments], [seconds for _, seconds in segments], target)
    assert found.peak >= found.average > 0


def known(
    told: Told, lasts: list[int], *, size: int | None = None, hidden: int = 0, rate: int = 25, high: str = "PQ"
) -> Known:
    """A stream of segments of so many ticks (90,000 a second), 1,000 bytes a second."""
    track = Track(scale=90_000, hidden=hidden, codec="avc1.64001f", channels=2, sample_rate_hz=48_000, range=high)
    starts = tuple(sum(lasts[:i]) for i in range(len(lasts) + 1))
    seconds = [one / 90_000 for one in lasts]
    named = tuple(Segment(f"{i + 1:05d}.m4s", one) for i, one in enumerate(seconds))
    stream = Stream(
        track=track,
        beginning=Segment("init.mp4", 0.0),
        segments=named,
        starts=starts,
        keys=tuple(Segment(one.name, one.seconds, 84, 100) for one in named),
        frame_rate=Fraction(rate),
        independent=True,
    )
    return Known(told=told, stream=stream, sizes=tuple(round(one * 1000) for one in seconds))


PICTURE = Told(folder="h264-720", kind="video", width=1280, height=720)
SOUND = Told(folder="audio-fr", kind="audio", name="a < b & “c”", language="fr", roles=("main",))


def order(*streams: Told, hls: bool = True, dash: bool = True, iframes: bool = True) -> Order:
    return Order(output="out", hls=hls, dash=dash, iframes=iframes, streams=streams)


def test_manifests_are_exactly_these() -> None:
    made = manifests(order(PICTURE, SOUND), [known(PICTURE, [540_000, 180_000]), known(SOUND, [541_440, 178_560])])
    assert made["master.m3u8"].splitlines() == [
        "#EXTM3U",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="a < b & “c”",LANGUAGE="fr",DEFAULT=YES,AUTOSELECT=YES,'
        'CHANNELS="2",URI="audio-fr/index.m3u8"',
        '#EXT-X-STREAM-INF:BANDWIDTH=16000,AVERAGE-BANDWIDTH=16000,CODECS="avc1.64001f",RESOLUTION=1280x720,'
        'FRAME-RATE=25.000,VIDEO-RANGE=PQ,AUDIO="audio",CLOSED-CAPTIONS=NONE',
        "h264-720/index.m3u8",
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=200,AVERAGE-BANDWIDTH=200,CODECS="avc1.64001f",RESOLUTION=1280x720,'
        'VIDEO-RANGE=PQ,URI="h264-720/iframes.m3u8"',
    ]
    assert made["audio-fr/index.m3u8"].splitlines()[1:3] == ["#EXT-X-VERSION:6", "#EXT-X-TARGETDURATION:6"]
    assert made["audio-fr/index.m3u8"].splitlines()[-5:] == [
        "#EXTINF:6.016,",
        "00001.m4s",
        "#EXTINF:1.984,",
        "00002.m4s",
        "#EXT-X-ENDLIST",
    ]
    assert "<Label>a &lt; b &amp; “c”</Label>" in made["manifest.mpd"]
    assert (
        '<S t="0" d="540000"/>' in made["manifest.mpd"] and 'mediaPresentationDuration="PT8S"' in made["manifest.mpd"]
    )


@pytest.mark.parametrize(
    ("high", "told"),
    [
        ("SDR", []),
        (
            "PQ",
            ["Essential ColourPrimaries 9", "Essential MatrixCoefficients 9", "Essential TransferCharacteristics 16"],
        ),
        (
            "HLG",
            [
                *("Essential ColourPrimaries 9", "Essential MatrixCoefficients 9"),
                *("Essential TransferCharacteristics 14", "Supplemental TransferCharacteristics 18"),
            ],
        ),
    ],
)
def test_a_high_range_is_told_and_stands_apart(high: str, told: list[str]) -> None:
    other = replace(PICTURE, folder="h264-720-2")
    streams = [known(PICTURE, [540_000], high=high), known(other, [540_000], high="SDR")]
    text = manifests(order(PICTURE, other), streams)["manifest.mpd"]
    found = re.findall(r'<(\w+)Property schemeIdUri="urn:mpeg:mpegB:cicp:(\w+)" value="(\d+)"/>', text)
    assert [" ".join(one) for one in found] == told
    assert text.count("<AdaptationSet") == (1 if high == "SDR" else 2)


def test_words_are_told_of_with_what_they_are_for() -> None:
    plain = Told(folder="text-en", kind="text", name="English", language="en", roles=("subtitle", "main"), default=True)
    deaf = Told(
        folder="text-en-2", kind="text", name="English CC", language="en", roles=("caption",), purpose="2",
        characteristics=("public.accessibility.transcribes-spoken-dialog",),
    )  # fmt: skip
    forced = Told(folder="text-en-3", kind="text", name="Signs", language="en", roles=("forced-subtitle",), forced=True)
    again = Told(folder="text-en-4", kind="text", name="English 2", language="en", roles=("subtitle",))
    segments = (Segment("00001.vtt", 6.0), Segment("00002.vtt", 2.0))
    texts = [Divided(told=told, segments=segments, sizes=(750, 250)) for told in (plain, deaf, forced, again)]
    picture = known(PICTURE, [540_000, 180_000])
    made = manifests(order(PICTURE, plain, deaf, forced, again), [picture], texts)
    media = [line for line in made["master.m3u8"].splitlines() if "TYPE=SUBTITLES" in line]
    common = '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="text",NAME='
    assert media == [
        f'{common}"English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,URI="text-en/index.m3u8"',
        f'{common}"English CC",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=YES,'
        'CHARACTERISTICS="public.accessibility.transcribes-spoken-dialog",URI="text-en-2/index.m3u8"',
        f'{common}"Signs",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=YES,FORCED=YES,URI="text-en-3/index.m3u8"',
        f'{common}"English 2",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=NO,URI="text-en-4/index.m3u8"',
    ]
    assert "BANDWIDTH=9000,AVERAGE-BANDWIDTH=9000," in made["master.m3u8"] and 'SUBTITLES="text"' in made["master.m3u8"]
    lines = made["text-en/index.m3u8"].splitlines()
    assert lines[:3] == ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:6"]
    assert lines[-5:] == ["#EXTINF:6,", "00001.vtt", "#EXTINF:2,", "00002.vtt", "#EXT-X-ENDLIST"]
    dash = made["manifest.mpd"]
    assert '<AdaptationSet id="2" contentType="text" mimeType="text/vtt" lang="en">' in dash
    assert [role.split('"')[0] for role in dash.split('dash:role:2011" value="')[1:]] == [
        "subtitle", "main", "caption", "forced-subtitle", "subtitle",
    ]  # fmt: skip
    assert dash.count('AudioPurposeCS:2007" value="2"') == 1
    assert set(mpd.streams(dash)) == {"h264-720", "text-en", "text-en-2", "text-en-3", "text-en-4"}
    assert mpd.streams(dash)["text-en"].names == {"stream.vtt"}


def test_only_what_is_asked_for_is_written() -> None:
    streams = [known(PICTURE, [540_000])]
    assert manifests(order(PICTURE, hls=False), streams).keys() == {"manifest.mpd"}
    assert manifests(order(PICTURE, dash=False, iframes=False), streams).keys() == {
        "master.m3u8",
        "h264-720/index.m3u8",
    }


@given(st.lists(st.integers(9_000, 1_000_000), min_size=1, max_size=40))
def test_manifests_read_back_as_the_stream(lasts: list[int]) -> None:
    one = known(PICTURE, lasts)
    made = manifests(order(PICTURE), [one])
    hls, dash = playlists.parsed(made["h264-720/index.m3u8"]), mpd.streams(made["manifest.mpd"])["h264-720"]
    keys = playlists.parsed(made["h264-720/iframes.m3u8"])
    wanted = one.stream.segments
    assert [s.name for s in hls.segments] == [s.name for s in dash.segments] == [s.name for s in wanted]
    assert [s.seconds for s in dash.segments] == [s.seconds for s in wanted]
    assert [s.seconds for s in hls.segments] == pytest.approx([s.seconds for s in wanted], abs=1e-6)
    assert [(s.name, s.begin, s.size) for s in keys.segments] == [(s.name, 84, 100) for s in wanted]
    assert (hls.beginning, hls.ended, keys.beginning) == (Segment("init.mp4", 0.0), True, Segment("init.mp4", 0.0))
    assert max(round(s.seconds) for s in hls.segments) <= int(made["h264-720/index.m3u8"].split("TION:")[1].split()[0])


def test_an_order_goes_through_json() -> None:
    import json

    asked = order(PICTURE, SOUND)
    assert Order.of(json.loads(json.dumps(asked.told()))) == asked


def sound(index: int, language: str, *roles: int) -> Sound:
    return Sound(parts=(MediaInfo.Stream(index=index, language=language, roles=roles),))


def test_sounds_are_told_apart() -> None:
    asked = [(sound(1, "eng"), ""), (sound(2, "en", 1), ""), (sound(3, "fre", 2), "Bild"), (sound(4, "", 3), "")]
    made = sounds(asked)
    assert [(one.folder, one.name, one.language) for one in made] == [
        ("audio-en", "English", "en"),
        ("audio-en-2", "English 2", "en"),
        ("audio-fr", "Bild", "fr"),
        ("audio-und", "Audio", ""),
    ]
    assert [one.roles for one in made] == [
        ("main",),
        ("commentary",),
        ("description",),
        ("enhanced-audio-intelligibility",),
    ]
    assert made[2].characteristics == ("public.accessibility.describes-video",) and made[2].purpose == "1"
    assert [one.roles for one in sounds([(sound(1, ""), ""), (sound(2, ""), "")])] == [("main",), ("alternate",)]


@pytest.mark.parametrize("data", [b"", b"\0\0\0\x08moof", b"\0\0\0\x04free", b"\0\0\0\x10moof\0\0\0\x08traf"])
def test_what_is_no_fragment_is_refused(data: bytes) -> None:
    if data:
        with pytest.raises(ValueError):
            fragments.fragments(data)
    else:
        assert fragments.fragments(data) == []
    with pytest.raises(ValueError):
        fragments.track(data)


def test_codecs_are_named_as_their_bindings_say() -> None:
    hevc = bytes.fromhex("0101600000009000000000005d")
    assert fragments._hevc(hevc) == "hvc1.1.6.L93.90"
    assert fragments._vp9(bytes.fromhex("01000000001f80010101")) == "vp09.00.31.08.00.01.01.01.00"
    assert fragments._av1(bytes.fromhex("81080c00")) == "av01.0.08M.08"
    assert fragments._avc(bytes.fromhex("0164001f")) == "avc1.64001f"
