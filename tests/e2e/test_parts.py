"""Every part that lives as long as its process is broken, in each kind of process, by an error that nobody foresaw."""

import asyncio
import ctypes
import re
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from conftest import SharedServer
from services.process import HOST, free_port
from structlog.testing import LogCapture
from waiting import PATIENCE_SECONDS, eventually, patient

from reelmill import process as running_alone
from reelmill import supervise, system
from reelmill.client import AsyncClient
from reelmill.settings import Settings
from reelmill.supervise import Part, alive
from reelmill.telemetry.metrics import PART_ENDS
from reelmill.telemetry.otlp import Tracing
from reelmill.v1.jobs_pb2 import Input, Job, Output
from reelmill.v1.operations_pb2 import Thumbnail

REDIS = ("redis_channels",)
KAFKA = ("kafka_producer", "kafka_topics")
API = ("api_door", "api_grpc", "api_health", "relay")
WORKER = ("cancels", "heartbeat", "history", "progress", "take", "worker")
SCHEDULER = (
    "folders",
    "relay_sweep",
    "rescue",
    "retention",
    "sampler",
    "scheduler",
    "status_sweep",
    "unserved",
    "webhooks",
)
FILES = ("fork_server", "warm_template")
TOPICS = ("kafka_tasks.high", "kafka_tasks.low", "kafka_tasks.normal")
# A part that is new belongs here. What is under another name, or no part at all, is found below.
PARTS = {
    "api": (*API, *FILES, *KAFKA, *REDIS, "health_http"),
    "gateway": ("gateway_http",),
    "worker": (*WORKER, *FILES, *TOPICS, *KAFKA, *REDIS, "health_http"),
    "scheduler": (*SCHEDULER, *KAFKA, *REDIS, "health_http"),
    "up": (*API, *WORKER, *SCHEDULER, *FILES, "embedded_postgres", "gateway_http", "queue_listener"),
}
WATCH = ("watch_poll", "watch_wakeups")  # while somebody watches
# A change is heard within this by wake-up; by the poll it takes 1.5 to 2 s.
QUICK_SECONDS = 1.0
HANDLED_LOOKS = 300  # a part that has not ended by then has handled an error: as many turns of the loop, not seconds


class Unforeseen(Exception):
    """Nobody catches it by name."""


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """What is logged."""
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    yield capture.entries
    structlog.configure(**before)


def tasks_of(part: Part) -> list[asyncio.Task[Any]]:
    """The tasks inside a part's TaskGroup, or else its own. Other processes have a part of the same name."""
    assert part.task
    owner = _local(part.task, "self")
    named = (task for task in asyncio.all_tasks() if task.get_name().startswith(f"{part.name}."))
    return [task for task in named if _local(task, "self") is owner] or [part.task]


def _local(task: asyncio.Task[Any], name: str) -> Any:
    coroutine: Any = task.get_coro()
    return coroutine.cr_frame.f_locals.get(name) if coroutine.cr_frame else None


async def break_task(task: asyncio.Task[Any]) -> None:
    """Raise Unforeseen out of what a task waits for."""
    while True:
        waits_for = task._fut_waiter  # type: ignore[attr-defined]  # asyncio tells nobody else
        if waits_for is not None and not waits_for.done() and not isinstance(waits_for, asyncio.Task):
            waits_for.set_exception(Unforeseen())
            return
        await asyncio.sleep(0.001)


def break_thread(thread: threading.Thread) -> None:
    """Raise Unforeseen in a thread, as soon as it runs Python again."""
    ident = ctypes.c_ulong(thread.ident or 0)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(Unforeseen)) == 1


async def broken(part: Part, logged: Sequence[Any]) -> None:
    """Break each task of a part, and see that it is told, counted and runs again."""
    whole = 1 if part.thread else len(tasks_of(part))
    for number in range(whole):
        told, counted, starts = len(logged), ends(part), part.starts
        async with patient():
            while ends(part) == counted:  # what hits a part amid its work may be handled there, as the sampler does
                if part.thread:
                    break_thread(part.thread)
                else:
                    await break_task(sorted(tasks_of(part), key=asyncio.Task.get_name)[number])
                looks = HANDLED_LOOKS * (20 if part.thread else 1)
                while ends(part) == counted and (looks := looks - 1):
                    await asyncio.sleep(0.01)
        await eventually(lambda: part.starts > starts, f"{part.name} runs again")  # noqa: B023
        assert ends(part) == counted + 1, part.name
        [line] = [e for e in logged[told:] if e["log_level"] == "error" and e.get("part") == part.name]
        # Out of a call into librdkafka it comes as CPython's own, which says that it came in there.
        assert any(words in repr(line["exc_info"]) for words in ("Unforeseen", "returned NULL without setting"))
        # Its TaskGroup too.
        await eventually(lambda: part.thread is not None or len(tasks_of(part)) == whole, f"{part.name} is whole")


