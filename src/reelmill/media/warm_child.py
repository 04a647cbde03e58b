"""What warm children do: for each question and descriptor that come through stdin they answer a JSON object a line.

A template loads this once and forks the children (media/sandbox/zygote.py). They open no file at all, and write none:
what they make goes through stdout, behind its line. So a parser that was taken over has the one file that it was given.
"""

import json
import os
import select
import socket
import sys
from functools import partial
from typing import Any

import av

from reelmill.media import extents_child, probe_child, still_child
from reelmill.media.openings import KEPT_SECONDS, Opening, Shelf
from reelmill.media.warm_bounds import ANSWER_BYTES, QUESTION_BYTES


def main() -> None:
    """Answer until stdin ends."""
    asker, shelf = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=0), Shelf()
    while True:
        wait(asker, shelf, KEPT_SECONDS)
        packet, descriptors, _, _ = socket.recv_fds(asker, QUESTION_BYTES, 1)
        if not packet:
            return
        (file,) = descriptors
        told, made = answer(file, json.loads(packet), shelf)
        os.close(file)
        left = memoryview(b"".join((json.dumps(told).encode(), b"\n", *made)))
        while left:  # all at once, as far as the pipe takes it: each piece wakes who reads
            left = left[os.write(sys.stdout.fileno(), left) :]


def wait(asker: socket.socket, shelf: Shelf, seconds: float) -> None:
    """Until there is a question, or for so long as something may be kept."""
    if not shelf.empty and not select.select([asker], [], [], seconds)[0]:
        shelf.clear()


def prepare() -> None:
    """Do once what each file needs: whatever is loaded for it can't be loaded later."""
    av.logging.set_level(av.logging.PANIC)
    probe_child.prepare()
    still_child.prepare()


def answer(file: int, question: dict[str, Any], shelf: Shelf) -> tuple[dict[str, Any], list[bytes]]:
    """What is said of an open file, at its start, and what was made of it.

    A question with a `holder` is followed by another of the same, perhaps: the file may stay open in between.
    """
    holder = question.get("holder", "")
    opening = shelf.take(holder, file)
    try:
        return _answered(file, question, shelf, opening)
    finally:
        if opening is not None:
            opening.container.close()


def _answered(
    file: int, question: dict[str, Any], shelf: Shelf, opening: Opening | None
) -> tuple[dict[str, Any], list[bytes]]:
    if "spans" in question:
        return extents_child.answer(file, question["spans"]), []
    if "why" in question:
        return probe_child.why(file), []
    if "stills" not in question:
        holder, left_out = question.get("holder", ""), question["partial"]
        keep = partial(shelf.keep, holder, file) if holder and not left_out else None
        probed = probe_child.answer(file, question["looks"], question["span"], partial=left_out, keep=keep)
        return {**probed, "kept": not shelf.empty}, []
    try:
        pictures, warnings = still_child.made(file, question, opening.container if opening is not None else None)
    except still_child.Undone as undone:
        return {"undone": str(undone)}, []
    made = [picture for still in pictures for picture in still]
    if (count := sum(map(len, made))) > ANSWER_BYTES:
        return {"undone": f"{count} bytes are too many"}, []
    sizes = [[len(picture) for picture in still] for still in pictures]
    looks = [probe_child.answer(picture) for picture in made]
    told = {"bytes": count, "sizes": sizes, "looks": looks, "warnings": warnings, "held": opening is not None}
    return told, made
