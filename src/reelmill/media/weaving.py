"""Parts of several readings, put together in one graph of filters. Pure."""

import re
from collections.abc import Sequence

from reelmill.media.steps import Taken

_LABEL = re.compile(r"\[([A-Za-z][\w-]*)\]")
_STREAM = re.compile(r"s(\d+)")


def woven(parts: Sequence[Taken], together: str) -> Taken:
    """Parts, each by itself a chain or graph with one end, and the graph that makes one of their ends [p0], [p1], …"""
    streams: list[int] = []
    readings: list[int] = []
    graphs = []
    for i, part in enumerate(parts):
        first = len(streams)
        graph = part.filters or "null"
        if part.streams and not graph.startswith("["):
            graph = f"[s0]{graph}"
        graphs.append(f"{_LABEL.sub(lambda match: _renamed(match[1], first, i), graph)}[p{i}]")  # noqa: B023
        streams += part.streams
        readings += part.readings
    return Taken(streams=tuple(streams), reading=tuple(readings), filters=";".join((*graphs, together)))


def _renamed(label: str, first: int, part: int) -> str:
    """A label of a part where others have the same, and its streams come after `first` others."""
    stream = _STREAM.fullmatch(label)
    return f"[s{first + int(stream[1])}]" if stream else f"[{label}-{part}]"
