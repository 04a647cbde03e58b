"""The ladder that one for a single title is held against: sizes and rates that are the same for every film."""

import math
from itertools import pairwise
from typing import Any

APPLE = (
    *((1080, 7_800), (1080, 6_000), (720, 4_500), (720, 3_000), (540, 2_000)),
    *((432, 1_100), (432, 730), (360, 365), (234, 145)),
)
"""Lines of 16:9, and kbit/s on average, of H.264 at up to 30 frames a second (Apple's HLS authoring specification)."""


def outputs(lines: int, effort: str) -> list[dict[str, Any]]:
    """Those for a film of so many lines (up to 1080), each made in two passes, as a package's films are else.

    `effort`: the encoder's (`VideoSettings.Effort`). None enlarges it; where none has its size one is put on top, at a
    rate between those of its neighbours.
    """
    fitting = [(height, kbps) for height, kbps in APPLE if height <= lines] or [APPLE[-1]]
    if fitting[0][0] < lines:
        fitting.insert(0, (lines, _between(lines)))
    return [
        {
            "name": f"{height}-at-{kbps}",
            "transcode": {"container": "MP4", "mute": True, "video": _video(height, kbps, effort)},
        }
        for height, kbps in fitting
    ]


def _video(height: int, kbps: int, effort: str) -> dict[str, Any]:
    rate = {"bitrate_bps": 1000 * kbps, "two_pass": True}
    return {
        "codec": "H264",
        "height": height,
        "fit": "SHRINK",
        "effort": effort,
        "keyframe_interval_seconds": 6,
        **rate,
    }


def _between(lines: int) -> int:
    """kbit/s, by straight lines in the logarithms of both."""
    (above, high), (below, low) = next((one, two) for one, two in pairwise(APPLE) if one[0] > lines > two[0])
    part = math.log(lines / below) / math.log(above / below)
    return round(low * (high / low) ** part)
