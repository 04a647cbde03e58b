"""What an output must satisfy: what measures that once it is made, and what is said of it. Pure.

Only what a contract asks for is measured, of the file itself, as a player reads it. What a file is made of and how long
it lasts is known anyway, for each file is looked into.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import costs, effects, films, languages, likeness, memory, pictures, seeing, showing
from reelmill.media.contract import PlanContext, Source
from reelmill.media.film import Film, film
from reelmill.media.geometry import aspects, display_size, fit
from reelmill.media.mastering import WORK
from reelmill.media.pictures import Shown
from reelmill.media.promises import Data, PlannedFile
from reelmill.media.seeing import Seen, Understanding
from reelmill.media.sources import may_change, reading
from reelmill.media.steps import Cost, Kind, Reading, Step, Taken, Writing
from reelmill.media.timeline import SECOND
from reelmill.v1.analysis_pb2 import Analysis, Analyze, Compare, Comparison, Contract, Measured
from reelmill.v1.jobs_pb2 import Output
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import Transcode, VideoSettings

OPERATIONS = frozenset({"transcode", "audio", "concat"})
"""Whose outputs may have one: one file of picture and sound each."""
_DEMUXERS = {
    **{"mp4": "mov", "m4a": "mov", "webm": "matroska", "mkv": "matroska", "opus": "ogg"},
    **{"mov": "mov", "ts": "mpegts"},
    **{"mp3": "mp3", "flac": "flac", "wav": "wav", "ac3": "ac3", "eac3": "eac3"},
}
_RANGES = ("duration_seconds", "width", "height", "frame_rate", "lufs")
_LOOKS = {
    Analyze.BLACK: ("max_black_seconds",),
    Analyze.FREEZE: ("max_freeze_seconds",),
    Analyze.SILENCE: ("max_silence_seconds",),
    Analyze.LOUDNESS: ("min_lufs", "max_lufs", "max_true_peak_dbtp"),
}
_OF_PICTURE = ("min_width", "max_width", "min_height", "max_height", "min_frame_rate", "max_frame_rate", "min_vmaf")
_SEEN_AND_HEARD = (MediaInfo.Stream.VIDEO, MediaInfo.Stream.AUDIO)
_NO_LANGUAGE = "und"
_SAME = 1e-9
_RATE = 0.001  # of frames a second: 29.97 and 30000/1001 are one
_FILTERS_CPU = 0.6
_TARGET_POINTS = 1.0  # by which the whole may be less like its input than was asked for, and than its samples are


def violations(output: Output, path: str) -> list[Violation]:
    """What contradicts itself, or the output's operation, in a contract; presets are replaced by what they say."""
    contract, operation = output.contract, output.WhichOneof("operation")
    at = f"{path}.contract"
    if operation and operation not in OPERATIONS:
        return [Violation(at, "is for audio, concat and transcode; leave it out")]
    found = []
    for name in _RANGES:
        least, most = getattr(contract, f"min_{name}"), getattr(contract, f"max_{name}")
        given = contract.HasField("min_lufs") and contract.HasField("max_lufs") if name == "lufs" else bool(most)
        if given and least > most:
            found.append(Violation(f"{at}.max_{name}", f"must not be less than min_{name} ({least:g})"))
    found += [
        Violation(f"{at}.caption_languages[{i}]", "is no code of a language, such as en, eng or fr-CA")
        for i, text in enumerate(contract.caption_languages)
        if not languages.code(text)
    ]
    if contract.HasField("text_streams") and not contract.text_streams and contract.caption_languages:
        found.append(Violation(f"{at}.text_streams", "must not be 0 where caption_languages are asked for"))
    if operation == "audio":
        found += [
            Violation(f"{at}.{name}", "is for films: leave it out")
            for name in ("text_streams", "caption_languages")
            if _has(contract, name)
        ]
    if operation == "audio" or output.transcode.no_video:
        found += [
            Violation(f"{at}.{name}", "is for pictures: leave it out") for name in _OF_PICTURE if _has(contract, name)
        ]
        found += [
            Violation(f"{at}.{name}", "is for pictures: leave it out")
            for name in ("max_black_seconds", "max_freeze_seconds")
            if contract.HasField(name)
        ]
    video = output.transcode.video
    if contract.min_vmaf and operation == "concat":
        found.append(Violation(f"{at}.min_vmaf", "is against one input, and this has several: leave it out"))
    elif contract.min_vmaf and (video.frame_rate or video.fit in (VideoSettings.PAD, VideoSettings.CROP)):
        found.append(Violation(f"{at}.min_vmaf", "needs the input's own frames: no frame_rate, and no fit PAD or CROP"))
    elif contract.min_vmaf and (altered := effects.altered(output.transcode)):
        problem = f"needs the input's own frames: nothing that changes them ({', '.join(altered)})"
        found.append(Violation(f"{at}.min_vmaf", problem))
    return found


