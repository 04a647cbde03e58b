"""A set-up's processes and its migration come up in any order, and stop while they wait."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli.conftest import Cli, Process, reelmill
from services.process import HOST
from waiting import PATIENCE_SECONDS

from reelmill.store.migrate import migrate, migrations

AWAY = f"postgresql://{HOST}:1/x"  # nobody listens there


@contextmanager
def running(process: str, folder: Path, database_url: str) -> Iterator[Process]:
    child = reelmill(process, folder=folder, database_url=database_url, grpc_port=0, log_format="json")
    try:
        yield child
    finally:
        child.terminate()
        child.communicate(timeout=PATIENCE_SECONDS)


def read_until(process: Process, words: str) -> None:
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"{words!r} was never logged")


def test_migrate_waits_for_a_database_that_is_away(cli: Cli) -> None:
    began = time.monotonic()
    result = cli("migrate", "--wait", "1.5", database_url=AWAY)
    assert (result.exit_code, "PostgreSQL is away" in result.stderr) == (1, True)
    assert time.monotonic() - began >= 1.5


async def test_a_process_waits_for_its_schema(tmp_path: Path, empty_database_url: str) -> None:
    with running("scheduler", tmp_path, empty_database_url) as scheduler:
        names = ", ".join(migration.name for migration in migrations())
        read_until(scheduler, f"the database lacks migrations: {names}; `reelmill migrate` applies them")
        await migrate(empty_database_url)
        read_until(scheduler, "health and metrics")
        scheduler.terminate()
        assert scheduler.wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize("process", ["api", "worker", "scheduler"])
def test_a_process_that_waits_for_postgresql_stops_on_sigterm(process: str, tmp_path: Path) -> None:
    with running(process, tmp_path, AWAY) as child:
        read_until(child, "waiting")
        child.terminate()
        assert child.wait(PATIENCE_SECONDS) == 0
