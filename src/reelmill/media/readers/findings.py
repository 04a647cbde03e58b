"""What our own tools wrote, as the API tells it. Pure.

They read what ffmpeg printed of a stranger's file, so nothing of it is believed to be well-formed or small.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.promises import Data, Levels
from reelmill.media.tools import analysis
from reelmill.v1.analysis_pb2 import Analysis, Comparison, OutputResult, Transcript

MOST_BYTES = 2**20
"""Of a file that is read whole; ours have some kilobytes."""
SHOWN = 100
"""Items of each list that a job tells; the file has all."""
HEAD_BYTES = 4096
_PEAKS = re.compile(r'\{"version": 2, "channels": \d+, "sample_rate": \d+, "samples_per_pixel": \d+, "bits": (8|16), ')
_PLANE = frozenset({"scores", "frames"})


def result_of(data: Data, text: str) -> OutputResult:
    """What the file of analyze, compare or transcribe says. Raises ValueError for what is none of ours."""
    if data is Data.ANALYSIS:
        return OutputResult(analysis=analysis_of(_object(text)))
    if data is Data.TRANSCRIPT:
        made = Transcript()
        _parse(_object(text), made)
        return OutputResult(transcript=made)
    return OutputResult(comparison=comparison_of(_object(text)))


def measured_of(text: str) -> tuple[Analysis, Comparison, int | None]:
    """What was measured of an output for its contract: the last is the most bits of a second. Raises ValueError."""
    told = _object(text)
    scores: dict[str, Any] = {name: told.pop(name) for name in _PLANE if name in told}
    peak = told.pop("peak_bitrate_bps", None)
    return analysis_of(told), comparison_of(scores), int(peak) if peak is not None else None


def analysis_of(told: dict[str, Any]) -> Analysis:
    """An Analysis whose lists are short. Raises ValueError."""
    made = Analysis()
    _parse({name: value[:SHOWN] if isinstance(value, list) else value for name, value in told.items()}, made)
    return made


def comparison_of(told: dict[str, Any]) -> Comparison:
    """A Comparison without its frames. Raises ValueError."""
    made = Comparison()
    _parse({name: value for name, value in told.items() if name in _PLANE}, made)
    return made


def are_peaks(head: str, tail: str) -> bool:
    """Whether a file begins and ends as one of peaks."""
    return bool(_PEAKS.match(head)) and tail.endswith("]}")


def is_object(head: str, tail: str) -> bool:
    """Whether a file begins and ends as an object of JSON."""
    return head.startswith("{") and tail.endswith("}")


def levels_in(path: Path, seconds: float) -> Levels:
    """As `levels_of`, of a file: loudness counts on to its last frame, and silence is told of in few lines."""
    with path.open("rb") as file:
        told = [line.decode(errors="replace") for line in file if b"silence" in line]
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        _, _, tail = file.read().decode(errors="replace").partition("\nframe:")
    silent = [part for i, line in enumerate(told) for part in (f"frame:{i} pts_time:0", line)]
    last = [line for line in f"frame:{tail}".splitlines() if "silence" not in line] if tail else []
    return levels_of([*silent, *last], seconds)


def levels_of(lines: Iterable[str], seconds: float) -> Levels:
    """How loud a sound is and where it is silent; `seconds`: how long it lasts, 0 where that is not known."""
    found = analysis.of_sound(lines, analysis.Spec(sound_seconds=seconds or _ENDLESS))
    silences = tuple((one["start_seconds"], one["end_seconds"]) for one in found["silence"])
    return Levels(**found["loudness"], silences=silences)


def mean_vmaf(path: Path) -> float:
    """Of all frames of libvmaf's CSV. Raises AttemptFailed OUTPUT_INVALID where it has none."""
    total, count = 0.0, 0
    try:
        with path.open(encoding="utf-8") as file:
            place = file.readline().rstrip("\n").split(",").index("vmaf")
            for line in file:
                total, count = total + float(line.split(",")[place]), count + 1
        return total / count
    except (OSError, ValueError, IndexError, ZeroDivisionError) as error:
        raise AttemptFailed("OUTPUT_INVALID", f"libvmaf told nothing of a sample: {error}") from error


_ENDLESS = 1e9
_TAIL_BYTES = 2**16  # has a hundred frames


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def _parse(told: dict[str, Any], message: Message) -> None:
    try:
        ParseDict(told, message)
    except ParseError as error:
        raise ValueError(str(error)[:500]) from error
