"""A ladder for one title: sizes are tried at some qualities, and the hull of that says what its rungs are. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.media import contracts, ladders, likeness, tracks
from reelmill.media.contract import Graph, Measurement, Needs, PlanContext, Quality, Source, Tried
from reelmill.media.film import Film
from reelmill.media.formats.video import VIDEO
from reelmill.media.hull import Point, between, finer, rungs, wider
from reelmill.media.promises import PlannedFile
from reelmill.media.sampling import sample, samples
from reelmill.media.sources import is_still, span
from reelmill.media.steps import Step
from reelmill.v1.analysis_pb2 import Measured
from reelmill.v1.jobs_pb2 import Job, Output
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import Transcode, VideoSettings
from reelmill.v1.package_pb2 import Package

EACH = 3
"""One frame of so many is measured. Not of four or five: x264 and x265 encode those better than what lies between."""
_FINEST = 10
_MOST_WIDER = 2  # rounds of tries beyond the first ones, and in what steps
_STEP = 7
_MOST_FINER = 3  # tries for the first rung
_OF_LARGEST, _OF_OTHERS = (-5, 2, 9), (2, 9, 16)  # crfs, from a codec's usual one, on a scale of 51
_PEAKS = 2  # times the usual ladder's highest rate: the target says how good it is to be
_LEAST_BPS = 150_000  # of H.264, for the poorest connections
_SCALE = 51
TARGET_POINTS = 1.0
"""By which the best rung may be less like its input than was asked for, and than its samples are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Title:
    """A package that is to have a ladder of its own, and one of its codecs."""

    output: Output
    source: Source
    picture: MediaInfo.Stream
    context: PlanContext
    codec: VideoSettings.Codec
    sizes: tuple[VideoSettings, ...]
    """Of the usual ladder, the largest first."""
    places: tuple[tuple[float, float], ...]
    """Samples, from when to when."""
    segment_seconds: float

    def settings(self, size: int, crf: int) -> VideoSettings:
        """How a rung is encoded."""
        made = VideoSettings()
        made.CopyFrom(self.sizes[size])
        made.crf, made.max_bitrate_bps = crf, made.max_bitrate_bps * _PEAKS
        return made

    def grid(self) -> list[tuple[int, int]]:
        """What is tried at first, as sizes and crfs."""
        codec = VIDEO[self.codec]
        scale = codec.max_crf / _SCALE
        return [
            (size, round(codec.default_crf + step * scale))
            for size in range(len(self.sizes))
            for step in (_OF_OTHERS if size else _OF_LARGEST)
        ]

    def trials(self, size: int, crf: int) -> list[Quality]:
        """Of all samples."""
        video = self.settings(size, crf)
        video.keyframe_interval_seconds = self.segment_seconds
        spec, codec = Transcode(container=Transcode.MP4, video=video, mute=True), VideoSettings.Codec.Name(self.codec)
        return [
            sample(
                self.output.name,
                spec,
                self.source,
                self.context,
                name=f"{codec.lower()}-{size}-{crf}-{i}",
                at=at,
                guess=self._guess(size, crf, at[1] - at[0]),
                each=EACH,
            )
            for i, at in enumerate(self.places)
        ]

    def _guess(self, size: int, crf: int, seconds: float) -> Tried:
        """About what a usual film comes to, for who only looks at a plan."""
        codec, mine = VIDEO[self.codec], self.sizes[size]
        pixels, largest = mine.width * mine.height or 1, self.sizes[0].width * self.sizes[0].height or 1
        coarser = (crf - codec.default_crf) * _SCALE / codec.max_crf
        rate = 0.1 * pixels * (self.picture.frame_rate or 25.0) * 2 ** (-coarser / 6)
        vmaf = 94.0 - 0.06 * max(0.0, coarser + 8) ** 2 - 25 * (1 - (pixels / largest) ** 0.5)
        return Tried(vmaf=max(1.0, vmaf), size_bytes=round(rate * seconds / 8) + 1)


def resolved(output: Output, source: Source, context: PlanContext) -> Output | Needs:
    """A package with the rungs that its target came to, or what must be tried first. Raises AttemptFailed.

    As it is where it has rungs, or its input has no moving picture.
    """
    spec = output.package
    if spec.rungs or not tracks.has_picture(source, output.name) or is_still(source):
        return output
    picture = tracks.picture(source, output.name)
    part = span(source, spec.trim, output.name)
    if not part.length:
        message = "the input does not say how long it is, so there is nothing to take samples of; leave target_vmaf out"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output.name)
    made = Output()
    made.CopyFrom(output)
    lacking: list[Measurement] = []
    usual = ladders.automatic(spec, picture)
    for codec in spec.codecs:
        title = _Title(
            output=output,
            source=source,
            picture=picture,
            context=context,
            codec=codec,
            sizes=tuple(one for one in usual if one.codec == codec),
            places=tuple(samples(part.start, part.length)),
            segment_seconds=ladders.segment_seconds(spec.segment_seconds, picture.frame_rate),
        )
        found = _ladder(title)
        if isinstance(found, Needs):
            lacking += found.measurements
        else:
            made.package.rungs.extend(title.settings(one.size, one.crf) for one in found)
    return Needs(measurements=tuple(lacking)) if lacking else made


