"""compare: hold a film against the one that it was made of."""

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import costs, cutting, likeness, memory, pictures, seeing, tracks
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.geometry import aspects, display_size, fit
from reelmill.media.likeness import Side
from reelmill.media.pictures import Shown
from reelmill.media.promises import Data, allowance
from reelmill.media.seeing import Understanding
from reelmill.media.sources import Span, is_still, may_change, reading
from reelmill.media.steps import Cost, Step
from reelmill.media.timeline import SECOND
from reelmill.v1.analysis_pb2 import Compare
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import VideoSettings


class CompareOperation:
    """See Compare in analysis.proto."""

    name = "compare"
    description = "Hold a film against the one that it was made of: VMAF, PSNR, SSIM, XPSNR."
    extensions: tuple[str, ...] = ("json",)
    encoders = likeness.ENCODERS
    filters = (likeness.FILTERS - likeness.RARE) | pictures.FILTERS | cutting.FILTERS
    example = (
        '{"name": "likeness", "input": "encoded", "compare": {"reference": "original", "metrics": ["VMAF", "SSIM"]}}'
    )

    def violations(self, spec: Compare, path: str) -> list[Violation]:
        """What contradicts itself."""
        unused = [i for i, metric in enumerate(spec.metrics) if metric == Compare.METRIC_UNSPECIFIED]
        return [Violation(f"{path}.metrics[{i}]", "must name a measure") for i in unused]

    def with_defaults(self, spec: Compare) -> Compare:
        """Fills in what to measure."""
        made = Compare(reference=spec.reference)
        made.metrics.extend(dict.fromkeys(spec.metrics) or likeness.DEFAULT)
        return made

    def inputs(self, spec: Compare) -> tuple[str, ...]:
        """The reference."""
        return (spec.reference,) if spec.reference else ()

    def looks(self, spec: Compare) -> tuple[float, ...]:
        """None."""
        return ()

    def plan(self, output: str, spec: Compare, source: Source, context: PlanContext) -> Planned:
        """One step that measures each frame, and one that pools what came out."""
        reference = context.sources[spec.reference]
        shown, wanted = _picture(source, output), _picture(reference, output)
        lasts = source.timeline.seconds, reference.timeline.seconds
        if all(lasts) and abs(lasts[0] - lasts[1]) > allowance(lasts[1]):
            message = f"the two last {lasts[0]:.3f} s and {lasts[1]:.3f} s, so their frames are not the same"
            raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
        if (shown.color_transfer in pictures.HDR_TRANSFERS) != (wanted.color_transfer in pictures.HDR_TRANSFERS):
            message = "one of the two is HDR and the other is not: values that mean other light can't be compared"
            raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
        size = fit(display_size(wanted), 0, 0, VideoSettings.CONTAIN, least=16).final
        sides = [
            _side(one, picture, size.width, size.height) for one, picture in ((source, shown), (reference, wanted))
        ]
        writes, read = likeness.writings(output, output, sides[0], sides[1], spec.metrics, context.threads)
        length = lasts[1]
        frames = costs.frames(wanted, 0.0, length)
        measuring = Step(
            reads=tuple(side.reading for side in sides),
            writes=writes,
            cost=Cost(
                seconds=length,
                reading_cpu=costs.decoding(shown, length) + costs.decoding(wanted, length),
                writing_cpu=likeness.cpu_seconds(size.width, size.height, frames, spec.metrics),
                reading_bytes=sum(
                    memory.decoding(picture, one.demuxer, context.threads)
                    for one, picture in ((source, shown), (reference, wanted))
                ),
                writing_bytes=size.width * size.height * likeness.BYTES_A_PIXEL,
            ),
            shares=False,
        )
        metrics = [Compare.Metric.Name(metric) for metric in spec.metrics]
        what = Understanding(metrics=metrics, frames=frames)
        return measuring, seeing.understood(output, what, read, Data.COMPARISON, whole=seeing.whole(output))

    def division(self, output: str, spec: Compare, source: Source) -> Division | None:
        """None."""
        return None


def _picture(source: Source, output: str) -> MediaInfo.Stream:
    picture = tracks.picture(source, output)
    if is_still(source) or source.info.HasField("composition"):
        message = "only films are compared, and one of the two is a picture"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    return picture


def _side(source: Source, picture: MediaInfo.Stream, width: int, height: int) -> Side:
    part = Span(0.0, source.timeline.seconds, cut=False)
    made = cutting.cut(source, part, [picture.index], picture.index)
    scaling = fit(display_size(picture), width, height, VideoSettings.STRETCH)
    shown = Shown(scaling=scaling, changing=may_change(source), aspects=aspects(picture, 0.0))
    return Side(
        reading=reading(source, start=made.seek / SECOND),
        stream=picture.index,
        filters=(*made.picture(), "settb=AVTB,setpts=PTS-STARTPTS", *pictures.filters(picture, shown)),
    )