def ends(part: Part) -> float:
    return float(PART_ENDS.labels(part.name)._value.get())


class Running:
    """Processes in this one; what each has started."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.parts: dict[str, list[Part]] = {}

    async def start(self, name: str, context: Any) -> Any:
        """Enter a process's context, until it has all of its parts."""
        before = set(alive())
        entered = await self._stack.enter_async_context(context)

        def names() -> Counter[str]:
            self.parts[name] = [part for part in alive() if part not in before]
            return Counter(part.name for part in self.parts[name])

        await eventually(lambda: names() == Counter(PARTS[name]), f"{name} has its parts, but {names()}")
        return entered


@asynccontextmanager
async def process(name: str, settings: Settings) -> AsyncIterator[None]:
    """One of our processes, in this one."""
    stop = asyncio.Event()
    running = asyncio.create_task(running_alone._run(name, settings, stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def quick_job(client: AsyncClient, clip: Path, destination: Path) -> float:
    """Run a small job; answers how late the latest of its events came, in seconds."""
    job = await client.create_job(
        Job(
            inputs=[Input(uri=clip.as_uri())],
            outputs=[Output(name="still", thumbnail=Thumbnail(count=1, width=64))],
            destination=destination.as_uri(),
        )
    )
    late = 0.0
    async for event in client.watch_job(job.id):
        if event.sequence:
            late = max(late, time.time() - event.time.ToNanoseconds() / 1e9)
    assert event.state == Job.COMPLETED, event
    return late


async def as_before(run: Callable[[], Awaitable[float]], what: str) -> None:
    """Jobs complete, and soon their events come by wake-up."""
    began = time.monotonic()
    while (late := await run()) > QUICK_SECONDS or time.monotonic() - began > PATIENCE_SECONDS:
        assert time.monotonic() - began < PATIENCE_SECONDS, f"after {what} broke, events come {late:.2f} s late"


# What lives on and is no part, and why.
KNOWN = {
    "AioServer._server_main_loop": "gRPC's own: an end of it ends gRPC's server, and so the part `api_grpc`",
    "AioServer._request_call": "the same",
    "AioServer._request_registered_call": "the same",
    "Server.wait_for_termination": "that part hears of it so",
    "_schedule_rpc_coro": "a call that is being answered",
    "_handle_rpc": "the same",
    "_handle_exceptions": "the same",
    "_poll_wrapper": "gRPC's thread of all channels and servers",
    "AbstractConnection._send_packed_command": "a command that is being sent to Redis",
    "Event.wait": "who waits for the end of the process",
    "messages": "a pool's thread: it hands each error to who asked",
    "asyncio": "the same",
    "resolving": "the same",
    "MainThread": "Python's",
    "_run": "of these tests",
}


def unknown() -> set[str]:
    """Tasks and threads that are neither a part nor known."""
    names = {part.name for part in alive()}
    tasks = [
        task
        for task in asyncio.all_tasks()
        if task.get_name().removeprefix("supervisor of ").split(".")[0] not in names
    ]
    threads = {re.sub(r"Thread-\d+ \((.*)\)|_\d+$", r"\1", thread.name) for thread in threading.enumerate()}
    found = {str(task.get_coro().__qualname__) for task in tasks} | (threads - names)
    return {name for name in found - set(KNOWN) if not name.startswith("test_")}


async def settled() -> set[str]:
    """The same, once what lives for a moment only is over."""
    with suppress(AssertionError):
        await eventually(lambda: not unknown())
    return unknown()


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(
        data_dir=folder / "data",
        local_roots=(folder,),
        http_host=HOST,
        grpc_host=HOST,
        health_host=HOST,
        http_port=0,
        grpc_port=free_port(),
        health_port=0,
        drain_seconds=5.0,
        **more,
    )


async def test_each_part_of_each_process_is_back_after_an_error_that_nobody_foresaw(
    database_url: str,
    kafka_server: SharedServer,
    redis_server: SharedServer,
    tmp_path: Path,
    clip: Path,
    logged: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    chosen = settings(
        tmp_path,
        database_url=database_url,
        queue_url=kafka_server.url,
        cache_url=redis_server.url,
        kafka_topic_prefix=f"parts-{free_port()}.",
        kafka_partitions=1,
    )
    async with AsyncExitStack() as stack:
        running = Running(stack)
        await running.start("api", process("api", chosen))
        client = await stack.enter_async_context(AsyncClient(f"{HOST}:{chosen.grpc_port}"))
        await watched(client, tmp_path / "clip.mp4", logged, monkeypatch)
        gateway = chosen.model_copy(update={"http_port": free_port()})
        await running.start("gateway", process("gateway", gateway))
        await running.start("worker", process("worker", chosen))
        await running.start("scheduler", process("scheduler", chosen))
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http://{HOST}:{gateway.http_port}", timeout=PATIENCE_SECONDS)
        )
        await kill(running, client, http, tmp_path, logged)
        assert await settled() == set()


async def kill(running: Running, client: AsyncClient, http: httpx.AsyncClient, folder: Path, logged: list[Any]) -> None:
    async def run() -> float:
        assert (await http.get("/v1/jobs")).status_code == 200  # by one connection all the while
        return await quick_job(client, folder / "clip.mp4", folder / "out")

    await as_before(run, "nothing")
    for name, parts in running.parts.items():
        for part in parts:
            if part not in alive():
                continue  # of a worker or scheduler that was itself broken: a new one has new ones
            await broken(part, logged)
            if part.name == "api_grpc":  # the gateway says 503 until it is connected anew
                await back(http)
            await as_before(run, f"{part.name} of the {name}")


async def back(http: httpx.AsyncClient) -> None:
    async with patient():
        while (await http.get("/v1/jobs")).status_code == 503:
            await asyncio.sleep(0.05)


async def watched(client: AsyncClient, clip: Path, logged: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch whose parts break hears of a change by wake-up all the same."""
    job = await client.create_job(
        Job(inputs=[Input(uri=clip.as_uri())], outputs=[Output(name="sound", preset="podcast-audio")])
    )
    monkeypatch.setattr("reelmill.api.watching.POLL_SECONDS", 2 * PATIENCE_SECONDS)  # when no wake-up would be heard
    events = client.watch_job(job.id)
    assert (await anext(events)).state == Job.QUEUED
    parts = [part for part in alive() if part.name in WATCH]
    assert sorted(part.name for part in parts) == sorted(WATCH)
    for part in parts:
        await broken(part, logged)
    told = time.monotonic()
    await client.cancel_job(job.id, "")
    assert (await anext(events)).state == Job.CANCELLED
    assert time.monotonic() - told < PATIENCE_SECONDS / 2
    assert [event async for event in events] == []
    monkeypatch.undo()


async def test_the_whole_in_one_process_too(tmp_path: Path, clip: Path, logged: list[Any]) -> None:
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    async with AsyncExitStack() as stack:
        running = Running(stack)
        addresses = await running.start("up", system.running_system(settings(tmp_path)))
        client = await stack.enter_async_context(AsyncClient(addresses.grpc))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=addresses.http, timeout=PATIENCE_SECONDS))
        await kill(running, client, http, tmp_path, logged)
        assert await settled() == set()
    assert supervise.alive() == []


async def test_grpc_s_own_loop_is_begun_again(database_url: str, tmp_path: Path, clip: Path, logged: list[Any]) -> None:
    chosen = settings(tmp_path, database_url=database_url)
    async with process("api", chosen), AsyncClient(f"{HOST}:{chosen.grpc_port}") as client:
        assert [job async for job in client.list_jobs()] == []
        [part] = [part for part in alive() if part.name == "api_grpc"]
        [loop] = [t for t in asyncio.all_tasks() if "_server_main_loop" in str(t.get_coro().__qualname__)]
        await break_task(loop)
        await eventually(lambda: part.starts == 2, "gRPC's server runs again")
        assert [line["part"] for line in logged if line["log_level"] == "error"] == ["api_grpc"]
        assert [job async for job in client.list_jobs()] == []


async def test_the_sender_of_traces_goes_on(logged: list[Any]) -> None:
    tracing = Tracing("test", f"http://{HOST}:{free_port()}")
    try:
        [part] = alive()
        assert part.name == "traces"
        await broken(part, logged)
    finally:
        await asyncio.to_thread(tracing.close)
    assert alive() == []
