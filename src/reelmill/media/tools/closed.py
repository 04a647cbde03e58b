"""Takes captions of CEA-608 out of a film, from between its pictures or from a track of their own, as SCC.

Arguments: the film, the file to write, and an Order as JSON. Pictures are decoded, for that brings captions into the
order in which they are shown, whatever codec carries them; what only makes pictures prettier is left out.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from reelmill.media.formats.containers import DEMUXERS, MAX_PIXELS
from reelmill.media.line21 import Channel
from reelmill.media.opened import demuxed
from reelmill.media.tools.kit import Refused, run, told

MOST_WORDS = 500_000
"""Of a channel: four hours and a half without a pause."""
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": ",".join(sorted(DEMUXERS))}
_DECODER = {"skip_loop_filter": "all", "max_pixels": str(MAX_PIXELS)}
_MICRO = 1_000_000
_RATE = 25.0


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is taken."""

    demuxer: str
    stream: int
    """Of the picture, or of a track of captions."""
    channel: str
    """CC1 to CC4."""
    threads: int = 0
    """0: as the library likes."""
    end: float = 0.0
    """Seconds; nothing behind is wanted. 0: all is."""


def _work(arguments: Sequence[str]) -> None:
    source, target, text = arguments
    order = Order(**json.loads(text))
    channel, last, heard = Channel(order.channel), 0.0, -1.0
    for seconds, triples in _triples(source, order):
        if order.end and seconds > order.end:
            break
        last = max(last, seconds)
        if last >= heard + 1:
            told(last)
            heard = last
        channel.take(seconds, triples)
        if len(channel.words) > MOST_WORDS:
            raise Refused("INPUT_UNSUPPORTED", f"the input has more than {MOST_WORDS} pairs of captions; cut it first")
    if not channel.words:
        there = f"; there are in {', '.join(sorted(channel.others))}" if channel.others else ""
        raise Refused("INPUT_NO_CAPTIONS", f"the input has no closed captions in {order.channel}{there}")
    with Path(target).open("w", encoding="ascii") as file:
        file.writelines(channel.scc(last + 1 / _RATE))


def _triples(path: str, order: Order) -> Iterator[tuple[float, bytes]]:
    """When each picture is shown, in seconds from where the film begins, and what lies before it. Raises Refused."""
    try:
        with av.open(f"file:{path}", format=order.demuxer, options=_OPTIONS, metadata_errors="replace") as film:
            stream = film.streams[order.stream]
            begin = (film.start_time or 0) / _MICRO
            found = _between(film, stream, order.threads) if stream.type == "video" else _packets(film, stream)
            for seconds, triples in found:
                yield seconds - begin, triples
    except (av.error.FFmpegError, IndexError) as error:
        raise Refused("INPUT_CORRUPT", f"the input can't be read for its captions: {error}") from error


def _between(film: Any, stream: Any, threads: int) -> Iterator[tuple[float, bytes]]:
    context = stream.codec_context
    context.options = _DECODER
    context.thread_count = threads
    context.thread_type = "AUTO"
    step, at = 1 / float(stream.average_rate or _RATE), 0.0
    for packet in demuxed(film, stream):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue  # what is damaged is told where the film is made; captions behind it are still there
        for frame in frames:
            at = frame.time if frame.time is not None else at + step
            yield at, b"".join(bytes(data) for data in frame.side_data if data.type.name == "A53_CC")


def _packets(film: Any, stream: Any) -> Iterator[tuple[float, bytes]]:
    for packet in demuxed(film, stream):
        if packet.pts is not None:
            yield float(packet.pts * packet.time_base), bytes(packet)


def main() -> None:
    """Its program."""
    run(_work)


if __name__ == "__main__":
    main()
