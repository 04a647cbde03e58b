"""Reads sets of many files that were written, and finds what is wrong with them."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from reelmill.media import fragments, mpd, playlists, protected, text_fragments
from reelmill.media.encrypted import Opening
from reelmill.media.keys import Keys
from reelmill.media.playlists import Playlist, Segment, parsed
from reelmill.media.promises import Expected, FileSet, Rendition
from reelmill.media.renditions import CUES, IFRAMES, MASTER, MPD, PLAYLIST
from reelmill.media.streams import measured
from reelmill.v1.media_pb2 import MediaInfo

MANIFEST_BYTES = 2**24
"""The most of one that is read."""
_TOLD = 3  # of what is wrong in one way
_SAME_SECONDS = 0.002  # clocks are rounded


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A stream of a set."""

    folder: PurePosixPath
    """Relative to the working directory."""
    playlist: Playlist
    expected: Expected
    opening: Opening | None = None
    """Of segments that are encrypted."""


@dataclass(slots=True)
class Found:
    """What a set is made of."""

    files: list[tuple[PurePosixPath, str]] = field(default_factory=list)
    """All of them, the manifests first, with their content types; relative to the working directory."""
    streams: list[Listed] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(files: FileSet, folder: Path, keys: Keys | None = None) -> Found:
    """What there is of a set below the working directory; `keys`: with which it is encrypted."""
    return _package(files, folder, keys) if files.renditions else _stream(files, folder)


def _stream(files: FileSet, folder: Path) -> Found:
    """One media playlist, and what it lists beside it."""
    there, types = files.manifest.parent, dict(files.content_types)
    found = Found()
    written = {path.name for path in (folder / there).glob(files.pattern)}
    playlist = parsed(_text(folder, files.manifest, found))
    found.problems += [f"{files.manifest}: {wrong}" for wrong in _wrong(playlist, written, files.expected)]
    found.streams.append(Listed(folder=there, playlist=playlist, expected=files.expected))
    names = [files.manifest.name, *sorted(written)]
    found.files = [(there / name, types.get(PurePosixPath(name).suffix, "")) for name in names]
    return found


def _text(folder: Path, path: PurePosixPath, found: Found) -> str:
    place = folder / path
    if not place.is_file():
        found.problems.append(f"{path} is not there")
        return ""
    if place.stat().st_size > MANIFEST_BYTES:
        found.problems.append(f"{path}: it has more than {MANIFEST_BYTES} bytes")
        return ""
    return place.read_text(encoding="utf-8")


def _wrong(playlist: Playlist, written: set[str], expected: Expected) -> Iterator[str]:
    listed = playlist.names
    yield from (f"it lists {name}, which is not there" for name in sorted(listed - written)[:_TOLD])
    yield from (f"it does not list {name}" for name in sorted(written - listed)[:_TOLD])
    if not playlist.segments:
        yield "it lists nothing"
    if not playlist.ended:
        yield "it does not say that it is whole"
    seconds, wanted = playlist.seconds, expected.duration_seconds
    if wanted is not None and abs(seconds - wanted) > expected.duration_tolerance_seconds:
        yield f"it lasts {seconds:.3f} s instead of {wanted:.3f} s"


class _Package:
    """A package as it is read."""

    def __init__(self, files: FileSet, folder: Path, keys: Keys | None) -> None:
        self.files, self.folder, self.keys = files, folder, keys
        self.there = files.manifest.parent
        self.found = Found()
        self.texts = {path.name: _text(folder, path, self.found) for path in (files.manifest, *files.further)}
        self.written: dict[str, set[str]] = {}
        for path in (folder / self.there).glob("*/*"):
            self.written.setdefault(path.parent.name, set()).add(path.name)
        self.playlists: dict[str, Playlist] = {}
        """Of all that HLS lists, by their paths beside the manifest."""

    def wrong(self, place: str, problems: Iterable[str]) -> None:
        self.found.problems += [f"{self.there / place}: {problem}" for problem in problems]

    def tells(self, manifest: str, folders: Iterable[str]) -> None:
        """Compare those of which a manifest tells with those that were asked for."""
        wanted, told = {rendition.folder for rendition in self.files.renditions}, set(folders)
        self.wrong(manifest, (f"it does not tell of {name}" for name in sorted(wanted - told)[:_TOLD]))
        self.wrong(manifest, (f"it tells of {name}, which nobody asked for" for name in sorted(told - wanted)[:_TOLD]))


