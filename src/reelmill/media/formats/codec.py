"""What is known of a picture's encoder; a module for each family of codecs fills it in. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from reelmill.media.geometry import Size
from reelmill.v1.operations_pb2 import Transcode, VideoSettings

_TOLERANCE_SECONDS = 0.0005  # clocks are rounded
ENDLESS = "100000"
"""Frames of a GOP, where times and not their number end it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """Where the first key frames of a chunk are."""

    first_seconds: float = 0.0
    """The first one: what is before it is not kept."""
    late_seconds: float = 0.0
    """By how much it is behind an interval between key frames of the whole."""
    end_seconds: float = 0.0
    """Where the next chunk begins, if that is encoded too: what is from there on is not kept."""


FROM_START = Keys()


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """One of two looks at a picture."""

    number: int
    """1 writes what it found, 2 reads that."""
    log: str
    """Where that is, relative to the working directory; encoders write others whose names begin so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What an encoder is to do."""

    spec: VideoSettings
    """With its defaults filled in."""
    container: Transcode.Container
    threads: int = 0
    """0: its own choice."""
    size: Size | None = None
    """Of what it is given; None: not known, and no option goes by it."""
    depth: int = 8
    """Bits of each sample."""
    passing: Pass | None = None
    """None: the only one."""


Options = Callable[[Wanted], tuple[str, ...]]


def _one(spec: VideoSettings) -> int:
    return 1


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
    """Of the encoder."""
    keyed: tuple[str, ...]
    """Options by which it makes key frames where it is told and nowhere else."""
    closed: tuple[str, ...] = ()
    """Options by which no frame looks past a key frame that it is told to make."""
    settles: int = 0
    """Frames after which its rate no longer tells where it began."""
    fills: int = 0
    """The same where a highest rate is given: its buffer is then as full as in the whole."""
    foresees: int = 0
    """Frames that it must be shown beyond a chunk's end, or the last ones come out worse."""
    without_captions: tuple[str, ...] = ()
    """Options by which it takes over no captions that lie between pictures; empty where it never does."""
    transparent: tuple[str, ...] = ()
    """Options that keep an opacity; empty where it can't."""
    repeats: Callable[[VideoSettings], int] = _one
    """Frames after which its pattern of B-frames comes again, counted from its first one; 1: it has none."""

    def leads(self, spec: VideoSettings, least: int, place: int | None) -> int:
        """Frames by which a chunk is to begin earlier: `least` for other reasons than the encoder's.

        `place`: of the chunk's first frame in the film, from 0 on; None: not known. So early that the pattern of
        B-frames is the whole's.
        """
        bounded = spec.max_bitrate_bps or spec.level
        frames = max(least, self.fills if bounded else self.settles)
        return frames if place is None else frames + (place - frames) % self.repeats(spec)

    def encoding(self, wanted: Wanted, *, transparent: bool = False, keys: Keys = FROM_START) -> tuple[str, ...]:
        """All options but the encoder's name and its threads."""
        # yuv420p: what every player decodes.
        plain = ("-pix_fmt", "yuv420p10le" if wanted.depth == 10 else "yuv420p")
        interval = wanted.spec.keyframe_interval_seconds
        forced: tuple[str, ...] = ()
        if interval:
            forced = ("-force_key_frames", keys_every(interval, keys), *self.closed, *self.keyed)
        elif keys.first_seconds or keys.end_seconds:
            forced = ("-force_key_frames", _keys_at_edges(keys), *self.closed)
        return (*self.options(wanted), *(self.transparent if transparent else plain), *forced)


def passes(wanted: Wanted) -> tuple[str, ...]:
    """Options of two passes that ffmpeg itself sees to; none for the only one."""
    if wanted.passing is None:
        return ()
    return ("-pass", str(wanted.passing.number), "-passlogfile", wanted.passing.log)


def keys_every(interval_seconds: float, keys: Keys = FROM_START) -> str:
    """FFmpeg's expression for the first frame of each interval.

    By times and not by frames, for rates may vary. One that lies a hair before its interval is taken for its first.
    """
    at = f"n_forced*{interval_seconds:.6f}"
    if keys.late_seconds:
        at = f"n_forced*{interval_seconds:.6f}-min(n_forced,1)*{keys.late_seconds:.6f}"
    if keys.first_seconds:
        at = f"{keys.first_seconds:.6f}+{at}"
    return f"expr:gte(t+{_TOLERANCE_SECONDS:g},{at})"


def _keys_at_edges(keys: Keys) -> str:
    """As keys_every, where the encoder makes all others as it likes."""
    count, at = 1, f"{keys.first_seconds:.6f}"
    if keys.end_seconds:
        count, at = 2, f"if(n_forced,{keys.end_seconds:.6f},{at})"
    return f"expr:lt(n_forced,{count})*gte(t+{_TOLERANCE_SECONDS:g},{at})"
