"""Jobs of `run` where a `reelmill up` serves the data folder already: they are its, and their files come here."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from reelmill.cli.display import err
from reelmill.cli.downloading import fetch
from reelmill.cli.flags import told_in_flags
from reelmill.cli.following import following
from reelmill.cli.jobs import tls_of
from reelmill.cli.problems import Problem
from reelmill.cli.processes import interruptible
from reelmill.cli.waiting import follow
from reelmill.client import AsyncClient, Backoff, InvalidRequest, Unavailable
from reelmill.supervise import stop_on_signals
from reelmill.v1.jobs_pb2 import Job

if TYPE_CHECKING:
    from reelmill.settings import Settings


async def run_there(
    settings: "Settings",
    addresses: tuple[str, str],
    jobs: Mapping[str, Job],
    *,
    staged: Path,
    source: str,
    ended: Callable[[str, Job], None],
) -> None:
    """Run jobs on the system at these addresses, REST and gRPC; `ended` is told of each, whose files are in `staged`.

    What that system may not read is sent to it. `source`: the file that the jobs are of. SIGINT and SIGTERM cancel what
    has not ended. Raises Problem.
    """
    http, grpc = addresses
    stop = stop_on_signals()
    client = AsyncClient(grpc, token=settings.token, tls=tls_of(settings), gateway=http, backoff=Backoff(attempts=4))
    fetching: list[asyncio.Task[None]] = []
    try:
        with interruptible(stop):
            async with client:
                for job in jobs.values():
                    job.ClearField("destination")  # its own storage: its console shows and plays what came out
                    with told_in_flags(job, source=source, inputs=""):
                        await _readable(client, job)
                ids = {name: (await client.create_job(job)).id for name, job in jobs.items()}
                names = {job_id: name for name, job_id in ids.items()}

                async def bring(job: Job) -> None:
                    files = {output.name: list(output.files) for output in job.outputs if output.files}
                    folder = staged / job.id
                    await asyncio.to_thread(lambda: list(fetch(job.id, files, folder, http)))
                    for output in job.outputs:
                        for file in output.files:
                            file.uri = (folder / output.name / file.path).as_uri()
                    ended(names[job.id], job)

                with following(err()) as follower:
                    for job_id, name in names.items():
                        follower.add(job_id, name)
                    await follow(
                        client, names, stop, follower.saw, lambda job: fetching.append(asyncio.create_task(bring(job)))
                    )
                await asyncio.gather(*fetching)
    except Unavailable as error:
        raise Problem(
            f"the `reelmill up` of this data folder does not answer at {grpc}; --local runs the job without it",
            details=[error.message],
        ) from error


async def _readable(client: AsyncClient, job: Job) -> None:
    """Check a job, and send the inputs that the server may not read. Raises InvalidRequest."""
    try:
        await client.validate_job(job)
    except InvalidRequest as error:
        local = {f"job.inputs[{i}].uri": item for i, item in enumerate(job.inputs) if item.uri.startswith("file:")}
        sent = [local[violation.field] for violation in error.violations if violation.field in local]
        if not sent:
            raise
        paths = [Path(unquote(urlsplit(item.uri).path)) for item in sent]
        for item in sent:
            item.uri = "example:clip"
        await client.validate_job(job)  # the rest of it, before anything is sent
        for item, path in zip(sent, paths, strict=True):
            item.uri = await client.upload(path)
