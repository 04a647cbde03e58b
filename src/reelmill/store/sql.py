"""Named queries: each stands in queries/*.sql behind `-- name: NAME` and a comment."""

import re
from functools import cache
from importlib.resources import files

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
    return found
