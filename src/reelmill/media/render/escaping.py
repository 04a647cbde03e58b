"""Values in FFmpeg's filters, so that they are read as what they are. Pure."""

import re

_OPTION = re.compile(r"[\\':]")
_GRAPH = re.compile(r"[\\'\[\],;]")


def escaped(value: str) -> str:
    """The value of a filter's option: escaped for the options of one filter, and that for the graph around it.

    As FFmpeg's manual has it ("Notes on filtergraph escaping"). White space at both ends is escaped too: it would be
    cut off.
    """
    inner = _spaces(_OPTION.sub(r"\\\g<0>", value))
    return _spaces(_GRAPH.sub(r"\\\g<0>", inner))


def _spaces(text: str) -> str:
    left = len(text) - len(text.lstrip(" \t\n\r"))
    right = len(text.rstrip(" \t\n\r"))
    if not left and right == len(text):
        return text
    if left == len(text):
        return "".join(f"\\{c}" for c in text)
    return "".join(f"\\{c}" if i < left or i >= right else c for i, c in enumerate(text))
