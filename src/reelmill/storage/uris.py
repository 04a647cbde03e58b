"""URIs of media files: what each scheme means, and which are allowed. Reads no file's contents."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from uuid import UUID

INPUT_SCHEMES = ("file", "http", "https", "s3", "upload")
OUTPUT_SCHEMES = ("file", "s3")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_UPLOAD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class S3Location:
    """An object, or a prefix, in a bucket."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a client uploaded."""

    id: UUID
    name: str


def scheme_of(uri: str) -> str:
    """The scheme in lower case; empty where there is none."""
    return uri.partition(":")[0].lower() if ":" in uri else ""


def file_path(uri: str) -> Path:
    """The absolute path of a file: URI. Raises ValueError, saying how to write it."""
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost"):
        raise ValueError(f"names the host {parts.hostname!r}; write file:///path with three slashes")
    if parts.query or parts.fragment:
        raise ValueError("has ? or # in it; write them as %3F and %23")
    path = unquote(parts.path)
    if not path.startswith("/") or "\0" in path:
        raise ValueError("must name an absolute path, such as file:///media/talk.mov")
    return Path(path)


def file_uri(path: Path) -> str:
    """The file: URI of an absolute path; folders get no slash at the end."""
    return "file://" + quote(str(path))


def s3_location(uri: str) -> S3Location:
    """Bucket and key of an s3: URI. Raises ValueError."""
    parts = urlsplit(uri)
    if not _BUCKET.fullmatch(parts.netloc):
        raise ValueError("must name a bucket, such as s3://bucket/folder/talk.mov")
    if parts.query or parts.fragment:
        raise ValueError("has ? or # in it; write them as %3F and %23")
    return S3Location(parts.netloc, unquote(parts.path).lstrip("/"))


def upload(uri: str) -> Upload:
    """Id and name of an upload: URI. Raises ValueError."""
    identity, _, name = uri.partition(":")[2].partition("/")
    try:
        if not _UPLOAD_NAME.fullmatch(name):
            raise ValueError
        return Upload(UUID(identity), name)
    except ValueError:
        raise ValueError("is no upload that this server gave; take the uri of its answer as it is") from None


def safe_name(name: str) -> str:
    """A file name for an upload, made of letters, digits, dot, dash and underscore."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "_", name.rsplit("/", 1)[-1]).lstrip("._-")[-128:].lstrip("._-")
    return cleaned or "upload"


def host(uri: str) -> str:
    """The host of an http: URI; empty where it names none."""
    return urlsplit(uri).hostname or ""


def within(path: Path, roots: Sequence[Path]) -> bool:
    """Whether a path, all symbolic links followed, lies below one of the roots."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(root)) for root in roots)
