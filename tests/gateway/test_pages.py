"""Jobs that a release before took in: each is shown as what it is, and none takes its page with it."""

import json
from typing import Any

import grpc
import httpx
import shapes
from google.protobuf.duration_pb2 import Duration
from store.kit import TENANT, USER, new_job

from reelmill.app.api import running_api
from reelmill.gateway.app import build
from reelmill.parts import open_parts
from reelmill.settings import Settings
from reelmill.store.jobs import PAGE_MAX_BYTES, NewJob
from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1.jobs_pb2_grpc import JobServiceStub

MESSAGE_MAX_BYTES = 16 * 2**20


def large(size: int) -> NewJob:
    """A job as large as a valid one can be."""
    new = new_job()
    new.job.outputs[0].thumbnail.times_seconds.extend([1.5] * (size // 8))
    return new


def with_unknown_fields(size: int) -> NewJob:
    new = new_job()
    new.job.MergeFromString(shapes.varint(1999 << 3 | 2) + shapes.varint(size) + b"x" * size)
    return new


def with_broken_time(value: Duration) -> NewJob:
    new = new_job()
    new.job.retry_policy.initial_backoff.CopyFrom(value)
    return new


async def test_a_list_shows_jobs_of_any_size_and_those_that_json_can_not_print(database_url: str) -> None:
    settings = Settings(database_url=database_url, grpc_port=0)
    stored = [large(783_000) for _ in range(24)] + [new_job() for _ in range(30)]
    unknown = [with_unknown_fields(9_000_000) for _ in range(2)]
    broken = [
        with_broken_time(Duration(seconds=1, nanos=-5)),
        with_broken_time(Duration(seconds=1, nanos=2_000_000_000)),
        with_broken_time(Duration(seconds=2**62)),
    ]
    async with open_parts(settings, process="api") as parts, running_api(parts) as port:
        for new in (*stored, *unknown, *broken):
            await parts.jobs.create(TENANT, USER, [new])
        ids = [str(new.id) for new in reversed((*stored, *unknown, *broken))]
        app = build(api_target=f"127.0.0.1:{port}", storage=parts.storage, settings=settings)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client:
                shown = await listed(client)
                assert [job["id"] for job in shown] == ids
                omitted = {job["id"]: job["omitted"] for job in shown if "omitted" in job}
                for job_id, what in omitted.items():
                    one = await client.get(f"/v1/jobs/{job_id}?view=FULL")
                    assert (one.status_code, one.json()["omitted"]) == (200, what)
        expected = {str(new.id): ["fields of another release"] for new in unknown}
        expected |= {str(new.id): ["retry_policy.initial_backoff"] for new in broken}
        assert omitted == expected
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:  # which takes 4 MiB, as anybody's does
            jobs, token, got = JobServiceStub(channel), "", []
            while True:
                page = await jobs.ListJobs(pb.ListJobsRequest(page_size=1000, page_token=token))
                assert page.ByteSize() <= PAGE_MAX_BYTES + 2**20
                got += [job.id for job in page.jobs]
                token = page.next_page_token
                if not token:
                    break
            assert got == ids


async def listed(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """All jobs, page by page."""
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        answer = await client.get("/v1/jobs", params={"page_size": 1000, "page_token": token})
        assert answer.status_code == 200, answer.text[:500]
        page = json.loads(answer.text)
        assert page["jobs"]
        found += page["jobs"]
        token = page.get("next_page_token", "")
        if not token:
            return found


async def test_a_log_and_events_are_read_in_pages_of_bounded_bytes(database_url: str) -> None:
    settings = Settings(database_url=database_url)
    async with open_parts(settings, process="api") as parts:
        new = new_job()
        await parts.jobs.create(TENANT, USER, [new])
        async with parts.database.connection() as connection:
            await connection.execute(
                "INSERT INTO job_logs (job_id, tenant_id, level, attempt, message, command)"
                " SELECT $1, $2, 'INFO', 1, i::text, repeat('x', 100000) FROM generate_series(1, 100) i",
                new.id,
                TENANT,
            )
        seen, after, pages = 0, 0, 0
        while True:
            page = await parts.jobs.logs(TENANT, new.id, after=after, limit=1000)
            assert sum(line.ByteSize() for line in page) <= PAGE_MAX_BYTES + 2**17
            seen, after, pages = seen + len(page), page[-1].sequence, pages + 1
            if not page.more:
                break
        assert seen == 100
        assert pages >= 5