def _has(contract: Contract, name: str) -> bool:
    return bool(getattr(contract, name))


def steps(output: Output, source: Source, made: Sequence[Step], context: PlanContext) -> tuple[Step, ...]:
    """What measures an output that other steps made; none where what is known of each file is enough.

    Raises AttemptFailed where they make several files.
    """
    found = [
        (w, f) for step in made for w in step.writes for f in w.promised if isinstance(f, PlannedFile) and f.stored
    ]
    if not output.HasField("contract"):
        return ()
    if len(found) != 1:
        message = "a contract is for outputs of one file; leave it out"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output.name)
    contract, (writing, file) = output.contract, found[0]
    opened = Reading(of=file.path, demuxer=_DEMUXERS[file.path.suffix.removeprefix(".")])
    about = _About(
        output=output,
        writing=writing,
        file=file,
        opened=opened,
        source=source,
        context=context,
        name=f"{output.name}.contract",
    )
    planned: list[Step] = []
    read: list[tuple[str, PurePosixPath]] = []
    seen = about.seen()
    if writes := about.looking(seen):
        planned.append(about.step(writes))
        read += ((path.name.split(".")[-2], path) for path in (one.path for one in writes))
    metrics = []
    if contract.min_vmaf and about.place(Kind.VIDEO) is not None:
        step, scores = about.likeness()
        planned.append(step)
        read += scores
        metrics.append("VMAF")
    if not planned:
        return ()
    frames = costs.frames(showing.shown(source.info) or MediaInfo.Stream(), 0.0, about.seconds) if metrics else 0.0
    what = Understanding(seen=seen, metrics=metrics, frames=frames)
    return (*planned, seeing.understood(output.name, what, read, Data.MEASURED))


def held_against(
    output: Output,
    writing: Writing,
    file: PlannedFile,
    source: Source,
    context: PlanContext,
    *,
    name: str,
    each: int = 1,
    wanted: Film | None = None,
) -> tuple[Step, PurePosixPath]:
    """What holds a film against its input, one of `each` frames, and where libvmaf's CSV is then, called by a name.

    `wanted`: the film, where it is not just what the output's transcode says.
    """
    opened = Reading(of=file.path, demuxer=_DEMUXERS[file.path.suffix.removeprefix(".")])
    about = _About(output=output, writing=writing, file=file, opened=opened, source=source, context=context, name=name)
    step, read = about.likeness(each, wanted)
    return step, dict(read)["vmaf"]


def filled(output: Output) -> None:
    """Fill in that a target is held against what came out, which is told and breaks nothing."""
    target = output.transcode.video.target_vmaf
    if target and not output.HasField("contract"):
        output.contract.min_vmaf, output.contract.miss = max(1.0, target - _TARGET_POINTS), Contract.WARN


