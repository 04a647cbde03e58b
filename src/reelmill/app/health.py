"""What each process tells of itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reelmill.parts import Parts
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_HEALTH_CONNECTIONS = 100


@asynccontextmanager
async def running_health(parts: Parts) -> AsyncIterator[int]:
    """/healthz, /readyz and /metrics; answers their port."""
    from reelmill.gateway.connections import ConnectionLimits, protocol
    from reelmill.serving import running_http
    from reelmill.telemetry import health

    checks = {"database": parts.database.check, "queue": parts.queue.check}
    host, port = parts.settings.health_host, parts.settings.health_port
    speaking = protocol(ConnectionLimits(connections=_HEALTH_CONNECTIONS))
    async with running_http("health_http", health.build(checks), host, port, protocol=speaking) as port:
        log.info("health and metrics", address=f"http://{host}:{port}")
        yield port
