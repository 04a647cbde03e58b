"""Reads captions, shifts and cuts them, and writes them in another format.

Arguments: the file to read, the file to write, and an Order as JSON. Everything goes through lines with times and the
few styles that all formats have: italic, bold, underlined. pysubs2 knows SRT, WebVTT and ASS, ttconv TTML and SCC.
"""

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as etree

from pysubs2 import SSAFile
from pysubs2.exceptions import Pysubs2Error

from reelmill.media import webvtt
from reelmill.media.texts import MOST_BYTES, Order, decoded
from reelmill.media.tools.kit import Refused, run

MOST_LINES = 50_000
_ALONE = {"srt": "srt", "webvtt": "vtt", "ass": "ass"}
"""What pysubs2 reads and writes, and how it calls it."""
_DECLARES = re.compile(r"<!(DOCTYPE|ENTITY)")  # entities of entities would fill the memory
_CORRUPT = "INPUT_CORRUPT"


def converted(text: str, order: Order) -> str:
    """Captions as text in the target's format. Raises Refused."""
    if order.source == order.target == "webvtt":  # with all that says how it looks, which no other format has
        return _as_webvtt(text, order)
    lines = _read(text, order.source)
    _cut(lines, order)
    if order.target in _ALONE:
        return str(lines.to_string(_ALONE[order.target]))
    return _ttml(str(lines.to_string("srt")))


def _read(text: str, source: str) -> SSAFile:
    try:
        if source in _ALONE:
            lines = SSAFile.from_string(text, _ALONE[source])
        else:
            lines = SSAFile.from_string(_as_srt(text, source), "srt")
    except (Pysubs2Error, etree.ParseError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        # Others quote what stands in the file, which is nobody's who may but ask for jobs.
        where = str(error) if isinstance(error, etree.ParseError) else "a time or a command in them is none"
        raise Refused(_CORRUPT, f"the captions can't be read as {source}: {where}") from error
    lines.events = [event for event in lines.events if not event.is_comment]
    if not lines.events:
        raise Refused(_CORRUPT, f"the input has no captions that can be read as {source}")
    if len(lines.events) > MOST_LINES:
        raise Refused("INPUT_UNSUPPORTED", f"the input has {len(lines.events)} captions; {MOST_LINES} is the most")
    return lines


def _as_webvtt(text: str, order: Order) -> str:
    try:
        found = webvtt.parsed(text)
    except ValueError as error:
        raise Refused(_CORRUPT, f"the captions can't be read as webvtt: {error}") from error
    if not found.cues:
        raise Refused(_CORRUPT, "the input has no captions that can be read as webvtt")
    kept = webvtt.cut(found, order.start, order.end, order.shift)
    _check_left(len(kept.cues), order, max(cue.end for cue in found.cues))
    return webvtt.written(kept)


def _as_srt(text: str, source: str) -> str:
    if _DECLARES.search(text):
        raise Refused("INPUT_UNSUPPORTED", "the captions declare entities of their own; give them without")
    from ttconv.srt import writer

    if source == "scc":
        from ttconv.scc import reader as scc

        return str(writer.from_model(scc.to_model(text)))
    from ttconv.imsc import reader as imsc

    made = imsc.to_model(etree.ElementTree(etree.fromstring(text)))  # noqa: S314 - nothing is declared in it
    if made is None:
        raise Refused(_CORRUPT, "the captions can't be read as ttml")
    return str(writer.from_model(made))


def _cut(lines: SSAFile, order: Order) -> None:
    end = max(event.end for event in lines.events)
    kept = []
    for event in lines.events:
        end = min(event.end, order.end) if order.end else event.end
        begin = max(event.start, order.start)
        if begin >= end and not (order.start <= event.start == event.end):
            continue
        event.start, event.end = (time - order.start + order.shift for time in (begin, end))
        if event.end > 0:
            event.start = max(0, event.start)
            kept.append(event)
    _check_left(len(kept), order, end)
    lines.events = kept
    lines.sort()


def _check_left(left: int, order: Order, end: int) -> None:
    """`end`: of the last of all. Raises Refused where none is left, for the order asks for what lies past them all."""
    if left or not order.alone:
        return
    last = f"the last caption ends at {end / 1000:g} s"
    if order.start >= end:
        raise Refused(
            "TIME_OUT_OF_RANGE", f"the trim's start_seconds ({order.start / 1000:g}) lies past the end: {last}"
        )
    if end - order.start + order.shift <= 0:
        moved = f"shift_seconds ({order.shift / 1000:g}) moves all captions before the beginning"
        raise Refused("TIME_OUT_OF_RANGE", f"{moved}: {last}")


def _ttml(srt: str) -> str:
    from ttconv.imsc import writer
    from ttconv.srt import reader

    made = io.BytesIO()
    writer.from_model(reader.to_model(io.StringIO(srt))).write(made, encoding="utf-8", xml_declaration=True)
    return made.getvalue().decode()


def _work(arguments: Sequence[str]) -> None:
    source, target, order = arguments
    path = Path(source)
    if path.stat().st_size > MOST_BYTES:
        raise Refused("INPUT_UNSUPPORTED", f"the captions have more than {MOST_BYTES} bytes")
    made = converted(decoded(path.read_bytes()), Order(**json.loads(order)))
    Path(target).write_text(made, encoding="utf-8")


def main() -> None:
    """Its program."""
    run(_work)


if __name__ == "__main__":
    main()
