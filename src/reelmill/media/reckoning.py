"""What a step is reckoned to take, kind of work by kind, so that it can be held against what it took. Pure.

Figures as in costs.py, of the same film and ffmpeg, measured on 2026-11-26: what came out at each codec's own quality
in bits a pixel; stills at 1280 × 720; two minutes of pink noise in stereo at 48 kHz for sounds. An encoder of constant
quality writes twice as much at 6 less of x264's scale (trac.ffmpeg.org/wiki/Encode/H.264); the scales of VP9 and AV1
go to 63 instead of 51, and are taken alike.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reelmill.jobs.measures import Kind
from reelmill.media import costs, ladders
from reelmill.media.contract import Source
from reelmill.media.formats.sound import DEFAULT_BPS
from reelmill.media.formats.video import VIDEO
from reelmill.media.geometry import Size
from reelmill.media.pieces import film_name
from reelmill.media.promises import FileSet, PlannedFile
from reelmill.media.showing import shown
from reelmill.media.steps import COPY, Program, Step, Writing
from reelmill.media.steps import Kind as StreamKind
from reelmill.v1.jobs_pb2 import Job, Output
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import AudioExtract, AudioSettings, Thumbnail, VideoSettings

PROCESS_CPU = 0.02
"""Core-seconds that ffmpeg takes to start."""
V = VideoSettings
_BITS = {V.H264: 0.26, V.H265: 0.14, V.VP9: 0.34, V.AV1: 0.29}
_HALVES = 6 / 51  # of a scale of qualities: so much more of it halves what is written
_STILLS = {Thumbnail.JPEG: (8.0, 0.09), Thumbnail.PNG: (250.0, 1.65), Thumbnail.WEBP: (85.0, 0.97)}
"""Nanoseconds and bytes a pixel."""
_SOUNDS = {"AAC": 0.016, "MP3": 0.009, "OPUS": 0.009, "FLAC": 0.0012, "WAV": 0.0003, "AC3": 0.01, "EAC3": 0.01}
"""Core-seconds a second."""
_TOOL_CPU = 0.15
"""Core-seconds: a tool of our own starts, and reads some lines."""
_ENCODING = frozenset({"transcode", "thumbnail", "audio", "package", "concat"})
"""Operations that are reckoned by what is encoded; of others by their steps' costs."""
_KINDS = {StreamKind.VIDEO: MediaInfo.Stream.VIDEO, StreamKind.AUDIO: MediaInfo.Stream.AUDIO}
_COPY_CPU = 0.001
"""Core-seconds a second of what is joined: read and written as it is."""
_LOSSLESS_BYTES = {"FLAC": 71_000, "WAV": 192_000}
"""A second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A part of a step, of one kind."""

    kind: Kind
    output: str = ""
    """Name of the output that it is for; empty: for all of the step's."""
    cpu: float
    """Core-seconds, more than 0."""
    bytes: float = 0.0
    """That it writes."""

    def beside(self, other: "Work") -> "Work":
        """Both, which are of one kind and for one output."""
        return replace(self, cpu=self.cpu + other.cpu, bytes=self.bytes + other.bytes)


def works(job: Job, step: Step, sources: Mapping[str, Source]) -> tuple[Work, ...]:
    """What a step of a job consists of: what is read, then each output that it makes."""
    asked = {output.name: output for output in job.outputs}
    if step.program is Program.TOOL:
        names = step.outputs or ("",)
        kind = Kind("tool", str(step.arguments[0]))
        return tuple(Work(kind=kind, output=name, cpu=_TOOL_CPU / len(names)) for name in names)
    if step.program is Program.PACKAGER:
        return (Work(kind=Kind("pack"), cpu=PROCESS_CPU + step.cost.writing_cpu),)
    found = [_decoding(step, sources)]
    files: dict[str, list[PlannedFile | FileSet]] = {name: [] for name in step.outputs}
    copied = 0
    for writing in step.writes:
        if writing.streams and all(stream.encoder == COPY for stream in writing.streams):
            copied += 1
            continue
        for thing in writing.promised:
            files[thing.output].append(_encoded(thing, writing))
    if copied:
        found.append(Work(kind=Kind("join"), cpu=_some(_COPY_CPU * step.cost.seconds * copied)))
    if step.serves:  # what a first pass finds
        found.append(Work(kind=Kind("other"), cpu=_some(step.cost.writing_cpu)))
    for name, made in files.items():
        if name not in asked:  # only another step reads it
            found.append(Work(kind=Kind("other"), cpu=_some(step.cost.writing_cpu)))
            continue
        operation = asked[name].WhichOneof("operation") or ""
        if operation not in _ENCODING or (made and not any(map(_is_media, made))):
            cpu = _some(step.cost.writing_cpu / len(files))
            kind = Kind("look") if operation in _ENCODING else Kind(operation, _format(asked[name], operation))
            found.append(Work(kind=kind, output=name, cpu=cpu))
            continue
        source = sources.get(asked[name].input or job.inputs[0].name)
        picture = shown(source.info) if source else None
        sums: dict[Kind, Work] = {}
        for work in _encoding(asked[name], made, picture, step.cost.seconds):
            sums[work.kind] = work.beside(sums[work.kind]) if work.kind in sums else work
        found += sums.values()
    return tuple(found)


