"""One try: a request to an address that a stranger chose, and what its answer means."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from reelmill.redaction import redacted
from reelmill.standard_webhooks import signed_headers
from reelmill.storage import guarded_http
from reelmill.store.deliveries import DueDelivery, Patience, Try

_ANSWER_BYTES, _ANSWER_CHARACTERS = 2048, 500  # what is read of an answer, and what is kept of that
_ANSWER_SECONDS = 2.0
SLOW_SECONDS = 1.0
"""An endpoint that takes longer waits among its like."""
_LONGEST_ASKED_SECONDS = 3600.0


async def send(
    client: httpx.AsyncClient,
    delivery: DueDelivery,
    body: bytes,
    secrets: Sequence[bytes],
    patience: Patience,
    *,
    timeout_seconds: float,
) -> Try:
    """Send a message once. Raises nothing but a cancellation."""
    began = time.monotonic()
    headers = signed_headers(secrets, delivery.message_id, int(time.time()), body)
    headers["content-type"] = "application/json"
    status, answer, asked, outcome = 0, "", 0.0, ""
    try:
        async with (
            asyncio.timeout(timeout_seconds),
            client.stream("POST", delivery.url, content=body, headers=headers) as response,
        ):
            status, asked = response.status_code, _asked_seconds(response.headers.get("retry-after", ""))
            answer = await _beginning(response)  # the status says it all: a body that does not end changes nothing
    except (TimeoutError, httpx.TimeoutException):
        outcome = "" if status else "timeout"
        answer = answer or f"no answer within {timeout_seconds:g} s"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        if not status:
            outcome = "forbidden" if guarded_http.is_forbidden(error) else "unreachable"
            answer = str(error) or type(error).__name__
    return tried(
        delivery,
        outcome or outcome_of(status),
        patience,
        status=status,
        answer=answer,
        seconds=time.monotonic() - began,
        asked_seconds=asked,
    )


def tried(
    delivery: DueDelivery,
    outcome: str,
    patience: Patience,
    *,
    status: int = 0,
    answer: str = "",
    seconds: float = 0.0,
    asked_seconds: float = 0.0,
) -> Try:
    """A try by its outcome. What refuses this one message is up to others; what does not answer is up to none."""
    delivered, refused = outcome == "delivered", outcome == "rejected"
    return Try(
        delivery=delivery,
        outcome=outcome,
        delivered=delivered,
        away=not (delivered or refused),
        status=status,
        answer=_kept(answer),
        seconds=seconds,
        slow=not delivered or seconds > SLOW_SECONDS,
        wait_seconds=0.0 if delivered else _wait_seconds(delivery.tries, patience, refused=refused),
        asked_seconds=asked_seconds if outcome in ("throttled", "error") else 0.0,
        gone=outcome == "gone",
    )


def outcome_of(status: int) -> str:
    """What an answer's status means."""
    if 200 <= status < 300:
        return "delivered"
    if status == 410:
        return "gone"
    if status == 429:
        return "throttled"
    if status == 408:
        return "timeout"
    return "error" if status >= 500 else "rejected"


def _wait_seconds(tries: int, patience: Patience, *, refused: bool) -> float:
    longest = patience.longest_refused if refused else patience.longest_wait
    wait = min(longest, patience.first_wait * 2.0 ** min(tries - 1, 20))
    return wait.total_seconds() * random.uniform(0.8, 1.2)  # noqa: S311 - spreads tries, guards nothing


def _asked_seconds(value: str) -> float:
    """Of Retry-After: seconds, or a date (RFC 9110, 10.2.3); 0 for anything else."""
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), _LONGEST_ASKED_SECONDS)
    with suppress(ValueError, TypeError, OverflowError):
        date = parsedate_to_datetime(value)
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return min(max(0.0, (date - datetime.now(UTC)).total_seconds()), _LONGEST_ASKED_SECONDS)
    return 0.0


async def _beginning(response: httpx.Response) -> str:
    read = b""
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(_ANSWER_SECONDS):
            async for chunk in response.aiter_raw():
                read += chunk[:_ANSWER_BYTES]
                if len(read) >= _ANSWER_BYTES:
                    break
    return read[:_ANSWER_BYTES].decode(errors="replace")


def _kept(answer: str) -> str:
    """What is kept of an answer: no secrets, nothing that a terminal obeys or a database does not take."""
    plain = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in answer)
    return redacted(plain)[:_ANSWER_CHARACTERS].strip()
