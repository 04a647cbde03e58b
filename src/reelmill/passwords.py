"""URLs with passwords, of which files may know newer ones: read for each new connection. Blocks for a small file."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

Password = Callable[[], str | None]
"""The password to connect with now; None: none is asked for, or PostgreSQL's own ways to find one are to be gone."""


def parts_of(url: str) -> SplitResult | None:
    """A URL in parts; None where Python can't take it apart: what it says of that may quote the password."""
    try:
        return urlsplit(url)
    except ValueError:
        return None


def password_of(url: str, file: Path | None) -> Password:
    """The password of a URL, that of its file where that holds the same URL but for the password."""

    def read() -> str | None:
        newest = url
        if file is not None:
            try:
                newest = file.read_text().strip()
            except (OSError, UnicodeDecodeError):  # while it is replaced, or was taken away: the one before holds
                newest = url
        if _without_password(newest) != _without_password(url):  # another server: for that we are to be started anew
            newest = url
        return _password(newest)

    return read


def _password(url: str) -> str | None:
    found = urlsplit(url).password
    return None if found is None else unquote(found)


def _without_password(url: str) -> tuple[str, str, str, str, str]:
    if (parts := parts_of(url)) is None:
        return ("", "", "", "", url)
    return (parts.scheme, parts.netloc.rpartition("@")[2], parts.username or "", parts.path, parts.query)
