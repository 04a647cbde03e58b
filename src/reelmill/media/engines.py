"""Which engine runs a step: the one place that says so, from what the step needs. Pure.

A warm child (still_child.py) makes what is small, for a new process of ffmpeg takes longer to start than a still takes
to make. It is given only what is known to come out of it as out of ffmpeg, to the pixel; tests/media/test_engines.py
holds them side by side.
"""

from enum import Enum

from reelmill.media.promises import PlannedFile
from reelmill.media.sources import QUARTER
from reelmill.media.steps import Encoded, Kind, Program, Reading, Step, Writing, names_of_filters
from reelmill.media.warm_bounds import ANSWER_BYTES

ENCODERS = frozenset({"mjpeg", "png"})
"""Not libwebp: its releases choose other coefficients, so the same frame comes out some levels apart."""
FILTERS = frozenset({"scale", "setsar", "format", "sidedata", "pad", "crop", "trim", "tpad", "fps", "settb", "setpts"})
"""Not bwdif, which comes out otherwise, nor those of opacity and of wider colours, for PyAV has no zscale."""
DEMUXERS = frozenset(
    {"mov", "matroska", "mpegts", "flv", "jpeg_pipe", "png_pipe", "bmp_pipe", "tiff_pipe", "webp_pipe"}
)
MOST_BYTES = 320 * 2**20
"""Of a step's memory: a warm child is ended at twice of that."""
MOST_CPU_SECONDS = 2.0
"""Of its decoders: a child that is busy for long is missing to others."""
_OPTIONS = frozenset({"-q:v"})
_TIMING = ((), ("-fps_mode", "passthrough"))
_MUXING = ("-map_metadata", "-1", "-f", "image2")
_BYTES_A_PIXEL = 4  # of a picture that does not pack at all, and then some


class Engine(Enum):
    """What runs a step."""

    PROCESS = "process"
    """A process of its own."""
    WARM = "warm"
    """A child that is there already."""


def engine_of(step: Step) -> Engine:
    """The engine of a step. A warm one may still find that it can't; then ffmpeg runs the step."""
    small = (
        step.program is Program.FFMPEG
        and step.memory_bytes <= MOST_BYTES
        and step.cost.reading_cpu <= MOST_CPU_SECONDS
        and _most_bytes(step) <= ANSWER_BYTES
    )
    known = _same_file(step.reads) and all(map(_is_known, step.writes))
    return Engine.WARM if small and known else Engine.PROCESS


def _same_file(reads: tuple[Reading, ...]) -> bool:
    first = reads[0]
    return (
        isinstance(first.of, str)
        and first.demuxer in DEMUXERS
        and all((reading.of, reading.demuxer) == (first.of, first.demuxer) for reading in reads)
        and all(reading.options in ((), QUARTER) for reading in reads)
    )


def _is_known(writing: Writing) -> bool:
    return (
        writing.options[: len(_MUXING)] == _MUXING
        and not writing.seconds
        and len(writing.streams) == 1
        and _is_still(writing.streams[0])
        and len(writing.promised) == writing.streams[0].frames
    )


def _is_still(stream: Encoded) -> bool:
    filters = stream.taken.filters
    return (
        stream.kind is Kind.VIDEO
        and stream.encoder in ENCODERS
        and stream.frames > 0
        and stream.timing in _TIMING
        and set(stream.options[::2]) <= _OPTIONS
        and len(stream.taken.streams) == 1
        and not set(filters) & set("[];'")  # a chain of plain filters, and no graph
        and names_of_filters(filters) <= FILTERS
    )


def _most_bytes(step: Step) -> int:
    sizes = (one for file in step.promised if isinstance(file, PlannedFile) for one in file.expected.streams)
    return sum(one.width * one.height * _BYTES_A_PIXEL for one in sizes)
