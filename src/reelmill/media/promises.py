"""What must be there when a step has run, to be checked: an exit code of 0 is no success. Pure."""

from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

from reelmill.media.encrypted import Encrypted
from reelmill.v1.media_pb2 import MediaInfo


def allowance(seconds: float) -> float:
    """By how many seconds a file may differ from what is expected, beside what is not known."""
    return max(0.5, 0.01 * seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedStream:
    """One picture or sound of a file; 0 is not checked."""

    kind: MediaInfo.Stream.Kind
    codec: str
    """FFmpeg's name."""
    language: str = ""
    """Of a sound, a code of three letters; empty where its input did not say."""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """When frames of a picture must be shown, in microseconds from the first one on."""

    shown: tuple[int, ...]
    tolerance: int
    """By which each may differ, for clocks tick."""
    more: bool = False
    """Whether others may follow: those that hold the last one to the end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What a file must contain."""

    streams: tuple[ExpectedStream, ...]
    """All of its pictures, and all of its sounds, in their order."""
    duration_seconds: float | None = None
    """None is not checked."""
    duration_tolerance_seconds: float = 0.5
    times: Times | None = None
    """Of its picture; None is not checked."""
    refilled: bool = False
    """Its beginning is silent, and would be so once more where the sound's rate or channels change on the way."""
    kept: tuple[str, ...] = ()
    """What it may have besides picture and sound, as media.leftovers calls it."""


NOTHING = Expected(streams=())
"""Of what is no media."""


class Data(Enum):
    """What a file is that is no media; readers.findings reads them."""

    LINES = "lines"
    """Text that a step behind reads."""
    CAPTIONS = "captions"
    """WebVTT, SRT, TTML or ASS, as its path says."""
    PEAKS = "peaks"
    """JSON as audiowaveform writes it."""
    JSON = "json"
    """An object that a tool of ours wrote, as large as it may be."""
    SAMPLES = "samples"
    """Numbers of a sound that a step behind reads."""
    TRANSCRIPT = "transcript"
    """JSON of analysis.proto's Transcript."""
    ANALYSIS = "analysis"
    """JSON of analysis.proto's Analysis, with short lists."""
    COMPARISON = "comparison"
    """JSON of analysis.proto's Comparison."""
    MEASURED = "measured"
    """What was measured of an output for its contract: JSON of Analysis and Comparison in one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Levels:
    """How loud a sound is, by EBU R128, and where it is silent."""

    integrated_lufs: float
    range_lu: float
    true_peak_dbtp: float
    silences: tuple[tuple[float, float], ...] = ()
    """From when to when, in seconds; where that was asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mastered:
    """What a sound was made louder by, and how loud it was before."""

    levels: Levels
    gain_db: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedFile:
    """A file that is made."""

    output: str
    """Name of the job's output that it belongs to; empty for one that is of none."""
    path: PurePosixPath
    """Relative to the working directory; also its name below the destination."""
    content_type: str
    expected: Expected
    position: int = 0
    """Its place among its output's files."""
    if_missing: str = "OUTPUT_INVALID"
    """What it means where ffmpeg ends well without having made it: a key of jobs.errors.CODES."""
    data: Data | None = None
    """What it is, where it is no media: then nothing else is expected of it."""
    stored: bool = True
    """Whether it is one of its output's files; else it is made for what is told of the output, or for a later step."""
    mastered: Mastered | None = None
    """What is known of its sound."""
    optional: bool = False
    """Whether all is well without it: there may be fewer than were planned for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendition:
    """One picture or sound of a set, in files of its own."""

    folder: str
    """Of its files, beside the manifest."""
    expected: Expected
    """Of each of its segments with what comes before it; the length is that of all. Without streams: they are words."""
    sheets: bool = False
    """Whether it is of sheets of small pictures, which are checked as files."""
    encrypted: Encrypted | None = None
    kind: str = ""
    """Of which key it is, where it is encrypted: that for video or for audio."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSet:
    """Many files that are one thing, and the manifest that lists them: a stream's segments."""

    output: str
    """As of a file."""
    manifest: PurePosixPath
    """Relative to the working directory: an HLS media playlist, or what players of several renditions begin with."""
    pattern: str
    """Of the names of all others, as of Path.glob, in the manifest's folder."""
    content_types: tuple[tuple[str, str], ...]
    """By suffix, the manifest's own too."""
    expected: Expected
    """Of the whole, as its first segments and its manifest's durations tell."""
    position: int = 0
    """As of a file."""
    renditions: tuple[Rendition, ...] = ()
    """Those that an HLS master playlist or a DASH manifest tells of, which have playlists of their own in HLS."""
    further: tuple[PurePosixPath, ...] = ()
    """Other manifests of the same renditions, beside the first one."""
