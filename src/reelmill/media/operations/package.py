"""package: a stream that players fetch in parts, HLS and DASH."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import (
    captioning,
    closed_captions,
    containers,
    cutting,
    encryption,
    films,
    ladders,
    packaging,
    soundfilms,
    sources,
    tiles,
    titles,
    tracks,
    wording,
)
from reelmill.media.checks import track_violations, trim_looks, trim_violations
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.film import Film, between, film
from reelmill.media.formats.sound import DEFAULT_BPS, SOUNDS
from reelmill.media.formats.video import VIDEO
from reelmill.media.graph import together
from reelmill.media.operations.transcode import TranscodeOperation
from reelmill.media.packaging import Stream
from reelmill.media.pieces import Chunk, Join, Sound
from reelmill.media.promises import Expected, PlannedFile
from reelmill.media.renditions import Told
from reelmill.media.sources import Span
from reelmill.media.steps import Reading, Step
from reelmill.media.timeline import micros
from reelmill.media.wording import Words
from reelmill.v1.encryption_pb2 import Encryption
from reelmill.v1.operations_pb2 import AudioSettings, Transcode, VideoSettings
from reelmill.v1.package_pb2 import Package

V, A = VideoSettings, AudioSettings
_DEFAULT_SECONDS = 6.0
_EVEN = 2000  # microseconds by which frames may lie apart differently where they come at one rate
_FILM = Transcode.MP4  # what the packager reads
_TRANSCODE = TranscodeOperation()


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a package is made of."""

    pictures: tuple[Film, ...]
    """The best first. Their sounds are left to `sound`."""
    sound: Film | None
    """A film whose sounds, in a file of their own, are those of the package; None: it is mute."""
    told: tuple[Told, ...]
    """What players are told of its sounds."""
    words: tuple[Words, ...]
    """What players may show."""
    part: Span
    """Of the input."""
    alone: Step | None = None
    """What makes the sounds, where there are no pictures."""
    zero: int
    """The time that comes out as 0, in microseconds of the input's clock."""
    segment_seconds: float
    exact: bool
    """As packaging.step takes it."""


