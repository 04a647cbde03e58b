"""Who signed in: the key or token itself, sealed in a cookie, so that no process need remember it."""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from typing import Any

from reelmill.sealing import KEY_BYTES, Keys, Unsealable

COOKIE = "reelmill_session"
SECONDS = 12 * 3600
MOST_TOKEN_BYTES = 2800
"""Of a token: a browser keeps cookies of 4,096 bytes, name and sealing included."""
_MOST_COOKIE_BYTES = 4096
VISIT_COOKIE = "reelmill_sign_in"
VISIT_SECONDS = 600
"""Until somebody who went to the issuer must be back."""
_PURPOSE, _VISIT_PURPOSE = "console session", "console visit to the issuer"


class Sessions:
    """Seals and opens them. Without keys of the operator's, with one that lives as long as the process."""

    def __init__(self, keys: Keys | None) -> None:
        self._keys = keys or Keys([secrets.token_bytes(KEY_BYTES)])

    def begin(self, token: str, *, now: float) -> str:
        """A cookie for a token that was good. Raises ValueError for one that is too long."""
        if len(token.encode()) > MOST_TOKEN_BYTES:
            raise ValueError(f"the token is longer than {MOST_TOKEN_BYTES} bytes; a browser would not keep it")
        return self._seal({"token": token, "until": now + SECONDS}, _PURPOSE)

    def token(self, cookie: str, *, now: float) -> str:
        """The token of a cookie of ours that has not expired; empty for any other."""
        return str(self._open(cookie, _PURPOSE, now).get("token", ""))

    def visit(self, told: Mapping[str, str], *, now: float) -> str:
        """A cookie that a browser takes along to the issuer."""
        return self._seal({**told, "until": now + VISIT_SECONDS}, _VISIT_PURPOSE)

    def visited(self, cookie: str, *, now: float) -> Mapping[str, Any]:
        """What such a cookie says that has not expired; nothing of any other."""
        return self._open(cookie, _VISIT_PURPOSE, now)

    def _seal(self, told: Mapping[str, Any], purpose: str) -> str:
        return base64.urlsafe_b64encode(self._keys.seal(json.dumps(told).encode(), purpose)).decode().rstrip("=")

    def _open(self, cookie: str, purpose: str, now: float) -> Mapping[str, Any]:
        if not cookie or len(cookie) > _MOST_COOKIE_BYTES or not cookie.isascii():
            return {}
        try:
            sealed = base64.b64decode(cookie + "=" * (-len(cookie) % 4), altchars=b"-_", validate=True)
            told: dict[str, Any] = json.loads(self._keys.open(sealed, purpose))
        except (binascii.Error, ValueError, Unsealable):
            return {}
        return told if now < told["until"] else {}
