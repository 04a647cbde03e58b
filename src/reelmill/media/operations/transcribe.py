"""transcribe: write down what is said in a sound."""

import json
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import cutting, languages, memory, sounds, speech, tracks
from reelmill.media.checks import track_violations
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.formats.containers import CONTENT_TYPES
from reelmill.media.mastering import WORK
from reelmill.media.promises import NOTHING, Data, PlannedFile
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import Span, reading
from reelmill.media.steps import MODEL, Cost, Encoded, Kind, Place, Program, Reading, Step, Writing
from reelmill.media.timeline import SECOND
from reelmill.v1.speech_pb2 import Transcribe

MOST_SECONDS = 12 * 3600.0
_RATE = 16_000  # what Whisper hears
_FORMATS = {
    Transcribe.WEBVTT: ("webvtt", "vtt", Data.CAPTIONS),
    Transcribe.SRT: ("srt", "srt", Data.CAPTIONS),
    Transcribe.JSON: ("json", "json", Data.JSON),
}
_SOUND_CPU = 0.004  # core-seconds a second
_HEARING_CPU = 0.4  # of Whisper's base; larger ones take more
_TOOL_BYTES = 700 * 2**20


class TranscribeOperation:
    """See Transcribe in speech.proto."""

    name = "transcribe"
    description = "Write down what is said, with the time of each word."
    extensions: tuple[str, ...] = tuple(extension for _, extension, _ in _FORMATS.values())
    encoders = frozenset({"pcm_s16le"})
    filters = sounds.FILTERS
    example = '{"name": "said", "transcribe": {"format": "WEBVTT", "language": "en"}}'

    def violations(self, spec: Transcribe, path: str) -> list[Violation]:
        """What contradicts itself, or can't be done here."""
        if not speech.is_installed():
            return [Violation(path, f"needs what is not installed here: {speech.REMEDY}")]
        found = track_violations(spec.audio_track, f"{path}.audio_track") if spec.HasField("audio_track") else []
        if spec.language and not languages.code(spec.language):
            found.append(Violation(f"{path}.language", f"{spec.language[:16]!r} is no code of ISO 639, such as fra"))
        if spec.no_word_times and spec.format not in (Transcribe.FORMAT_UNSPECIFIED, Transcribe.WEBVTT):
            found.append(Violation(f"{path}.no_word_times", "is for WEBVTT: leave it out"))
        return found

    def with_defaults(self, spec: Transcribe) -> Transcribe:
        """Fills in the format."""
        made = Transcribe()
        made.CopyFrom(spec)
        made.format = spec.format or Transcribe.WEBVTT
        return made

    def inputs(self, spec: Transcribe) -> tuple[str, ...]:
        """None."""
        return ()

    def looks(self, spec: Transcribe) -> tuple[float, ...]:
        """None."""
        return ()

    def plan(self, output: str, spec: Transcribe, source: Source, context: PlanContext) -> Planned:
        """One step that takes the sound as Whisper hears it, and one that writes down what is said."""
        part = Span(0.0, source.timeline.seconds, cut=False)
        if part.length > MOST_SECONDS:
            message = (
                f"the input lasts {part.length:.0f} s, and {MOST_SECONDS:.0f} s of speech is the most; cut it first"
            )
            raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
        sound = tracks.sound(source, spec.audio_track if spec.HasField("audio_track") else None, output)
        used = [stream.index for stream in sound.parts]
        made = cutting.cut(source, part, used)
        first = cutting.sound_filters(source, part, made, sound, alone=True)
        each = cutting.pair_filters(source, part, made, sound)
        taken = sounds.taken(sound, 1, first, silent=seconds(part.length), each=each)
        path = PurePosixPath(WORK, f"{output}.speech.raw")
        taking = Step(
            reads=(reading(source, start=made.seek / SECOND),),
            writes=(
                Writing(
                    path=path,
                    streams=(
                        Encoded(
                            kind=Kind.AUDIO, taken=taken, encoder="pcm_s16le", options=("-ar", str(_RATE), "-ac", "1")
                        ),
                    ),
                    options=("-map_metadata", "-1", "-map_chapters", "-1", "-f", "s16le"),
                    seconds=MOST_SECONDS,  # whatever it claims
                    promised=(_work(output, path, Data.SAMPLES, "application/octet-stream"),),
                ),
            ),
            cost=Cost(
                seconds=part.length,
                reading_cpu=_SOUND_CPU * part.length,
                writing_cpu=_SOUND_CPU * part.length,
                reading_bytes=memory.SOUND_BYTES,
                writing_bytes=memory.SOUND_BYTES,
            ),
            shares=False,
        )
        return taking, _hearing(output, spec, path, part.length, context)

    def division(self, output: str, spec: Transcribe, source: Source) -> Division | None:
        """None."""
        return None


def _hearing(output: str, spec: Transcribe, path: PurePosixPath, length: float, context: PlanContext) -> Step:
    kind, extension, data = _FORMATS[spec.format]
    order = {
        "format": kind,
        "language": languages.tag(languages.code(spec.language)) if spec.language else "",
        "words": not spec.no_word_times,
        "threads": context.threads,
    }
    file = PlannedFile(
        output=output,
        path=PurePosixPath(output, f"{output}.{extension}"),
        content_type=CONTENT_TYPES[extension],
        expected=NOTHING,
        data=data,
    )
    told = _work(output, PurePosixPath(WORK, f"{output}.transcript.json"), Data.TRANSCRIPT, "application/json")
    return Step(
        program=Program.TOOL,
        reads=(Reading(of=path, demuxer=""),),
        writes=tuple(Writing(path=one.path, streams=(), options=(), promised=(one,)) for one in (file, told)),
        arguments=("transcribe", Place(reading=0), str(file.path), str(told.path), MODEL, json.dumps(order)),
        cost=Cost(seconds=length, writing_cpu=_HEARING_CPU * length, writing_bytes=_TOOL_BYTES),
        shares=False,
    )


def _work(output: str, path: PurePosixPath, data: Data, kind: str) -> PlannedFile:
    """What is made for a step behind, or to be told."""
    return PlannedFile(output=output, path=path, content_type=kind, expected=NOTHING, data=data, stored=False)
