"""Jobs are followed to their ends, with all of their files."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

from reelmill.cli.waiting import follow
from reelmill.client import AsyncClient
from reelmill.v1.jobs_pb2 import Job, JobEvent, OutputFile

FILES = {"a": ["a1", "a2", "a3"], "b": ["b1"]}


class _Client:
    """Shows two files of each output at most, as the api shows a thousand."""

    async def watch_job(self, job_id: str) -> AsyncIterator[JobEvent]:
        for state in (Job.PROCESSING, Job.COMPLETED):
            yield JobEvent(job_id=job_id, state=state)

    async def get_job(self, job_id: str, *, full: bool) -> Job:
        assert full
        job = Job(id=job_id, state=Job.COMPLETED)
        for name, files in FILES.items():
            job.outputs.add(name=name, file_count=len(files), files=[OutputFile(path=path) for path in files[:2]])
        return job

    async def output_files(self, job_id: str, output: str) -> AsyncIterator[OutputFile]:
        assert output == "a", "of the other all are shown"
        for path in FILES[output]:
            yield OutputFile(path=path)


async def test_who_follows_a_job_is_told_all_of_its_files() -> None:
    seen: list[tuple[str, int]] = []
    ended: list[Job] = []
    ids = ["one", "two"]
    await follow(
        cast(AsyncClient, _Client()), ids, asyncio.Event(), lambda e: seen.append((e.job_id, e.state)), ended.append
    )
    assert sorted(seen) == [(one, state) for one in ids for state in (Job.PROCESSING, Job.COMPLETED)]
    assert sorted(job.id for job in ended) == ids
    for job in ended:
        assert {output.name: [file.path for file in output.files] for output in job.outputs} == FILES
