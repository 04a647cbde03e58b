"""Where clients connect to: by gRPC or REST, by which key, and whether by TLS."""

import os
import ssl
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
    """Of gRPC; empty where calls go by REST."""
    gateway: str
    """Address of the gateway, without a slash at its end: of files, and of calls by REST. Empty: none is known."""
    credentials: grpc.ChannelCredentials | None
    """Of gRPC. None: plain, without TLS."""
    trust: ssl.SSLContext | bool
    """Of the gateway."""
    metadata: tuple[tuple[str, str], ...]
    """Of each call."""


_SCHEMES = {"grpc": False, "grpcs": True, "http": False, "https": True}
"""Whether by TLS."""


def place(target: str, token: str | None, tls: Tls | bool | None, gateway: str = "") -> Place:
    """Where a client connects. `token` None: that of REELMILL_TOKEN.

    `target`: host:port, grpc://host:port or grpcs://host:port of the api, or http:// or https:// of the gateway; the
    other schemes are gRPC's own (dns:///…). Raises ValueError for TLS that is asked for and refused at once, a gateway
    that is none, and a token that no header can have; OSError for a file.
    """
    scheme, found, address = target.partition("://")
    scheme = scheme.lower()
    if not found or scheme not in _SCHEMES:
        scheme, address = "", target
    address = address.rstrip("/") if scheme else address
    rest = scheme in ("http", "https")
    given_tls = _SCHEMES.get(scheme)
    if given_tls and tls is False:
        raise ValueError(f"{target}: {scheme}:// is with TLS")
    if rest and scheme == "http" and tls not in (None, False):
        raise ValueError(f"{target}: is without TLS; write https://")
    if gateway and (rest or not gateway.startswith(("http://", "https://"))):
        raise ValueError(f"gateway: {gateway} must begin with http:// or https://, and go along with a target of gRPC")
    secure = tls if tls is not None else bool(given_tls)
    given = os.environ.get(TOKEN_VARIABLE, "") if token is None else token
    if not given.isascii() or not (given.isprintable() or not given):
        raise ValueError("token: has characters that no header can have")
    files_at = f"{scheme}://{address}" if rest else gateway.rstrip("/")
    return Place(
        target="" if rest else address,
        gateway=files_at,
        credentials=None if rest else _credentials(secure),
        trust=_trust(tls) if files_at else True,
        metadata=(("authorization", f"Bearer {given}"),) if given else (),
    )


def _credentials(tls: Tls | bool) -> grpc.ChannelCredentials | None:
    if tls is False:
        return None
    wanted = Tls() if tls is True else tls
    files = (wanted.authorities, wanted.key, wanted.certificate)
    return grpc.ssl_channel_credentials(*(Path(file).read_bytes() if file else None for file in files))


def _trust(tls: Tls | bool | None) -> ssl.SSLContext | bool:
    if not isinstance(tls, Tls):
        return True
    context = ssl.create_default_context(cafile=str(tls.authorities) if tls.authorities else None)
    if tls.certificate:
        context.load_cert_chain(str(tls.certificate), str(tls.key) if tls.key else None)
    return context