def _ladder(title: _Title) -> tuple[Point, ...] | Needs:
    """The rungs of a codec, or what must be tried first."""
    target, points = title.output.package.target_vmaf, _tried(title, title.grid())
    codec = VIDEO[title.codec]
    least_bps = _LEAST_BPS * ladders.BITS[title.codec]
    crfs = range(_FINEST, codec.max_crf + 1, round(_STEP * codec.max_crf / _SCALE))
    for _ in range(_MOST_WIDER):
        if isinstance(points, Needs) or not (beyond := wider(points, target, least_bps, crfs)):
            break
        further = _tried(title, beyond)
        points = further if isinstance(further, Needs) else [*points, *further]
    for _ in range(_MOST_FINER):
        more = None if isinstance(points, Needs) else finer(points, target, _FINEST)
        if isinstance(points, Needs) or more is None:
            break
        further = _tried(title, [more])
        points = further if isinstance(further, Needs) else [*points, *further]
    if isinstance(points, Needs):
        return points
    return rungs(between(points), target, least_bps)


def _tried(title: _Title, wanted: Sequence[tuple[int, int]]) -> list[Point] | Needs:
    """What came of sizes and crfs. Raises AttemptFailed where one could not be tried."""
    points, lacking = list[Point](), list[Quality]()
    for size, crf in wanted:
        trials = title.trials(size, crf)
        missing = [one for one in trials if one not in title.context.facts]
        lacking += missing
        if missing:
            continue
        found = [title.context.facts[one] for one in trials]
        for failure in found:
            if isinstance(failure, Failure):
                raise AttemptFailed.of(failure)
        seconds = sum(one.seconds for one in trials)
        bps = max(1.0, sum(one.size_bytes for one in found) * 8 / seconds)
        points.append(Point(size=size, crf=crf, bps=bps, vmaf=sum(one.vmaf for one in found) / len(found)))
    return Needs(measurements=tuple(lacking)) if lacking else points


def measured(
    spec: Package, pictures: Sequence[Film], made: Sequence[Step], source: Source, context: PlanContext
) -> Iterator[Step]:
    """What holds each rung against the input; nothing where no target was asked for."""
    if not spec.target_vmaf:
        return
    files = {
        file.path: (writing, file)
        for step in made
        for writing in step.writes
        for file in writing.promised
        if isinstance(file, PlannedFile)
    }
    for one in pictures:
        writing, file = files[one.path]
        output = Output(name=one.output, transcode=one.spec)
        name = f"{one.output}.{one.name}"
        step, _ = contracts.held_against(output, writing, file, source, context, name=name, each=EACH, wanted=one)
        yield step


def judged(spec: Package, found: Mapping[str, tuple[float, float]]) -> Measured:
    """What its rungs came to, and whether that was asked for; `found`: VMAF and bits per second, by their names."""
    told = Measured()
    for name, (vmaf, bps) in found.items():
        told.rungs.add(name=name, vmaf=vmaf, average_bps=round(bps))
    if told.rungs:
        best = max(told.rungs, key=lambda one: one.vmaf)
        told.vmaf = best.vmaf
        if best.vmaf < spec.target_vmaf - TARGET_POINTS:
            wanted = f"at least {spec.target_vmaf - TARGET_POINTS:g}"
            told.misses.add(field="target_vmaf", wanted=wanted, found=f"{best.vmaf:.6g}")
    return told


def rung_of(file: PurePosixPath, output: str) -> str:
    """The name of the rung that a file has the scores of; empty for any other file."""
    suffix = likeness.SCORES
    named = file.name.startswith(f"{output}.") and file.name.endswith(suffix)
    return file.name[len(output) + 1 : -len(suffix)] if named else ""


def settled(job: Job, graph: Graph) -> Job:
    """A job with the ladders that its plan found."""
    if not graph.settled:
        return job
    found = {output.name: output for output in graph.settled}
    made = Job()
    made.CopyFrom(job)
    for output in made.outputs:
        if output.name in found:
            output.CopyFrom(found[output.name])
    return made
