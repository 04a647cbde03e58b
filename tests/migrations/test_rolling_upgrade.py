"""An upgrade and the way back: processes of the release before and of this one share all servers."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from conftest import SharedServer
from fault.conftest import KINDS, QUICK, SPREAD
from fault.kit.checker import check, read
from fault.kit.deployment import Deployment
from live import Reelmill
from migrations import previous
from services.databases import Databases

from reelmill.client import AsyncClient
from reelmill.store.migrate import migrate
from reelmill.store.switches import GRAPHS, OlderWorkers
from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Upgrade(Deployment):
    """A deployment of the release before, with processes of ours beside it once they are started."""

    def __init__(self, source: Path, python: Path, **servers: str) -> None:
        settings = QUICK | {"REELMILL_LEASE_SECONDS": "2"}  # sweeps come after six
        super().__init__(**servers, kinds=KINDS, settings=settings)
        for process in self.all:
            process.environment["PYTHONPATH"] = str(source)
            process.python = str(python)
        self.old = dict(self.processes) | {"worker": self.workers[0]}
        self.new = {kind: Reelmill(kind, variables=self.settings | SPREAD) for kind in ("api", "scheduler", "worker")}
        self.workers.append(self.new["worker"])
        # Each release's gateway with each release's api.
        self.gateways = [
            Reelmill("gateway", variables=self.settings | path, api_target=apis["api"].grpc)
            for path in ({"PYTHONPATH": str(source)}, {})
            for apis in (self.old, self.new)
        ]
        self.processes |= {f"gateway {i}": gateway for i, gateway in enumerate(self.gateways)}
        self.processes |= {f"new {kind}": self.new[kind] for kind in ("api", "scheduler")}
        self.later |= {process for process in self.all if process.name in ("worker", "scheduler")}

    async def only(self, *processes: Reelmill) -> None:
        """Of all workers and schedulers run just these. (To start one of the release before takes 2 s of CPU.)"""
        others = [p for p in self.all if p.name in ("worker", "scheduler") and p not in processes]
        starts = [asyncio.to_thread(process.start) for process in processes if not process.running]
        await asyncio.gather(*starts, *(asyncio.to_thread(process.stop) for process in others))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the release before."""
    return previous.unpack(previous.commit(), tmp_path_factory.mktemp("previous"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    source: Path, databases: Databases, kafka_server: SharedServer, redis_server: SharedServer, clip: Path
) -> AsyncIterator[Upgrade]:
    """Both releases, on a schema that the one before made and this one brought up to date."""
    url = await databases.create(migrated=False)
    await asyncio.to_thread(run_old, source, "-m", "reelmill", "migrate", url=url)
    await migrate(url)
    python = previous.python(source, source.parent / "environment")
    servers = {"database_url": url, "queue_url": kafka_server.url, "cache_url": redis_server.url}
    async with Upgrade(source, python, **servers) as upgrade:
        shutil.copy(clip, upgrade.talk)
        yield upgrade
        await upgrade.settle()
        assert await check(upgrade) == []
    await databases.drop(url)


def run_old(source: Path, *arguments: str, url: str = "") -> str:
    """Run Python with the code of the release before; answers what it printed."""
    environment = {"PYTHONPATH": str(source), "REELMILL_DATABASE_URL": url}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def assert_completed(system: Upgrade, api: Reelmill, *, watched_at: Reelmill) -> Job:
    """A job that one api takes and another follows to its end."""
    async with AsyncClient(api.grpc) as client, AsyncClient(watched_at.grpc) as other:
        job = await client.create_job(system.quick_job(system.talk))
        system.acknowledged[job.id] = job
        done = await other.wait(job.id, 60)
        assert (await client.get_job(job.id)).version == done.version
    assert (done.state, done.attempt) == (Job.COMPLETED, 1), done.error
    return done


async def test_the_release_before_is_what_runs_as_such(source: Path) -> None:
    where = await asyncio.to_thread(run_old, source, "-c", "import reelmill; print(reelmill.__file__)")
    assert Path(where).is_relative_to(source)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["new", "old"])
