"""The words of a package: of files and of a film's own tracks, in segments and whole, at their times."""

import re
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import av
import m3u8
import pytest
from effort import some_or_all
from media.kit import Studio, make
from media.test_packages import decoded
from mpegdash.parser import MPEGDASHParser
from ttconv import model
from ttconv.imsc import reader as imsc
from unit.test_media_captions import FILES, SRT

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import sets, webvtt
from reelmill.media.promises import FileSet
from reelmill.media.webvtt import Cue

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECONDS = 5
VTT = """WEBVTT

STYLE
::cue { color: yellow }

00:00.500 --> 00:01.500 line:10% align:start
<b>Given</b> &amp; placed

00:01.700 --> 00:04.200
over two seams

00:04.500 --> 00:09.000
to the end and on
"""
TEXTS = [
    {"input": "given", "language": "de", "default_track": True},
    {"track": {"language": "eng"}, "role": "HARD_OF_HEARING"},
    {"track": {"index": 2}, "name": "Ce qu’on “lit” & <voit>", "forced": True},
    {"track": {"all": True}},
]
SPEC = {"protocols": ["HLS", "DASH"], "segment_seconds": 2, "rungs": [{"height": 90, "crf": 30}], "texts": TEXTS}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds with two tracks of text."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "a.srt").write_text(SRT)
    (folder / "given.vtt").write_text(VTT)
    return make(
        folder / "film.mkv", "-f", "lavfi", "-i", f"testsrc2=size=160x90:rate=25:duration={SECONDS}",
        "-f", "lavfi", "-i", f"sine=duration={SECONDS}", "-i", str(folder / "a.srt"), "-i", str(folder / "a.srt"),
        "-map", "0", "-map", "2", "-map", "3", "-map", "1", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac",
        "-c:s:0", "srt", "-c:s:1", "ass", "-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=fra",
    )  # fmt: skip


async def packed(studio: Studio, film: Path, spec: dict, given: Path | None = None) -> Path:
    """The folder of a package that was made and checked."""
    await studio.make(film, {"package": spec}, others={"given": given or film.with_name("given.vtt")})
    return studio.folder / "out"


async def test_words_are_offered_with_all_that_is_known_of_them(studio: Studio, film: Path) -> None:
    root = await packed(studio, film, SPEC)
    master = m3u8.load(str(root / "master.m3u8"))
    words = [one for one in master.media if one.type == "SUBTITLES"]
    assert [
        (one.name, one.language, one.default, one.autoselect, one.forced, one.characteristics) for one in words
    ] == [
        ("Deutsch", "de", "YES", "YES", None, None),
        ("English", "en", "NO", "YES", None, words[1].characteristics),
        (TEXTS[2]["name"], "fr", "NO", "YES", "YES", None),
    ]
    assert words[1].characteristics.startswith("public.accessibility.transcribes-spoken-dialog,")
    [variant] = master.playlists
    assert variant.stream_info.subtitles == "text"
    period = MPEGDASHParser.parse(str(root / "manifest.mpd")).periods[0]
    texts = [one for one in period.adaptation_sets if one.content_type == "text"]
    assert [(one.lang, [role.value for role in one.roles]) for one in texts] == [
        ("de", ["subtitle", "main"]), ("en", ["caption"]), ("fr", ["forced-subtitle"]),
    ]  # fmt: skip
    assert texts[1].accessibilities[0].value == "2"
    whole = webvtt.parsed((root / "text-de" / "stream.vtt").read_text())
    assert whole == webvtt.parsed(VTT)  # with its looks and places
    playlist = m3u8.load(str(root / "text-de" / "index.m3u8"))
    pictures = m3u8.load(str(root / "h264-90" / "index.m3u8"))
    assert playlist.version == 3 and playlist.is_endlist and playlist.target_duration == pictures.target_duration
    assert [s.duration for s in playlist.segments] == pytest.approx([s.duration for s in pictures.segments], abs=1e-3)
    shown = [webvtt.parsed((root / "text-de" / s.uri).read_text()) for s in playlist.segments]
    first, second, third = whole.cues
    assert [one.cues for one in shown] == [(first, second), (second,), (second, third)]
    assert all(one.looks == whole.looks for one in shown)
    assert "X-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000" in (root / "text-de" / playlist.segments[0].uri).read_text()
    assert decoded(root / "master.m3u8")[0] == SECONDS * 25  # of DASH, ffmpeg refuses files called .vtt


async def test_a_part_has_the_words_of_that_part(studio: Studio, film: Path) -> None:
    trim = {"start_seconds": 1, "end_seconds": 4}
    root = await packed(studio, film, SPEC | {"trim": trim, "byte_ranges": True})
    assert webvtt.parsed((root / "text-de" / "stream.vtt").read_text()).cues == (
        Cue(0, 500, ("<b>Given</b> &amp; placed",), "line:10% align:start"),
        Cue(700, 3000, ("over two seams",)),
    )
    english = webvtt.parsed((root / "text-en" / "stream.vtt").read_text()).cues
    assert [(cue.start, cue.end) for cue in english] == [(0, 1500)]


# What becomes of each kind is for `test_captions.py`.
@pytest.mark.parametrize("kind", some_or_all(list(FILES), "srt", "ttml"))
async def test_each_kind_of_captions_becomes_words(studio: Studio, film: Path, tmp_path: Path, kind: str) -> None:
    given = tmp_path / "given"
    given.write_text(FILES[kind])
    root = await packed(studio, film, SPEC | {"texts": TEXTS[:1], "protocols": ["HLS"]}, given)
    names = sorted(path.name for path in (root / "text-de").iterdir())
    assert names == ["00001.vtt", "00002.vtt", "00003.vtt", "index.m3u8"]
    said = "".join((root / "text-de" / name).read_text() for name in names[:3])
    assert re.search("lines", said)


