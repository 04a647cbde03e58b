"""Addresses of files that whoever has them may fetch, until they expire: HMAC-SHA256 with the id of its key. Pure."""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

PREFIX = "/v1/signed/"
LONGEST_SECONDS = 604_800
"""A week: what S3 allows too."""
PURPOSE = "signed addresses"
"""What keys are derived for; see reelmill.sealing."""
NAMES = ("expires", "type", "sha256", "key", "signature")
"""Of the query parameters, each of which is there once."""


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


def signed_path(grant: Grant, keys: Mapping[str, bytes]) -> str:
    """The address, from the host's name on, signed with the first of the keys (by their ids)."""
    name, key = next(iter(keys.items()))
    query = {
        "expires": str(grant.expires),
        "type": grant.content_type,
        "sha256": grant.sha256,
        "key": name,
        "signature": _signature(key, grant),
    }
    return f"{PREFIX}{quote(grant.path)}?{urlencode(query)}"


def granted(path: str, query: Mapping[str, list[str]], keys: Mapping[str, bytes], *, now: float) -> Grant:
    """What an address lets fetch; `path` is decoded, `now` in seconds since 1970. Raises Refused."""
    if set(query) != set(NAMES) or any(len(values) != 1 for values in query.values()):
        raise Refused("the address is not whole: take it as it was given")
    value = {name: values[0] for name, values in query.items()}
    expires = value["expires"]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        raise Refused("the address was changed")
    grant = Grant(path=path, content_type=value["type"], sha256=value["sha256"], expires=int(expires))
    key = keys.get(value["key"])
    if key is None or not hmac.compare_digest(_signature(key, grant).encode(), value["signature"].encode()):
        raise Refused("the address was changed, or its key is not in use any more: ask for a new one")
    if grant.expires <= now:
        raise Refused("the address has expired: ask for a new one")
    return grant


def _signature(key: bytes, grant: Grant) -> str:
    # Each part with its length before it: no two grants have one text.
    parts = (grant.path, grant.content_type, grant.sha256, str(grant.expires))
    text = "".join(f"{len(part.encode())}:{part}" for part in parts)
    return base64.urlsafe_b64encode(hmac.digest(key, text.encode(), "sha256")).decode().rstrip("=")
