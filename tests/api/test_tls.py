"""TLS of gateway and api: who is known by which certificate, and new ones without a restart."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from live import Reelmill, get
from services.process import HOST
from waiting import PATIENCE_SECONDS, until

from reelmill.auth.certificates import Certificate
from reelmill.client import Backoff, Client, ReelmillError, Tls

ONCE = Backoff(attempts=1)


class Authority(NamedTuple):
    """Makes certificates for 127.0.0.1."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        made = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        return cls(key, made.sign(key, hashes.SHA256()))

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """A certificate and its key, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        hosts = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST)), x509.DNSName("localhost")])
        made = _builder(subject, self.certificate.subject, key).add_extension(hosts, critical=False)
        chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
        pem = serialization.Encoding.PEM
        form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        _replace(chain, made.sign(self.key, hashes.SHA256()).public_bytes(pem))
        _replace(secret, key.private_bytes(pem, form, none))
        return chain, secret

    def trusted(self, folder: Path, name: str = "authority") -> Path:
        """Its own certificate, as a file."""
        path = folder / f"{name}.pem"
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    lasting = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    return lasting.serial_number(x509.random_serial_number())


def _replace(path: Path, text: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(text)
    new.rename(path)


class Walled(NamedTuple):
    """A system that speaks TLS alone, and asks callers of gRPC for a certificate."""

    system: Reelmill
    authority: Authority
    folder: Path
    trusted: Path
    mine: tuple[Path, Path]


class Secured(Reelmill):
    """`up` whose port of gRPC none but its own gateway is let in to: it is ready when that says so, by HTTPS."""

    def answers(self) -> bool:
        context = ssl.create_default_context(cafile=self.environment["REELMILL_API_AUTHORITIES"])
        try:
            return httpx.get(f"{self.http}/readyz", verify=context, timeout=PATIENCE_SECONDS).status_code == 200
        except httpx.HTTPError:
            return False


@pytest.fixture(scope="module")
def walled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walled]:
    folder, authority = tmp_path_factory.mktemp("tls"), Authority.new()
    trusted = authority.trusted(folder)
    (http, http_key), (api, api_key) = authority.write(folder, "http"), authority.write(folder, "api")
    mine = authority.write(folder, "caller")
    settings = {
        "http_certificate": http, "http_key": http_key, "grpc_certificate": api, "grpc_key": api_key,
        "grpc_client_authorities": trusted, "api_authorities": trusted,
        "api_certificate": mine[0], "api_key": mine[1],
    }  # fmt: skip
    system = Secured("up", **settings)
    system.http = system.http.replace("http:", "https:")
    with system:
        yield Walled(system, authority, folder, trusted, mine)


def jobs(walled: Walled, **tls: Path) -> list[str]:
    """What a client of gRPC is answered."""
    with Client(f"grpcs://{walled.system.grpc}", tls=Tls(**tls), timeout_seconds=5, backoff=ONCE) as client:
        return [job.id for job in client.list_jobs()]


def test_an_api_knows_its_callers_by_their_certificates_and_they_know_it(walled: Walled, tmp_path: Path) -> None:
    certificate, key = walled.mine
    assert jobs(walled, authorities=walled.trusted, certificate=certificate, key=key) == []
    stranger = Authority.new()
    theirs, their_key = stranger.write(tmp_path, "stranger")
    for tls in (
        {"authorities": walled.trusted},
        {"authorities": walled.trusted, "certificate": theirs, "key": their_key},
        {"authorities": stranger.trusted(tmp_path), "certificate": certificate, "key": key},
    ):
        with pytest.raises(ReelmillError):
            jobs(walled, **tls)
    with Client(walled.system.grpc, timeout_seconds=5, backoff=ONCE) as plain, pytest.raises(ReelmillError):
        list(plain.list_jobs())


def test_a_gateway_speaks_https_alone_and_its_own_calls_of_the_api_are_tls_too(walled: Walled) -> None:
    context = ssl.create_default_context(cafile=walled.trusted)
    assert httpx.get(f"{walled.system.http}/v1/jobs", verify=context, timeout=PATIENCE_SECONDS).json() == {}
    assert get(walled.system.http.replace("https:", "http:") + "/healthz")[0] == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{walled.system.http}/healthz", timeout=PATIENCE_SECONDS)


def test_new_certificates_are_used_without_a_restart_and_broken_ones_are_not(walled: Walled) -> None:
    def serials() -> set[int]:
        found = set()
        for port in (walled.system.environment["REELMILL_HTTP_PORT"], walled.system.environment["REELMILL_GRPC_PORT"]):
            told = ssl.get_server_certificate((HOST, int(port)), timeout=PATIENCE_SECONDS)
            found.add(x509.load_pem_x509_certificate(told.encode()).serial_number)
        return found

    def written(name: str) -> int:
        return x509.load_pem_x509_certificate((walled.folder / f"{name}.pem").read_bytes()).serial_number

    old = serials()
    assert old == {written("http"), written("api")}
    for name in ("http", "api"):
        walled.authority.write(walled.folder, name)
    until(lambda: serials() == {written("http"), written("api")}, "the new certificates are used")
    good = serials()
    assert not good & old
    for name in ("http", "api"):
        _replace(walled.folder / f"{name}.key", b"no key")

    def told() -> bool:
        assert serials() == good
        lines = [line for line in walled.system.log.read_text().splitlines() if "can't be used" in line]
        return all(any(f"{name}.pem" in line for line in lines) for name in ("http", "api"))

    until(told, "both broken certificates are told")
    assert serials() == good


def test_a_certificate_that_cannot_be_used_is_told_with_its_setting(tmp_path: Path) -> None:
    chain, key = Authority.new().write(tmp_path, "a")
    for arguments in ((str(chain), ""), ("", str(key)), (str(key), str(chain)), (str(tmp_path / "none"), str(key))):
        with pytest.raises(ValueError, match="REELMILL_HTTP_CERTIFICATE"):
            Certificate.of("HTTP", *arguments)
    with pytest.raises(ValueError, match="REELMILL_GRPC_CERTIFICATE"):
        Certificate.of("GRPC", "", "", str(chain))
    assert Certificate.of("GRPC", "", "") is None