def _encoded(thing: PlannedFile | FileSet, writing: Writing) -> PlannedFile | FileSet:
    """What is promised, without the streams that are copied into it."""
    copied = [_KINDS[stream.kind] for stream in writing.streams if stream.encoder == COPY]
    left = tuple(stream for stream in thing.expected.streams if stream.kind not in copied)
    return replace(thing, expected=replace(thing.expected, streams=left)) if copied else thing


def _decoding(step: Step, sources: Mapping[str, Source]) -> Work:
    read = next((sources[r.of] for r in step.reads if isinstance(r.of, str) and r.of in sources), None)
    picture = shown(read.info) if read else None
    codec = picture.codec if picture and picture.codec in costs.DECODERS else "other"
    return Work(kind=Kind("decode", codec), cpu=PROCESS_CPU + step.cost.reading_cpu)


def _encoding(
    output: Output, files: Sequence[PlannedFile | FileSet], picture: MediaInfo.Stream | None, seconds: float
) -> Iterator[Work]:
    for file in files:
        length = file.expected.duration_seconds or seconds
        for stream in file.expected.streams:
            size = Size(stream.width, stream.height)
            if stream.kind == MediaInfo.Stream.AUDIO:
                yield _sound(output, length)
            elif output.HasField("thumbnail"):
                yield _still(output.name, output.thumbnail, size)
            elif picture is not None:
                yield _film(output.name, _settings(output, file, picture), size, picture, length)


def _settings(output: Output, file: PlannedFile | FileSet, picture: MediaInfo.Stream) -> VideoSettings:
    """How a film is encoded: of a package the rung that its file is called by."""
    if output.HasField("concat"):
        return output.concat.video
    if not output.HasField("package") or isinstance(file, FileSet):
        return output.transcode.video
    rungs = ladders.rungs(output.package, picture, 0.0)
    return next((rung.settings for rung in rungs if rung.name == film_name(file.path)), rungs[0].settings)


def _format(output: Output, operation: str) -> str:
    """The name of the format that an output is asked for in; empty where its operation has none."""
    spec = getattr(output, operation)
    field = spec.DESCRIPTOR.fields_by_name.get("format")
    return str(field.enum_type.values_by_number[spec.format].name) if field else ""


def _film(name: str, video: VideoSettings, size: Size, picture: MediaInfo.Stream, seconds: float) -> Work:
    if video.bitrate_bps:
        written = video.bitrate_bps * seconds / 8
    else:
        codec = VIDEO[video.codec]
        crf = video.crf if video.HasField("crf") else codec.default_crf  # it is found when samples are tried
        finer = (codec.default_crf - crf) / codec.max_crf / _HALVES
        pixels = size.width * size.height * costs.frames(picture, video.frame_rate, seconds)
        written = _BITS[video.codec] * pixels / 8 * 2**finer
    kind = Kind("transcode", V.Codec.Name(video.codec), V.Effort.Name(video.effort))
    return Work(kind=kind, output=name, cpu=_some(costs.encoding(video, size, picture, seconds)), bytes=written)


def _still(name: str, spec: Thumbnail, size: Size) -> Work:
    nanoseconds, each = _STILLS[spec.format]
    pixels = size.width * size.height
    kind = Kind("thumbnail", Thumbnail.Format.Name(spec.format))
    return Work(kind=kind, output=name, cpu=_some(nanoseconds * pixels / 1e9), bytes=each * pixels)


def _sound(output: Output, seconds: float) -> Work:
    if output.HasField("package"):
        name, bps = AudioSettings.Codec.Name(output.package.audio.codec), output.package.audio.bitrate_bps
    elif output.HasField("audio"):
        name, bps = AudioExtract.Format.Name(output.audio.format), output.audio.bitrate_bps
        name = "AAC" if name == "M4A" else name
    else:
        audio = output.concat.audio if output.HasField("concat") else output.transcode.audio
        name, bps = AudioSettings.Codec.Name(audio.codec), audio.bitrate_bps or DEFAULT_BPS
    written = _LOSSLESS_BYTES.get(name, bps / 8) * seconds
    return Work(kind=Kind("sound", name), output=output.name, cpu=_some(_SOUNDS[name] * seconds), bytes=written)


def _is_media(thing: PlannedFile | FileSet) -> bool:
    return isinstance(thing, FileSet) or thing.data is None


def _some(cpu: float) -> float:
    return max(cpu, 1e-6)
