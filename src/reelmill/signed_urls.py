"""Addresses with which whoever has them may fetch a file, or send one, until they expire: HMAC-SHA256. Pure."""

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

PREFIX = "/v1/signed/"
PURPOSE, UPLOAD_PURPOSE = "signed addresses", "signed addresses of uploads"
"""What keys are derived for; see reelmill.sealing. An address to fetch from is none to send to."""
_GRANT, _UPLOAD_GRANT = ("type", "sha256", "expires"), ("max_bytes", "expires")


class Refused(ValueError):
    """An address that was not given by us, was changed, or has expired."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """What an address lets fetch."""

    path: str
    """Of the file, below our own storage."""
    content_type: str
    sha256: str
    expires: int
    """Seconds since 1970."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadGrant:
    """What an address lets send."""

    path: str
    """Where the file will be, below our own storage: its tenant is part of it."""
    max_bytes: int
    expires: int
    """Seconds since 1970."""


def signed_path(grant: Grant, keys: Mapping[str, bytes]) -> str:
    """The address, from the host's name on, signed with the first of the keys (by their ids)."""
    return _signed(grant.path, _GRANT, (grant.content_type, grant.sha256, str(grant.expires)), keys)


def granted(path: str, query: Mapping[str, list[str]], keys: Mapping[str, bytes], *, now: float) -> Grant:
    """What an address lets fetch; `path` is decoded, `now` in seconds since 1970. Raises Refused."""
    content_type, sha256, expires = _checked(path, query, _GRANT, keys, now)
    return Grant(path=path, content_type=content_type, sha256=sha256, expires=int(expires))


def signed_upload_path(grant: UploadGrant, keys: Mapping[str, bytes]) -> str:
    """The address to send to, likewise; `keys` are those of UPLOAD_PURPOSE."""
    return _signed(grant.path, _UPLOAD_GRANT, (str(grant.max_bytes), str(grant.expires)), keys)


def granted_upload(path: str, query: Mapping[str, list[str]], keys: Mapping[str, bytes], *, now: float) -> UploadGrant:
    """What an address lets send. Raises Refused."""
    max_bytes, expires = _checked(path, query, _UPLOAD_GRANT, keys, now)
    return UploadGrant(path=path, max_bytes=int(max_bytes), expires=int(expires))


def _signed(path: str, names: Sequence[str], values: Sequence[str], keys: Mapping[str, bytes]) -> str:
    name, key = next(iter(keys.items()))
    query = {**dict(zip(names, values, strict=True)), "key": name, "signature": _signature(key, path, values)}
    return f"{PREFIX}{quote(path)}?{urlencode(query)}"


def _checked(
    path: str, query: Mapping[str, list[str]], names: Sequence[str], keys: Mapping[str, bytes], now: float
) -> list[str]:
    """The values of a query that was signed, the last of which is a time to come. Raises Refused."""
    if set(query) != {*names, "key", "signature"} or any(len(values) != 1 for values in query.values()):
        raise Refused("the address is not whole: take it as it was given")
    values, expires = [query[name][0] for name in names], query["expires"][0]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        raise Refused("the address was changed")
    key = keys.get(query["key"][0])
    if key is None or not hmac.compare_digest(_signature(key, path, values).encode(), query["signature"][0].encode()):
        raise Refused("the address was changed, or its key is not in use any more: ask for a new one")
    if int(expires) <= now:
        raise Refused("the address has expired: ask for a new one")
    return values


def _signature(key: bytes, path: str, values: Sequence[str]) -> str:
    # Each part with its length before it: no two grants have one text.
    text = "".join(f"{len(part.encode())}:{part}" for part in (path, *values))
    return base64.urlsafe_b64encode(hmac.digest(key, text.encode(), "sha256")).decode().rstrip("=")
