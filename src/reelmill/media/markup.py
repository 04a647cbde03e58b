"""Words in XML. Pure.

The standard library's xml.sax.saxutils does the same, and imports an HTTP client: a third of a tool's start.
"""

from collections.abc import Mapping

_TEXT = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
# A parser would make spaces of what separates lines and columns (XML 1.0, 3.3.3).
_VALUE = {**_TEXT, ord('"'): "&quot;", ord("\t"): "&#9;", ord("\n"): "&#10;", ord("\r"): "&#13;"}


def text(words: str) -> str:
    """What stands between tags."""
    return words.translate(_TEXT)


def attributes(told: Mapping[str, object]) -> str:
    """Names and values of a tag."""
    return " ".join(f'{name}="{str(value).translate(_VALUE)}"' for name, value in told.items())
