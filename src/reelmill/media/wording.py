"""The words that go with a package: which, what players are told of them, and the steps that write them down. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import captioning, languages, texts
from reelmill.media.checks import track_violations
from reelmill.media.contract import Source
from reelmill.media.film import between
from reelmill.media.languages import once
from reelmill.media.renditions import Told
from reelmill.media.sources import Span
from reelmill.media.steps import Reading, Step
from reelmill.media.text_fragments import Kind
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import TrackSelector
from reelmill.v1.package_pb2 import Package

_SUFFIX = "vtt"
FRAGMENTS = {Package.WVTT: Kind.WVTT.value, Package.IMSC: Kind.IMSC.value}
"""What words are in fragments, by their format."""
_CHARACTERISTICS = ("public.accessibility.transcribes-spoken-dialog", "public.accessibility.describes-music-and-sound")
"""HLS's, of what is made for those who hear badly."""
_HARD_OF_HEARING = "2"  # urn:tva:metadata:cs:AudioPurposeCS:2007


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """Words as they are asked for."""

    source: Source
    stream: MediaInfo.Stream | None
    """The track of a film; None: a file of captions."""
    told: Told
    path: PurePosixPath
    """Where a step writes them for the one that divides them."""


def violations(spec: Package, path: str) -> list[Violation]:
    """What contradicts itself."""
    found = []
    for i, one in enumerate(spec.texts):
        at = f"{path}.texts[{i}]"
        if one.HasField("track"):
            found += track_violations(one.track, f"{at}.track")
        if one.language and not languages.code(one.language):
            found.append(Violation(f"{at}.language", f"{one.language[:16]!r} is no code of ISO 639, such as fra"))
        if one.forced and one.default_track:
            found.append(
                Violation(f"{at}.forced", "contradicts default_track: players show what is forced by themselves")
            )
        if one.forced and one.role == TrackSelector.HARD_OF_HEARING:
            found.append(Violation(f"{at}.forced", "contradicts role HARD_OF_HEARING, which tells of everything"))
    found += _of_format(spec, path)
    several = [i for i, one in enumerate(spec.texts) if one.default_track]
    if len(several) > 1:
        found.append(Violation(f"{path}.texts[{several[1]}].default_track", "is for one alone: another has it"))
    return found


def _of_format(spec: Package, path: str) -> list[Violation]:
    """What contradicts the format that words go out in."""
    at = f"{path}.text_format"
    if spec.text_format and not spec.texts:
        return [Violation(at, "is of texts, of which there are none: leave it out, or give texts")]
    if spec.text_format not in FRAGMENTS:
        return []
    if spec.text_format == Package.WVTT and Package.DASH not in spec.protocols:
        return [Violation(at, "WVTT is of DASH, which is not among protocols: give WEBVTT, or IMSC")]
    if spec.byte_ranges:
        return [Violation(at, "has a file for each segment, and byte_ranges has none: leave one of the two out")]
    return []


def inputs(spec: Package) -> tuple[str, ...]:
    """Names of further inputs that words are of."""
    return tuple(one.input for one in spec.texts if one.input)


def wanted(spec: Package, own: Source, others: Mapping[str, Source], output: str) -> tuple[Words, ...]:
    """All that are asked for, each once. Raises AttemptFailed where there are none, or they are pictures."""
    found: list[Words] = []
    seen: set[tuple[str, int]] = set()
    for one in spec.texts:
        source = others[one.input] if one.input else own
        for stream in _streams(source, one, output):
            place = (source.name, stream.index if stream else -1)
            if place not in seen:
                seen.add(place)
                found.append(_words(output, one, source, stream, [words.told for words in found]))
    return tuple(found)


def _streams(source: Source, one: Package.Text, output: str) -> Sequence[MediaInfo.Stream | None]:
    if source.demuxer in texts.FORMATS:
        return (None,)
    every = [s for s in source.info.streams if s.kind == MediaInfo.Stream.SUBTITLE]
    named = [s for s in every if captioning.is_named(s, one.track)]
    if not named:
        there = ", ".join(f"{s.index} ({languages.code(s.language) or 'no language'})" for s in every[:32]) or "none"
        message = f"the input has no such text track; it has {there}"
        raise AttemptFailed("INPUT_NO_CAPTIONS", message, output=output)
    text = sorted((s for s in named if s.codec in captioning.TRACKS), key=lambda s: not s.default_track)
    if not text:
        message = f"the track holds pictures of text ({named[0].codec}), which players can't show; name another"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    return text if one.track.WhichOneof("by") not in (None, "default_track") else text[:1]


def _words(
    output: str, one: Package.Text, source: Source, stream: MediaInfo.Stream | None, before: Sequence[Told]
) -> Words:
    language = languages.code(one.language or (stream.language if stream else ""))
    tag = languages.tag(language)
    deaf = one.role == TrackSelector.HARD_OF_HEARING or (
        not one.role and stream is not None and TrackSelector.HARD_OF_HEARING in stream.roles
    )
    comments = one.role == TrackSelector.COMMENTARY or (
        not one.role and stream is not None and TrackSelector.COMMENTARY in stream.roles
    )
    role = "forced-subtitle" if one.forced else "caption" if deaf else "subtitle"
    folder = once(f"text-{tag or 'und'}", [told.folder for told in before], "-")
    told = Told(
        folder=folder,
        kind="text",
        name=once(one.name or languages.name(language) or "Subtitles", [told.name for told in before], " "),
        language=tag,
        roles=(role, *(("commentary",) if comments else ()), *(("main",) if one.default_track else ())),
        characteristics=_CHARACTERISTICS if deaf else (),
        purpose=_HARD_OF_HEARING if deaf else "",
        default=one.default_track,
        forced=one.forced,
        text=str(between(output, f"{folder}.{_SUFFIX}")),
    )
    return Words(source=source, stream=stream, told=told, path=PurePosixPath(told.text))


def steps(output: str, words: Sequence[Words], part: Span, zero: int) -> list[Step]:
    """What writes them down as WebVTT, those of a part of the input; `zero`: the microsecond that is 0 in them."""
    found: list[Step] = []
    of_films: dict[str, list[Words]] = {}
    for one in words:
        if one.stream is not None:
            of_films.setdefault(one.source.name, []).append(one)
    for group in of_films.values():
        tracks = [(one.stream, _as_taken(one)) for one in group if one.stream is not None]
        found.append(captioning.taken(output, group[0].source, tracks))
    begins = round(zero / 1000)
    for one in words:
        kind = captioning.TRACKS[one.stream.codec] if one.stream else one.source.demuxer
        order = texts.Order(
            source=kind,
            target="webvtt",
            start=max(0, begins),
            end=round((part.start + part.length) * 1000) if part.cut else 0,
            shift=max(0, -begins),
        )
        read = Reading(of=_as_taken(one) if one.stream else one.source.name, demuxer=kind)
        found.append(captioning.converted(output, read, order, one.path, stored=False))
    return found


def _as_taken(one: Words) -> PurePosixPath:
    """Where a film's track is written as it is."""
    assert one.stream is not None, "of a film"
    return one.path.with_name(f"{one.path.stem}.taken.{captioning.TRACKS[one.stream.codec]}")
