"""The whole system, and a Prometheus with an Alertmanager that watch it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest_asyncio
from cluster.certificates import Authority
from fault.conftest import QUICK
from fault.kit.deployment import Deployment
from monitoring.files import FOLDER, certificates_job, quick_rules
from monitoring.receiver import Receiver
from services.databases import Databases
from services.kafka import Kafka
from services.process import HOST, Server, free_port
from services.prometheus import Alertmanager, Blackbox, Prometheus
from services.redis import Redis


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """A system on a Kafka and a Redis of its own, and who watches it. The Redis speaks TLS too."""

    system: Deployment
    kafka: Kafka
    redis: Redis
    prometheus: Prometheus
    receiver: Receiver


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(databases: Databases, clip: Path) -> AsyncIterator[Watched]:
    """Everything is scraped and sampled once a second; alerts fire as soon as they hold."""
    async with AsyncExitStack() as stack:
        receiver = stack.enter_context(Receiver())
        authority = Authority(Path(stack.enter_context(TemporaryDirectory(prefix="reelmill-authority-"))))
        certificate, key = authority.issue("redis", "redis", hosts=(HOST,))
        tls = {"tls-port": str(free_port()), "tls-cert-file": str(certificate), "tls-key-file": str(key)}
        redis = Redis(more={**tls, "tls-ca-cert-file": str(authority.certificate)})
        kafka, alertmanager, blackbox = Kafka(), Alertmanager(receiver.url), Blackbox(FOLDER / "blackbox.yml")
        await start(stack, kafka, redis, alertmanager, blackbox)
        url = await databases.create()
        stack.push_async_callback(databases.drop, url)
        servers = {"database_url": url, "queue_url": kafka.url, "cache_url": redis.url}
        settings = {**QUICK, "REELMILL_SAMPLE_SECONDS": "1"}
        system = await stack.enter_async_context(Deployment(**servers, workers=1, settings=settings))
        shutil.copy(clip, system.talk)
        targets = {p.name: [urlsplit(q.url).netloc for q in system.all if q.name == p.name] for p in system.all}
        certificates = certificates_job(f"{HOST}:{tls['tls-port']}", f"{HOST}:{blackbox.port}")
        prometheus = Prometheus(targets, quick_rules(), alertmanager, [certificates])
        await start(stack, prometheus)
        yield Watched(system=system, kafka=kafka, redis=redis, prometheus=prometheus, receiver=receiver)


async def start(stack: AsyncExitStack, *servers: Server) -> None:
    """Start servers side by side."""
    for server in servers:
        stack.push_async_callback(asyncio.to_thread, server.close)
    await asyncio.gather(*(asyncio.to_thread(server.start) for server in servers))
