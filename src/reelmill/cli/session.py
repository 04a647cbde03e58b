"""A system of a command's own, for run and demo: embedded, on any free ports, gone at the end."""

import dataclasses
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from reelmill import system
from reelmill.cli.checking import folders_of
from reelmill.cli.display import err
from reelmill.cli.following import following
from reelmill.cli.processes import interruptible
from reelmill.cli.waiting import follow
from reelmill.client import AsyncClient
from reelmill.jobs.places import DEFAULT_POOL
from reelmill.media.ffmpeg import find_ffmpeg
from reelmill.media.launcher import Launcher
from reelmill.settings import Settings
from reelmill.supervise import stop_on_signals
from reelmill.v1.jobs_pb2 import Job

_SWEEPS_AFTER_SECONDS = 1.0
_SWEPT_SECONDS = 86400.0  # since which what is past its retention may wait for a longer run


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
    ended = folder / "ended"  # the one before did so in order
    alone = dataclasses.replace(alone, sweeps_after_seconds=sweeps_after(folder))
    async with system.running_system(own, alone=alone) as addresses, AsyncClient(addresses.grpc, token="") as client:
        if not ended.exists():
            await _cancel_unfinished(client)
        ended.unlink(missing_ok=True)
        yield client
        ended.touch()
        if not alone.sweeps_after_seconds:
            (folder / "swept").touch()


async def run_jobs(
    settings: Settings,
    folder: Path,
    launching: Launcher,
    jobs: Mapping[str, Job],
    *,
    destination: Path,
    ended: Callable[[str, Job], None],
) -> None:
    """Run jobs, which were checked, to their ends; tells `ended` of each as it ends, by its name.

    `launching` runs what reads files. Data lies in `folder`, outputs go below `destination`, progress goes to standard
    error. SIGINT and SIGTERM cancel what has not ended.
    """
    stop = stop_on_signals()
    roots = folders_of(jobs.values(), destination)
    webhooks = any(job.HasField("webhook") for job in jobs.values())
    alone = system.Alone(waits=False, webhooks=webhooks, launcher=launching)
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


def sweeps_after(folder: Path) -> float:
    """Seconds until a scheduler is to begin: at once where the session before was killed, and once a day."""
    try:
        (folder / "ended").stat()
        lately = time.time() - (folder / "swept").stat().st_mtime < _SWEPT_SECONDS
    except FileNotFoundError:
        lately = False
    return _SWEEPS_AFTER_SECONDS if lately else 0.0


async def _cancel_unfinished(client: AsyncClient) -> None:
    """What a killed run left: nobody waits for it, and it would hold a slot."""
    for state in ("QUEUED", "PROCESSING"):
        async for job in client.list_jobs(f'state = "{state}"'):
            await client.cancel_job(job.id, "the command that ran it was killed")
