"""What is known of a picture's encoder; a module for each family of codecs fills it in. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from reelmill.v1.operations_pb2 import Transcode, VideoSettings

_TOLERANCE_SECONDS = 0.0005  # clocks are rounded
ENDLESS = "100000"
"""Frames of a GOP, where times and not their number end it."""
Options = Callable[[VideoSettings, Transcode.Container, int], tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoCodec:
    """A codec, and how its encoder is told what to do."""

    name: str
    """FFmpeg's, as a probe of the output finds it."""
    encoder: str
    """FFmpeg's name of the encoder."""
    default_crf: int
    max_crf: int
    """Constant quality begins at 0, the best."""
    reorders: bool
    """Whether it puts frames off (B-frames that `-bf` counts)."""
    options: Options
    """Of the encoder: from settings with their defaults filled in, the container, and threads (0: its own choice)."""
    keyed: tuple[str, ...]
    """Options by which it makes key frames where it is told and nowhere else, and none looks past them."""
    transparent: tuple[str, ...] = ()
    """Options that keep an opacity; empty where it can't."""

    def encoding(
        self,
        spec: VideoSettings,
        container: Transcode.Container,
        threads: int,
        *,
        transparent: bool = False,
        late_seconds: float = 0.0,
    ) -> tuple[str, ...]:
        """All options but the encoder's name and its threads.

        `late_seconds`: by how much what is encoded begins behind an interval between key frames.
        """
        # yuv420p: what every player decodes.
        pixels = self.transparent if transparent else ("-pix_fmt", "yuv420p")
        interval = spec.keyframe_interval_seconds
        keys = ("-force_key_frames", keys_every(interval, late_seconds), *self.keyed) if interval else ()
        return (*self.options(spec, container, threads), *pixels, *keys)


def keys_every(interval_seconds: float, late_seconds: float = 0.0) -> str:
    """FFmpeg's expression for the first frame of each interval.

    By times and not by frames, for rates may vary. One that lies a hair before its interval is taken for its first.
    """
    late = f"-{late_seconds:.6f}" if late_seconds else ""
    return f"expr:gte(t+{_TOLERANCE_SECONDS:g},n_forced*{interval_seconds:.6f}{late})"
