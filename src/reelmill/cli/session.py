"""A system of a command's own, for run and demo: embedded, on any free ports, gone at the end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from reelmill import system
from reelmill.cli.checking import folders_of
from reelmill.cli.display import err
from reelmill.cli.following import following
from reelmill.cli.processes import force_on_interrupt, interruptible
from reelmill.client import AsyncClient
from reelmill.jobs.places import DEFAULT_POOL
from reelmill.media.ffmpeg import find_ffmpeg
from reelmill.settings import Settings
from reelmill.v1.jobs_pb2 import Job, JobEvent


@asynccontextmanager
async def open_session(
    settings: Settings, folder: Path, roots: Iterable[Path], alone: system.Alone
) -> AsyncIterator[AsyncClient]:
    """A client of a system whose data lies in `folder` and that may use the folders `roots`."""
    find_ffmpeg(settings.ffmpeg)  # its problem is told better before the start than by a worker
    own = settings.with_folders(*roots).model_copy(
        update={
            "data_dir": folder,
            "database_url": "embedded:",
            "queue_url": "postgres:",
            "cache_url": "memory:",
            "storage_url": "",
            "http_host": "127.0.0.1",
            "http_port": 0,
            "grpc_host": "127.0.0.1",
            "grpc_port": 0,
            "drain_seconds": 0.0,
            "worker_pool": DEFAULT_POOL,
            "worker_labels": (),
            "authentication": "none",  # nobody else reaches it
            "admin_key": "",
            **dict.fromkeys(("http_certificate", "http_key", "grpc_certificate", "grpc_key"), ""),
            **dict.fromkeys(("grpc_client_authorities", "api_authorities", "token"), ""),
        }
    )
    async with system.running_system(own, alone=alone) as addresses, AsyncClient(addresses.grpc, token="") as client:
        await _cancel_unfinished(client)
        yield client


async def run_jobs(
    settings: Settings, folder: Path, jobs: Mapping[str, Job], *, destination: Path, ended: Callable[[str, Job], None]
) -> None:
    """Run jobs, which were checked, to their ends; tells `ended` of each as it ends, by its name.

    Data lies in `folder`, outputs go below `destination`, progress goes to standard error. SIGINT and SIGTERM cancel
    what has not ended.
    """
    stop = system.stop_on_signals()
    roots = folders_of(jobs.values(), destination)
    alone = system.Alone(waits=False, webhooks=any(job.HasField("webhook") for job in jobs.values()))
    with interruptible(stop):
        async with open_session(settings, folder, roots, alone) as client:
            for job in jobs.values():
                job.ClearField("pool")  # the only worker that there is makes it here and now
                job.ClearField("requires")
            with following(err()) as follower:
                ids = {name: (await client.create_job(job)).id for name, job in jobs.items()}
                names = {job_id: name for name, job_id in ids.items()}
                for job_id, name in names.items():
                    follower.add(job_id, name)
                await follow(client, names, stop, follower.saw, lambda job: ended(names[job.id], job))


async def follow(
    client: AsyncClient,
    ids: Iterable[str],
    stop: asyncio.Event,
    saw: Callable[[JobEvent], None],
    ended: Callable[[Job], None] = lambda _: None,
) -> None:
    """Tell `saw` every event of some jobs, and `ended` each as it ends, until all have; `stop` cancels them."""
    ids = list(ids)

    async def watch(job_id: str) -> None:
        async for event in client.watch_job(job_id):
            saw(event)
        ended(await with_all_files(client, await client.get_job(job_id, full=True)))

    async def cancel() -> None:
        await stop.wait()
        err().print("cancelling; Ctrl-C again ends it at once")
        force_on_interrupt()
        for job_id in ids:
            job = await client.get_job(job_id, full=True)
            if not job.HasField("end_time"):
                await client.cancel_job(job_id, "interrupted")

    cancelling = asyncio.create_task(cancel())
    try:
        await asyncio.gather(*(watch(job_id) for job_id in ids))
    finally:
        cancelling.cancel()
        await asyncio.gather(cancelling, return_exceptions=True)


async def with_all_files(client: AsyncClient, job: Job) -> Job:
    """The job, with those of its files too that it does not show."""
    for output in job.outputs:
        if output.file_count > len(output.files):
            files = [file async for file in client.output_files(job.id, output.name)]
            del output.files[:]
            output.files.extend(files)
    return job


async def _cancel_unfinished(client: AsyncClient) -> None:
    """What a killed run left: nobody waits for it, and it would hold a slot."""
    for state in ("QUEUED", "PROCESSING"):
        async for job in client.list_jobs(f'state = "{state}"'):
            await client.cancel_job(job.id, "the command that ran it was killed")
