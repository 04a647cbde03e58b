"""Small things of a worker that others rely on: its group, its lines, what it leaves behind."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from waiting import patient, soon
from worker.kit import Rig, until_stopped

from reelmill.store.leases import LeaseStore, MadeFile
from reelmill.worker import worker as worker_module
from reelmill.worker.attempt import Attempt
from reelmill.worker.intake import Abilities
from reelmill.worker.machine import available_bytes
from reelmill.worker.pace import Pace


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


async def test_the_next_attempt_begins_while_one_is_recorded_and_no_more_than_that(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()
    complete, recording = LeaseStore.complete, asyncio.Semaphore(0)

    async def slow(leases: LeaseStore, finished: Any) -> Any:
        recording.release()
        await go_on.wait()
        return await complete(leases, finished)

    monkeypatch.setattr(LeaseStore, "complete", slow)
    monkeypatch.setattr(Pace, "ahead", 4)  # so there are some that could begin at once
    jobs = [await rig.submit() for _ in range(6)]
    script = rig.start(nothing, slots=1, sweep_seconds=0.01)
    for _ in range(2):
        await soon(script.begun.get())
    await recording.acquire()
    for _ in range(100):
        await asyncio.sleep(0)
    assert script.begun.empty()
    go_on.set()
    for new in jobs:
        await rig.until(new, "COMPLETED")
    assert script.most == 1


async def test_quick_tasks_are_claimed_several_at_once_and_begin_by_the_slots(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims: list[int] = []
    claim = LeaseStore.claim

    async def counted(leases: LeaseStore, *arguments: Any, **options: Any) -> Any:
        claimed = await claim(leases, *arguments, **options)
        claims.append(len(claimed))
        return claimed

    async def quick(attempt: Attempt) -> tuple[MadeFile, ...]:
        for _ in range(10):
            await asyncio.sleep(0)
        return ()

    monkeypatch.setattr(LeaseStore, "claim", counted)
    jobs = [await rig.store.submit() for _ in range(60)]
    script = rig.start(quick, slots=2, sweep_seconds=0.01)
    for new in jobs:
        await rig.until(new, "COMPLETED")
    assert (script.most, sum(claims)) == (2, 60)
    assert max(claims) > 2 and len([count for count in claims if count]) < 30


async def test_without_a_backlog_nothing_is_claimed_ahead(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []
    claim = LeaseStore.claim

    async def counted(leases: LeaseStore, *arguments: Any, limit: int, **options: Any) -> Any:
        limits.append(limit)
        return await claim(leases, *arguments, limit=limit, **options)

    monkeypatch.setattr(LeaseStore, "claim", counted)
    rig.start(nothing, slots=2, sweep_seconds=0.01)
    for _ in range(8):
        await rig.until(await rig.submit(), "COMPLETED")
    assert max(limits) == 2


async def test_a_task_that_was_claimed_ahead_of_a_long_one_is_handed_back(rig: Rig) -> None:
    long, others = asyncio.Event(), []

    async def some(attempt: Attempt) -> tuple[MadeFile, ...]:
        others.append(attempt)
        if len(others) == 10:
            await long.wait()
        return ()

    jobs = [await rig.store.submit() for _ in range(20)]
    script = rig.start(some, slots=1, sweep_seconds=0.01)
    async with patient():
        while len(others) < 10 or await rig.store.value("SELECT count(*) FROM tasks WHERE state = 'RUNNING'") > 1:
            await asyncio.sleep(0.01)
    waiting = await rig.store.rows(
        "SELECT state::text, attempt FROM tasks WHERE state <> 'COMPLETED' AND state <> 'RUNNING'"
    )
    assert {tuple(row) for row in waiting} == {("READY", 0)}, "no attempt is charged"
    assert len(waiting) == 10 and script.most == 1
    long.set()
    for new in jobs:
        assert (await rig.until(new, "COMPLETED")).attempt == 1


async def test_a_worker_that_nobody_waits_for_takes_nothing_any_more(rig: Rig) -> None:
    before = asyncio.all_tasks()
    rig.start(until_stopped)
    [(_, running)] = rig._running
    rig._running = []
    async with patient():
        while not any(task.get_name() == "supervisor of take" for task in asyncio.all_tasks()):
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not [task for task in asyncio.all_tasks() - before if task.get_name() in ("take", "supervisor of take")]