async def test_dash_alone_has_them_in_one_file(studio: Studio, film: Path) -> None:
    root = await packed(studio, film, SPEC | {"texts": TEXTS[1:2], "protocols": ["DASH"]})
    assert [path.name for path in (root / "text-en").iterdir()] == ["stream.vtt"]


@pytest.mark.parametrize("kind", ["WVTT", "IMSC"])
async def test_words_go_out_in_fragments(studio: Studio, film: Path, tmp_path: Path, kind: str) -> None:
    root = await packed(studio, film, SPEC | {"texts": TEXTS[:1], "text_format": kind})
    folder = root / "text-de"
    names = {path.name for path in folder.iterdir()}
    fragments = ["00001.m4s", "00002.m4s", "00003.m4s"]
    plain = {"00001.vtt", "00002.vtt", "00003.vtt"} if kind == "WVTT" else set()
    assert names == {"init.mp4", "index.m3u8", *fragments} | plain
    playlist = m3u8.load(str(folder / "index.m3u8"))
    pictures = m3u8.load(str(root / "h264-90" / "index.m3u8"))
    assert [one.duration for one in playlist.segments] == pytest.approx([2, 2, 1], abs=2e-3)
    assert playlist.target_duration == pictures.target_duration
    assert (playlist.version, playlist.segments[0].uri) == ((3, "00001.vtt") if plain else (6, "00001.m4s"))
    codec = m3u8.load(str(root / "master.m3u8")).playlists[0].stream_info.codecs
    assert ("stpp.ttml.im1t" in codec) == (kind == "IMSC")
    period = MPEGDASHParser.parse(str(root / "manifest.mpd")).periods[0]
    [told] = [one for one in period.adaptation_sets if one.content_type == "text"]
    assert (told.mime_type, told.codecs, told.lang) == (
        "application/mp4", {"WVTT": "wvtt", "IMSC": "stpp.ttml.im1t"}[kind], "de",
    )  # fmt: skip
    whole = tmp_path / "words.mp4"
    whole.write_bytes(b"".join((folder / name).read_bytes() for name in ("init.mp4", *fragments)))
    with av.open(str(whole)) as container:
        [stream] = container.streams
        packets = [(packet.pts, packet.duration, bytes(packet)) for packet in container.demux(stream) if packet.size]
        assert stream.language == "deu" and stream.time_base == Fraction(1, 1000)
    if kind == "WVTT":
        assert [at for at, _, _ in packets] == [0, 500, 1500, 1700, 2000, 4000, 4200, 4500]
        said = ["Given", "over two", "to the end"]
        assert [[which for which, words in enumerate(said) if words.encode() in data] for _, _, data in packets] == [
            [], [0], [], [1], [1], [1], [], [2],
        ]  # fmt: skip
        assert b"::cue { color: yellow }" in (folder / "init.mp4").read_bytes()
        assert b"<b>Given</b> &amp; placed" in packets[1][2] and b"line:10% align:start" in packets[1][2]
        return
    assert [(at, lasts) for at, lasts, _ in packets] == [(0, 2000), (2000, 2000), (4000, 1000)]
    lines = [
        (round(float(line.get_begin()) * 1000), round(float(line.get_end()) * 1000), "".join(_said(line)))
        for _, _, data in packets
        for line in _paragraphs(imsc.to_model(ElementTree.ElementTree(ElementTree.fromstring(data))).get_body())
    ]
    assert lines == [
        (500, 1500, "Given & placed"),
        (1700, 2000, "over two seams"),
        (2000, 4000, "over two seams"),
        (4000, 4200, "over two seams"),
        (4500, 5000, "to the end and on"),
    ]
    assert b'tts:fontWeight="bold"' in packets[0][2] and b"tts:color" in packets[0][2]


def _paragraphs(element: model.ContentElement) -> list[model.P]:
    return [one for one in element.dfs_iterator() if isinstance(one, model.P)]


def _said(element: model.ContentElement) -> list[str]:
    return [one.get_text() for one in element.dfs_iterator() if isinstance(one, model.Text)]


async def test_fragments_of_words_that_are_not_whole_are_refused(studio: Studio, film: Path) -> None:
    planned = await studio.plan(
        film, {"package": SPEC | {"texts": TEXTS[1:2], "text_format": "WVTT", "protocols": ["DASH"]}}
    )
    await studio.made(film, planned)
    [files] = [thing for thing in planned.graph.promised if isinstance(thing, FileSet)]
    folder = studio.folder / "out" / "text-en"
    assert sets.read(files, studio.folder).problems == []
    path, other = folder / "00002.m4s", (folder / "00001.m4s").read_bytes()
    data = path.read_bytes()
    for spoilt, said in ((other, "00002.m4s does not begin"), (b"x" * 99, "00002.m4s"), (None, "is not there")):
        path.unlink()
        if spoilt is not None:
            path.write_bytes(spoilt)
        assert any(said in one for one in sets.read(files, studio.folder).problems), said
        path.write_bytes(data)
    (folder / "00004.m4s").write_bytes(other)
    assert any("does not list 00004.m4s" in one for one in sets.read(files, studio.folder).problems)


async def test_words_that_are_not_there_are_told(studio: Studio, film: Path) -> None:
    with pytest.raises(AttemptFailed, match=r"INPUT_NO_CAPTIONS: .* it has 1 \(eng\), 2 \(fra\)"):
        await packed(studio, film, SPEC | {"texts": [{"track": {"language": "spa"}}]})
