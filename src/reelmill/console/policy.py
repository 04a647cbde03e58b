"""What a page may do in a browser, and whose pages may send forms. Pure."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from reelmill.gateway.problems import Problem

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Nothing from elsewhere, and no script or style that stands in a page: what a user wrote can't become one."""
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Referrer-Policy": "same-origin",  # with no-referrer browsers keep their forms' origin back, which we look at
    "Cross-Origin-Opener-Policy": "same-origin",
}
_DEFAULT_PORTS = {"http": 80, "https": 443}


def require_own_page(headers: Headers) -> None:
    """Raises Problem (403) unless a form came from a page of this very origin.

    Stricter than for the REST form: a cookie goes along by itself, so origins that may use that may not use this.
    """
    origins = headers.getlist("origin")
    fetched = headers.get("sec-fetch-site")
    same = len(origins) == 1 and _same(origins[0], headers.get("host", ""))
    if not same or fetched not in (None, "same-origin"):
        detail = "a form of the console comes from its own pages alone; programs use /v1 (see /swagger/)"
        raise Problem(403, "CROSS_SITE", detail)


def is_secure(headers: Headers) -> bool:
    """Whether the browser reached us by https, whoever ended that before us: its forms' Origin says so."""
    return headers.get("origin", "").startswith("https://")


def _same(origin: str, host: str) -> bool:
    # Its scheme is not compared with ours: who ends TLS before us speaks http to us.
    try:
        theirs, ours = urlsplit(origin.lower()), urlsplit(f"//{host.lower()}")
        default = _DEFAULT_PORTS.get(theirs.scheme)
        ports = {port or default for port in (theirs.port, ours.port)}
    except ValueError:
        return False
    return default is not None and bool(theirs.hostname) and theirs.hostname == ours.hostname and len(ports) == 1
