"""What both kinds of client open their channel with: where, by which key, and whether by TLS."""

import os
from dataclasses import dataclass
from pathlib import Path

import grpc

from reelmill.keepalive import CLIENT

OPTIONS = (
    # A server that comes back is found again within a second, and not after gRPC's two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    *CLIENT,
    ("grpc.max_receive_message_length", 16 * 2**20),  # the answer to a batch of 1,000 jobs
    ("grpc.max_send_message_length", 16 * 2**20),
)
DEFAULT_TARGET = "localhost:9090"
DEFAULT_TIMEOUT_SECONDS = 30.0
TOKEN_VARIABLE = "REELMILL_TOKEN"  # noqa: S105 - its name


@dataclass(frozen=True, kw_only=True, slots=True)
class Tls:
    """How a client knows a server by TLS, and is known. Paths of PEM files."""

    authorities: Path | str | None = None
    """Of the certificates that are trusted. None: those of the machine, as gRPC finds them."""
    certificate: Path | str | None = None
    """Our own, where the server asks for one."""
    key: Path | str | None = None
    """The certificate's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a client connects to, and what it says."""

    target: str
    credentials: grpc.ChannelCredentials | None
    """None: plain, without TLS."""
    metadata: tuple[tuple[str, str], ...]
    """Of each call."""


def place(target: str, token: str | None, tls: Tls | bool | None) -> Place:
    """Where a client connects. `token` None: that of REELMILL_TOKEN. A target may begin with https:// or http://.

    Raises ValueError for https:// with `tls` False and for a token that no header can have, and OSError for a file.
    """
    scheme, found, address = target.partition("://")
    if not found or scheme not in ("http", "https"):
        scheme, address = "", target
    address = address.rstrip("/") if scheme else address
    if scheme == "https" and tls is False:
        raise ValueError(f"{target}: https:// is with TLS")
    secure = tls if tls is not None else scheme == "https"
    given = os.environ.get(TOKEN_VARIABLE, "") if token is None else token
    if not given.isascii() or not (given.isprintable() or not given):
        raise ValueError("token: has characters that no header can have")
    metadata = (("authorization", f"Bearer {given}"),) if given else ()
    return Place(target=address, credentials=_credentials(secure), metadata=metadata)


def _credentials(tls: Tls | bool) -> grpc.ChannelCredentials | None:
    if tls is False:
        return None
    wanted = Tls() if tls is True else tls
    files = (wanted.authorities, wanted.key, wanted.certificate)
    return grpc.ssl_channel_credentials(*(Path(file).read_bytes() if file else None for file in files))
