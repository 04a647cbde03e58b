"""Which files, buckets and hosts clients may name: each by a list, for reading and for writing apart.

Where we keep our own data (PostgreSQL's files, working directories, uploads, outputs) nothing may be named but what
we made for clients: uploads and outputs for reading, outputs for writing, whatever roots and buckets say. Of these a
tenant may name its own, `outputs/{tenant}/…` and `uploads/{tenant}/…`. What lies in no tenant's folder is from before
tenants had any, and the default tenant's.

Folders and buckets of the lists are the default tenant's. Another tenant has what was made for it, and nothing besides,
unless the setting tenant_storage allows it more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from reelmill.redaction import redacted
from reelmill.storage import uris
from reelmill.storage.places import Places
from reelmill.storage.tenants import NOTHING, Allowed
from reelmill.storage.uris import S3Location, Upload, uuid_of
from reelmill.store.tenancy import DEFAULT_IDENTITY

_SHOWN_ROOTS = 10
_MADE = ("outputs", "uploads")  # the folders of our own storage with what was made for clients


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
    tenant_id: UUID = DEFAULT_IDENTITY.tenant_id
    """Who names files."""
    tenants: tuple[tuple[UUID, Allowed], ...] = ()
    """What tenants but the default one may name."""

    def of(self, tenant_id: UUID) -> "Access":
        """The rules for another tenant; these are the default one's."""
        theirs = dict(self.tenants).get(tenant_id, NOTHING)
        return replace(
            self,
            tenant_id=tenant_id,
            read_roots=theirs.read_roots,
            write_roots=theirs.write_roots,
            read_buckets=theirs.read_buckets,
            write_buckets=theirs.write_buckets,
        )

    @property
    def _is_default(self) -> bool:
        return self.tenant_id == DEFAULT_IDENTITY.tenant_id

    def input_violation(self, uri: str) -> str | None:
        """Why a client may not have an input read, as far as its URI tells; None where it may."""
        return self._violation(uri, uris.INPUT_SCHEMES, _MADE, writing=False)

    def destination_violation(self, uri: str) -> str | None:
        """Why a client may not have a destination written; None where it may."""
        return self._violation(uri, uris.OUTPUT_SCHEMES, ("outputs",), writing=True)

    def deletion_violation(self, uri: str) -> str | None:
        """Why we ourselves may not delete a folder or prefix, whosever it is; None where we may."""
        if problem := self._violation(uri, uris.OUTPUT_SCHEMES, _MADE, writing=True, anybodys=True):
            return problem
        if uris.scheme_of(uri) == "s3":
            location = uris.s3_location(uri)
            if not location.key.strip("/"):
                return f"{uri} is a whole bucket"
            kept = any(prefix.below(location) for prefix in self._own_prefixes(_MADE))
            below = [location.parts_below(prefix) for prefix in self._own_prefixes(_MADE)]
        else:
            path = uris.file_path(uri)
            roots = [root for _, theirs in self.tenants for root in (*theirs.read_roots, *theirs.write_roots)]
            allowed = (*self.read_roots, *self.write_roots, *roots, *self.private, *self._own_folders(_MADE))
            places = Places()
            kept = any(places.within(folder, [path]) for folder in allowed)
            below = [places.parts_below(path, folder) for folder in self._own_folders(_MADE)]
        whole = any(parts and not any(parts[1:]) and uuid_of(parts[0]) for parts in below)  # all that a tenant has
        return f"{uri} holds an allowed folder" if kept or whole else None

    def _violation(
        self, uri: str, schemes: Sequence[str], own: Sequence[str], *, writing: bool, anybodys: bool = False
    ) -> str | None:
        """`own` are the folders of our own storage that may be named; `anybodys`: of whichever tenant."""
        scheme = uris.scheme_of(uri)
        if scheme not in schemes:
            return f"{redacted(uri)[:80]!r} must begin with one of {', '.join(s + ':' for s in schemes)}"
        try:
            if scheme == "file":
                return self._file_violation(uris.file_path(uri), own, writing=writing, anybodys=anybodys)
            if scheme == "s3":
                return self._bucket_violation(uris.s3_location(uri), own, writing=writing, anybodys=anybodys)
            if scheme == "upload":
                self._check_upload(uris.upload(uri))
            elif scheme == "example":
                uris.example(uri)
            else:
                uris.check_http(uri)
        except (ValueError, OSError) as error:  # OSError: a path that the system does not take
            return str(error)[:300]
        return None

    def _check_upload(self, upload: Upload) -> None:
        """Of a name that the default tenant gives, the database tells whether it is another tenant's."""
        if upload.folder != self.tenant_id and not self._is_default:
            raise ValueError(uris.NO_UPLOAD)

    def _anothers(self, name: str, parts: Sequence[str]) -> bool:
        """Whether what lies at `parts` below one of our folders is not this tenant's."""
        first = parts[0] if parts else ""
        if first == str(self.tenant_id):
            return False
        if not self._is_default:
            return True
        # An upload of a release before lies in a folder of its own id, and there an id begins no name.
        inside = name == "outputs" or (len(parts) > 1 and uuid_of(parts[1][: uris.UUID_LENGTH]) is not None)
        return uuid_of(first) is not None and inside

    def _file_violation(self, path: Path, own: Sequence[str], *, writing: bool, anybodys: bool) -> str | None:
        places = Places()
        for name, folder in zip(own, self._own_folders(own), strict=False):  # of a bucket there are none
            if (parts := places.parts_below(path, folder)) is not None:
                return None if anybodys or not self._anothers(name, parts) else f"{_shown(path)} is another tenant's"
        if places.inside_any(path, (*self.private, *self._own_folders(("",)))):
            return f"{_shown(path)} lies in a folder that Reelmill keeps its own data in; name another one"
        roots, setting = (self.write_roots, "WRITE_ROOTS") if writing else (self.read_roots, "READ_ROOTS")
        others = [root for _, theirs in self.tenants for root in theirs.write_roots] if anybodys else ()
        if places.within(path, (*roots, *others)):
            return None
        setting = setting if self._is_default else "TENANT_STORAGE"
        allowed = ", ".join(_shown(root) for root in roots[:_SHOWN_ROOTS]) or "(none)"
        return f"{_shown(path)} lies outside the allowed folders {allowed} (setting REELMILL_{setting})"

    def _bucket_violation(
        self, location: S3Location, own: Sequence[str], *, writing: bool, anybodys: bool
    ) -> str | None:
        for name, kept in zip(own, self._own_prefixes(own), strict=False):  # of a folder there are none
            if (parts := location.parts_below(kept)) is not None:
                if anybodys or not self._anothers(name, parts):
                    return None
                return f"s3://{location.bucket} keeps another tenant's data there"
        if any(location.below(kept) for kept in self._own_prefixes(("",))):
            return f"s3://{location.bucket} keeps data of Reelmill's own there; name another prefix"
        listed, setting = (self.write_buckets, "WRITE") if writing else (self.read_buckets, "READ")
        others = [bucket for _, theirs in self.tenants for bucket in theirs.write_buckets] if anybodys else ()
        if any(location.below(S3Location.of_entry(entry)) for entry in (*listed, *others)):
            return None
        setting = f"S3_{setting}_BUCKETS" if self._is_default else "TENANT_STORAGE"
        return f"the bucket {location.bucket} and its prefix are not in the setting REELMILL_{setting}"

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
