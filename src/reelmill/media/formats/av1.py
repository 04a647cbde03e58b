"""AV1 by SVT-AV1. Pure."""

from reelmill.media.formats.codec import ENDLESS, VideoCodec
from reelmill.v1.operations_pb2 import Transcode, VideoSettings

_PRESETS = {VideoSettings.FAST: "10", VideoSettings.MEDIUM: "8", VideoSettings.SLOW: "5"}
_MAX_BPS = 100_000_000  # SVT-AV1 refuses more


def _options(spec: VideoSettings, container: Transcode.Container, threads: int) -> tuple[str, ...]:
    rate = ("-b:v", str(min(spec.bitrate_bps, _MAX_BPS))) if spec.bitrate_bps else ("-crf", f"{spec.crf:g}")
    parallelism = ("-svtav1-params", f"lp={threads}") if threads else ()
    return ("-preset", _PRESETS[spec.effort], *rate, *parallelism)


AV1 = VideoCodec(
    name="av1",
    encoder="libsvtav1",
    default_crf=35,
    max_crf=63,
    reorders=False,
    options=_options,
    keyed=("-g", ENDLESS),
)
