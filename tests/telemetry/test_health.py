"""/healthz, /readyz and /metrics of processes without clients; those of api and gateway are tested there."""

import asyncio
import json

import pytest
from live import Reelmill, get
from services.databases import Databases
from services.postgres import Postgres

from reelmill.store.migrate import migrate


@pytest.mark.parametrize(
    ("process", "metric"), [("worker", "reelmill_worker_running_tasks"), ("scheduler", "reelmill_scheduler_rescued")]
)
def test_a_process_has_health_ready_and_metrics_and_logs_ecs(databases: Databases, process: str, metric: str) -> None:
    with Reelmill(process, database_url=asyncio.run(databases.create())) as server:
        assert get(f"{server.health}/healthz") == (200, '{"status":"ok"}')
        assert get(f"{server.health}/readyz") == (200, '{"status":"ready"}')
        assert f"\n{metric}" in get(f"{server.health}/metrics")[1]
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert {line["service"]["name"] for line in lines} == {f"reelmill-{process}"}
    assert all(line["@timestamp"] and line["message"] and line["ecs.version"] for line in lines)


def test_a_process_whose_database_hangs_is_alive_and_not_ready() -> None:
    with Postgres() as postgres:
        asyncio.run(migrate(postgres.url))
        with Reelmill("scheduler", database_url=postgres.url) as scheduler:
            postgres.pause()
            try:
                assert get(f"{scheduler.health}/healthz")[0] == 200
                status, body = get(f"{scheduler.health}/readyz")
            finally:
                postgres.resume()
    assert (status, list(json.loads(body)["problems"])) == (503, ["database", "queue"])
