"""Headers that inputs are asked with: which may be given, and which requests get them. Pure."""

import re
from collections.abc import Mapping

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")  # a token of RFC 9110, 5.6.2
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
# What says how a connection is used, or which part of a file is asked for: that is ours.
_OURS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "range"}
    | {"keep-alive", "proxy-authorization", "proxy-connection", "accept-encoding", "if-range", "if-match"}
    | {"if-none-match", "if-modified-since", "if-unmodified-since", "content-type", "content-encoding"}
)
_MOST_BYTES = 2**14
"""Of all together: servers take no more."""


def problem(uri: str, headers: Mapping[str, str]) -> tuple[str, str] | None:
    """The name of a header that can't be sent, and why; an empty name for all. None where all can."""
    if not headers:
        return None
    if not uri.lower().startswith(("http://", "https://")):
        return "", "go with http and https inputs alone"
    if sum(len(name) + len(value) for name, value in headers.items()) > _MOST_BYTES:
        return "", f"must have at most {_MOST_BYTES} characters together"
    seen = set[str]()
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            return name, "is no name of a header, such as Authorization"
        if name.lower() in _OURS:
            return name, "is set by the server itself: leave it out"
        if name.lower() in seen:
            return name, "is there twice: names are the same in capitals"
        if not _VALUE.fullmatch(value):
            return name, "must have a value of visible ASCII characters, without line ends"
        seen.add(name.lower())
    return None
