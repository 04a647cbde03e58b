"""What a shell is told at TAB: commands, presets, operations and ids. What needs a command's module is left to Typer.

A shell asks at each TAB, so nothing is imported for names: to import the commands takes some ten times as long as to
start Python. Presets of one's own, and ids, are asked of the gateway, for half a second at most.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from reelmill.cli.table import COMMANDS

OPERATIONS = (
    *("transcode", "thumbnail", "audio", "package", "sprite", "preview", "waveform", "analyze", "compare", "image"),
    *("captions", "concat", "transcribe"),
)
WITH_ID = frozenset(
    {"job", "watch", "cancel", "retry", "delete", "logs", "replay", "explain", "download", "reproduce", "open"}
)
"""Commands whose argument is a job's id."""
VARIABLE = "_REELMILL_COMPLETE"
_ASK_SECONDS = 0.5
_SHOWN, _MOST = 8, 50  # letters of an id; ids
Ask = Callable[[str], object]
"""What the gateway answers to a path, as read from JSON; None where it does not."""


def answer(environ: Mapping[str, str]) -> str | None:
    """What to print for a shell that asks by variables, as Typer's scripts do; None where Typer is to answer."""
    shell = environ.get(VARIABLE, "").removeprefix("complete_")
    if shell == "bash":
        words = environ.get("COMP_WORDS", "").split("\n")
        at = int(environ.get("COMP_CWORD") or 0)
        words, part = words[:at], words[at] if at < len(words) else ""
    elif shell in ("zsh", "fish") and environ.get("_TYPER_COMPLETE_FISH_ACTION", "get-args") == "get-args":
        line = environ.get("_TYPER_COMPLETE_ARGS", "")
        words = line.split()
        part = words.pop() if words and not line.endswith(" ") else ""
    else:
        return None
    found = candidates(words[1:], part, lambda path: _asked(environ, words, path))
    if found is None:
        return None
    if shell == "zsh":
        return "_arguments '*: :((" + "\n".join(f'"{one}"' for one in found) + "))'" if found else "_files"
    return "\n".join(found)


def candidates(before: Sequence[str], part: str, ask: Ask) -> list[str] | None:
    """What the word that begins with `part` may be, after others; empty for files, None where Typer knows."""
    if part.startswith("-"):
        return None
    if not before:
        return _beginning(COMMANDS, part)
    command, last = before[0], before[-1]
    if last in ("--preset", "-p"):
        return _beginning(_presets(ask), part)
    if last.startswith("-") or command not in COMMANDS:
        return None
    if command in WITH_ID:
        return _ids(part, ask)
    if len(before) == 1 and command == "presets":
        return _beginning((*_presets(ask), "save", "rm"), part)
    if before == ["presets", "rm"]:
        return _beginning(_names(ask("/v1/presets"), "presets", "name"), part)
    if len(before) == 1 and command == "operations":
        return _beginning(OPERATIONS, part)
    return None


def _beginning(names: Iterable[str], part: str) -> list[str]:
    return sorted({name for name in names if name.startswith(part)})


def _presets(ask: Ask) -> list[str]:
    """Those that came along, by their files, and one's own."""
    folder = os.path.join(os.path.dirname(os.path.dirname(__file__)), "media", "presets")  # noqa: PTH118, PTH120 - quick
    shipped = [name.removesuffix(".yaml") for name in os.listdir(folder) if name.endswith(".yaml")]  # noqa: PTH208
    return [*shipped, *_names(ask("/v1/presets"), "presets", "name")]


def _ids(part: str, ask: Ask) -> list[str]:
    """The newest jobs' last letters, as `reelmill jobs` shows them; whole ids of which that is the beginning."""
    ids = _names(ask(f"/v1/jobs?page_size={_MOST}"), "jobs", "id")
    found = [one[-_SHOWN:] for one in ids if one[-_SHOWN:].startswith(part)]
    found += [one for one in ids if part and one.startswith(part)]
    return [*(["@last"] if "@last".startswith(part) else []), *found]


def _names(answered: object, of: str, field: str) -> list[str]:
    """A field of each item of a list that was answered; what is no name in a shell is left out."""
    items = answered.get(of) if isinstance(answered, dict) else None
    names = [item.get(field, "") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return [name for name in names if isinstance(name, str) and name.replace("-", "").replace("_", "").isalnum()]


def _asked(environ: Mapping[str, str], words: Sequence[str], path: str) -> object:
    """What the gateway answers, by the variables and --gateway; None where it is away, silent, or refuses."""
    import json
    from http.client import HTTPConnection, HTTPException, HTTPSConnection
    from urllib.parse import urlsplit

    host = environ.get("REELMILL_HTTP_HOST") or "127.0.0.1"
    address = environ.get("REELMILL_PUBLIC_URL") or f"http://{host}:{environ.get('REELMILL_HTTP_PORT') or 8080}"
    if "--gateway" in words[:-1]:
        address = words[words.index("--gateway") + 1]
    token = environ.get("REELMILL_TOKEN", "")
    try:
        place = urlsplit(address)
        kind = HTTPSConnection if place.scheme == "https" else HTTPConnection
        connection = kind(place.hostname or "", place.port, timeout=_ASK_SECONDS)
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answered = connection.getresponse()
        return json.loads(answered.read()) if answered.status == 200 else None
    except (OSError, ValueError, HTTPException):
        return None
