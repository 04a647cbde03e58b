"""TLS of our own servers: certificates out of files, read again when these change, without a restart."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from reelmill.settings import Settings
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_LOOK_SECONDS = 1.0  # between two looks at the files: each handshake would be one


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """PEM files of a server's certificate; with `clients`, the authorities of those that its clients must show."""

    chain: Path
    key: Path
    clients: Path | None = None

    @classmethod
    def of(cls, setting: str, chain: str, key: str, clients: str = "") -> "Certificate | None":
        """That of settings which begin with `setting`; None without any. Raises ValueError, naming the setting."""
        if bool(chain) != bool(key) or (clients and not chain):
            raise ValueError(f"REELMILL_{setting}_CERTIFICATE and REELMILL_{setting}_KEY: give both, or none")
        if not chain:
            return None
        found = cls(chain=Path(chain), key=Path(key), clients=Path(clients) if clients else None)
        try:
            found.context()
            if found.clients:
                found.clients.read_bytes()
        except OSError as error:  # ssl.SSLError is one
            raise ValueError(f"REELMILL_{setting}_CERTIFICATE, …_KEY: can't be used: {error}") from error
        return found

    def context(self) -> ssl.SSLContext:
        """What a server of HTTP listens with. Raises OSError."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.load_cert_chain(self.chain, self.key)
        return made

    def state(self) -> tuple[tuple[int, int, int], ...]:
        """What changes when a file does, links that are led elsewhere included, as Kubernetes does it."""
        files = [file for file in (self.chain, self.key, self.clients) if file]
        return tuple((found.st_ino, found.st_mtime_ns, found.st_size) for found in (file.stat() for file in files))


class Watched:
    """Makes something of a certificate anew when its files have changed; while they can't be read, the last stays."""

    def __init__(self, certificate: Certificate, make: Callable[[], Any]) -> None:
        """Raises OSError."""
        self._certificate = certificate
        self._make = make
        self._looked = time.monotonic()
        self._state = certificate.state()
        self.made = make()

    def changed(self) -> bool:
        """Whether `made` is a new one."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return False
        self._looked = time.monotonic()
        try:
            state = self._certificate.state()
            if state == self._state:
                return False
            self.made = self._make()  # a chain and a key that do not belong together raise
        except OSError as error:
            file = str(self._certificate.chain)
            log.warning("a new certificate can't be used; the one before goes on", file=file, reason=str(error))
            return False
        self._state = state
        log.info("a new certificate is used", file=str(self._certificate.chain))
        return True


def http_tls(settings: Settings) -> ssl.SSLContext | None:
    """What a gateway with these settings listens with. Raises ValueError, naming the setting."""
    certificate = Certificate.of("HTTP", settings.http_certificate, settings.http_key)
    return http_context(certificate) if certificate else None


def grpc_tls(settings: Settings) -> grpc.ServerCredentials | None:
    """What an api with these settings listens with. Raises ValueError, naming the setting."""
    own = (settings.grpc_certificate, settings.grpc_key, settings.grpc_client_authorities)
    certificate = Certificate.of("GRPC", *own)
    return grpc_credentials(certificate) if certificate else None


def http_context(certificate: Certificate) -> ssl.SSLContext:
    """A context that answers each handshake with the newest certificate. Raises OSError."""
    watched = Watched(certificate, certificate.context)
    first: ssl.SSLContext = watched.made

    def newest(connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        watched.changed()
        connection.context = watched.made

    first.sni_callback = newest  # it is called for each handshake, with a name or without
    return first


def grpc_credentials(certificate: Certificate) -> grpc.ServerCredentials:
    """Credentials that answer each handshake with the newest certificate. Raises OSError."""

    def read() -> grpc.ServerCertificateConfiguration:
        certificate.context()  # gRPC would find out at a handshake, and end
        pair = ((certificate.key.read_bytes(), certificate.chain.read_bytes()),)
        return grpc.ssl_server_certificate_configuration(
            pair, certificate.clients.read_bytes() if certificate.clients else None
        )

    watched = Watched(certificate, read)
    return grpc.dynamic_ssl_server_credentials(
        watched.made,
        lambda: watched.made if watched.changed() else None,
        require_client_authentication=certificate.clients is not None,
    )
