"""A package is a stream that players read: its manifests say what its files hold, and nothing is missing at a seam."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath

import av
import m3u8
import pytest
from effort import some_or_all
from jobs import job
from media import coded, kit
from media.kit import Studio
from mpegdash.parser import MPEGDASHParser

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import chunking
from reelmill.media.pieces import Join, Made, Sound, film_in, joined
from reelmill.media.plan import divisions, probes
from reelmill.media.promises import FileSet
from reelmill.media.streams import Stream, bytes_of, measured
from reelmill.media.validate import with_defaults
from reelmill.media.verify import Verified, verify

pytestmark = pytest.mark.asyncio(loop_scope="session")

FRAMES, RATE = 204, Fraction(30000, 1001)
SECONDS = float(FRAMES / RATE)
SOUNDS = [
    {"track": {"default_track": True}},
    {"track": {"role": "COMMENTARY"}, "name": "The “director” & <others>, talking"},
    {"track": {"language": "fra"}},
]
RUNGS = [{"height": 360, "crf": 28}, {"height": 180, "crf": 30, "codec": "H265"}, {"height": 90, "crf": 30}]
SPEC = {"protocols": ["HLS", "DASH"], "segment_seconds": 2, "rungs": RUNGS, "sounds": SOUNDS}


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds with three sounds."""
    return kit.make(
        tmp_path_factory.mktemp("talk") / "talk.mkv", "-f", "lavfi", "-i",
        f"testsrc2=size=320x180:rate={RATE}:duration={SECONDS}", *coded.beeps(SECONDS),
        "-map", "0:v", "-map", "1:a", "-map", "1:a", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast",
        "-c:a", "aac", "-b:a", "64k", "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=eng",
        "-disposition:a:1", "comment", "-metadata:s:a:2", "language=fra",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A package that was made and checked."""

    folder: Path
    files: tuple[Verified, ...]
    """Those that go out."""
    set: FileSet

    def stream(self, name: str) -> Stream:
        return measured(self.folder / "out" / name)

    @property
    def digests(self) -> dict[str, str]:
        return {str(f.path): hashlib.sha256((self.folder / f.path).read_bytes()).hexdigest() for f in self.files}


async def packed(studio: Studio, path: Path, spec: dict) -> Packed:
    planned = await studio.plan(path, {"package": spec})
    [files] = [thing for thing in planned.graph.promised if isinstance(thing, FileSet)]
    made = await studio.made(path, planned)
    kept = tuple(file for file in made if file.path.parts[0] == "out")
    return Packed(folder=studio.folder, files=kept, set=files)


def whole(packed: Packed, name: str, target: Path) -> Path:
    """A stream as a player puts it together."""
    folder, stream = packed.folder / "out" / name, packed.stream(name)
    target.write_bytes(b"".join(bytes_of(folder, part) for part in (stream.beginning, *stream.segments)))
    return target


def shown(path: Path) -> tuple[list[float], list[float]]:
    """When a file's frames are shown, and its key frames."""
    times, keys = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None and frame.time_base is not None
            times.append(float(frame.pts * frame.time_base))
            keys += [times[-1]] if frame.key_frame else []
    return times, keys


PICTURES = {"h264-180": (320, 180), "h265-180": (320, 180), "h264-90": (160, 90)}
HEARD = {"audio-en": ("English", "en"), "audio-en-2": (SOUNDS[1]["name"], "en"), "audio-fr": ("Français", "fr")}


async def test_manifests_say_what_the_files_hold(studio: Studio, talk: Path, tmp_path: Path) -> None:
    made = await packed(studio, talk, SPEC)
    root = made.folder / "out"
    there = {path for path in root.rglob("*") if path.is_file()}
    assert {made.folder / file.path for file in made.files} == there  # no sample is left
    assert {path.parent.name for path in there} == {"out", *PICTURES, *HEARD}
    kinds = {str(file.path.relative_to("out")): file.content_type for file in made.files}
    assert kinds["master.m3u8"] == kinds["audio-fr/index.m3u8"] == "application/vnd.apple.mpegurl"
    assert kinds["manifest.mpd"] == "application/dash+xml"
    assert (kinds["h264-90/init.mp4"], kinds["h264-90/00001.m4s"]) == ("video/mp4", "video/iso.segment")
    assert (kinds["audio-fr/init.mp4"], kinds["audio-fr/00001.m4s"]) == ("audio/mp4", "audio/iso.segment")

    master = m3u8.load(str(root / "master.m3u8"))
    assert master.is_variant and master.is_independent_segments
    assert [(one.name, one.language, one.default, one.autoselect) for one in master.media] == [
        (name, language, "YES" if not i else "NO", "YES") for i, (name, language) in enumerate(HEARD.values())
    ]
    variants = {PurePosixPath(one.uri).parent.name: one for one in master.playlists}
    keys = {PurePosixPath(one.uri).parent.name: one for one in master.iframe_playlists}
    assert variants.keys() == keys.keys() == PICTURES.keys()
    dash = {one.id: one for one in MPEGDASHParser.parse(str(root / "manifest.mpd")).periods[0].adaptation_sets}
    told = {r.id: r for adaptation in dash.values() for r in adaptation.representations}
    assert told.keys() == PICTURES.keys() | HEARD.keys() and len(dash) == 5  # pictures by their codecs
    loudest = max(_peak(root / name) for name in HEARD)
    for name, size in PICTURES.items():
        playlist, variant = _playlist(root / name), variants[name].stream_info
        assert [s.duration for s in playlist.segments] == pytest.approx(
            [2.002, 2.002, 2.002, SECONDS - 6.006], abs=1e-3
        )
        assert (playlist.version, playlist.target_duration, playlist.is_endlist) == (6, 2, True)
        assert variant.resolution == size == (told[name].width, told[name].height)
        assert (variant.frame_rate, told[name].frame_rate) == (29.97, "30000/1001")
        assert variant.codecs == f"{_codec(root / name)},mp4a.40.2" and told[name].codecs == _codec(root / name)
        assert (variant.video_range, variant.closed_captions) == ("SDR", "NONE")
        assert variant.bandwidth == _peak(root / name) + loudest and told[name].bandwidth == _peak(root / name)
        heard = max(_average(root / sound) for sound in HEARD)
        assert variant.average_bandwidth == pytest.approx(_average(root / name) + heard, abs=2)
        assert variant.bandwidth >= variant.average_bandwidth
        frames, at = shown(whole(made, name, tmp_path / "whole.mp4"))
        assert frames == pytest.approx([i / RATE for i in range(FRAMES)], abs=0.002)
        assert at == pytest.approx([0, 2.002, 4.004, 6.006], abs=0.002)
        _check_keys(root / name, tmp_path, size)
        assert keys[name].iframe_stream_info.bandwidth < variant.bandwidth
    for name, (_, language) in HEARD.items():
        adaptation = next(a for a in dash.values() if a.representations[0].id == name)
        assert adaptation.lang == language
        assert coded.heard(whole(made, name, tmp_path / "whole.mp4")) == pytest.approx(
            [i / 2 for i in range(14)], abs=0.03
        )
        assert _playlist(root / name).segments[0].duration == pytest.approx(2.002, abs=0.022)  # a packet of AAC
    roles = [a.roles[0].value for a in dash.values() if a.roles]
    assert roles == ["main", "commentary", "alternate"]
    for manifest in ("master.m3u8", "manifest.mpd"):
        frames, samples = decoded(root / manifest)
        assert frames == FRAMES and samples / 48_000 == pytest.approx(SECONDS, abs=0.05), manifest


def decoded(manifest: Path) -> tuple[int, int]:
    """Frames and samples that ffmpeg reads of a manifest's first picture and its first sound."""
    argv = [str(kit.FFMPEG), "-nostdin", "-v", "error", "-i", str(manifest), "-map", "0:v:0", "-map", "0:a:0"]
    done = subprocess.run([*argv, "-f", "framecrc", "-"], capture_output=True, text=True, check=True)
    assert not done.stderr
    lines = [line.split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
    return sum(line[0] == "0" for line in lines), sum(int(line[3]) for line in lines if line[0] == "1")


def _playlist(folder: Path) -> m3u8.M3U8:
    return m3u8.load(str(folder / "index.m3u8"))


def _sizes(folder: Path) -> list[tuple[int, float]]:
    return [((folder / s.uri).stat().st_size, s.duration) for s in _playlist(folder).segments]


def _average(folder: Path) -> float:
    sizes = _sizes(folder)
    return sum(size for size, _ in sizes) * 8 / sum(seconds for _, seconds in sizes)


def _peak(folder: Path) -> int:
    """By the definition: of one or two segments, for the target duration is 2 s."""
    sizes = _sizes(folder)
    runs = [sizes[i : i + n] for n in (1, 2) for i in range(len(sizes) - n + 1)]
    found = [(sum(s for s, _ in run), sum(t for _, t in run)) for run in runs]
    return max(-int(-size * 8 / seconds // 1) for size, seconds in found if 1 <= seconds <= 3)


def _codec(folder: Path) -> str:
    with av.open(str(folder / "init.mp4")) as container:
        extra = container.streams.video[0].codec_context.extradata
    assert extra
    if container.format.name and folder.name.startswith("h264"):
        return f"avc1.{extra[1:4].hex()}"
    return f"hvc1.{extra[1] & 31}.6.L{extra[12]}.90"  # Main, compatible with Main and Main 10, progressive


def _check_keys(folder: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    """Each entry of the playlist of key frames is one whole frame."""
    playlist = m3u8.load(str(folder / "iframes.m3u8"))
    assert playlist.is_i_frames_only and playlist.version == 5 and len(playlist.segments) == 4
    for segment in playlist.segments:
        length, begin = map(int, segment.byterange.split("@"))
        data = (folder / segment.uri).read_bytes()[begin : begin + length]
        (tmp_path / "key.mp4").write_bytes((folder / "init.mp4").read_bytes() + data)
        with av.open(str(tmp_path / "key.mp4")) as container:
            packet = next(container.demux(video=0))
            assert packet.is_keyframe
            [frame] = [*packet.decode(), *container.streams.video[0].codec_context.decode(None)][:1]
            assert isinstance(frame, av.VideoFrame) and (frame.width, frame.height) == size


async def test_the_same_comes_out_each_time_and_as_from_an_encode_of_its_own(studio: Studio, talk: Path) -> None:
    spec = {"segment_seconds": 2, "rungs": RUNGS[::2]}
    one = (await packed(studio, talk, spec)).digests
    first = _packets(studio.folder / ".out" / "h264-90.mp4")
    shutil.rmtree(studio.folder / "out")
    assert (await packed(studio, talk, spec)).digests == one
    video = {**RUNGS[2], "fit": "SHRINK", "keyframe_interval_seconds": 2.002}
    alone = await studio.one(talk, name="alone", transcode={"video": video, "mute": True})
    assert _packets(alone) == first


def _packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0)]


@pytest.mark.parametrize("protocols", some_or_all([["HLS"], ["DASH"], ["HLS", "DASH"]], ["HLS", "DASH"]), ids="-".join)
async def test_single_files_are_read_by_ranges(studio: Studio, talk: Path, protocols: list[str]) -> None:
    spec = {"protocols": protocols, "segment_seconds": 2, "byte_ranges": True, "iframe_playlists": False}
    made = await packed(studio, talk, spec)
    manifests = {"HLS": ["master.m3u8"], "DASH": ["manifest.mpd"]}
    names = [str(file.path.relative_to("out")) for file in made.files]
    lists = ["h264-180/index.m3u8", "audio-en/index.m3u8"] if "HLS" in protocols else []
    wanted = [name for protocol in protocols for name in manifests[protocol]]
    assert sorted(names) == sorted([*wanted, *lists, "h264-180/stream.mp4", "audio-en/stream.mp4"])
    for name in wanted:
        assert decoded(made.folder / "out" / name)[0] == FRAMES
    if "HLS" in protocols:
        playlist = _playlist(made.folder / "out" / "h264-180")
        assert playlist.version == 6 and len(playlist.segments) == 4
        assert {s.uri for s in playlist.segments} == {"stream.mp4"} and all(s.byterange for s in playlist.segments)
    if "DASH" in protocols:
        adaptation = MPEGDASHParser.parse(str(made.folder / "out" / "manifest.mpd")).periods[0].adaptation_sets[0]
        base = adaptation.representations[0].segment_bases[0]
        begin, end = map(int, base.index_range.split("-"))
        data = (made.folder / "out" / "h264-180" / "stream.mp4").read_bytes()
        assert (
            data[begin + 4 : begin + 8] == b"sidx" and int.from_bytes(data[begin : begin + 4], "big") == end + 1 - begin
        )


def _rewritten(name: str, old: str, new: str) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new, 1))

    return spoil


def _no_key(root: Path) -> None:
    path = root / "h264-90" / "00002.m4s"
    data = path.read_bytes()
    run = data.index(b"trun") + 4
    timed = bool(int.from_bytes(data[run : run + 4], "big") & 0x100)
    flags = run + 4 + 4 + 4 + 4 * timed + 4  # behind version, count, offset, the first sample's duration and size
    assert data[flags : flags + 4] == bytes(4)
    path.write_bytes(data[:flags] + (0x10000).to_bytes(4, "big") + data[flags + 4 :])


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "lost": (lambda root: (root / "h264-90" / "00002.m4s").unlink(), "it lists 00002.m4s, which is not there"),
    "stray": (lambda root: (root / "h264-90" / "x.m4s").write_bytes(b"x"), "x.m4s|it does not list"),
    "a stray folder": (
        lambda root: ((root / "more").mkdir(), (root / "more" / "x").write_bytes(b"")),
        "more is of no stream",
    ),
    "broken": (lambda root: (root / "audio-en" / "00001.m4s").write_bytes(b"x" * 99), "audio-en: "),
    "no key": (_no_key, "not all segments begin with a key frame"),
    "no playlist": (lambda root: (root / "h264-90" / "index.m3u8").unlink(), "index.m3u8 is not there"),
    "another length": (_rewritten("h264-90/index.m3u8", "2.002", "2.1"), "says that segment 0 lasts 2.100 s"),
    "other keys": (_rewritten("h264-90/iframes.m3u8", "@84", "@85"), "HLS's list of key frames has other segments"),
    "another stream": (_rewritten("master.m3u8", "h264-90/index", "h264-91/index"), "it does not tell of h264-90"),
    "other times": (_rewritten("manifest.mpd", 'd="32032" r="2"', 'd="32033" r="2"'), ""),
    "fewer": (_rewritten("manifest.mpd", 'd="32032" r="2"', 'd="32032" r="1"'), "DASH has other segments"),
    "no XML": (_rewritten("manifest.mpd", "</MPD>", ""), "manifest.mpd: it is no XML"),
    "no end": (_rewritten("audio-en/index.m3u8", "#EXT-X-ENDLIST", ""), "it does not say that it is whole"),
}


