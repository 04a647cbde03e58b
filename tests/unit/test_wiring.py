"""Each setting reaches the one place that it is for, and each default is what the documents say.

Two settings of one type that change places break nothing else: so all have different values here.
"""

import asyncio
import base64
import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_type_hints

import pytest
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from reelmill import parts as making
from reelmill.app import worker
from reelmill.app.scheduler import make_scheduler
from reelmill.cache.memory import MemoryCache
from reelmill.gateway import app as gateway_app
from reelmill.jobs.retry import RetryPolicy
from reelmill.media.launcher import Launcher
from reelmill.sealing import Keys
from reelmill.settings import Settings
from reelmill.storage.storage import Storage
from reelmill.store.leases import LeaseStore
from reelmill.webhooks.sender import make_sender

# What an upgrade must not change by accident. A number that is here is here on purpose.
DEFAULTS: dict[str, Any] = {
    "http_port": 8080,
    "http_drain_seconds": 0.0,
    "grpc_port": 9090,
    "health_port": 0,
    "request_max_bytes": 1024**2,
    "batch_max_bytes": 4 * 1024**2,
    "input_max_bytes": 50 * 1024**3,
    "upload_max_bytes": 10 * 1024**3,
    "fetch_timeout_seconds": 30.0,
    "fetch_total_seconds": 3600.0,
    "fetch_min_bytes_per_second": 16_384.0,
    "worker_slots": 2,
    "worker_cores": 0,
    "lease_seconds": 10.0,
    "heartbeat_seconds": 2.5,
    "sweep_seconds": 1.0,
    "drain_seconds": 30.0,
    "no_progress_seconds": 60.0,
    "wall_limit_factor": 60.0,
    "disk_reserve_bytes": 512 * 1024**2,
    "relay_sweep_seconds": 1.0,
    "rescue_seconds": 1.0,
    "sample_seconds": 15.0,
    "max_crashes": 3,
    "job_retention_days": 30.0,
    "upload_retention_days": 30.0,
    "reuse_days": 30.0,
    "reuse_cpu_seconds": 0.5,
    "results_max_bytes": 0,
    "status_ttl_seconds": 10.0,
    "final_ttl_seconds": 3600.0,
    "kafka_partitions": 12,
    "kafka_replication": 1,
    "database_pool_size": 8,
    "http_host": "127.0.0.1",
    "grpc_host": "127.0.0.1",
    "health_host": "127.0.0.1",
    "database_url": "embedded:",
    "queue_url": "postgres:",
    "cache_url": "memory:",
    "storage_url": "",
    "api_target": "",
    "public_url": "",
    "secrets_key": SecretStr(""),
    "s3_endpoint": "",
    "authentication": "",
    "admin_key": "",
    "token": "",
    **dict.fromkeys(("oidc_issuer", "oidc_audience", "oidc_jwks_url", "oidc_tenant_claim"), ""),
    "oidc_client_id": "",
    "oidc_client_secret": SecretStr(""),
    "oidc_role_claim": "roles",
    "oidc_roles": (),
    **dict.fromkeys(("http_certificate", "http_key", "grpc_certificate", "grpc_key"), ""),
    **dict.fromkeys(("grpc_client_authorities", "api_authorities", "api_certificate", "api_key"), ""),
    "key_requests_per_second": 0.0,
    "key_streams": 0,
    "audit_retention_days": 365.0,
    "ffmpeg": "",
    "speech_model": "",
    "sandbox": "try",
    "kafka_topic_prefix": "reelmill.",
    "otlp_endpoint": "",
    "log_format": "auto",
    "log_level": "info",
    "http_allow_private": False,
    "http_max_connections": 4000,
    "http_head_seconds": 10.0,
    "worker_fetches": 8,
    "worker_pool": "default",
    "worker_labels": (),
    "metric_pools": (),
    "worker_memory_bytes": 0,
    "spread_cpu_seconds": 60,
    "worker_cache_bytes": 20 * 1024**3,
    "pieces_max_bytes": 100 * 1024**3,
    "chunk_seconds": 60,
    "wall_limit_seconds": 172_800.0,
    "allowed_hosts": (),
    "allowed_origins": (),
    "trusted_proxies": (),
    "http_allowed_networks": (),
    "s3_read_buckets": (),
    "s3_write_buckets": (),
    "tenant_storage": (),
    "data_dir": Path("~/.local/share/reelmill"),
    "read_roots": (Path("/media"),),
    "write_roots": (Path("/media"),),
    "local_roots": (),
}
ABOVE_ZERO = (
    *("http_head_seconds", "request_max_bytes", "batch_max_bytes", "input_max_bytes", "upload_max_bytes"),
    *("fetch_timeout_seconds", "fetch_total_seconds", "lease_seconds", "heartbeat_seconds", "sweep_seconds"),
    *("no_progress_seconds", "wall_limit_factor", "wall_limit_seconds", "relay_sweep_seconds", "rescue_seconds"),
    *("sample_seconds", "job_retention_days", "upload_retention_days", "status_ttl_seconds", "final_ttl_seconds"),
)
FROM_ZERO = (
    *("http_port", "grpc_port", "health_port", "http_drain_seconds", "fetch_min_bytes_per_second", "worker_fetches"),
    *("key_requests_per_second", "key_streams"),
    *(
        "spread_cpu_seconds",
        "worker_cache_bytes",
        "pieces_max_bytes",
        "chunk_seconds",
        "worker_memory_bytes",
        "worker_cores",
        "drain_seconds",
        "disk_reserve_bytes",
        "reuse_days",
        "reuse_cpu_seconds",
        "results_max_bytes",
    ),
)
FROM_ONE = (
    *("http_max_connections", "worker_slots", "max_crashes", "kafka_partitions", "kafka_replication"),
    *("database_pool_size", "audit_retention_days"),
)
MOST = {
    **dict.fromkeys(("http_port", "grpc_port", "health_port"), 65535),
    **dict.fromkeys(("worker_slots", "worker_fetches"), 1024),
    **dict.fromkeys(("request_max_bytes", "batch_max_bytes"), 8 * 1024**2),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_is_what_it_was(name: str) -> None:
    assert Settings.model_fields[name].default == DEFAULTS[name]


def test_each_default_is_known_here() -> None:
    assert set(DEFAULTS) == set(Settings.model_fields)


def taken(**given: float) -> bool:
    try:
        Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        [problem] = error.errors()
        assert problem["loc"] == tuple(given)
        return False
    return True


def test_a_number_is_taken_up_to_its_bounds_and_no_further() -> None:
    """A lease of no time, a retention of no days: what harms is refused before it begins."""
    numbers = dict(_numbers())
    assert sorted((*ABOVE_ZERO, *FROM_ZERO, *FROM_ONE)) == sorted(numbers)
    for name in numbers:
        whole = get_type_hints(Settings)[name] is int
        least, step = (0, 1) if whole else (0.0, 1e-9)
        least += step if name in ABOVE_ZERO else int(name in FROM_ONE)
        most = MOST.get(name, 10**12)
        found = [taken(**{name: value}) for value in (least - step, least, most, most + step)]
        assert found == [False, True, True, name not in MOST], name


def test_a_lease_outlives_three_heartbeats() -> None:
    assert DEFAULTS["heartbeat_seconds"] * 3 < DEFAULTS["lease_seconds"]


def _numbers() -> Iterator[tuple[str, FieldInfo]]:
    for name, field in Settings.model_fields.items():
        if get_type_hints(Settings)[name] in (int, float):
            yield name, field


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """No two numbers are alike."""
    values: dict[str, Any] = {name: 11 + i for i, (name, _) in enumerate(_numbers())}
    return Settings(data_dir=tmp_path / "data", kafka_topic_prefix="p.", **values)


def test_the_numbers_of_these_tests_are_all_different(settings: Settings) -> None:
    values = [getattr(settings, name) for name, _ in _numbers()]
    assert len(set(values)) == len(values) > 25


@pytest.fixture
def parts(settings: Settings) -> making.Parts:
    """Parts that are not open."""
    database = making.make_database(settings, "postgresql://u@h/d", "test")
    nothing: Any = SimpleNamespace()
    return making.Parts(
        settings=settings,
        database=database,
        queue=nothing,
        cache=nothing,
        storage=Storage.from_settings(settings),
        relay=nothing,
        launcher=Launcher(settings.sandbox),
    )


def test_a_scheduler_gets_its_settings(parts: making.Parts) -> None:
    given, config = parts.settings, make_scheduler(parts)._config
    assert config.rescue_seconds == given.rescue_seconds
    assert config.max_crashes == given.max_crashes
    assert config.lease_seconds == given.lease_seconds
    assert config.job_retention == timedelta(days=given.job_retention_days)
    assert config.upload_retention == timedelta(days=given.upload_retention_days)
    assert config.results_max_bytes == given.results_max_bytes
    assert make_scheduler(parts)._retention._audit_life == timedelta(days=given.audit_retention_days)
    assert config.own_storage == parts.storage.own("") and config.own_storage.endswith("/storage/")


async def test_a_worker_gets_its_settings(parts: making.Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class Recorder:
        def __init__(self, config: Any, leases: LeaseStore, *_: Any) -> None:
            made.extend((config, leases))

        async def run(self, stop: asyncio.Event) -> None:
            """At an end."""

    monkeypatch.setattr(worker, "Worker", Recorder)
    executor: Any = object()
    await worker.make_worker(parts, asyncio.Event(), executor)()
    [config, leases], given = made, parts.settings
    assert config.slots == given.worker_slots
    assert config.heartbeat_seconds == given.heartbeat_seconds
    assert config.sweep_seconds == given.sweep_seconds
    assert config.drain_seconds == given.drain_seconds
    assert leases._lease.total_seconds() == given.lease_seconds


@pytest.mark.parametrize(("cores", "slots", "threads"), [(8, 2, 4), (8, 3, 2), (1, 4, 1), (2, 2, 1)])
def test_a_jobs_limits_are_those_of_the_settings(parts: making.Parts, cores: int, slots: int, threads: int) -> None:
    given = parts.settings.model_copy(update={"worker_cores": cores, "worker_slots": slots})
    prober: Any = object()
    history: Any = object()
    executor, work = worker.make_executor(dataclasses.replace(parts, settings=given), prober, history)
    limits = executor._limits
    assert limits.context.threads == threads
    assert limits.no_progress_seconds == given.no_progress_seconds
    assert limits.wall_limit_factor == given.wall_limit_factor
    assert limits.output_max_bytes == given.input_max_bytes
    assert limits.worth.pieces_bytes == given.pieces_max_bytes
    assert (limits.cache_bytes, executor._kept._max_bytes) == (given.worker_cache_bytes,) * 2
    assert work.room.reserve_bytes == given.disk_reserve_bytes
    reuse = executor._reuse
    assert reuse is not None
    assert reuse.within == timedelta(days=given.reuse_days)
    assert reuse.least_cpu_seconds == given.reuse_cpu_seconds
    assert reuse.engine.startswith(limits.engine)
    off = given.model_copy(update={"reuse_days": 0})
    assert worker.make_executor(dataclasses.replace(parts, settings=off), prober, history)[0]._reuse is None


def test_webhooks_get_their_settings(parts: making.Parts) -> None:
    key = base64.b64encode(b"k" * 32).decode()
    given = {"secrets_key": SecretStr(key), "http_allowed_networks": (ip_network("10.1.0.0/16"),)}
    settings = parts.settings.model_copy(update=given)
    sender = make_sender(settings, parts.database)
    assert sender._config.allowed == settings.allowed_networks == given["http_allowed_networks"]
    assert sender._keys and sender._keys.derived("a") == Keys([b"k" * 32]).derived("a")
    assert settings.key_folder == settings.data_dir and key not in repr(settings)
    assert settings.model_copy(update={"database_url": "postgresql://h/d"}).key_folder is None


def test_storage_gets_its_settings(parts: making.Parts) -> None:
    storage, given = parts.storage, parts.settings
    assert storage._max_bytes == given.input_max_bytes
    assert storage.room.reserve_bytes == given.disk_reserve_bytes
    assert storage._http.timeout_seconds == given.fetch_timeout_seconds
    assert storage._http.total_seconds == given.fetch_total_seconds
    assert storage._http.least_bytes_per_second == given.fetch_min_bytes_per_second


async def test_database_queue_and_caches_get_their_settings(parts: making.Parts) -> None:
    given, database = parts.settings, parts.database
    assert database._pool_size == given.database_pool_size
    assert database._settings["reelmill.publish_events"] == "off"
    kafka = given.model_copy(update={"queue_url": "kafka://h:1", "cache_url": "redis://h:2"})
    assert making.make_database(kafka, database.url, "x")._settings["reelmill.publish_events"] == "on"
    queue: Any = making.make_queue(kafka, database)
    assert (queue._partitions, queue._replication) == (given.kafka_partitions, given.kafka_replication)
    assert queue._prefix == given.kafka_topic_prefix
    redis: Any = making.make_cache(kafka, alone=False)
    assert redis._status_ttl_seconds == given.status_ttl_seconds
    assert redis._final_ttl_seconds == given.final_ttl_seconds
    for alone in (True, False):
        memory = making.make_cache(given, alone=alone)
        assert isinstance(memory, MemoryCache)
        assert memory._status_ttl_seconds == (given.status_ttl_seconds if alone else 0)
        assert memory._final_ttl_seconds == (given.final_ttl_seconds if alone else given.status_ttl_seconds)


def test_the_gateway_gets_its_settings(parts: making.Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    files = gateway_app.Files

    def record(*arguments: Any, upload_max_bytes: int, **others: Any) -> Any:
        made.append(upload_max_bytes)
        return files(*arguments, upload_max_bytes=upload_max_bytes, **others)

    monkeypatch.setattr(gateway_app, "Files", record)
    gateway_app.build(api_target="h:1", storage=parts.storage, settings=parts.settings)
    assert made == [parts.settings.upload_max_bytes]


def test_a_job_without_a_policy_is_tried_three_times() -> None:
    assert RetryPolicy().max_attempts == 3


def test_what_a_developer_has_set_does_not_reach_tests() -> None:
    """But for servers and modes of tests."""
    told = {"REELMILL_QUEUE_URL": "kafka://mine", "REELMILL_CONFIG": "/mine.toml", "REELMILL_TEST_SEED": "7"}
    program = "import os, conftest; print(sorted(name for name in os.environ if name.startswith('REELMILL_')))"
    path = os.pathsep.join(part for part in sys.path if part)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, **told}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=Path(__file__).parents[1], capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "['REELMILL_TEST_SEED']"