def _package(files: FileSet, folder: Path, keys: Keys | None) -> Found:
    one = _Package(files, folder, keys)
    if MASTER in one.texts:
        _hls(one)
    dash = _dash(one) if MPD in one.texts else {}
    stray = sorted(one.written.keys() - {rendition.folder for rendition in files.renditions})
    one.found.problems += [f"{one.there / name} is of no stream" for name in stray[:_TOLD]]
    for rendition in files.renditions:
        _rendition(one, rendition, dash.get(rendition.folder))
    if not one.found.problems:
        _aligned(one)
    one.found.files = list(_files(one))
    return one.found


def _hls(one: _Package) -> None:
    listed = playlists.listed(one.texts[MASTER])
    one.tells(MASTER, (str(PurePosixPath(name).parent) for name, kind in listed.items() if kind != "iframes"))
    for name, kind in listed.items():
        one.playlists[name] = parsed(_text(one.folder, one.there / name, one.found))
        if kind == "iframes":
            files = one.written.get(str(PurePosixPath(name).parent), set())
            lost = sorted(one.playlists[name].names - files)
            one.wrong(name, (f"it lists {file}, which is not there" for file in lost[:_TOLD]))


def _dash(one: _Package) -> Mapping[str, Playlist]:
    try:
        told = mpd.streams(one.texts[MPD])
    except ValueError as error:
        one.wrong(MPD, [str(error)])
        return {}
    one.tells(MPD, told)
    return told


def _rendition(one: _Package, rendition: Rendition, dash: Playlist | None) -> None:
    """What is wrong with one stream, whose segments are all looked at."""
    if rendition.sheets:
        _sheets(one, rendition, dash)
        return
    if not rendition.expected.streams:
        _words(one, rendition, dash)
        return
    hls = one.playlists.get(f"{rendition.folder}/{PLAYLIST}")
    try:
        stream = measured(one.folder / one.there / rendition.folder, protected.whole(rendition, one.keys, hls))
        opening = protected.opening(rendition, one.keys, hls, stream)
    except (ValueError, OSError, struct.error, IndexError) as error:
        one.wrong(rendition.folder, [str(error)])
        return
    held = Playlist(segments=stream.segments, beginning=stream.beginning, ended=True)
    playlist = hls or held
    media = one.written.get(rendition.folder, set()) - {PLAYLIST, IFRAMES}
    one.wrong(rendition.folder, _wrong(playlist, media, rendition.expected))
    for name, told in (("HLS", hls), ("DASH", dash)):
        if told is not None:
            one.wrong(rendition.folder, _differs(name, told, held))
    if rendition.expected.streams[0].kind == MediaInfo.Stream.VIDEO:
        keys = one.playlists.get(f"{rendition.folder}/{IFRAMES}")
        one.wrong(rendition.folder, [] if stream.independent else ["not all segments begin with a key frame"])
        if keys is not None:
            expected = Playlist(segments=stream.keys, beginning=stream.beginning, ended=True)
            one.wrong(rendition.folder, _differs("HLS's list of key frames", keys, expected))
    if rendition.encrypted is not None:
        named = mpd.key_ids(one.texts[MPD]).get(rendition.folder, "") if dash else None
        one.wrong(rendition.folder, protected.wrong(rendition, one.keys, hls, named, stream))
    one.found.streams.append(
        Listed(folder=one.there / rendition.folder, playlist=playlist, expected=rendition.expected, opening=opening)
    )


def _sheets(one: _Package, rendition: Rendition, dash: Playlist | None) -> None:
    """What is wrong with sheets of small pictures: all are listed, and last as long as the whole."""
    hls = one.playlists.get(f"{rendition.folder}/{PLAYLIST}")
    media = one.written.get(rendition.folder, set()) - {PLAYLIST, CUES}
    for told in (hls, dash):
        if told is not None:
            one.wrong(rendition.folder, _wrong(told, media, rendition.expected))


