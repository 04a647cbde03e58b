"""Which files, buckets and hosts clients may name: each by a list, for reading and for writing apart.

Where we keep our own data (PostgreSQL's files, working directories, uploads, outputs) nothing may be named but what
we made for clients: uploads and outputs for reading, outputs for writing, whatever roots and buckets say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.redaction import redacted
from reelmill.storage import places, uris
from reelmill.storage.uris import S3Location

_SHOWN_ROOTS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """The rules of one process."""

    own: str
    """URI of our own storage, without a slash at the end."""
    read_roots: Sequence[Path] = ()
    write_roots: Sequence[Path] = ()
    read_buckets: Sequence[str] = ()
    """`bucket` or `bucket/prefix`."""
    write_buckets: Sequence[str] = ()
    private: Sequence[Path] = ()
    """Folders with data of ours, besides our own storage."""

    def input_violation(self, uri: str) -> str | None:
        """Why a client may not have an input read, as far as its URI tells; None where it may."""
        return self._violation(uri, uris.INPUT_SCHEMES, ("outputs", "uploads"), writing=False)

    def destination_violation(self, uri: str) -> str | None:
        """Why a client may not have a destination written; None where it may."""
        return self._violation(uri, uris.OUTPUT_SCHEMES, ("outputs",), writing=True)

    def deletion_violation(self, uri: str) -> str | None:
        """Why we ourselves may not delete a folder or prefix; None where we may."""
        if problem := self._violation(uri, uris.OUTPUT_SCHEMES, ("outputs", "uploads"), writing=True):
            return problem
        if uris.scheme_of(uri) == "s3":
            return None if uris.s3_location(uri).key.strip("/") else f"{uri} is a whole bucket"
        path = uris.file_path(uri)
        kept = (*self.read_roots, *self.write_roots, *self.private, *self._own_folders(("outputs", "uploads")))
        return f"{path} holds an allowed folder" if any(places.within(folder, [path]) for folder in kept) else None

    def _violation(self, uri: str, schemes: Sequence[str], own: Sequence[str], *, writing: bool) -> str | None:
        """`own` are the folders of our own storage that may be named."""
        scheme = uris.scheme_of(uri)
        if scheme not in schemes:
            return f"{redacted(uri)[:80]!r} must begin with one of {', '.join(s + ':' for s in schemes)}"
        try:
            if scheme == "file":
                return self._file_violation(uris.file_path(uri), own, writing=writing)
            if scheme == "s3":
                return self._bucket_violation(uris.s3_location(uri), own, writing=writing)
            if scheme == "upload":
                uris.upload(uri)
            else:
                uris.check_http(uri)
        except (ValueError, OSError) as error:  # OSError: a path that the system does not take
            return str(error)[:300]
        return None

    def _file_violation(self, path: Path, own: Sequence[str], *, writing: bool) -> str | None:
        if places.inside_any(path, self._own_folders(own)):
            return None
        if places.inside_any(path, (*self.private, *self._own_folders(("",)))):
            return f"{_shown(path)} lies in a folder that Reelmill keeps its own data in; name another one"
        roots, setting = (self.write_roots, "WRITE_ROOTS") if writing else (self.read_roots, "READ_ROOTS")
        if places.within(path, roots):
            return None
        allowed = ", ".join(_shown(root) for root in roots[:_SHOWN_ROOTS]) or "(none)"
        return f"{_shown(path)} lies outside the allowed folders {allowed} (setting REELMILL_{setting})"

    def _bucket_violation(self, location: S3Location, own: Sequence[str], *, writing: bool) -> str | None:
        if any(location.below(kept) for kept in self._own_prefixes(own)):
            return None
        if any(location.below(kept) for kept in self._own_prefixes(("",))):
            return f"s3://{location.bucket} keeps data of Reelmill's own there; name another prefix"
        listed, setting = (self.write_buckets, "WRITE") if writing else (self.read_buckets, "READ")
        if any(location.below(S3Location.of_entry(entry)) for entry in listed):
            return None
        return f"the bucket {location.bucket} and its prefix are not in the setting REELMILL_S3_{setting}_BUCKETS"

    def _own_folders(self, names: Sequence[str]) -> list[Path]:
        if uris.scheme_of(self.own) != "file":
            return []
        return [uris.file_path(self.own) / name for name in names]

    def _own_prefixes(self, names: Sequence[str]) -> list[S3Location]:
        if uris.scheme_of(self.own) != "s3":
            return []
        return [uris.s3_location(f"{self.own}/{name}") for name in names]


def _shown(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 200 else f"{text[:200]}…"
