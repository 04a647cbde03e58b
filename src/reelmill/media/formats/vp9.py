"""VP9 by libvpx. Pure."""

from reelmill.media.formats.codec import ENDLESS, VideoCodec, Wanted, passes
from reelmill.v1.operations_pb2 import VideoSettings

_CPU_USED = {VideoSettings.FAST: "5", VideoSettings.MEDIUM: "3", VideoSettings.SLOW: "1"}


def _options(wanted: Wanted) -> tuple[str, ...]:
    spec = wanted.spec
    most = spec.max_bitrate_bps
    if spec.bitrate_bps:
        peaks = ("-maxrate", str(most), "-bufsize", str(2 * most)) if most else ()
        rate: tuple[str, ...] = ("-b:v", str(spec.bitrate_bps), *peaks)
    else:
        # libvpx takes -crf as a mere bound unless the bit rate is 0, and else the bit rate as the most on average.
        rate = ("-crf", f"{spec.crf:g}", "-b:v", str(most))
    # row-mt: without it libvpx uses one thread for small pictures.
    speed = ("-deadline", "good", "-cpu-used", _CPU_USED[spec.effort], "-row-mt", "1")
    return (*rate, *speed, *passes(wanted))


VP9 = VideoCodec(
    name="vp9",
    encoder="libvpx-vp9",
    default_crf=33,
    max_crf=63,
    reorders=False,
    options=_options,
    # Where the least is the most libvpx looks for no scenes.
    keyed=("-g", ENDLESS, "-keyint_min", ENDLESS),
    # libvpx refuses hidden frames beside an opacity.
    transparent=("-pix_fmt", "yuva420p", "-auto-alt-ref", "0"),
)