async def test_a_package_that_is_not_whole_is_refused(studio: Studio, talk: Path, tmp_path: Path) -> None:
    made = await packed(studio, talk, {**SPEC, "rungs": RUNGS[2:], "sounds": SOUNDS[:1]})
    for name, (spoil, words) in SPOILT.items():
        copy = tmp_path / name
        shutil.copytree(made.folder / "out", copy / "out")
        spoil(copy / "out")
        if not words:  # within what clocks are rounded by
            assert await verify([made.set], copy, studio.prober.of(""))
            continue
        with pytest.raises(AttemptFailed, match=words) as caught:
            await verify([made.set], copy, studio.prober.of(""))
        assert (caught.value.code, caught.value.failure.output) == ("OUTPUT_INVALID", "out"), name


AAC = ("-c:a", "aac")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "48", "-bf", "2")
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=5")
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "TS from 10 s": ("ts", (*PICTURE, *coded.beeps(5), *X264, *AAC, "-output_ts_offset", "10")),
    "uneven": (
        "mp4",
        (*PICTURE, *coded.beeps(5), "-vf", "select='lt(mod(n*n,7),4)'", "-fps_mode", "vfr", *X264, *AAC),
    ),
    "late picture": ("mkv", (*PICTURE, "-itsoffset", "-0.7", *coded.beeps(5), *X264, *AAC)),
    "late sound": ("mp4", (*PICTURE, "-itsoffset", "0.7", *coded.beeps(4), *X264, *AAC)),
    "mute": ("mp4", (*PICTURE, *X264)),
}


