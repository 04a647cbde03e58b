"""A part that ends is told, counted and started again; whatever lives long is such a part."""

import ast
import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from waiting import PATIENCE_SECONDS, patient

import reelmill
from reelmill import supervise
from reelmill.supervise import alive, end, heed_cancellation, supervised, supervised_thread
from reelmill.telemetry.metrics import PART_ENDS

SOURCE = Path(reelmill.__file__).parent
MAKERS = {"create_task", "ensure_future", "Thread", "ThreadPoolExecutor", "ProcessPoolExecutor", "TaskGroup", "Timer"}
# Where tasks and threads are made without supervision: all of them end by themselves, and who waits hears their errors.
SHORT_LIVED = {
    "abreast.py": "a part of one call, awaited",
    "api/following.py": "follows one job; an error is told to its watchers",
    "api/outlook.py": "one read; its errors are logged",
    "api/server.py": "the wait for gRPC's end, in its part",
    "batching.py": "a batch; whatever ends it is told to all who wait",
    "cache/redis_channels.py": "in a TaskGroup of its part",
    "cache/missed.py": "tries for some seconds; each call's error is told by the breaker",
    "capacity.py": "a pool; each call's error is its caller's",
    "cli/listening.py": "the end of a command",
    "cli/local.py": "one question to ffmpeg, awaited",
    "cli/processes.py": "a command that waits for its children",
    "cli/waiting.py": "the cancellation at Ctrl-C, awaited",
    "cli/elsewhere.py": "the fetch of what a job made, awaited",
    "cli/entry.py": "an interrupt that was lost, sent again",
    "embedded.py": "an early start, joined",
    "console/live.py": "what pages that are open show; errors are logged, and end with the pages that show them",
    "gateway/streaming.py": "one read of a stream, awaited",
    "guardian.py": "a process of its own that ends with this thread",
    "media/ffmpeg.py": "the end of an ffmpeg that does not answer, cancelled with its answer",
    "media/warm.py": "one question to the prober, awaited",
    "media/run.py": "the watch of one child, awaited",
    "media/tools/transcribe.py": "what tells that it works on, joined",
    "queue/postgres.py": "one fetch, awaited",
    "storage/fetch.py": "one read of an input, awaited",
    "supervise.py": "the supervision itself",
    "process.py": "the wait for SIGTERM",
    "webhooks/sender.py": "messages to one endpoint; errors are logged; a pool, whose errors are its callers'",
    "worker/attempt.py": "a step of one attempt, awaited",
    "worker/intake.py": "one claim, awaited",
    "worker/worker.py": "one attempt, whose end is logged; the wait for SIGTERM",
}


def makers() -> Iterator[str]:
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        for node in ast.walk(ast.parse(text if any(name in text for name in MAKERS) else "")):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in MAKERS:
                    yield path.relative_to(SOURCE).as_posix()


def test_tasks_and_threads_are_made_here_or_known_to_be_short() -> None:
    assert set(makers()) == set(SHORT_LIVED)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "_FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(supervise, "_SWALLOWED_SECONDS", 0.01)


def ends(name: str) -> float:
    return float(PART_ENDS.labels(name)._value.get())


async def cancelled_by_another() -> None:
    task = asyncio.create_task(asyncio.sleep(10))
    asyncio.get_running_loop().call_soon(task.cancel)
    await task


async def fails_in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(10))
        group.create_task(fails())


async def fails() -> None:
    raise BaseException("a panic in Rust is one")


async def returns() -> None:
    pass


@pytest.mark.parametrize("way", [cancelled_by_another, fails_in_a_group, fails, returns])
async def test_whatever_ends_a_part_it_runs_again_until_it_is_cancelled(way) -> None:
    before = ends(way.__name__)
    task = supervised(way.__name__, way)
    [part] = alive()
    async with patient():
        while part.starts < 4:
            await asyncio.sleep(0.001)
    await end(task)
    assert task.cancelled() and alive() == []
    assert ends(way.__name__) - before >= 3


async def test_what_a_part_fails_with_as_it_is_ended_is_told_at_once() -> None:
    async def run() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            raise ValueError("nobody foresaw it")

    task = supervised("fails as it ends", run)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with capture_logs() as told:
        await end(task)
    assert [(line["event"], line["part"], repr(line["exc_info"])) for line in told] == [
        ("a part failed as it was ended", "fails as it ends", "ValueError('nobody foresaw it')")
    ]


async def test_waits_grow_and_begin_anew_after_a_healthy_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "_FIRST_RETRY_SECONDS", 0.1)
    part = supervise.Part(name="test", max_retry_seconds=1.0, max_ends=None, _retry_seconds=0.1)
    part.began()
    assert [part.ended(None) for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    monkeypatch.setattr(supervise, "_HEALTHY_SECONDS", 0.0)
    assert part.ended(None) == 0.1


async def test_a_part_that_swallows_a_cancellation_ends_all_the_same_and_does_not_begin_again() -> None:
    swallowed = 0

    async def run() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    return

    task = supervised("swallows", run)
    [part] = alive()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await end(task)
    assert (swallowed, part.starts, ends("swallows"), task.cancelled()) == (3, 1, 0, True)


async def test_a_part_ends_by_itself_once_it_is_to() -> None:
    until = asyncio.Event()
    until.set()
    await supervised("ends", returns, until=until)
    assert ends("ends") == 0
    with pytest.raises(BaseException, match="panic"):
        await supervised("ends", fails, until=until)


async def test_the_owner_hears_of_a_part_that_ends_too_often() -> None:
    task = supervised("too often", fails, max_ends=2)
    [part] = alive()
    with pytest.raises(BaseException, match="panic"):
        await task
    assert (part.starts, ends("too often")) == (3, 3)


async def test_a_cancellation_that_a_library_swallowed_is_heeded() -> None:
    async def run() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            heed_cancellation()

    task = asyncio.create_task(run())
    await asyncio.sleep(0)
    await end(task)
    assert task.cancelled()
    heed_cancellation()  # we were not


def test_a_thread_runs_again_until_it_is_to_leave() -> None:
    leaving, times = threading.Event(), 0

    def run() -> None:
        nonlocal times
        times += 1
        if times == 4:
            leaving.set()
            return
        raise ZeroDivisionError

    supervised_thread("a thread", run, leaving=leaving).join(PATIENCE_SECONDS)
    assert (times, ends("a thread"), alive()) == (4, 3, [])