@dataclass(frozen=True, kw_only=True, slots=True)
class _About:
    """An output that is measured."""

    output: Output
    writing: Writing
    file: PlannedFile
    opened: Reading
    source: Source
    context: PlanContext
    name: str
    """Of what is measured."""

    @property
    def seconds(self) -> float:
        return self.file.expected.duration_seconds or 0.0

    def place(self, kind: Kind) -> int | None:
        """Of the file's first stream of a kind."""
        return next((i for i, stream in enumerate(self.writing.streams) if stream.kind is kind), None)

    def seen(self) -> Seen:
        contract = self.output.contract
        looks = [look for look, names in _LOOKS.items() if any(contract.HasField(name) for name in names)]
        spec = Analyze()
        spec.CopyFrom(seeing.DEFAULTS)
        # What is shorter than its limit need not be told, but the longest is to be measured where that is cheap.
        spec.black_seconds = 0.02
        if contract.HasField("max_freeze_seconds"):
            spec.freeze_seconds = max(0.1, min(spec.freeze_seconds, contract.max_freeze_seconds / 2))
        if contract.HasField("max_silence_seconds"):
            spec.silence_seconds = max(0.02, min(spec.silence_seconds, contract.max_silence_seconds / 2))
        return Seen(looks=looks, spec=spec, seconds=self.seconds, sound_seconds=self.seconds)

    def looking(self, seen: Seen) -> tuple[Writing, ...]:
        found: list[Writing] = []
        picture, sound = self.place(Kind.VIDEO), self.place(Kind.AUDIO)
        if picture is not None:
            found += seeing.pictures(self.name, self.output.name, Taken(streams=(picture,), filters=""), seen)
        if sound is not None and (last := seeing.listening(seen)):
            chain = ",".join((*last, seeing.printed(self.name)))
            found.append(seeing.sound(self.name, self.output.name, Taken(streams=(sound,), filters=chain)))
        if self.output.contract.max_peak_bitrate_bps:
            path = PurePosixPath(WORK, f"{self.name}.packets.txt")
            streams = [(stream.kind, i) for i, stream in enumerate(self.writing.streams)]
            found.append(seeing.packets(path, self.output.name, streams))
        return tuple(found)

    def step(self, writes: tuple[Writing, ...]) -> Step:
        decoded = self._as_stream()
        decoding = costs.decoding(decoded, self.seconds)
        return Step(
            reads=(self.opened,),
            writes=writes,
            cost=Cost(
                seconds=self.seconds,
                reading_cpu=decoding,
                writing_cpu=_FILTERS_CPU * decoding,
                reading_bytes=memory.decoding(decoded, self.opened.demuxer, self.context.threads),
                writing_bytes=seeing.memory_bytes(decoded.width, decoded.height) + memory.SOUND_BYTES,
            ),
            shares=False,
        )

    def likeness(self, each: int = 1, wanted: Film | None = None) -> tuple[Step, tuple[tuple[str, PurePosixPath], ...]]:
        """The picture against the one that it was made of, as an encode at its own size would see it."""
        spec = Transcode()
        spec.CopyFrom(self.output.transcode)
        spec.ClearField("soundtrack")  # of another input
        spec.ClearField("subtitles")
        wanted = wanted or film(self.output.name, spec, self.source)
        picture, place = wanted.picture, self.place(Kind.VIDEO) or 0
        cut, reads = films.seen(wanted)
        scaling = fit(display_size(picture), 0, 0, VideoSettings.CONTAIN, least=16)
        size = scaling.final
        shown = Shown(
            scaling=scaling,
            background=wanted.spec.video.background,
            changing=may_change(self.source),
            aspects=aspects(picture, wanted.part.start),
        )
        clock = "settb=AVTB"
        reference = likeness.Side(
            reading=reading(self.source, start=reads / SECOND),
            stream=picture.index,
            filters=(*cut, clock, *pictures.filters(picture, shown)),
        )
        scaled = f"scale={size.width}:{size.height}:flags=bicubic"
        mine = likeness.Side(reading=self.opened, stream=place, filters=(clock, scaled))
        metrics = (Compare.VMAF,)
        threads = self.context.threads
        writes, read = likeness.writings(self.name, self.output.name, mine, reference, metrics, threads, each=each)
        frames = costs.frames(picture, 0.0, self.seconds)
        decoded = self._as_stream()
        step = Step(
            reads=(mine.reading, reference.reading),
            writes=writes,
            cost=Cost(
                seconds=self.seconds,
                reading_cpu=costs.decoding(picture, self.seconds) + costs.decoding(decoded, self.seconds),
                writing_cpu=likeness.cpu_seconds(size.width, size.height, frames, metrics, each=each),
                reading_bytes=memory.decoding(picture, self.source.demuxer, self.context.threads)
                + memory.decoding(decoded, self.opened.demuxer, self.context.threads),
                writing_bytes=size.width * size.height * likeness.BYTES_A_PIXEL,
            ),
            shares=False,
        )
        return step, read

    def _as_stream(self) -> MediaInfo.Stream:
        """The output's picture, as it will be."""
        video = next((s for s in self.file.expected.streams if s.kind == MediaInfo.Stream.VIDEO), None)
        before = showing.shown(self.source.info)
        if video is None or before is None:
            return MediaInfo.Stream()
        asked = (self.output.concat if self.output.HasField("concat") else self.output.transcode).video
        rate = asked.frame_rate or before.frame_rate
        return MediaInfo.Stream(
            codec=video.codec, width=video.width, height=video.height, frame_rate=rate, pixel_format="yuv420p"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known of an output once it is made."""

    info: MediaInfo
    output_bytes: int
    input_bytes: int
    analysis: Analysis | None = None
    """None: nothing was looked for."""
    comparison: Comparison = field(default_factory=Comparison)
    peak_bitrate_bps: int | None = None


def judged(contract: Contract, facts: Facts) -> Measured:
    """What was measured of an output, and which of its promises it does not keep."""
    info, picture = facts.info, showing.shown(facts.info)
    kinds = [stream.kind for stream in info.streams]
    told = Measured(
        duration_seconds=info.duration_seconds,
        video_streams=kinds.count(MediaInfo.Stream.VIDEO),
        audio_streams=kinds.count(MediaInfo.Stream.AUDIO),
        codecs=[stream.codec for stream in info.streams if stream.kind in _SEEN_AND_HEARD],
        text_streams=kinds.count(MediaInfo.Stream.SUBTITLE),
        caption_languages=[
            languages.code(stream.language) or _NO_LANGUAGE
            for stream in info.streams
            if stream.kind == MediaInfo.Stream.SUBTITLE
        ],
    )
    if picture is not None:
        told.width, told.height, told.frame_rate = picture.width, picture.height, picture.frame_rate
    if facts.input_bytes:
        told.size_ratio = facts.output_bytes / facts.input_bytes
    heard, seen = told.audio_streams > 0, told.video_streams > 0
    _measure(told, contract, facts, heard=heard, seen=seen)
    misses = _Misses(told)
    misses.between(contract, "duration_seconds", told.duration_seconds, "s")
    misses.between(contract, "width", told.width, "pixels")
    misses.between(contract, "height", told.height, "pixels")
    misses.between(contract, "frame_rate", told.frame_rate, "a second", slack=_RATE)
    for name in ("video_streams", "audio_streams", "text_streams"):
        if contract.HasField(name) and getattr(told, name) != getattr(contract, name):
            misses.add(name, str(getattr(contract, name)), str(getattr(told, name)))
    if contract.codecs and (others := [codec for codec in told.codecs if codec not in contract.codecs]):
        misses.add("codecs", " or ".join(contract.codecs), ", ".join(others))
    wanted = [languages.code(text) for text in contract.caption_languages]
    if lacking := [code for code in wanted if code not in told.caption_languages]:
        misses.add("caption_languages", ", ".join(lacking), ", ".join(told.caption_languages) or "none")
    loud = told.loudness if told.HasField("loudness") else None
    if contract.HasField("min_lufs") and (loud is None or loud.integrated_lufs < contract.min_lufs - _SAME):
        misses.least("min_lufs", contract.min_lufs, loud.integrated_lufs if loud else None, "LUFS")
    if contract.HasField("max_lufs") and loud is not None and loud.integrated_lufs > contract.max_lufs + _SAME:
        misses.most("max_lufs", contract.max_lufs, loud.integrated_lufs, "LUFS")
    limit = contract.max_true_peak_dbtp
    if contract.HasField("max_true_peak_dbtp") and loud is not None and loud.true_peak_dbtp > limit + _SAME:
        misses.most("max_true_peak_dbtp", limit, loud.true_peak_dbtp, "dBTP")
    if contract.min_vmaf and (not told.HasField("vmaf") or told.vmaf < contract.min_vmaf):
        misses.least("min_vmaf", contract.min_vmaf, told.vmaf if told.HasField("vmaf") else None, "")
    for what in ("black", "freeze", "silence"):
        asked, found = f"max_{what}_seconds", f"longest_{what}_seconds"
        if contract.HasField(asked) and not told.HasField(found):
            misses.add(asked, f"at most {getattr(contract, asked):g} s", "not measured")
        elif contract.HasField(asked) and getattr(told, found) > getattr(contract, asked) + _SAME:
            misses.most(asked, getattr(contract, asked), getattr(told, found), "s")
    if contract.max_size_ratio and not told.HasField("size_ratio"):
        misses.add("max_size_ratio", f"at most {contract.max_size_ratio:g}", "not measured")
    elif contract.max_size_ratio and told.size_ratio > contract.max_size_ratio:
        misses.most("max_size_ratio", contract.max_size_ratio, told.size_ratio, "")
    if contract.max_peak_bitrate_bps and facts.peak_bitrate_bps is None:
        misses.add("max_peak_bitrate_bps", f"at most {contract.max_peak_bitrate_bps} bit/s", "not measured")
    elif contract.max_peak_bitrate_bps and told.peak_bitrate_bps > contract.max_peak_bitrate_bps:
        misses.most("max_peak_bitrate_bps", contract.max_peak_bitrate_bps, told.peak_bitrate_bps, "bit/s")
    return told


def _measure(told: Measured, contract: Contract, facts: Facts, *, heard: bool, seen: bool) -> None:
    """What steps measured. Where there is no sound all of it is silent, and where there is no picture none is black."""
    found = facts.analysis or Analysis()
    if heard and found.HasField("loudness"):
        told.loudness.CopyFrom(found.loudness)
    for what, there in (("black", seen), ("freeze", seen), ("silence", heard)):
        if contract.HasField(f"max_{what}_seconds") and (facts.analysis is not None or not there):
            longest = max((one.end_seconds - one.start_seconds for one in getattr(found, what)), default=0.0)
            if what == "silence" and not there:
                longest = told.duration_seconds
            setattr(told, f"longest_{what}_seconds", longest)
    for score in facts.comparison.scores:
        if score.metric == Compare.VMAF:
            told.vmaf = score.mean
    if facts.peak_bitrate_bps is not None:
        told.peak_bitrate_bps = facts.peak_bitrate_bps


class _Misses:
    def __init__(self, told: Measured) -> None:
        self._told = told

    def add(self, field: str, wanted: str, found: str) -> None:
        self._told.misses.add(field=field, wanted=wanted, found=found)

    def least(self, field: str, wanted: float, found: float | None, unit: str) -> None:
        self.add(field, f"at least {wanted:g} {unit}".strip(), _told(found, unit))

    def most(self, field: str, wanted: float, found: float, unit: str) -> None:
        self.add(field, f"at most {wanted:.15g} {unit}".strip(), _told(found, unit))

    def between(self, contract: Contract, name: str, found: float, unit: str, slack: float = _SAME) -> None:
        least, most = getattr(contract, f"min_{name}"), getattr(contract, f"max_{name}")
        if least and found < least * (1 - slack):
            self.least(f"min_{name}", least, found, unit)
        if most and found > most * (1 + slack):
            self.most(f"max_{name}", most, found, unit)


def _told(value: float | None, unit: str) -> str:
    return "none" if value is None else f"{value:.6g} {unit}".strip()


def in_words(measured: Measured) -> str:
    """What a contract was broken by, for people."""
    return "; ".join(f"{miss.field}: {miss.found} instead of {miss.wanted}" for miss in measured.misses)
