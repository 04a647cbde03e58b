"""The Python SDK: Client for ordinary code, AsyncClient for asyncio, both typed.

from reelmill.client import Client, thumbnail

with Client("http://localhost:8080") as client:
    job = client.run("/media/talk.mov", web="web-mp4", stills=thumbnail(count=5, width=320), on_progress=print)
    job.raise_for_state()
    job.outputs["web"].download("out/")
"""

from reelmill.client.asynchronous import AsyncClient
from reelmill.client.backoff import Backoff
from reelmill.client.blocking import Client
from reelmill.client.channel import Tls
from reelmill.client.errors import (
    Conflict,
    InvalidRequest,
    JobFailed,
    NotFound,
    PermissionDenied,
    ReelmillError,
    Unauthenticated,
    Unavailable,
    Violation,
    WrongState,
)
from reelmill.client.operations import (
    analyze,
    audio,
    captions,
    compare,
    concat,
    image,
    package,
    preview,
    sprite,
    thumbnail,
    transcode,
    transcribe,
    waveform,
)
from reelmill.client.views import Failure, FileView, JobView, OutputView, Progress
from reelmill.standard_webhooks import InvalidWebhook
from reelmill.standard_webhooks import verify as verify_webhook

__all__ = [
    "AsyncClient",
    "Backoff",
    "Client",
    "Conflict",
    "Failure",
    "FileView",
    "InvalidRequest",
    "InvalidWebhook",
    "JobFailed",
    "JobView",
    "NotFound",
    "OutputView",
    "PermissionDenied",
    "Progress",
    "ReelmillError",
    "Tls",
    "Unauthenticated",
    "Unavailable",
    "Violation",
    "WrongState",
    "analyze",
    "audio",
    "captions",
    "compare",
    "concat",
    "image",
    "package",
    "preview",
    "sprite",
    "thumbnail",
    "transcode",
    "transcribe",
    "verify_webhook",
    "waveform",
]
