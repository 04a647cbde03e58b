"""Both clients against running systems: every method, errors, and servers that go and come back."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import clips
import pytest
from jobs import job
from live import Reelmill
from services.databases import Databases
from services.process import HOST, free_port

from reelmill import __version__
from reelmill.client import (
    AsyncClient,
    Backoff,
    Client,
    Conflict,
    InvalidRequest,
    NotFound,
    ReelmillError,
    Unavailable,
    WrongState,
)
from reelmill.v1.jobs_pb2 import Job, Task

NOBODY = "01a20d22-f85a-70f1-b8c8-3ea9223e6a52"
PATIENT = Backoff(attempts=1000, max_seconds=0.2)


@pytest.fixture(scope="module")
def client(live: Reelmill) -> Iterator[Client]:
    with Client(live.grpc) as opened:
        yield opened


@pytest.fixture(scope="module")
def own_api(databases: Databases) -> Iterator[Reelmill]:
    """An api without workers, which tests stop and start."""
    with Reelmill("api", database_url=asyncio.run(databases.create())) as api:
        yield api


class Blocking:
    """The blocking client's methods, called as the other's."""

    def __init__(self, target: str) -> None:
        self._client = Client(target)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            if inspect.isgeneratorfunction(method) or "Iterator" in str(inspect.signature(method).return_annotation):
                return _each(method(*arguments, **options))
            return asyncio.to_thread(method, *arguments, **options)

        return call

    async def close(self) -> None:
        self._client.close()


async def _each(items: Iterator[Any]) -> AsyncIterator[Any]:
    end = object()
    while (item := await asyncio.to_thread(next, items, end)) is not end:
        yield item


@pytest.fixture(params=[Blocking, AsyncClient])
async def either(request: pytest.FixtureRequest, live: Reelmill) -> AsyncIterator[Any]:
    """Each of the two clients, with awaitable methods."""
    opened = request.param(live.grpc)
    yield opened
    await opened.close()


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        public = {name: value for name, value in vars(kind).items() if not name.startswith("_")}
        return {name: list(inspect.signature(value).parameters) for name, value in public.items()}

    assert methods(Client) == methods(AsyncClient)


async def test_a_job_runs_to_its_end(either: Any, live: Reelmill) -> None:
    sent = job(f"file://{live.media}/clip.mp4", labels={"client": str(uuid4())})
    assert (await either.validate_job(sent)).priority == 50
    assert [one.output for one in (await either.estimate_job(sent)).outputs] == [sent.outputs[0].name]
    made = await either.create_job(sent)
    done = await either.wait(made.id, timeout_seconds=60)
    assert (done.state, len(done.outputs[0].files)) == (Job.COMPLETED, 1)
    watched = [event async for event in either.watch_job(made.id)]
    events = [event async for event in either.job_events(made.id)]
    assert [e.sequence for e in watched] == [e.sequence for e in events] == list(range(1, done.version + 1))
    assert [e async for e in either.job_events(made.id, after_sequence=2)] == events[2:]
    logs = [line.message async for line in either.job_logs(made.id)]
    assert "runs ffmpeg" in logs
    [task] = [task async for task in either.job_tasks(made.id)]
    assert (task.state, task.kind, list(task.outputs)) == (Task.COMPLETED, "run_job", [done.outputs[0].name])
    found = [j.id async for j in either.list_jobs(f'labels.client = "{sent.labels["client"]}"', page_size=1)]
    assert found == [made.id]


async def test_media_are_looked_at(either: Any, live: Reelmill) -> None:
    assert (await either.probe(f"file://{live.media}/clip.mp4")).streams[0].width == clips.WIDTH
    assert "transcode" in [o.name for o in await either.operations()]
    assert "web-mp4" in [p.name for p in await either.presets()]


async def test_workers_are_listed(either: Any) -> None:
    [worker] = [worker async for worker in either.workers(page_size=1)]
    assert (worker.version, worker.pool, worker.silent) == (__version__, "default", False)


async def test_a_batch_answers_jobs_and_errors(either: Any) -> None:
    good, bad = await either.batch_create_jobs([job("https://192.0.2.1/x", labels={"batch": "1"}), Job()])
    assert good.state == Job.QUEUED
    assert isinstance(bad, InvalidRequest)
    assert "requests[1].job.inputs" in [v.field for v in bad.violations]


async def test_each_refusal_has_a_class(either: Any, live: Reelmill) -> None:
    key = str(uuid4())
    sent = job(f"file://{live.media}/missing.mp4")
    made = await either.create_job(sent, request_id=key)
    assert (await either.create_job(sent, request_id=key)).id == made.id
    with pytest.raises(Conflict, match="another body"):
        await either.create_job(job(), request_id=key)
    with pytest.raises(NotFound, match=NOBODY):
        await either.get_job(NOBODY)
    with pytest.raises(NotFound):
        [e async for e in either.watch_job(NOBODY)]
    with pytest.raises(InvalidRequest) as caught:
        await either.create_job(Job())
    assert {v.field for v in caught.value.violations} == {"job.inputs", "job.outputs"}
    failed = await either.wait(made.id, timeout_seconds=60)
    assert (failed.state, failed.error.code) == (Job.FAILED, "INPUT_NOT_FOUND")
    with pytest.raises(WrongState, match="FAILED"):
        await either.cancel_job(made.id)
    again = await either.retry_job(made.id)
    assert (again.retry_of, (await either.retry_job(made.id)).id) == (made.id, again.id)


async def test_an_api_that_is_away_is_unavailable_after_some_tries() -> None:
    backoff = Backoff(attempts=2, first_seconds=0.01)
    async with AsyncClient(f"{HOST}:{free_port()}", backoff=backoff) as client:
        with pytest.raises(Unavailable) as caught:
            await client.get_job(NOBODY)
    assert caught.value.code == "UNAVAILABLE"


def test_an_api_that_is_away_is_unavailable_to_the_blocking_client_too() -> None:
    backoff = Backoff(attempts=2, first_seconds=0.01)
    with Client(f"{HOST}:{free_port()}", backoff=backoff) as client, pytest.raises(Unavailable):
        client.get_job(NOBODY)


async def test_a_wait_ends_at_its_timeout(own_api: Reelmill) -> None:
    async with AsyncClient(own_api.grpc) as client:
        made = await client.create_job(job())
        with pytest.raises(TimeoutError, match=r"not finished after 0\.3 s"):
            await client.wait(made.id, timeout_seconds=0.3)


def test_a_blocking_wait_ends_at_its_timeout_too(own_api: Reelmill) -> None:
    with Client(own_api.grpc) as client, pytest.raises(TimeoutError):
        client.wait(client.create_job(job()).id, timeout_seconds=0.3)


# The two clients' stacks are not made to run at the same time in one process, hence two tests.


def test_a_blocking_watch_and_call_outlive_a_restart_of_the_api(own_api: Reelmill) -> None:
    with Client(own_api.grpc, backoff=PATIENT) as client, ThreadPoolExecutor() as pool:
        made = client.create_job(job())
        events = client.watch_job(made.id, timeout_seconds=60)
        assert next(events).sequence == 1
        own_api.kill()
        cancelling = pool.submit(client.cancel_job, made.id)
        own_api.start()
        assert [event.sequence for event in events] == [2]
        assert cancelling.result(60).state == Job.CANCELLED


async def test_an_asyncio_watch_and_call_outlive_a_restart_of_the_api(own_api: Reelmill) -> None:
    async with AsyncClient(own_api.grpc, backoff=PATIENT) as client:
        made = await client.create_job(job())
        events = client.watch_job(made.id, timeout_seconds=60)
        assert (await anext(events)).sequence == 1
        await asyncio.to_thread(own_api.kill)
        cancelling = asyncio.create_task(client.cancel_job(made.id))
        await asyncio.to_thread(own_api.start)
        assert [event.sequence async for event in events] == [2]
        assert (await cancelling).state == Job.CANCELLED


def test_the_readme_of_the_package_holds(
    live: Reelmill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import reelmill.client

    monkeypatch.chdir(tmp_path)
    text = (reelmill.client.__doc__ or "").partition("\n\n")[2]
    code = text.replace("http://localhost:8080", live.http).replace("/media/talk.mov", f"{live.media}/clip.mp4")
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["job"].state == "COMPLETED"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["web.mp4"]
    assert capsys.readouterr().out.splitlines()[-1] == "COMPLETED, 100 %"


def test_every_error_of_the_client_is_a_reelmill_error() -> None:
    assert all(issubclass(e, ReelmillError) for e in (Conflict, InvalidRequest, NotFound, Unavailable, WrongState))
