"""How a stream is packed: the steps, and what must be there afterwards. Pure.

Shaka Packager 3.8 writes the segments, a tool of ours the manifests (docs/architecture.md says why). The packager's
descriptors are fields with commas between: nothing that a stranger wrote stands in one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from reelmill.media import closed_captions, encryption, languages, transport, wording
from reelmill.media.film import between
from reelmill.media.promises import Expected, FileSet, Rendition
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.renditions import MASTER, MPD, NUMBERED, SHEET, Order, Tiles, Told
from reelmill.media.steps import Cost, Place, Program, Reading, Step, Writing
from reelmill.media.streams import INIT, SUFFIX, TRANSPORT, WHOLE
from reelmill.media.tracks import Sound
from reelmill.v1.operations_pb2 import TrackSelector
from reelmill.v1.package_pb2 import Package

CONTENT_TYPES = (
    (".m3u8", "application/vnd.apple.mpegurl"),
    (".mpd", "application/dash+xml"),
    (".m4s", "video/iso.segment"),
    (".mp4", "video/mp4"),
    (".ts", "video/mp2t"),
    (".vtt", "text/vtt"),
    (".jpg", "image/jpeg"),
)
"""By suffix; of a sound's files with audio in the place of video, but for transport streams, which have one name."""
# The same bytes from the same input: no time of the day, and streams in our order.
_FLAGS = ("--use_fake_clock_for_muxer", "--single_threaded", "--force_cl_index", "--quiet")
_OFFSET = ("--transport_stream_timestamp_offset_ms", str(transport.OFFSET * 1000 // transport.SCALE))
_BYTES = 128 * 2**20  # of its memory
_CPU = 0.0005  # core-seconds for each second of a stream: what is copied
_TOOL_CPU = 0.3
_HAIR = 0.001  # seconds
_ROLES = {
    TrackSelector.COMMENTARY: "commentary",
    TrackSelector.AUDIO_DESCRIPTION: "description",
    TrackSelector.HARD_OF_HEARING: "enhanced-audio-intelligibility",
    TrackSelector.DUBBED: "dub",
}
"""DASH's (urn:mpeg:dash:role:2011)."""
_CHARACTERISTICS = {
    TrackSelector.AUDIO_DESCRIPTION: "public.accessibility.describes-video",
    TrackSelector.HARD_OF_HEARING: "public.accessibility.enhances-speech-intelligibility",
}
"""HLS's."""
_PURPOSES = {TrackSelector.AUDIO_DESCRIPTION: "1", TrackSelector.HARD_OF_HEARING: "2"}
"""DASH's (urn:tva:metadata:cs:AudioPurposeCS:2007)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """A picture or a sound that is packed."""

    reading: Reading
    """The file that it comes out of."""
    selector: str
    """Which of the file's streams: video, or its number."""
    told: Told
    """What players are told of it."""
    expected: Expected
    """What it is, and how long."""


def sounds(asked: Sequence[tuple[Sound, str]]) -> tuple[Told, ...]:
    """What players are told of sounds, the default one first; each comes with the name that was asked for, or none."""
    found: list[Told] = []
    for sound, wanted in asked:
        tag = languages.tag(sound.language)
        roles = tuple(_ROLES[role] for role in sound.roles if role in _ROLES)
        found.append(
            Told(
                folder=languages.once(f"audio-{tag or 'und'}", [one.folder for one in found], "-"),
                kind="audio",
                name=languages.once(wanted or _called(sound), [one.name for one in found], " "),
                language=tag,
                roles=roles or ("alternate" if found else "main",),
                characteristics=tuple(_CHARACTERISTICS[role] for role in sound.roles if role in _CHARACTERISTICS),
                purpose=next((_PURPOSES[role] for role in sound.roles if role in _PURPOSES), ""),
            )
        )
    return tuple(found)


def steps(
    output: str,
    spec: Package,
    streams: Sequence[Stream],
    texts: Sequence[Told],
    segment_seconds: float,
    *,
    exact: bool,
    tiles: Tiles | None = None,
) -> list[Step]:
    """The steps that pack the streams of an output, pictures first, and tell players of them and of its words.

    `spec` has its defaults filled in. `exact`: whether key frames stand at whole multiples of `segment_seconds`, to the
    millisecond.
    """
    encrypted = encryption.told(spec)
    if encrypted and encrypted.common:  # each stream by itself: the packager has one vector for all of a process
        packs = [_pack(output, spec, [one], segment_seconds, exact=exact) for one in streams]
    else:
        packs = [_pack(output, spec, streams, segment_seconds, exact=exact)]
    order = Order(
        output=output,
        hls=Package.HLS in spec.protocols,
        dash=Package.DASH in spec.protocols,
        iframes=spec.iframe_playlists,
        streams=(*(one.told for one in streams), *texts),
        captions=closed_captions.told(spec),
        tiles=tiles,
        sound_alone=spec.sound_alone,
        encrypted=encrypted,
        fragments=wording.FRAGMENTS.get(spec.text_format, "") if texts else "",
    )
    files = _promised(output, spec, streams, texts, tiles)
    tell = Step(
        program=Program.TOOL,
        reads=(
            *(Reading(of=writing.path, demuxer="mov") for pack in packs for writing in pack.writes),
            *(Reading(of=PurePosixPath(one.text), demuxer="webvtt") for one in texts),
            *([Reading(of=PurePosixPath(output, tiles.folder, SHEET), demuxer="image2")] if tiles else []),
        ),
        arguments=("manifests", json.dumps(order.told(), ensure_ascii=False)),
        writes=(Writing(path=files.manifest, streams=(), options=(), promised=(files,)),),
        cost=Cost(writing_cpu=_TOOL_CPU, writing_bytes=_BYTES),
        shares=False,
        keyed=encryption.key_file(output) if encrypted and not encrypted.common else None,
    )
    return [*packs, tell]


def _pack(output: str, spec: Package, streams: Sequence[Stream], segment_seconds: float, *, exact: bool) -> Step:
    """The step that packs some streams."""
    reads = tuple(dict.fromkeys(one.reading for one in streams))
    descriptors = tuple(
        Place(reading=reads.index(one.reading), before="in=", after="," + ",".join(_fields(output, spec, one)))
        for one in streams
    )
    # A segment ends with the first key frame behind the next multiple; one a hair before that would be passed over.
    length = segment_seconds if exact else segment_seconds - _HAIR
    # Else it writes to /tmp, which it may not.
    where = ("--temp_dir", str(between(output, "packing").parent)) if spec.byte_ranges else ()
    clock = _OFFSET if spec.container == Package.TS else ()
    seconds_each = max(one.expected.duration_seconds or 0.0 for one in streams)
    encrypted, first = encryption.told(spec), streams[0].told
    common = encrypted is not None and encrypted.common
    keyed = encryption.flag_file(spec, output, first.folder, first.kind) if common else None
    hidden = encryption.arguments(spec, keyed) if keyed else ()
    return Step(
        program=Program.PACKAGER,
        reads=reads,
        arguments=(*descriptors, "--segment_duration", seconds(length), *where, *clock, *_FLAGS, *hidden),
        writes=tuple(Writing(path=_begins(output, spec, one), streams=(), options=()) for one in streams),
        cost=Cost(writing_cpu=_CPU * seconds_each * len(streams), writing_bytes=_BYTES),
        shares=False,
        serves=(output,),
        keyed=keyed,
    )


def _promised(
    output: str, spec: Package, streams: Sequence[Stream], texts: Sequence[Told], tiles: Tiles | None
) -> FileSet:
    names = {Package.HLS: MASTER, Package.DASH: MPD}
    first, *further = (PurePosixPath(output, names[protocol]) for protocol in sorted(set(spec.protocols)))
    bare = replace(streams[0].expected, streams=(), times=None)

    def expected(one: Stream) -> Expected:
        """What its files say of it: transport streams nothing of languages."""
        streams = one.expected.streams
        named = spec.container != Package.TS
        return one.expected if named else replace(one.expected, streams=tuple(replace(s, language="") for s in streams))

    return FileSet(
        output=output,
        manifest=first,
        pattern="*/*",
        content_types=CONTENT_TYPES,
        expected=bare,
        renditions=(
            *(
                Rendition(
                    folder=one.told.folder,
                    expected=expected(one),
                    encrypted=encryption.told(spec),
                    kind=one.told.kind,
                )
                for one in streams
            ),
            *(Rendition(folder=one.folder, expected=bare) for one in texts),
            *([Rendition(folder=tiles.folder, expected=bare, sheets=True)] if tiles else []),
        ),
        further=tuple(further),
    )


def _begins(output: str, spec: Package, one: Stream) -> PurePosixPath:
    """The file that a stream begins with."""
    if spec.container == Package.TS:
        return PurePosixPath(output, one.told.folder, f"00001{TRANSPORT}")
    return PurePosixPath(output, one.told.folder, WHOLE if spec.byte_ranges else INIT)


def _fields(output: str, spec: Package, one: Stream) -> tuple[str, ...]:
    """Of a stream's descriptor, behind the file that it comes out of."""
    begins = _begins(output, spec, one)
    files: tuple[str, ...] = (f"output={begins}",)
    if spec.container == Package.TS:
        files = (f"segment_template={begins.with_name(NUMBERED + TRANSPORT)}",)
    elif not spec.byte_ranges:
        files = (f"init_segment={begins}", f"segment_template={begins.with_name(NUMBERED + SUFFIX)}")
    language = (f"lang={one.told.language}",) if one.told.language else ()
    return (f"stream={one.selector}", *files, *language)


def _called(sound: Sound) -> str:
    return languages.name(sound.language) or "Audio"
