"""WebVTT (W3C): what is said when, read, cut and divided, with all that says how it looks. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

MOST_CUES = 50_000
_ARROW = "-->"
_TIMES = re.compile(
    r"^[ \t]*(?:(\d{2,6}):)?([0-5]\d):([0-5]\d)\.(\d{3})[ \t]+-->[ \t]+"
    r"(?:(\d{2,6}):)?([0-5]\d):([0-5]\d)\.(\d{3})(?:[ \t]+(.*?))?[ \t]*$"
)
_TIMESTAMP = re.compile(r"<(?:(\d{2,6}):)?([0-5]\d):([0-5]\d)\.(\d{3})>")
_KEPT = ("STYLE", "REGION")
"""Blocks that say how cues look. NOTE, which nobody sees, is left out."""


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown from one time to another, in milliseconds."""

    start: int
    end: int
    lines: tuple[str, ...]
    settings: str = ""
    """Where it stands."""


@dataclass(frozen=True, slots=True)
class Text:
    """A file of it."""

    cues: tuple[Cue, ...]
    """By their times."""
    looks: tuple[str, ...] = ()
    """Blocks that say how they look."""


def parsed(text: str) -> Text:
    """Read a file. Raises ValueError for what is none, and for more than MOST_CUES."""
    lines = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd").split("\n")
    if not re.match(r"WEBVTT(?:[ \t]|$)", lines[0]):
        raise ValueError("it does not begin with WEBVTT")
    cues, looks = list[Cue](), list[str]()
    for block in _blocks(lines[1:]):
        if (cue := _cue(block)) is not None:
            cues.append(cue)
            if len(cues) > MOST_CUES:
                raise ValueError(f"it has more than {MOST_CUES} cues")
        elif not cues and block[0].strip() in _KEPT:  # behind the first cue they count for nothing
            looks.append("\n".join(block))
    return Text(tuple(sorted(cues, key=lambda cue: (cue.start, cue.end))), tuple(looks))


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    block = list[str]()
    for line in (*lines, ""):
        if line:
            block.append(line)
        elif block:
            yield block
            block = []


def _cue(block: Sequence[str]) -> Cue | None:
    """A cue; its name, which only scripts ask for, is left out."""
    for i, line in enumerate(block[:2]):
        if (told := _TIMES.match(line)) is not None:
            start, end = _milliseconds(*told.groups()[:4]), _milliseconds(*told.groups()[4:8])
            said = tuple(line for line in block[i + 1 :] if _ARROW not in line)
            return Cue(start, end, said, told[9] or "") if said and end > start else None
    return None


def _milliseconds(hours: str | None, minutes: str, seconds: str, rest: str) -> int:
    return ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(rest)


def cut(text: Text, start: int, end: int, shift: int) -> Text:
    """What is shown in a part, in milliseconds from its beginning, and so much later; `end` 0: to the last."""
    found = []
    for cue in text.cues:
        begins, ends = max(cue.start, start), min(cue.end, end) if end else cue.end
        moved = replace(
            cue,
            start=max(0, begins - start + shift),
            end=ends - start + shift,
            lines=tuple(_moved(line, shift - start) for line in cue.lines),
        )
        if begins < ends and moved.end > moved.start:
            found.append(moved)
    return replace(text, cues=tuple(found))


def _moved(line: str, by: int) -> str:
    """Times inside a cue, as karaoke has them, go with it."""
    return _TIMESTAMP.sub(lambda told: f"<{clock(max(0, _milliseconds(*told.groups()) + by))}>", line)


def between(text: Text, start: int, end: int) -> Text:
    """All that is shown in a segment, whole and at its own times: so players know it again in the next one."""
    return replace(text, cues=tuple(cue for cue in text.cues if cue.start < end and cue.end > start))


def written(text: Text, head: Sequence[str] = ()) -> str:
    """The file; `head` are lines of its header."""
    blocks = ["\n".join(("WEBVTT", *head)), *text.looks]
    for cue in text.cues:
        times = f"{clock(cue.start)} {_ARROW} {clock(cue.end)}"
        blocks.append("\n".join((f"{times} {cue.settings}".rstrip(), *cue.lines)))
    return "\n\n".join(blocks) + "\n"


def clock(milliseconds: int) -> str:
    """As WebVTT writes it: hours, minutes, seconds and thousandths."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"
