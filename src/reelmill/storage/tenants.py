"""Which folders and buckets tenants but the first may name, as the setting tenant_storage says it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from reelmill.storage import uris
from reelmill.store.tenancy import DEFAULT_IDENTITY


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """What one tenant may name besides what was made for it."""

    read_roots: tuple[Path, ...] = ()
    write_roots: tuple[Path, ...] = ()
    read_buckets: tuple[str, ...] = ()
    """`bucket` or `bucket/prefix`."""
    write_buckets: tuple[str, ...] = ()


NOTHING = Allowed()


def by_tenant(entries: Sequence[str]) -> tuple[tuple[UUID, Allowed], ...]:
    """What entries such as `ID read file:///media/b` allow, by tenant. Raises ValueError, naming the setting."""
    found: dict[UUID, Allowed] = {}
    for entry in entries:
        try:
            tenant_id, name, value = _parsed(entry)
        except ValueError as error:
            raise ValueError(f"REELMILL_TENANT_STORAGE: {entry!r} {error}") from None
        so_far = found.get(tenant_id, NOTHING)
        found[tenant_id] = replace(so_far, **{name: (*getattr(so_far, name), value)})
    return tuple(found.items())


def _parsed(entry: str) -> tuple[UUID, str, Path | str]:
    """A tenant, a field of Allowed, and one more value of that."""
    identity, _, rest = entry.partition(" ")
    access, _, uri = rest.partition(" ")
    tenant_id = uris.uuid_of(identity)
    if tenant_id is None or access not in ("read", "write") or uris.scheme_of(uri) not in uris.OUTPUT_SCHEMES:
        raise ValueError("is not a tenant's id, read or write, and file:///folder or s3://bucket/prefix")
    if tenant_id == DEFAULT_IDENTITY.tenant_id:
        raise ValueError("names the tenant default, which goes by read_roots, write_roots and the lists of buckets")
    if uris.scheme_of(uri) == "file":
        return tenant_id, f"{access}_roots", uris.file_path(uri)
    location = uris.s3_location(uri)
    return tenant_id, f"{access}_buckets", f"{location.bucket}/{location.key}".rstrip("/")
