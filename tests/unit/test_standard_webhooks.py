"""Signatures are those of Standard Webhooks, and whatever is changed on the way is noticed."""

import json
from typing import Any

import pytest

from reelmill.client import InvalidWebhook, verify_webhook
from reelmill.standard_webhooks import secret_bytes, secret_text, signed_headers

# The example of the specification's libraries (github.com/standard-webhooks/standard-webhooks).
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = secret_text(b"another secret of ours!!")
ID, TIME, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
HEADERS = {
    "webhook-id": ID,
    "webhook-timestamp": str(TIME),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def test_a_message_is_signed_as_the_specification_has_it() -> None:
    assert signed_headers([secret_bytes(SECRET)], ID, TIME, BODY) == HEADERS
    assert verify_webhook(BODY, HEADERS, SECRET, now=TIME) == json.loads(BODY)
    shouted = {name.title(): value for name, value in HEADERS.items()}
    assert verify_webhook(BODY.decode(), shouted, SECRET.removeprefix("whsec_"), now=TIME) == json.loads(BODY)


def test_while_secrets_change_over_either_fits() -> None:
    headers = signed_headers([secret_bytes(OTHER), secret_bytes(SECRET)], ID, TIME, BODY)
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (SECRET, OTHER, [OTHER], ["whsec_" + "QUFB" * 8, SECRET]):
        assert verify_webhook(BODY, headers, secret, now=TIME)


@pytest.mark.parametrize(
    ("changes", "body", "secret", "late"),
    [
        ({}, b'{"test": 2432232315}', SECRET, 0),
        ({}, BODY, OTHER, 0),
        ({}, BODY, [], 0),
        ({"webhook-id": "msg_other"}, BODY, SECRET, 0),
        ({"webhook-timestamp": str(TIME + 1)}, BODY, SECRET, 0),
        ({"webhook-timestamp": "soon"}, BODY, SECRET, 0),
        ({"webhook-timestamp": "²"}, BODY, SECRET, 0),
        ({"webhook-signature": ""}, BODY, SECRET, 0),
        ({"webhook-signature": HEADERS["webhook-signature"].replace("v1,", "v2,")}, BODY, SECRET, 0),
        ({"webhook-signature": HEADERS["webhook-signature"][:-4]}, BODY, SECRET, 0),
        ({"webhook-signature": "v1,ü"}, BODY, SECRET, 0),
        ({}, BODY, SECRET, 301),
        ({}, BODY, SECRET, -301),
    ],
)
def test_what_was_changed_or_is_old_is_refused(changes: dict[str, str], body: bytes, secret: Any, late: float) -> None:
    with pytest.raises(InvalidWebhook):
        verify_webhook(body, HEADERS | changes, secret, now=TIME + late)


def test_a_message_without_its_headers_or_json_is_refused() -> None:
    for name in HEADERS:
        with pytest.raises(InvalidWebhook, match=f"{name} is missing"):
            verify_webhook(BODY, {key: value for key, value in HEADERS.items() if key != name}, SECRET, now=TIME)
    with pytest.raises(InvalidWebhook, match="JSON"):
        verify_webhook(b"{", signed_headers([secret_bytes(SECRET)], ID, TIME, b"{"), SECRET, now=TIME)


@pytest.mark.parametrize("text", ["whsec_", "whsec_AAAA", "whsec_" + "é" * 40, "whsec_" + "A" * 4000])
def test_a_wrong_secret_is_not_repeated_in_its_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a webhook's secret is whsec_") as caught:
        secret_bytes(text)
    assert text.removeprefix("whsec_") not in str(caught.value) or not text.removeprefix("whsec_")
