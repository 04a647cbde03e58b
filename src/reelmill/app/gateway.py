"""The parts of a gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reelmill.auth.certificates import http_tls
from reelmill.settings import Settings
from reelmill.storage.storage import Storage
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)


@asynccontextmanager
async def running_gateway(settings: Settings, storage: Storage, api_target: str) -> AsyncIterator[int]:
    """The REST gateway; answers its port."""
    # Late: what serves HTTP is nothing to a system without pages, and a quarter of what it imports.
    from reelmill.console import endpoints
    from reelmill.gateway.app import build as build_gateway
    from reelmill.gateway.connections import ConnectionLimits, protocol
    from reelmill.serving import allow_files, running_http

    application = build_gateway(api_target=api_target, storage=storage, settings=settings, pages=endpoints)
    allow_files(settings.http_max_connections)
    limits = ConnectionLimits(connections=settings.http_max_connections, head_seconds=settings.http_head_seconds)
    host, port = settings.http_host, settings.http_port
    tls = http_tls(settings)
    async with running_http(
        "gateway_http",
        application,
        host,
        port,
        protocol=protocol(limits),
        drain_seconds=settings.http_drain_seconds,
        tls=tls,
    ) as port:
        log.info("gateway listens", address=f"http{'s' if tls else ''}://{settings.http_host}:{port}")
        yield port
