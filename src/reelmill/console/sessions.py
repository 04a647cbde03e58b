"""Who signed in: the key or token itself, sealed in a cookie, so that no process need remember it."""

import base64
import binascii
import json
import secrets

from reelmill.sealing import KEY_BYTES, Keys, Unsealable

COOKIE = "reelmill_session"
SECONDS = 12 * 3600
MOST_TOKEN_BYTES = 2800
"""Of a token: a browser keeps cookies of 4,096 bytes, name and sealing included."""
_MOST_COOKIE_BYTES = 4096
_PURPOSE = "console session"


class Sessions:
    """Seals and opens them. Without keys of the operator's, with one that lives as long as the process."""

    def __init__(self, keys: Keys | None) -> None:
        self._keys = keys or Keys([secrets.token_bytes(KEY_BYTES)])

    def begin(self, token: str, *, now: float) -> str:
        """A cookie for a token that was good. Raises ValueError for one that is too long."""
        if len(token.encode()) > MOST_TOKEN_BYTES:
            raise ValueError(f"the token is longer than {MOST_TOKEN_BYTES} bytes; a browser would not keep it")
        text = json.dumps({"token": token, "until": now + SECONDS})
        return base64.urlsafe_b64encode(self._keys.seal(text.encode(), _PURPOSE)).decode().rstrip("=")

    def token(self, cookie: str, *, now: float) -> str:
        """The token of a cookie of ours that has not expired; empty for any other."""
        if not cookie or len(cookie) > _MOST_COOKIE_BYTES or not cookie.isascii():
            return ""
        try:
            sealed = base64.b64decode(cookie + "=" * (-len(cookie) % 4), altchars=b"-_", validate=True)
            told = json.loads(self._keys.open(sealed, _PURPOSE))
        except (binascii.Error, ValueError, Unsealable):
            return ""
        return str(told["token"]) if now < told["until"] else ""
