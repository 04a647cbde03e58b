"""Words in fragments: each moment has a sample with what is shown then, and nothing is lost on the way."""

import struct
from itertools import pairwise
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from unit.test_media_manifests import PICTURE, known, order

from reelmill.media import fragments, mpd, text_fragments, webvtt
from reelmill.media.manifests import manifests
from reelmill.media.operations import OPERATIONS
from reelmill.media.playlists import Segment
from reelmill.media.renditions import Divided, Told
from reelmill.media.text_fragments import Kind, Sample
from reelmill.media.webvtt import Cue, Text
from reelmill.v1.package_pb2 import Package

lines = st.lists(
    st.text("aé<>&-\t", min_size=1, max_size=6).filter(lambda one: "-->" not in one), min_size=1, max_size=3
)
cues = st.builds(
    lambda start, length, said, settings: Cue(start, start + length, tuple(said), settings),
    st.integers(0, 9000), st.integers(1, 5000), lines, st.sampled_from(["", "line:10%", "align:start position:5%"]),
)  # fmt: skip
texts = st.lists(cues, max_size=6).map(lambda found: Text(tuple(sorted(found, key=lambda one: (one.start, one.end)))))


def said(data: bytes) -> list[tuple[int, str, str]]:
    """Of a sample: number, settings and words of each cue."""
    found = []
    for kind, begin, end in fragments.boxes(data):
        if kind == b"vttc":
            inside = {name: data[a:b] for name, a, b in fragments.boxes(data, begin, end)}
            (number,) = struct.unpack(">I", inside[b"vsid"])
            found.append((number, inside.get(b"sttg", b"").decode(), inside[b"payl"].decode()))
        else:
            assert (kind, begin) == (b"vtte", end)
    return found


@given(texts, st.lists(st.integers(1, 4000), min_size=1, max_size=5))
def test_what_is_shown_at_each_moment_is_said_at_it(text: Text, lengths: list[int]) -> None:
    edges = [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    shown: list[tuple[int, int, list[tuple[int, str, str]]]] = []
    for begin, end in pairwise(edges):
        at = begin
        for sample in text_fragments.cues(text, begin, end):
            assert sample.ticks > 0
            shown.append((at, at + sample.ticks, said(sample.data)))
            at += sample.ticks
        assert at == end
    for begin, end, found in shown:
        for moment in {begin, (begin + end) // 2, end - 1}:
            assert found == [
                (i, cue.settings, "\n".join(cue.lines))
                for i, cue in enumerate(text.cues)
                if cue.start <= moment < cue.end
            ]


@given(texts, st.integers(0, 9000), st.integers(1, 5000))
def test_a_part_is_webvtt_of_its_own(text: Text, begin: int, length: int) -> None:
    made = webvtt.parsed(text_fragments.part(text, begin, begin + length))
    assert all(begin <= cue.start < cue.end <= begin + length for cue in made.cues)
    assert len(made.cues) == sum(cue.start < begin + length and cue.end > begin for cue in text.cues)


samples = st.builds(Sample, st.integers(1, 10**6), st.binary(max_size=40))


@given(st.integers(1, 2**31), st.integers(0, 2**40), st.lists(samples, min_size=1, max_size=5))
def test_a_fragment_is_read_as_it_was_written(number: int, begin: int, samples: list[Sample]) -> None:
    data = text_fragments.fragment(number, begin, samples)
    [found] = fragments.fragments(data)
    assert (found.shown, found.ticks, found.count, found.key) == (
        begin, sum(one.ticks for one in samples), len(samples), True,
    )  # fmt: skip
    [(kind, a, b)] = [one for one in fragments.boxes(data) if one[0] == b"moof"]
    at, sizes = fragments.samples(data, a, b)
    assert kind == b"moof" and data[at:] == b"".join(one.data for one in samples)
    assert sizes == [len(one.data) for one in samples]


def test_times_inside_of_a_cue_are_told_from_when() -> None:
    text = Text((Cue(0, 2000, ("one <00:01.000>two",)),))
    [sample] = text_fragments.cues(text, 1000, 2000)
    assert b"ctim00:00:01.000" in sample.data
    assert b"ctim" not in text_fragments.cues(Text((Cue(0, 2000, ("one",)),)), 0, 2000)[0].data


def test_what_comes_before_says_how_words_look_and_in_which_language() -> None:
    made = text_fragments.beginning(Kind.WVTT, "deu", ("STYLE\n::cue { color: yellow }",))
    entries = fragments.inside(made, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    assert entries and b"vttCWEBVTT\n\nSTYLE\n::cue { color: yellow }" in made[slice(*entries)]
    clock = fragments.inside(made, b"moov", b"trak", b"mdia", b"mdhd")
    assert clock and struct.unpack_from(">I", made, clock[0] + 12) == (1000,)
    code = struct.unpack_from(">H", made, clock[0] + 20)[0]
    assert "".join(chr((code >> shift & 31) + 0x60) for shift in (10, 5, 0)) == "deu"
    assert b"application/ttml+xml;codecs=im1t\0" in text_fragments.beginning(Kind.IMSC, "")


def test_manifests_tell_of_them() -> None:
    told = Told(folder="text-de", kind="text", name="Deutsch", language="de", roles=("subtitle",))
    named = (Segment("00001.m4s", 6.0), Segment("00002.m4s", 2.0))
    made = Divided(
        told=told, segments=named, sizes=(750, 250), beginning=Segment("init.mp4", 0.0), codec=Kind.IMSC.value,
        starts=(0, 6000, 8000),
    )  # fmt: skip
    found = manifests(order(PICTURE, told), [known(PICTURE, [540_000, 180_000])], [made])
    assert 'CODECS="avc1.64001f,stpp.ttml.im1t"' in found["master.m3u8"]
    playlist = found["text-de/index.m3u8"].splitlines()
    assert playlist[1] == "#EXT-X-VERSION:6" and '#EXT-X-MAP:URI="init.mp4"' in playlist
    dash = found["manifest.mpd"]
    assert 'contentType="text" mimeType="application/mp4" codecs="stpp.ttml.im1t" lang="de"' in dash
    assert [one.name for one in mpd.streams(dash)["text-de"].segments] == ["00001.m4s", "00002.m4s"]
    assert [one.seconds for one in mpd.streams(dash)["text-de"].segments] == [6, 2]


TEXTS = {"texts": [{"track": {"index": 0}}]}


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"text_format": "WVTT"}, "text_format"),
        ({"text_format": "WVTT", **TEXTS}, "text_format"),
        ({"text_format": "IMSC", **TEXTS, "byte_ranges": True}, "text_format"),
        ({"text_format": "IMSC", **TEXTS, "container": "TS"}, "text_format"),
        ({"text_format": "IMSC", **TEXTS}, ""),
        ({"text_format": "WVTT", **TEXTS, "protocols": ["HLS", "DASH"]}, ""),
        ({"text_format": "WEBVTT", **TEXTS, "byte_ranges": True}, ""),
    ],
)
def test_where_fragments_of_words_do_not_go_they_are_refused(spec: dict[str, Any], field: str) -> None:
    found = OPERATIONS["package"].violations(ParseDict(spec, Package()), "p")
    assert [one.field for one in found] == ([f"p.{field}"] if field else [])


def test_words_are_webvtt_unless_asked_for() -> None:
    operation = OPERATIONS["package"]
    assert operation.with_defaults(ParseDict(TEXTS, Package())).text_format == Package.WEBVTT
    assert operation.with_defaults(Package()).text_format == Package.TEXT_FORMAT_UNSPECIFIED
