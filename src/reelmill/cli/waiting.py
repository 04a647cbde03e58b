"""Jobs on their way to their ends."""

import asyncio
from collections.abc import Callable, Iterable

from reelmill.cli.display import err
from reelmill.cli.processes import force_on_interrupt
from reelmill.client import AsyncClient
from reelmill.v1.jobs_pb2 import Job, JobEvent


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
