"""The Python SDK: Client for ordinary code, AsyncClient for asyncio, both typed.

from reelmill.client import Client
from reelmill.v1.jobs_pb2 import Input, Job, Output

with Client("localhost:9090") as client:
    job = Job(inputs=[Input(uri="file:///media/talk.mov")], outputs=[Output(name="web", preset="web-mp4")])
    done = client.wait(client.create_job(job).id)
"""

from reelmill.client.asynchronous import AsyncClient
from reelmill.client.backoff import Backoff
from reelmill.client.blocking import Client
from reelmill.client.channel import Tls
from reelmill.client.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ReelmillError,
    Unauthenticated,
    Unavailable,
    Violation,
    WrongState,
)
from reelmill.standard_webhooks import InvalidWebhook
from reelmill.standard_webhooks import verify as verify_webhook

__all__ = [
    "AsyncClient",
    "Backoff",
    "Client",
    "Conflict",
    "InvalidRequest",
    "InvalidWebhook",
    "NotFound",
    "PermissionDenied",
    "ReelmillError",
    "Tls",
    "Unauthenticated",
    "Unavailable",
    "Violation",
    "WrongState",
    "verify_webhook",
]