@pytest.mark.parametrize("kind", some_or_all(list(KINDS), "TS from 10 s", "uneven", "late picture", "mute"))
async def test_pictures_and_sounds_stay_together(studio: Studio, tmp_path: Path, kind: str) -> None:
    suffix, arguments = KINDS[kind]
    path = kit.make(tmp_path / f"in.{suffix}", *arguments)
    source = await studio.source(path)
    made = await packed(studio, path, {"segment_seconds": 1, "protocols": ["HLS", "DASH"]})
    times = source.timeline.track(0).frames
    frames, keys = shown(whole(made, "h264-90", tmp_path / "whole.mp4"))
    assert len(frames) == len(times)
    assert [at - frames[0] for at in frames] == pytest.approx([(t - times[0]) / 1e6 for t in times], abs=0.002)
    assert [int(k - frames[0] + 0.001) for k in keys] == list(range(len(keys)))
    stream = made.stream("h264-90")
    assert len(stream.segments) == len(keys) >= 5
    if kind != "mute":
        sound = made.stream("audio-und")
        begins = stream.starts[0] / stream.track.scale - sound.starts[0] / sound.track.scale
        lies = (source.timeline.track(0).start - source.timeline.track(1).start) / 1e6
        assert begins == pytest.approx(lies, abs=0.03)


