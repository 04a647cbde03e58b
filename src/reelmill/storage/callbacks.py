"""Which addresses may be called back, as far as they tell; the rest is seen where a connection is made."""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from reelmill.storage.networks import Network, may_connect
from reelmill.storage.uris import check_http


def url_violation(url: str, allowed: Sequence[Network]) -> str | None:
    """Why nothing may be sent to a URL; None where it may. `allowed`: networks besides the public internet."""
    if not url.lower().startswith(("https://", "http://")):
        return "must begin with https: or http:"
    import httpx  # late: it takes a tenth of a second to load

    try:
        check_http(url)
        parts, host = urlsplit(url), httpx.URL(url).host
    except ValueError as error:
        return str(error)[:300]
    if parts.username is not None or parts.password is not None:
        return "has a user's name or a password in it: who receives knows us by the signature"
    if parts.fragment:
        return "has a # in it, which is never sent"
    try:
        address = str(ip_address(host))
    except ValueError:
        return None
    if may_connect(address, allowed):
        return None
    return f"{address} is no public address (setting REELMILL_HTTP_ALLOWED_NETWORKS)"
