"""Which tracks of an input an output is made of: the one place that chooses, for all operations. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import languages
from reelmill.media.contract import Source
from reelmill.media.showing import shown
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import TrackSelector

MAX_TRACKS = 32
"""Sound tracks of one output."""
_SIDE_ROLES = frozenset({TrackSelector.COMMENTARY, TrackSelector.AUDIO_DESCRIPTION, TrackSelector.HARD_OF_HEARING})
# Files of cameras and recorders, which write a track for each microphone. Elsewhere two mono tracks are more often two
# versions, but for uncompressed ones, which only such devices write.
_CAMERA_DEMUXERS = frozenset({"mov", "mxf", "avi"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """A sound as it goes out: a track of the input, or two mono tracks that are its left and right."""

    parts: tuple[MediaInfo.Stream, ...]

    @property
    def channels(self) -> int:
        """Of all parts together."""
        return sum(part.channels for part in self.parts)

    @property
    def sample_rate_hz(self) -> int:
        """The parts have the same."""
        return self.parts[0].sample_rate_hz

    @property
    def language(self) -> str:
        """A code of three letters; empty where the input does not say."""
        return languages.code(self.parts[0].language)

    @property
    def roles(self) -> tuple[TrackSelector.Role, ...]:
        """What it is for beside the main one."""
        return tuple(self.parts[0].roles)

    @property
    def _rank(self) -> tuple[bool, bool]:
        """What a player takes comes first: what the file calls its default; among such, what is for everybody."""
        return not any(part.default_track for part in self.parts), bool(_SIDE_ROLES.intersection(self.roles))


def named(source: Source) -> str:
    """The name of an input as it stands in a sentence, where it has one: of several it matters which."""
    return f" {source.name!r}" if source.name and not source.name.startswith("output:") else ""


def has_picture(source: Source, output: str) -> bool:
    """Whether there is one that a player takes. Raises AttemptFailed INPUT_UNSUPPORTED for one that nobody decodes."""
    if shown(source.info) is None:
        _check_decodable(source, MediaInfo.Stream.VIDEO, "picture", output)
        return False
    return True


def picture(source: Source, output: str) -> MediaInfo.Stream:
    """The moving or still picture that a player takes, as it is shown. Raises AttemptFailed INPUT_NO_VIDEO."""
    found = shown(source.info)
    if found is None:
        _check_decodable(source, MediaInfo.Stream.VIDEO, "picture", output)
        lacks = _lacking(source, MediaInfo.Stream.VIDEO) or "has no moving picture or still"
        message = f"the input{named(source)} {lacks}; for its sound, use the operation audio"
        raise AttemptFailed("INPUT_NO_VIDEO", message, output=output)
    return _composed(found, source.info.composition) if source.info.HasField("composition") else found


def _composed(first: MediaInfo.Stream, composition: MediaInfo.Composition) -> MediaInfo.Stream:
    """A composition as if it were one stream."""
    made = MediaInfo.Stream()
    made.CopyFrom(first)
    made.width, made.height, made.pixel_aspect_ratio = composition.width, composition.height, 1.0
    made.alpha |= composition.HasField("alpha")
    made.color_space = composition.color_space or first.color_space
    made.color_transfer = composition.color_transfer or first.color_transfer
    made.color_primaries = composition.color_primaries or first.color_primaries
    if composition.still:
        made.rotation_degrees, made.duration_seconds = composition.rotation_degrees, 0.0
    return made


def sounds(source: Source, selectors: Sequence[TrackSelector], output: str) -> tuple[Sound, ...]:
    """The sounds that selectors name, each once and in their order; without any, the one that a player takes, or none.

    Raises AttemptFailed: INPUT_NO_AUDIO where a selector names nothing, INPUT_UNSUPPORTED for more than MAX_TRACKS.
    """
    found = _found(source)
    if not selectors:
        return tuple(found[:1])
    chosen: list[Sound] = []
    for selector in selectors:
        named = list(_named(selector, source, found))
        if not named:
            raise AttemptFailed("INPUT_NO_AUDIO", _missing(selector, found), output=output)
        chosen += [sound for sound in named if sound not in chosen]
    if len(chosen) > MAX_TRACKS:
        message = f"{len(chosen)} sound tracks are asked for, and an output has {MAX_TRACKS} at most; name some of them"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    return tuple(chosen)


def sound(source: Source, selector: TrackSelector | None, output: str) -> Sound:
    """The sound that a selector names, or a player takes. Raises AttemptFailed INPUT_NO_AUDIO."""
    found = sounds(source, [selector] if selector else [], output)
    if not found:
        _check_decodable(source, MediaInfo.Stream.AUDIO, "sound", output)
        lacks = _lacking(source, MediaInfo.Stream.AUDIO) or "has no sound"
        message = f"the input{named(source)} {lacks}; leave this output out"
        raise AttemptFailed("INPUT_NO_AUDIO", message, output=output)
    return found[0]


def _lacking(source: Source, kind: int) -> str:
    """Of a file that tells of a picture or sound of which nothing came, or has a cover; empty of others."""
    empty = [stream for stream in source.info.streams if stream.kind == kind and stream.empty]
    what = "picture" if kind == MediaInfo.Stream.VIDEO else "sound"
    return (
        f"tells of a {what} (stream {empty[0].index}, {empty[0].codec}), and no frame of it is there" if empty else ""
    )


def _check_decodable(source: Source, kind: int, what: str, output: str) -> None:
    """Raise AttemptFailed INPUT_UNSUPPORTED where there is one of a kind, in a codec that nobody here knows."""
    if any(stream.kind == kind and not stream.codec for stream in source.info.streams):
        raise AttemptFailed(
            "INPUT_UNSUPPORTED",
            f"the{named(source)} input's {what} is in a codec that ffmpeg can't decode",
            output=output,
            kind="codec_unsupported",
            remedy="Convert it with the program that made it, or with one that knows the codec, and submit that.",
        )


def _usable(source: Source) -> list[MediaInfo.Stream]:
    return [s for s in source.info.streams if s.kind == MediaInfo.Stream.AUDIO and s.channels and not s.empty]


def _found(source: Source) -> list[Sound]:
    """All sounds, mono pairs joined, the one that a player takes first; of equal ones the first in the file."""
    made: list[Sound] = []
    for _, group in groupby(_usable(source), key=lambda s: _pair_key(s, source.demuxer)):
        streams = list(group)
        # Cameras write two, four or eight; each two are left and right.
        two = len(streams) % 2 == 0 and streams[0].channels == 1 and _paired(streams[0], source.demuxer)
        step = 2 if two else 1
        made += [Sound(parts=tuple(streams[i : i + step])) for i in range(0, len(streams), step)]
    return sorted(made, key=lambda sound: sound._rank)


def _pair_key(stream: MediaInfo.Stream, demuxer: str) -> tuple[object, ...]:
    """Tracks of equal keys are of one recording, or of no pair at all."""
    same = (stream.codec, stream.channels, stream.sample_rate_hz, stream.language, tuple(stream.roles))
    return same if _paired(stream, demuxer) else (stream.index,)


def _paired(stream: MediaInfo.Stream, demuxer: str) -> bool:
    camera = demuxer in _CAMERA_DEMUXERS or stream.codec.startswith("pcm_")
    return stream.channels == 1 and not stream.roles and camera


def _named(selector: TrackSelector, source: Source, found: Sequence[Sound]) -> Iterable[Sound]:
    how = selector.WhichOneof("by")
    if how == "index":
        return (Sound(parts=(s,)) for s in _usable(source) if s.index == selector.index)
    if how == "language":
        wanted = languages.code(selector.language)
        return (sound for sound in found if wanted and sound.language == wanted)
    if how == "role":
        return (sound for sound in found if _has_role(sound, selector.role))
    return found if how == "all" else found[:1]


def _has_role(sound: Sound, role: TrackSelector.Role) -> bool:
    return role in sound.roles if role else not _SIDE_ROLES.intersection(sound.roles)


def _missing(selector: TrackSelector, found: Sequence[Sound]) -> str:
    how = selector.WhichOneof("by")
    what = {
        "index": f" with index {selector.index}",
        "language": f" of language {selector.language!r}",
        "role": f" of role {TrackSelector.Role.Name(selector.role)}",
    }.get(how or "", "")
    there = ", ".join(
        f"{'+'.join(str(part.index) for part in sound.parts)} ({_described(sound)})" for sound in found[:MAX_TRACKS]
    )
    return f"the input has no sound track{what}; it has {there or 'none'}"


def _described(sound: Sound) -> str:
    return ", ".join((sound.language or "no language", *map(TrackSelector.Role.Name, sound.roles)))
