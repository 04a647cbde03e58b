"""A film without its picture: its sounds in one file. Pure."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import cutting, effects, languages, markings, memory, sounds, tracks
from reelmill.media.contract import Source
from reelmill.media.film import at_speed, speed_of
from reelmill.media.formats.containers import CONTENT_TYPES, EXTENSIONS, MUXING
from reelmill.media.formats.sound import DEFAULT_BPS, SOUNDS
from reelmill.media.promises import Expected, ExpectedStream, PlannedFile
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import expected_seconds, reading, span
from reelmill.media.steps import Cost, Encoded, Kind, Step, Writing
from reelmill.media.timeline import SECOND
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import Transcode


def planned(output: str, spec: Transcode, source: Source) -> Step:
    """The step that makes it. `spec` has its defaults filled in.

    Raises AttemptFailed: INPUT_NO_AUDIO where there is no sound, and what `span` and `tracks.sounds` raise.
    """
    part = span(source, spec.trim, output)
    effects.check_fading(spec, part.length, output)
    heard = tracks.sounds(source, spec.audio_tracks, output)
    if not heard:
        raise AttemptFailed("INPUT_NO_AUDIO", "the input has no sound; leave this output out", output=output)
    streams = tuple(stream for sound in heard for stream in sound.parts)
    made = cutting.cut(source, part, [stream.index for stream in streams])
    speed, codec, audio = speed_of(spec), SOUNDS[spec.audio.codec], spec.audio
    length = part.length / speed
    last = (*effects.tempo(speed), *effects.fading(spec, length, sound=True))
    # A file of sound has no clock: what is missing is filled with silence.
    first = [cutting.sound_filters(source, part, made, sound, alone=True) for sound in heard]
    each = [cutting.pair_filters(source, part, made, sound) for sound in heard]
    made_of = [
        sounds.taken(sound, audio.channels, before, silent=seconds(length), each=mono, last=last)
        for sound, before, mono in zip(heard, first, each, strict=True)
    ]
    encoded = tuple(
        Encoded(
            kind=Kind.AUDIO,
            taken=taken,
            encoder=codec.encoder,
            options=(
                *codec.encoding(
                    audio.bitrate_bps or DEFAULT_BPS,
                    codec.accepted_rate(audio.sample_rate_hz, sound.sample_rate_hz),
                    sounds.channels_of(sound, audio.channels),
                ),
                *(cutting.ONCE if cutting.refills(source, before, mono) else ()),
            ),
        )
        for sound, taken, before, mono in zip(heard, made_of, first, each, strict=True)
    )
    said = markings.told(spec, source, part, 1)
    file = _file(output, spec, heard, at_speed(*expected_seconds(part, streams, source.timeline), speed), said.kept)
    writing = Writing(
        path=file.path,
        streams=encoded,
        options=(
            *said.options,
            *sounds.tags(heard, quicktime=spec.container == Transcode.MOV),
            *MUXING[spec.container],
        ),
        seconds=length if part.cut else 0.0,
        promised=(file,),
    )
    cost = Cost(seconds=length, reading_bytes=memory.SOUND_BYTES, writing_bytes=memory.SOUND_BYTES * len(heard))
    return Step(
        reads=(reading(source, start=made.seek / SECOND), *said.reads),
        writes=(writing,),
        cost=cost,
        shares=cutting.joins(source, (*first, *each), [stream.index for stream in streams]) and not said.reads,
        texts=said.texts,
    )


def _file(
    output: str,
    spec: Transcode,
    heard: Sequence[tracks.Sound],
    lasts: tuple[float | None, float],
    kept: tuple[str, ...],
) -> PlannedFile:
    """`lasts`: its seconds, if they are known, and by how many they may be others."""
    extension = EXTENSIONS[spec.container]
    codec = SOUNDS[spec.audio.codec].name
    streams = (
        ExpectedStream(kind=MediaInfo.Stream.AUDIO, codec=codec, language=_told(spec, sound.language))
        for sound in heard
    )
    return PlannedFile(
        output=output,
        path=PurePosixPath(output, f"{output}.{extension}"),
        content_type=CONTENT_TYPES[extension],
        expected=Expected(
            streams=tuple(streams), duration_seconds=lasts[0], duration_tolerance_seconds=lasts[1], kept=kept
        ),
    )


def _told(spec: Transcode, language: str) -> str:
    """What a probe of the file finds of a language."""
    return languages.code(languages.in_quicktime(language)) if spec.container == Transcode.MOV else language