class PackageOperation:
    """See Package in package.proto."""

    name = "package"
    description = "Make a stream that players fetch in parts: HLS and DASH."
    example = '{"name": "stream", "package": {"protocols": ["HLS", "DASH"], "segment_seconds": 2}}'
    extensions: tuple[str, ...] = ("m3u8", "mpd", "m4s", "mp4", "ts", "vtt", "jpg")
    encoders = frozenset(
        {
            *(c.encoder for c in VIDEO.values()),
            *(SOUNDS[A.AAC].encoder, SOUNDS[A.OPUS].encoder),
            *captioning.TRACKS.values(),
            tiles.ENCODER,
        }
    )
    filters = TranscodeOperation.filters | tiles.FILTERS

    def violations(self, spec: Package, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = trim_violations(spec.trim, f"{path}.trim")
        if spec.rungs:
            for name in ("codecs", "max_short_side", "effort", "target_vmaf"):
                if getattr(spec, name):
                    found.append(Violation(f"{path}.{name}", "is of a ladder that is made by itself: leave rungs out"))
        if len(set(spec.codecs)) < len(spec.codecs):
            found.append(Violation(f"{path}.codecs", "has the same codec twice"))
        rates = {rung.frame_rate for rung in spec.rungs}
        for i, rung in enumerate(spec.rungs):
            at = f"{path}.rungs[{i}]"
            if rung.keyframe_interval_seconds:
                found.append(Violation(f"{at}.keyframe_interval_seconds", "follows from segment_seconds: leave it out"))
            if len(rates) > 1 and rung.frame_rate != spec.rungs[0].frame_rate:
                found.append(Violation(f"{at}.frame_rate", "must be that of all rungs, for their segments are"))
            if rung.target_vmaf:
                what = "is of a single film: give crf, or target_vmaf of the package and no rungs"
                found.append(Violation(f"{at}.target_vmaf", what))
            if rung.two_pass:
                found.append(Violation(f"{at}.two_pass", "is not for packages: give crf with max_bitrate_bps"))
            if rung.copy not in (V.COPY_UNSPECIFIED, V.NEVER):
                found.append(Violation(f"{at}.copy", "must be NEVER: key frames stand where segments begin"))
            if rung.background == "transparent":
                found.append(Violation(f"{at}.background", "must be a colour: players show what lies behind as black"))
            found += _of_film(_film_spec(spec, rung), path, at)
        if not spec.rungs:
            found += _of_film(_film_spec(spec, V()), path, path)
        if spec.mute and (spec.HasField("audio") or spec.sounds):
            named = "audio" if spec.HasField("audio") else "sounds"
            found.append(Violation(f"{path}.mute", f"contradicts {named}: leave one of the two out"))
        if spec.sound_alone and spec.mute:
            found.append(Violation(f"{path}.sound_alone", "contradicts mute: leave one of the two out"))
        if spec.sound_alone and spec.protocols and Package.HLS not in spec.protocols:
            found.append(Violation(f"{path}.sound_alone", "is of HLS, which is not among protocols"))
        for i, sound in enumerate(spec.sounds):
            found += track_violations(sound.track, f"{path}.sounds[{i}].track")
        found += containers.violations(spec, path) + tiles.violations(spec, path) + wording.violations(spec, path)
        return found + closed_captions.violations(spec, path) + encryption.violations(spec, path)

    def with_defaults(self, spec: Package) -> Package:
        """Fills in protocols, container, lengths, and how rungs and sounds are encoded."""
        made = Package()
        made.CopyFrom(spec)
        if not spec.protocols:
            made.protocols.append(Package.HLS)
        made.container = made.container or Package.FMP4
        made.segment_seconds = spec.segment_seconds or _DEFAULT_SECONDS
        if not spec.HasField("iframe_playlists"):
            made.iframe_playlists = spec.encryption.scheme != Encryption.AES_128  # which leaves no ranges
        for rung in made.rungs:
            rung.fit = rung.fit or V.SHRINK
            rung.CopyFrom(_TRANSCODE.with_defaults(_film_spec(spec, rung)).video)
        if not spec.rungs:
            codecs = [codec or V.H264 for codec in spec.codecs] or [V.H264]
            del made.codecs[:]
            made.codecs.extend(codecs)
            made.max_short_side = spec.max_short_side or ladders.DEFAULT_SHORT_SIDE
            made.effort = spec.effort or (V.MEDIUM if spec.target_vmaf else V.FAST)
        tiles.fill(made)
        if spec.texts:
            made.text_format = spec.text_format or Package.WEBVTT
        if not spec.mute:
            made.audio.codec = made.audio.codec or A.AAC
            made.audio.bitrate_bps = made.audio.bitrate_bps or DEFAULT_BPS
        return made

    def inputs(self, spec: Package) -> tuple[str, ...]:
        """Those that words are of."""
        return wording.inputs(spec)

    def looks(self, spec: Package) -> tuple[float, ...]:
        """Both ends of a trim."""
        return trim_looks(spec.trim)

    def plan(self, output: str, spec: Package, source: Source, context: PlanContext) -> Planned:
        """Pictures from one decode, the sounds, and what packs them; or a piece of them."""
        wanted = _wanted(output, spec, source, context.sources)
        match context.piece:
            case Chunk():
                return _from_one_decode(_each(wanted, context), context)
            case Sound():
                assert wanted.sound is not None, "only those are asked for their sound that have one"
                return (films.sound_alone(wanted.sound, piece=True),)
            case Join():
                made = _each(wanted, context)
                sound = films.sound_joined(wanted.sound) if wanted.sound else None
            case _:
                made = _from_one_decode(_each(wanted, context), context)
                sound = films.sound_alone(wanted.sound, piece=False) if wanted.sound else wanted.alone
        checks = titles.measured(spec, wanted.pictures, made, source, context)
        return (*made, *([sound] if sound else []), *_packed(output, spec, wanted, made, sound), *checks)

    def division(self, output: str, spec: Package, source: Source) -> Division | None:
        """Its pictures can be made of chunks where each of them can; a chunk is whole segments."""
        if spec.target_vmaf and not spec.rungs:  # nobody knows its pictures yet
            return None
        wanted = _wanted(output, spec, source)
        found = [films.division(one) for one in wanted.pictures]
        if not found or any(one is None for one in found) or found[0] is None:
            return None
        return replace(found[0], sounds=wanted.sound is not None)


def _wanted(output: str, spec: Package, source: Source, others: Mapping[str, Source] | None = None) -> Wanted:
    """What an output takes of an input. Raises AttemptFailed where that has not what is asked for."""
    if not (spec.rungs or spec.mute or spec.closed_captions or spec.HasField("thumbnails")) and (
        not tracks.has_picture(source, output) and tracks.sounds(source, [], output)
    ):
        return _heard_alone(output, spec, source, others)
    picture = tracks.picture(source, output)
    if sources.is_still(source):
        message = "the input is a still picture, of which there is no stream; use transcode"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    rate = _rate(spec, picture.frame_rate)
    segment = ladders.segment_seconds(spec.segment_seconds, rate)
    asked = () if spec.mute else _asked(spec, source, output)
    heard = tuple(sound for sound, _ in asked)
    pictures = []
    for rung in ladders.rungs(spec, picture, segment):
        whole = replace(film(output, _film_spec(spec, rung.settings), source), heard=heard)
        # Sounds come out in a file of their own: so all begin to count at the same time.
        zero = cutting.zero(source, whole.part, whole.used)
        kept = bool(spec.closed_captions)
        pictures.append(replace(whole, heard=(), name=rung.name, begin=zero, closed_captions=kept))
    return Wanted(
        pictures=tuple(pictures),
        sound=replace(pictures[0], heard=heard) if heard else None,
        told=packaging.sounds(asked),
        words=wording.wanted(spec, source, others, output) if others is not None else (),
        part=pictures[0].part,
        zero=pictures[0].zero,
        segment_seconds=segment,
        exact=bool(rate) and abs(segment * 1000 - round(segment * 1000)) < 1e-6 and _even(pictures[0]),
    )


def _heard_alone(output: str, spec: Package, source: Source, others: Mapping[str, Source] | None) -> Wanted:
    """Of an input without picture."""
    asked = _asked(spec, source, output)
    transcode = _film_spec(spec, V())
    transcode.audio_tracks.extend(sound.track for sound in spec.sounds)
    step = soundfilms.planned(output, transcode, source)
    (writing,), (file,) = step.writes, step.promised
    assert isinstance(file, PlannedFile), "a sound is one file"
    made = replace(file, path=between(output, "sound.mp4"), stored=False)
    part = sources.span(source, spec.trim, output)
    return Wanted(
        pictures=(),
        sound=None,
        told=packaging.sounds(asked),
        words=wording.wanted(spec, source, others, output) if others is not None else (),
        part=part,
        alone=replace(step, writes=(replace(writing, path=made.path, promised=(made,)),)),
        zero=cutting.zero(source, part, [index for sound, _ in asked for index in _indexes(sound)]),
        segment_seconds=spec.segment_seconds,
        exact=True,
    )


def _rate(spec: Package, told: float) -> float:
    """Frames a second of what comes out, as its container tells: chunks of an input must come to the same answer."""
    if any(rung.deinterlace == V.TELECINE for rung in spec.rungs):  # which takes frames out as it finds them
        return 0.0
    return spec.rungs[0].frame_rate if spec.rungs and spec.rungs[0].frame_rate else told


def _even(film: Film) -> bool:
    """Whether its frames follow each other evenly, as far as that was measured."""
    start = micros(film.part.start)
    track = film.source.timeline.track(film.picture.index)
    shortest, longest = track.gaps(start, start + micros(film.part.length))
    return bool(film.spec.video.frame_rate) or longest - shortest <= _EVEN


def _asked(spec: Package, source: Source, output: str) -> tuple[tuple[tracks.Sound, str], ...]:
    """The sounds, each once, and what each is to be called."""
    if not spec.sounds:
        return tuple((sound, "") for sound in tracks.sounds(source, [], output))
    names: dict[tuple[int, ...], str] = {}
    for one in spec.sounds:
        for sound in tracks.sounds(source, [one.track], output):
            names.setdefault(_indexes(sound), one.name)
    every = tracks.sounds(source, [one.track for one in spec.sounds], output)
    return tuple((sound, names[_indexes(sound)]) for sound in every)


def _indexes(sound: tracks.Sound) -> tuple[int, ...]:
    return tuple(part.index for part in sound.parts)


def _film_spec(spec: Package, video: VideoSettings) -> Transcode:
    """A film of the package's input, as `films` takes it."""
    made = Transcode(container=_FILM, video=video, mute=spec.mute)
    made.trim.CopyFrom(spec.trim)
    if not spec.mute:
        made.audio.CopyFrom(spec.audio)
    if spec.HasField("chunk_seconds"):
        made.chunk_seconds = spec.chunk_seconds
    return made


def _of_film(spec: Transcode, path: str, rung: str) -> list[Violation]:
    """What transcode finds wrong with it, told by the package's fields."""
    found = []
    for violation in _TRANSCODE.violations(spec, ""):
        field = violation.field
        if field.startswith(".video"):
            found.append(replace(violation, field=f"{rung}{field.removeprefix('.video')}"))
        elif field.startswith(".audio") and rung in (path, f"{path}.rungs[0]"):
            found.append(replace(violation, field=f"{path}{field}"))
    return found


def _each(wanted: Wanted, context: PlanContext) -> tuple[Step, ...]:
    return tuple(step for one in wanted.pictures for step in films.planned(one, context))


def _from_one_decode(steps: Sequence[Step], context: PlanContext) -> tuple[Step, ...]:
    """Steps of pictures as one process, or as few as memory lasts for."""
    return together(steps, memory_bytes=context.memory_bytes)


def _packed(output: str, spec: Package, wanted: Wanted, made: Sequence[Step], sound: Step | None) -> list[Step]:
    files = {file.path: file for step in made for file in step.promised if isinstance(file, PlannedFile)}
    streams = []
    for one in wanted.pictures:
        size = one.scaling.final
        streams.append(
            Stream(
                reading=Reading(of=one.path, demuxer="mov"),
                selector="video",
                told=Told(folder=one.name, kind="video", width=size.width, height=size.height),
                expected=replace(files[one.path].expected, times=None),
            )
        )
    if sound is not None:
        (file,) = sound.promised
        assert isinstance(file, PlannedFile), "a sound is one file"
        streams += (
            Stream(
                reading=Reading(of=file.path, demuxer="mov"),
                selector=str(i),
                told=told,
                expected=_only(file.expected, i),
            )
            for i, told in enumerate(wanted.told)
        )
    said = wording.steps(output, wanted.words, wanted.part, wanted.zero)
    texts = [one.told for one in wanted.words]
    track = tiles.planned(spec, wanted.pictures, wanted.segment_seconds) if spec.HasField("thumbnails") else None
    length, small = wanted.segment_seconds, track.tiles if track else None
    packed = packaging.steps(output, spec, streams, texts, length, exact=wanted.exact, tiles=small)
    return [*said, *([track.step] if track else []), *packed]


def _only(expected: Expected, index: int) -> Expected:
    """Of one of a file's streams."""
    return replace(expected, streams=(expected.streams[index],))
