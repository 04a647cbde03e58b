"""Messages signed as Standard Webhooks has it (https://www.standardwebhooks.com, symmetric signatures v1). Pure."""

import base64
import binascii
import hmac
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TOLERANCE_SECONDS = 300
"""How far a message's time may be from the receiver's: an older one may be somebody's repetition."""
SECRET_BYTES = 32
_PREFIX = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 16, 256  # of a secret that is given: the specification has 24 to 64


class InvalidWebhook(ValueError):
    """A message is not from who holds the secret, or was not sent just now."""


def secret_text(secret: bytes) -> str:
    """A secret as people handle it."""
    return _PREFIX + base64.b64encode(secret).decode()


def secret_bytes(text: str) -> bytes:
    """Back from `secret_text`. Raises ValueError, which does not repeat the text."""
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not _LEAST_BYTES <= len(secret) <= _MOST_BYTES:
        raise ValueError("a webhook's secret is whsec_ and base64, as CreateWebhook told it")
    return secret


def signed_headers(secrets: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a message, signed with each of the secrets. `timestamp`: seconds since 1970."""
    signatures = (f"v1,{_signature(secret, message_id, str(timestamp), body)}" for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> Any:
    """What a message says, once it is sure who sent it: its JSON. Raises InvalidWebhook.

    `body` is as it came, byte for byte; `headers` go by any case; of several secrets one must fit. `now`: seconds
    since 1970. ValueError for a secret of another form.
    """
    raw = body.encode() if isinstance(body, str) else body
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, timestamp, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as error:
        raise InvalidWebhook(f"the header {error.args[0]} is missing") from None
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise InvalidWebhook("webhook-timestamp is no time")
    if abs((time.time() if now is None else now) - int(timestamp)) > tolerance_seconds:
        raise InvalidWebhook("it was not sent just now: webhook-timestamp is too far from this clock")
    secrets = [secret_bytes(text) for text in ([secret] if isinstance(secret, str) else secret)]
    wanted = [_signature(one, message_id, timestamp, raw).encode() for one in secrets]
    told = [
        value.encode() for version, _, value in (s.partition(",") for s in signatures.split(" ")) if version == "v1"
    ]
    if not any([hmac.compare_digest(one, other) for one in wanted for other in told]):
        raise InvalidWebhook("no signature fits: the body was changed on its way, or the secret is another one")
    try:
        return json.loads(raw)
    except ValueError:
        raise InvalidWebhook("the body is no JSON") from None


def _signature(secret: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    content = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(secret, content, "sha256")).decode()
