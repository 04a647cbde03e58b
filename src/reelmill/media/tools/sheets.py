"""Writes the WebVTT file of sheets of small pictures: which part of which sheet shows what is on the screen when.

Arguments: the file in which ffmpeg printed when each key frame is shown (the filter metadata, in microseconds), the
file to write, and a Layout as JSON.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.media.tools.kit import Refused, run

_SHOWN = re.compile(r"^frame:\d+ +pts:(-?\d+) ", re.MULTILINE)
_MOST_BYTES = 2**28  # of what is printed: a million key frames have some 60 MB
_SECOND = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Cells and where they lie; times in microseconds."""

    cells: int
    columns: int
    rows: int
    width: int
    height: int
    """Of a cell, in pixels."""
    interval: float
    """From the time of one cell to that of the next."""
    first: int
    """The first cell's time, as ffmpeg counts."""
    begin: int
    """The same, from the film's beginning."""
    end: int
    """When the last picture ends, from there."""
    sheet: str
    """The name of a sheet, with {} for its number, which begins at 1."""


def vtt(keys: Sequence[int], layout: Layout) -> str:
    """The WebVTT file. `keys`: when key frames are shown, as ffmpeg counts.

    A cell shows the last key frame that is shown no later than its time. Cells that show the same are one cue,
    which lasts from when that frame is shown to when the next cue's is; the first begins with the film. Raises
    Refused without keys.
    """
    shown = sorted(key - layout.first for key in keys)
    if not shown:
        raise Refused("INPUT_CORRUPT", "no picture of the input could be decoded")
    cues: list[tuple[int, int]] = []  # when it begins, and the first cell that shows it
    for cell in range(layout.cells):
        key = shown[max(0, bisect_right(shown, cell * layout.interval) - 1)]
        if not cues or cues[-1][0] != key:
            cues.append((key, cell))
    lines = ["WEBVTT", ""]
    begins = [0, *(layout.begin + key for key, _ in cues[1:])]
    ends = [*begins[1:], max(layout.end, begins[-1] + 1000)]
    for begin, end, (_, cell) in zip(begins, ends, cues, strict=True):
        lines += [f"{_told(begin)} --> {_told(end)}", _place(cell, layout), ""]
    return "\n".join(lines)


def _place(cell: int, layout: Layout) -> str:
    sheet, inside = divmod(cell, layout.columns * layout.rows)
    row, column = divmod(inside, layout.columns)
    left, top = column * layout.width, row * layout.height
    return f"{layout.sheet.format(f'{sheet + 1:04d}')}#xywh={left},{top},{layout.width},{layout.height}"


def _told(time: int) -> str:
    thousandths = max(0, round(time / 1000))
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def read(text: str) -> Iterator[int]:
    """The times that ffmpeg printed."""
    return (int(match[1]) for match in _SHOWN.finditer(text))


def _work(arguments: Sequence[str]) -> None:
    times, target, layout = arguments
    path = Path(times)
    if path.stat().st_size > _MOST_BYTES:
        raise Refused("INPUT_UNSUPPORTED", "the input has more key frames than a sprite's times can be told of")
    made = vtt(list(read(path.read_text(encoding="ascii"))), Layout(**json.loads(layout)))
    Path(target).write_text(made, encoding="ascii")


def main() -> None:
    """Its program."""
    run(_work)


if __name__ == "__main__":
    main()
