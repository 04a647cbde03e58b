"""URIs of media files: what each scheme means, and which are allowed. Reads no file's contents."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from uuid import UUID, uuid4

INPUT_SCHEMES = ("file", "http", "https", "s3", "upload", "example")
OUTPUT_SCHEMES = ("file", "s3")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_MAX_NAME, _MAX_PORT = 253, 65_535
_HOST = re.compile(r"([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?")  # RFC 1035; some names have a _
_MAX_UPLOAD_NAME, UUID_LENGTH = 128, 36
EXAMPLES = {"clip": Path(__file__).parent / "examples" / "clip.mp4"}
"""Files that come along, by what `example:` URIs call them: inputs for who has none at hand."""
NO_UPLOAD = "is no upload that this server gave; take the uri of its answer as it is"
_UPLOAD_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{_MAX_UPLOAD_NAME - 1}}}")


@dataclass(frozen=True, slots=True)
class S3Location:
    """An object, or a prefix, in a bucket."""

    bucket: str
    key: str

    @classmethod
    def of_entry(cls, text: str) -> "S3Location":
        """An entry of a list of buckets, `bucket` or `bucket/prefix`. Raises ValueError."""
        return s3_location(f"s3://{quote(text)}")

    def below(self, other: "S3Location") -> bool:
        """Whether it is the other, or lies below it; by whole parts of the key, and never where one is `..`."""
        return self.parts_below(other) is not None

    def parts_below(self, other: "S3Location") -> tuple[str, ...] | None:
        """How the key goes on below the other's; None where `below` is not so."""
        parts, prefix = self.key.split("/"), [part for part in other.key.split("/") if part]
        if self.bucket != other.bucket or not {".", ".."}.isdisjoint(parts) or parts[: len(prefix)] != prefix:
            return None
        return tuple(parts[len(prefix) :])


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a client uploaded, at `uploads/{folder}/{name}` in our own storage."""

    folder: UUID
    """Whose it is; of an upload of a release before, which has no row, a folder of its own."""
    name: str
    id: UUID | None
    """Of its row: its name begins with it. One of a release before has none, unless its name is odd."""


def scheme_of(uri: str) -> str:
    """The scheme in lower case; empty where there is none."""
    return uri.partition(":")[0].lower() if ":" in uri else ""


@lru_cache(maxsize=256)  # of each job a handful, each many times
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
        return Upload(UUID(identity), name, uuid_of(name[:UUID_LENGTH]) if name[UUID_LENGTH:] else None)
    except ValueError:
        raise ValueError(NO_UPLOAD) from None


def example(uri: str) -> Path:
    """The file of an example: URI. Raises ValueError."""
    if found := EXAMPLES.get(uri.partition(":")[2]):
        return found
    raise ValueError(f"names no example; there is {', '.join(f'example:{name}' for name in EXAMPLES)}")


def upload_uri(tenant_id: UUID, upload_id: UUID, name: str) -> str:
    """The upload: URI of a tenant's upload.

    In the form of before: a worker of the release before, which knows no rows, finds the file where it lies too.
    """
    return f"upload:{tenant_id}/{upload_id}-{safe_name(name, _MAX_UPLOAD_NAME - UUID_LENGTH - 1)}"


def unrecorded_upload_uri(name: str) -> str:
    """The upload: URI of an upload without a row, as releases before gave them."""
    return f"upload:{uuid4()}/{safe_name(name, _MAX_UPLOAD_NAME)}"


def safe_name(name: str, longest: int) -> str:
    """A file name for an upload, made of letters, digits, dot, dash and underscore."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "_", name.rsplit("/", 1)[-1]).lstrip("._-")[-longest:].lstrip("._-")
    return cleaned or "upload"


def uuid_of(text: str) -> UUID | None:
    """The UUID that a text is, in whatever form; None where it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def check_http(uri: str) -> None:
    """Raise ValueError, saying why, for an http: URI that can't be an address of anything."""
    import httpx  # late: who reads files alone needs none of it, and a start would wait for it

    try:
        url = httpx.URL(uri)
        name, host = url.host, url.raw_host.decode("ascii")  # the first decodes what looks like an international name
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise ValueError(f"is no address that can be asked: {str(error)[:200]}") from None
    if not name:
        raise ValueError("must name a host, such as https://example.org/talk.mov")
    if ":" not in host and (len(host) > _MAX_NAME or not _HOST.fullmatch(host)):
        raise ValueError("names no host: its parts have 1 to 63 letters, digits and dashes, all together at most 253")
    if url.port is not None and url.port > _MAX_PORT:
        raise ValueError(f"is no address that can be asked: there is no port {url.port}")
