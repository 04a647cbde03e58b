"""The words of a package: of files and of a film's own tracks, in segments and whole, at their times."""

import re
from pathlib import Path

import m3u8
import pytest
from media.kit import Studio, make
from media.test_packages import decoded
from mpegdash.parser import MPEGDASHParser
from unit.test_media_captions import FILES, SRT

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import webvtt
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


@pytest.mark.parametrize("kind", FILES)
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


async def test_words_that_are_not_there_are_told(studio: Studio, film: Path) -> None:
    with pytest.raises(AttemptFailed, match=r"INPUT_NO_CAPTIONS: .* it has 1 \(eng\), 2 \(fra\)"):
        await packed(studio, film, SPEC | {"texts": [{"track": {"language": "spa"}}]})
