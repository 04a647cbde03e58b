"""Small things of a worker that others rely on: its group, its lines, what it leaves behind."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from worker.kit import Rig, until_stopped

from reelmill.store.leases import MadeFile
from reelmill.worker import worker as worker_module
from reelmill.worker.attempt import Attempt
from reelmill.worker.intake import Abilities
from reelmill.worker.machine import available_bytes


def test_workers_of_a_pool_share_a_group_and_the_default_pools_keep_its_name() -> None:
    assert (Abilities().group, Abilities(pool="large").group) == ("workers", "workers.large")


def test_memory_is_the_least_of_machine_and_container(tmp_path: Path) -> None:
    (tmp_path / "less").write_text("4096\n")
    (tmp_path / "more").write_text("8192\n")
    (tmp_path / "max").write_text("max\n")
    paths = tuple(tmp_path / name for name in ("none", "more", "max", "less"))
    assert available_bytes(paths) == 4096
    assert available_bytes(paths[:3]) == 8192
    assert available_bytes((paths[2],)) == available_bytes(()) > 2**20


async def nothing(attempt: Attempt) -> tuple[MadeFile, ...]:
    return ()


async def test_an_attempt_tells_its_begin_and_its_end(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, dict[str, Any]]] = []

    class Log:
        def __getattr__(self, level: str) -> Any:
            return lambda event, **fields: told.append((f"{level}: {event}", fields))

    monkeypatch.setattr(worker_module, "log", Log())
    rig.start(nothing)
    await rig.until(await rig.submit(), "COMPLETED")
    await rig.stop()
    lines = dict(told)
    assert [line for line, _ in told if line.startswith("info: attempt")] == [
        "info: attempt starts",
        "info: attempt ended",
    ]
    assert lines["info: attempt starts"] == {"fence": 1}
    assert lines["info: attempt ended"]["outcome"] == "completed"
    assert 0 <= lines["info: attempt ended"]["seconds"] < 60


async def test_a_worker_that_nobody_waits_for_takes_nothing_any_more(rig: Rig) -> None:
    before = asyncio.all_tasks()
    rig.start(until_stopped)
    [(_, running)] = rig._running
    rig._running = []
    while not any(task.get_name() == "supervisor of take" for task in asyncio.all_tasks()):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not [task for task in asyncio.all_tasks() - before if task.get_name() in ("take", "supervisor of take")]
