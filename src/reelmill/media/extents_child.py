"""What a warm child does to tell where parts of a file lie (warm_child.py)."""

from __future__ import annotations  # Python 3.11 has no array[int]

import os
from array import array
from itertools import pairwise
from typing import Any

import av
import av.error

from reelmill.media import probe_child
from reelmill.media.extents import INDEXED, Layout, Samples
from reelmill.media.timeline import SECOND

_MOST_SAMPLES = 1_500_000  # of all streams: four hours of 60 frames a second, and 300 bytes of memory for each
_OPTIONS = {"protocol_whitelist": "fd", "format_whitelist": "mov"}


def answer(file: int, spans: list[tuple[int, int]]) -> dict[str, Any]:
    """`extents`: for each span, in microseconds from the file's beginning, what is read of the file for it.

    None where its index does not tell. `info`: as probe_child answers. `file`: open.
    """
    probed = probe_child.answer(file)
    if probed.get("demuxer") not in INDEXED:
        return {"extents": None}
    size = os.fstat(file).st_size
    os.lseek(file, 0, os.SEEK_SET)
    try:
        with av.open("fd:", options={**_OPTIONS, "fd": str(file)}, metadata_errors="replace") as container:
            streams = _samples(container)
            used = [s.index for s in container.streams if s.type in ("video", "audio")]
            telling = [s.index for s in container.streams if s.index not in used]
    except (av.error.FFmpegError, MemoryError):
        return {"extents": None}
    if streams is None:
        return {"extents": None}
    layout = Layout(streams, size, telling=telling)
    return {"extents": [layout.of(used, start, end) for start, end in spans], "info": probed["info"]}


def _samples(container: Any) -> dict[int, Samples] | None:
    """Of all streams; None where they are too many, or their times go back."""
    begin, left = container.start_time or 0, _MOST_SAMPLES
    found = {}
    for stream in container.streams:
        entries = stream.index_entries
        left -= len(entries)
        if left < 0 or not stream.time_base:
            return None
        scale, over = stream.time_base.numerator * SECOND, stream.time_base.denominator
        places, sizes, times, keys = (array("q") for _ in range(4))
        for i, entry in enumerate(entries):
            places.append(entry.pos)
            sizes.append(entry.size)
            times.append(entry.timestamp * scale // over - begin)
            if entry.is_keyframe:
                keys.append(i)
        if any(after < before for before, after in pairwise(times)):
            return None
        found[stream.index] = Samples(places=places, sizes=sizes, times=times, keys=keys)
    return found
