"""Reelmill: a self-hosted, distributed media processing pipeline.

The SDK's names (reelmill.Client, reelmill.thumbnail…) are here too; `reelmill.client` is loaded once one is asked for.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from reelmill.client import *  # noqa: F403 - what is listed below

# Not asked of the client: whatever imports a room of ours looks for its name here first.
_SDK = frozenset(
    {
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
    }
)


def __getattr__(name: str) -> Any:
    if name in _SDK:
        from reelmill import client

        return getattr(client, name)
    raise AttributeError(f"module 'reelmill' has no attribute {name!r}")
