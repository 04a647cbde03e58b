"""Which requests are answered at all: by the name they call us, the page they come from, the type of their body.

A web page of another site can make its reader's browser send requests to a gateway that only the reader can reach:
plainly (the browser tells the page in Origin), or by giving its own name our address (DNS rebinding; the browser
tells the name in Host). Only names can be rebound, so addresses are taken as they are.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from socket import gethostname

from starlette.datastructures import Headers

from reelmill.gateway.problems import Problem

HEALTH_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Answered under any name: who asks is a kubelet, a load balancer or Prometheus, and nothing of a client's is told."""

_OWN_NAMES = ("localhost", "*.localhost")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # they change nothing, and no other site's page can read the answer
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\],]+)(?::([0-9]{0,5}))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_SHOWN = 80


class Admission:
    """The checks that need no look at the body. `hosts` are names, `*.name` (any below it) or `*`, besides our own."""

    def __init__(self, hosts: Iterable[str], origins: Iterable[str], *, listening: str = "") -> None:
        named = [*_OWN_NAMES, gethostname(), listening, *hosts]
        self._names = frozenset(_name(host) for host in named if host)
        self._endings = tuple(name[1:] for name in self._names if name.startswith("*."))
        self._origins = frozenset(origin.lower() for origin in origins)

    def check(self, method: str, path: str, headers: Headers) -> None:
        """Raises Problem: 421 for a host that is not ours, 403 for another site's page."""
        if path in HEALTH_PATHS:
            return
        given = headers.getlist("host")
        host = _HOST.fullmatch(given[0]) if len(given) == 1 else None
        if host is None or not self._is_ours(host[1]):
            raise Problem(
                421,
                "HOST_NOT_ALLOWED",
                f"this gateway does not answer to {', '.join(given)[:_SHOWN]!r}; where clients use that name, it "
                "belongs into the setting allowed_hosts (REELMILL_ALLOWED_HOSTS)",
            )
        if method not in _SAFE:
            self._check_origin(headers, host)

    def _is_ours(self, host: str) -> bool:
        name = _name(host)
        if name in self._names or name.endswith(self._endings) or "*" in self._names:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True

    def _check_origin(self, headers: Headers, host: re.Match[str]) -> None:
        origins = [origin.lower() for origin in headers.getlist("origin")]
        if origins and self._origins.issuperset(origins):
            return
        cross_site = headers.get("sec-fetch-site") == "cross-site"  # told even where Origin is kept back
        if cross_site or not all(_is_same(origin, host) for origin in origins):
            raise Problem(
                403,
                "CROSS_SITE",
                f"browsers may send this from the gateway's own pages only, not from {', '.join(origins)[:_SHOWN]!r}; "
                "a page of yours belongs into the setting allowed_origins (REELMILL_ALLOWED_ORIGINS)",
            )


def require_json(headers: Headers) -> None:
    """Raises Problem (415) for a body that is not called JSON.

    What forms and scripts of other sites can send without asking first (text/plain, form types, no type at all) is
    so refused even where a browser or a proxy has taken Origin away.
    """
    _require_identity(headers)
    types = headers.getlist("content-type")
    if not types and headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return
    if len(types) != 1 or not _is_json(types[0]):
        raise Problem(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            f"the body must be JSON and say so, not {', '.join(types)[:_SHOWN]!r}: send the header "
            "Content-Type: application/json (curl: --json, or -H 'Content-Type: application/json')",
        )


def require_file(headers: Headers) -> None:
    """Raises Problem (415) for a form around a file: the file is the body."""
    _require_identity(headers)
    if any(value.strip().lower().startswith("multipart/") for value in headers.getlist("content-type")):
        raise Problem(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "send the file itself as the body, with no form around it and with the header "
            "Content-Type: application/octet-stream (curl: --data-binary @FILE)",
        )


def _require_identity(headers: Headers) -> None:
    # Nothing is decoded here: an upload would be kept packed, and no media file then.
    encodings = [part.strip().lower() for value in headers.getlist("content-encoding") for part in value.split(",")]
    if not set(encodings) <= {"identity", ""}:
        raise Problem(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            f"send the body as it is, without the header Content-Encoding: {', '.join(encodings)[:_SHOWN]}",
        )


def _is_same(origin: str, host: re.Match[str]) -> bool:
    # Its scheme is not compared with ours: who ends TLS before us speaks http to us.
    scheme, _, authority = origin.partition("://")
    found = _HOST.fullmatch(authority)
    if found is None or scheme not in _DEFAULT_PORTS:
        return False
    ports = {port or _DEFAULT_PORTS[scheme] for port in (found[2], host[2])}
    return _name(found[1]) == _name(host[1]) and len(ports) == 1


def _is_json(content_type: str) -> bool:
    essence, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [value.strip('" ') for name, _, value in (p.partition("=") for p in parameters) if name == "charset"]
    return essence == "application/json" and all(charset in ("utf-8", "utf8") for charset in charsets)


def _name(host: str) -> str:
    return host.lower().removesuffix(".").strip("[]")