def _words(one: _Package, rendition: Rendition, dash: Playlist | None) -> None:
    """What is wrong with words: they are text, and all of it is listed."""
    hls = one.playlists.get(f"{rendition.folder}/{PLAYLIST}")
    media = one.written.get(rendition.folder, set()) - {PLAYLIST}
    apart = (dash.names if dash else set()) - (hls.names if hls else set())
    if hls is not None:
        one.wrong(rendition.folder, _wrong(hls, media - apart, rendition.expected))
    stray, lost = sorted(media - apart) if hls is None else [], sorted(apart - media)
    one.wrong(rendition.folder, [f"it does not list {name}" for name in stray[:_TOLD]])
    one.wrong(rendition.folder, [f"it lists {name}, which is not there" for name in lost[:_TOLD]])
    folder = one.folder / one.there / rendition.folder
    for name in sorted(name for name in media if name.endswith(".vtt")):
        with (folder / name).open("rb") as file:
            if file.read(6) != b"WEBVTT":
                one.wrong(rendition.folder, [f"{name} is no WebVTT"])
    _fragments_of_words(one, rendition, folder, [(n, told) for n, told in (("HLS", hls), ("DASH", dash)) if told])


def _fragments_of_words(
    one: _Package, rendition: Rendition, folder: Path, every: Iterable[tuple[str, Playlist]]
) -> None:
    """What is wrong with words in fragments: each lasts as long as it is told, one behind the other."""
    for by, told in every:
        end, lasts = 0, []
        for segment in told.segments if told.beginning is not None else ():
            try:
                [found] = fragments.fragments((folder / segment.name).read_bytes())
            except (ValueError, OSError, struct.error, IndexError) as error:
                one.wrong(rendition.folder, [f"{segment.name}: {error}"])
                return
            if found.shown != end:
                one.wrong(rendition.folder, [f"{segment.name} does not begin where the one before ends"])
            end = found.shown + found.ticks
            lasts.append(Segment(segment.name, found.ticks / text_fragments.SCALE))
        if lasts:
            one.wrong(rendition.folder, _differs(by, told, Playlist(segments=tuple(lasts), beginning=told.beginning)))


def _differs(name: str, told: Playlist, held: Playlist) -> Iterator[str]:
    """How what players are told differs from what the files hold."""
    if told.segments and told.segments[0].size is None and held.beginning and held.beginning.size is not None:
        return  # the file's own index has them
    if [(s.name, s.begin, s.size) for s in told.segments] != [(s.name, s.begin, s.size) for s in held.segments]:
        yield f"{name} has other segments than its files"
        return
    for i, (one, other) in enumerate(zip(told.segments, held.segments, strict=True)):
        if abs(one.seconds - other.seconds) > _SAME_SECONDS:
            yield f"{name} says that segment {i} lasts {one.seconds:.3f} s, and it lasts {other.seconds:.3f} s"
            return


def _aligned(one: _Package) -> None:
    """Players change between pictures where segments begin, so these must be of the same times."""
    pictures = [s for s in one.found.streams if s.expected.streams[0].kind == MediaInfo.Stream.VIDEO]
    if not pictures:
        return
    first = pictures[0].playlist.segments
    for other in pictures[1:]:
        segments = other.playlist.segments
        if len(segments) != len(first) or any(
            abs(a.seconds - b.seconds) > _SAME_SECONDS for a, b in zip(first, segments, strict=True)
        ):
            one.found.problems.append(f"{other.folder}: its segments are not those of {pictures[0].folder}")


def _files(one: _Package) -> Iterator[tuple[PurePosixPath, str]]:
    types = dict(one.files.content_types)
    yield from ((one.there / name, types[PurePosixPath(name).suffix]) for name in one.texts)
    for rendition in one.files.renditions:
        sound = any(stream.kind == MediaInfo.Stream.AUDIO for stream in rendition.expected.streams)
        for name in sorted(one.written.get(rendition.folder, ())):
            kind = types.get(PurePosixPath(name).suffix, "application/octet-stream")
            if sound and kind != "video/mp2t":  # the one name of what may hold both
                kind = kind.replace("video/", "audio/")
            yield one.there / rendition.folder / name, kind
