"""What a file says of itself as a whole: its title, and its chapters. Runs in the prober's child."""

from typing import Any

from reelmill.v1.media_pb2 import MediaInfo

MOST_CHAPTERS = 500
"""Of a file that are told."""
_MOST_CHARACTERS = 500


def describe(container: Any, info: MediaInfo) -> None:
    """Add them to what is told of an open container (PyAV's)."""
    info.title = _words(container.metadata.get("title", ""))
    for chapter in container.chapters()[:MOST_CHAPTERS]:
        base, title = chapter["time_base"], chapter.get("metadata", {}).get("title", "")
        start, end = (float(chapter[name] * base) for name in ("start", "end"))
        if end > start >= 0:
            info.chapters.add(start_seconds=start, end_seconds=end, title=_words(title))


def _words(text: str) -> str:
    """Without what no person reads."""
    return "".join(c if c.isprintable() else " " for c in text[:_MOST_CHARACTERS]).strip()
