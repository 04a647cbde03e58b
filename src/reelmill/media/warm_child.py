"""What warm children do: for each question and descriptor that come through stdin they answer a JSON object a line.

A template loads this once and forks the children (media/sandbox/zygote.py). They open no file at all, and write none:
what they make goes through stdout, behind its line. So a parser that was taken over has the one file that it was given.
"""

import json
import os
import socket
import sys
from typing import Any

import av

from reelmill.media import extents_child, probe_child, still_child
from reelmill.media.warm_bounds import ANSWER_BYTES, QUESTION_BYTES


def main() -> None:
    """Answer until stdin ends."""
    asker = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=0)
    while True:
        packet, descriptors, _, _ = socket.recv_fds(asker, QUESTION_BYTES, 1)
        if not packet:
            return
        (file,) = descriptors
        told, made = answer(file, json.loads(packet))
        os.close(file)
        left = memoryview(b"".join((json.dumps(told).encode(), b"\n", *made)))
        while left:  # all at once, as far as the pipe takes it: each piece wakes who reads
            left = left[os.write(sys.stdout.fileno(), left) :]


def prepare() -> None:
    """Do once what each file needs: whatever is loaded for it can't be loaded later."""
    av.logging.set_level(av.logging.PANIC)
    probe_child.prepare()
    still_child.prepare()


def answer(file: int, question: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """What is said of an open file, at its start, and what was made of it."""
    if "spans" in question:
        return extents_child.answer(file, question["spans"]), []
    if "why" in question:
        return probe_child.why(file), []
    if "stills" not in question:
        return probe_child.answer(file, question["looks"], question["span"], partial=question["partial"]), []
    try:
        pictures, warnings = still_child.made(file, question)
    except still_child.Undone as undone:
        return {"undone": str(undone)}, []
    made = [picture for still in pictures for picture in still]
    if (count := sum(map(len, made))) > ANSWER_BYTES:
        return {"undone": f"{count} bytes are too many"}, []
    sizes = [[len(picture) for picture in still] for still in pictures]
    looks = [probe_child.answer(picture) for picture in made]
    return {"bytes": count, "sizes": sizes, "looks": looks, "warnings": warnings}, made