async def test_chunks_are_as_the_whole(studio: Studio, talk: Path, tmp_path: Path) -> None:
    output = {
        "package": {"segment_seconds": 1, "rungs": RUNGS[::2], "sounds": SOUNDS[:1], "protocols": ["HLS", "DASH"]}
    }
    made = await packed(studio, talk, output["package"])
    names = ("h264-180", "h264-90", "audio-en")
    before = {name: made.stream(name) for name in names}
    frames = {name: shown(whole(made, name, tmp_path / "whole.mp4")) for name in names[:2]}
    shutil.rmtree(studio.folder / "out")

    wanted = with_defaults(job(talk.as_uri(), {"name": "out"} | output))
    source = await studio.source(talk)
    [division] = divisions(wanted, dict.fromkeys(probes(wanted), source)).values()
    assert division is not None and division.keyframe_interval_seconds == pytest.approx(1.001)
    track = source.timeline.track(division.picture)
    join = Join(edges=chunking.edges(division, track, 2 * division.keyframe_interval_seconds), clock=division.clock)
    assert len(join.chunks) == 3
    pieces, files = [], {}
    for piece in (*join.chunks, Sound()):
        for file in await studio.made(talk, await studio.plan(talk, output, piece=piece)):
            kept = (studio.folder / file.path).rename(studio.folder / f"{piece.name}-{file.path.name}")
            one = Made(output=film_in(file.path, piece.name), piece=piece.name, uri="", size_bytes=0, times=file.times)
            pieces.append(one)
            files[one.file] = kept
    assert {one.output for one in pieces} == {"out", "out/h264-180", "out/h264-90"}
    planned = await studio.plan(talk, output, piece=joined(join, pieces), files=files)
    await studio.made(talk, planned)
    again = Packed(folder=studio.folder, files=(), set=made.set)
    for name in names:
        found = again.stream(name)
        assert [s.seconds for s in found.segments] == pytest.approx(
            [s.seconds for s in before[name].segments], abs=2e-3
        )
        assert found.starts[0] / found.track.scale == pytest.approx(
            before[name].starts[0] / before[name].track.scale, abs=2e-3
        )
    for name, (shown_then, keys_then) in frames.items():
        now, keys = shown(whole(again, name, tmp_path / "whole.mp4"))
        assert now == pytest.approx(shown_then, abs=2e-3) and keys == pytest.approx(keys_then, abs=2e-3)