async def mixed(system: Upgrade, request: pytest.FixtureRequest) -> Upgrade:
    """A worker of one release with a scheduler of the other: all tests of the one, then all of the other."""
    ours, theirs = (system.old, system.new) if request.param == "old" else (system.new, system.old)
    await system.only(ours["worker"], theirs["scheduler"])
    return system


@pytest.mark.parametrize("api", ["old", "new"])
async def test_jobs_of_either_api_are_done_by_either_worker(mixed: Upgrade, api: str) -> None:
    apis = {"old": mixed.old["api"], "new": mixed.new["api"]}
    await assert_completed(mixed, apis[api], watched_at=apis["new" if api == "old" else "old"])


async def test_uploads_by_either_gateway_and_outputs_without_destination_go_through_either_worker(
    mixed: Upgrade,
) -> None:
    for gateway in mixed.gateways:
        async with httpx.AsyncClient(base_url=gateway.http, timeout=60) as http:
            uploaded = await http.post("/v1/uploads?name=talk.mp4", content=mixed.talk.read_bytes())
            assert uploaded.status_code == 201, uploaded.text
            job = {"inputs": [{"uri": uploaded.json()["uri"]}], "outputs": [{"name": "still", "thumbnail": {}}]}
            made = (await http.post("/v1/jobs", json=job)).json()
            done = await mixed.client.wait(made["id"], 60)
            mixed.acknowledged[done.id] = done
            assert done.state == Job.COMPLETED, done.error
            [name] = [file.uri.rsplit("/", 1)[1] for file in done.outputs[0].files]
            assert (await http.get(f"/v1/jobs/{done.id}/outputs/still/{name}")).status_code == 200


async def test_jobs_of_several_tasks_are_made_once_no_older_worker_is_left(system: Upgrade) -> None:
    await system.only(system.old["worker"], system.new["scheduler"])
    with pytest.raises(OlderWorkers, match="graphs stays off: a worker of a release before still runs"):
        await migrate(system.database_url, {GRAPHS: True})
    await system.only(system.new["worker"], system.new["scheduler"])
    before = await _tasks_of_a_wide_job(system)
    system.points.hold("task.encoding")
    [flying] = await system.submit(system.short_encode(system.talk))
    encoding = await system.points.reached("task.encoding")
    await migrate(system.database_url, {GRAPHS: True})
    encoding.go()
    at_last = await _tasks_of_a_wide_job(system)
    assert (before, at_last) == (1, 4)
    [done] = await system.finish(flying)
    assert (done.state, done.attempt) == (Job.COMPLETED, 1), done.error
    await migrate(system.database_url, {GRAPHS: False})


async def _tasks_of_a_wide_job(system: Upgrade) -> int:
    """How many tasks a job of several outputs has."""
    [job] = await system.submit(system.wide_job(system.talk))
    [done] = await system.finish(job)
    assert done.state == Job.COMPLETED, done.error
    return len((await read(system.database_url)).tasks[job.id])


@pytest.mark.parametrize("first", ["old", "new"])
async def test_what_one_release_left_undone_the_other_ends(system: Upgrade, first: str) -> None:
    ours, theirs = getattr(system, first), getattr(system, "new" if first == "old" else "old")
    await system.only(ours["worker"], ours["scheduler"])
    system.points.hold("task.encoding")
    [job] = await system.submit(system.short_encode(system.talk))
    await system.points.reached("task.encoding")
    await asyncio.to_thread(ours["worker"].kill)
    await system.only(theirs["worker"], theirs["scheduler"])
    [done] = await system.finish(job)
    assert (done.state, done.attempt) == (Job.COMPLETED, 2), done.error


async def test_after_the_way_back_the_release_before_goes_on_alone(system: Upgrade) -> None:
    await system.only(system.old["worker"], system.old["scheduler"])
    await asyncio.to_thread(system.new["api"].stop)
    await assert_completed(system, system.old["api"], watched_at=system.old["api"])
