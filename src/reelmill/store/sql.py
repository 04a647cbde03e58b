"""Named queries: each stands in queries/*.sql behind `-- name: NAME` and a comment.

A line `-- include: NAME` stands for the query of that name (of another room: `ROOM.NAME`): what several have in common.
"""

import re
from functools import cache
from importlib.resources import files

_INCLUDE = re.compile(r"^-- include: (?:(\w+)\.)?(\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"\A(--[^\n]*\n)+")
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def queries(room: str) -> dict[str, str]:
    """The queries of queries/`room`.sql by name. Raises ValueError for a name used twice."""
    parts = _NAME.split((files("reelmill.store") / "queries" / f"{room}.sql").read_text())
    found: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        if name in found:
            raise ValueError(f"queries/{room}.sql has two queries named {name}")
        found[name] = body.strip()
    return {name: _INCLUDE.sub(lambda match: _common(room, found, match), body) for name, body in found.items()}


def _common(room: str, found: dict[str, str], match: re.Match[str]) -> str:
    other, name = match[1] or room, match[2]
    return _COMMENT.sub("", (found if other == room else queries(other))[name])
