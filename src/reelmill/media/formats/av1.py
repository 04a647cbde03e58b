"""AV1 by SVT-AV1. Pure."""

from reelmill.media.formats.codec import ENDLESS, VideoCodec, Wanted
from reelmill.v1.operations_pb2 import VideoSettings

_PRESETS = {VideoSettings.FAST: "10", VideoSettings.MEDIUM: "8", VideoSettings.SLOW: "5"}
_MAX_BPS = 100_000_000  # SVT-AV1 refuses more


def _options(wanted: Wanted) -> tuple[str, ...]:
    spec = wanted.spec
    parallelism = ("-svtav1-params", f"lp={wanted.threads}") if wanted.threads else ()
    return ("-preset", _PRESETS[spec.effort], *_rate(spec), *parallelism)


def _rate(spec: VideoSettings) -> tuple[str, ...]:
    # SVT-AV1 bounds a constant quality alone: an average has its own bounds there.
    if spec.bitrate_bps:
        return ("-b:v", str(min(spec.bitrate_bps, _MAX_BPS)))
    most = min(spec.max_bitrate_bps, _MAX_BPS)
    return ("-crf", f"{spec.crf:g}", *(("-maxrate", str(most), "-bufsize", str(2 * most)) if most else ()))


AV1 = VideoCodec(
    name="av1",
    encoder="libsvtav1",
    default_crf=35,
    max_crf=63,
    reorders=False,
    options=_options,
    keyed=("-g", ENDLESS),
)