async def test_a_high_range_goes_on_beside_a_standard_one(studio: Studio, tmp_path: Path) -> None:
    path = kit.make(
        tmp_path / "high.mkv", "-f", "lavfi", "-i", "smptebars=size=64x48:rate=10:duration=1", "-vf",
        "format=yuv420p10le,setparams=colorspace=bt2020nc:color_trc=smpte2084:color_primaries=bt2020",
        "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error",
    )  # fmt: skip
    codecs = ["H264", "H265", "VP9", "AV1"]
    made = await packed(studio, path, {"protocols": ["HLS", "DASH"], "segment_seconds": 1, "codecs": codecs})
    master = m3u8.load(str(made.folder / "out" / "master.m3u8"))
    for one, codec in zip(master.playlists, codecs, strict=True):
        high = codec != "H264"
        with av.open(str(whole(made, f"{codec.lower()}-48", tmp_path / "whole.mp4"))) as container:
            [*frames] = container.decode(video=0)
        assert {frame.format.name for frame in frames} == {"yuv420p10le" if high else "yuv420p"}, codec
        assert one.stream_info.video_range == ("PQ" if high else "SDR"), codec
    dash = MPEGDASHParser.parse(str(made.folder / "out" / "manifest.mpd"))
    told = [[one.value for one in of.essential_properties or ()] for of in dash.periods[0].adaptation_sets]
    assert told == [[], *[["9", "9", "16"]] * 3]
