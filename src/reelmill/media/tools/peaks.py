"""Reads the lowest and highest samples that ffmpeg's astats printed, and writes them as JSON or draws them as a PNG.

A program: `peaks.py SPEC SOURCE TARGET`, with SPEC as in `Spec`. The JSON is that of audiowaveform, version 2
(github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md).
"""

import json
import math
import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.media.tools.kit import Refused, run

MOST_PEAKS = 40_000_000
"""Numbers that are kept: of a day of 8 channels at 48 kHz in pixels of 2,048 samples there are 32 million."""
_FULL = 32768
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What is asked for."""

    sample_rate: int
    samples_per_pixel: int
    """Of what was printed, and of the JSON."""
    channels: int
    bits: int = 8
    """8 or 16, of the JSON."""
    width: int = 0
    """Of the picture, in pixels; 0: JSON is written."""
    height: int = 0
    color: str = "#000000"
    background: str = ""
    """#rrggbb; empty: transparent."""


def peaks(lines: Iterable[str], channels: int) -> array:  # type: ignore[type-arg]  # as Python 3.11 has it
    """The lowest and the highest sample of each channel in turn, pixel by pixel, in 16 bits."""
    found, pixel = array("h"), 2 * channels
    for line in lines:
        if line.startswith("frame:"):
            if len(found) + pixel > MOST_PEAKS:
                raise Refused(
                    "OUTPUT_TOO_LARGE", f"there are more than {MOST_PEAKS} peaks: give a larger samples_per_pixel"
                )
            found.extend([0] * pixel)
        elif line.startswith("lavfi.astats.") and found:
            name, _, value = line.rstrip().partition("=")
            _, _, channel, what = name.split(".")
            at = 2 * (int(channel) - 1) + (what == "Max_level")
            if 0 <= at < pixel and what in ("Min_level", "Max_level"):
                found[len(found) - pixel + at] = _sample(value)
    return found


def as_json(found: Sequence[int], spec: Spec) -> Iterator[str]:
    """Pieces of the JSON."""
    head = {
        "version": 2,
        "channels": spec.channels,
        "sample_rate": spec.sample_rate,
        "samples_per_pixel": spec.samples_per_pixel,
        "bits": spec.bits,
        "length": len(found) // (2 * spec.channels),
    }
    yield f'{json.dumps(head)[:-1]}, "data": ['
    shift = 16 - spec.bits
    for at in range(0, len(found), 65536):
        part = found[at : at + 65536]
        yield ("," if at else "") + ",".join(str(value >> shift) for value in part)
    yield "]}"


def as_png(found: Sequence[int], spec: Spec) -> bytes:
    """A picture of two colours: a line for each column, from the lowest to the highest sample, channels in rows."""
    columns = [_columns(found, channel, spec) for channel in range(spec.channels)]
    rows = bytearray()
    for channel, column in enumerate(columns):
        top, bottom = spec.height * channel // spec.channels, spec.height * (channel + 1) // spec.channels
        scale = (bottom - top) / (2 * _FULL)
        spans = [_span(low, high, scale, bottom - top) for low, high in column]
        for y in range(bottom - top):
            rows.append(0)  # no filter
            rows += bytes(first <= y <= last for first, last in spans)
    colours = b"".join(_rgb(colour) for colour in (spec.background or spec.color, spec.color))
    # The first colour is clear, or not, the other is opaque.
    clear = b"" if spec.background else _chunk(b"tRNS", b"\x00\xff")
    head = struct.pack(">IIBBBBB", spec.width, spec.height, 8, 3, 0, 0, 0)
    image = _chunk(b"IDAT", zlib.compress(bytes(rows), 6))
    return b"".join((_PNG, _chunk(b"IHDR", head), _chunk(b"PLTE", colours), clear, image, _chunk(b"IEND", b"")))


def _columns(found: Sequence[int], channel: int, spec: Spec) -> list[tuple[int, int]]:
    """Lowest and highest of each column; where there are fewer pixels than columns some are of the same."""
    step = 2 * spec.channels
    lows, highs = found[2 * channel :: step], found[2 * channel + 1 :: step]
    count = len(lows)
    if not count:
        return [(0, 0)] * spec.width
    columns = []
    for x in range(spec.width):
        first = min(count - 1, x * count // spec.width)
        last = max(first + 1, min(count, math.ceil((x + 1) * count / spec.width)))
        columns.append((min(lows[first:last]), max(highs[first:last])))
    return columns


def _span(low: int, high: int, scale: float, height: int) -> tuple[int, int]:
    """First and last row of a column; of silence the middle one."""
    first = min(height - 1, max(0, math.floor((_FULL - 1 - high) * scale)))
    return first, min(height - 1, max(first, math.ceil((_FULL - low) * scale) - 1))


def _sample(text: str) -> int:
    try:
        return max(-_FULL, min(_FULL - 1, round(float(text))))
    except (ValueError, OverflowError):
        return 0


def _rgb(colour: str) -> bytes:
    return bytes.fromhex(colour.removeprefix("#"))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def main() -> None:
    """Read the lines, write JSON or PNG."""
    run(work)


def work(arguments: Sequence[str]) -> None:
    """As main() does with those of the command line."""
    told, source, target = arguments
    spec = Spec(**json.loads(told))
    with Path(source).open(errors="replace") as lines:
        found = peaks(lines, spec.channels)
    if spec.width:
        with Path(target).open("wb") as picture:
            picture.write(as_png(found, spec))
        return
    with Path(target).open("w") as text:
        text.writelines(as_json(found, spec))
