"""The server around the methods: health, reflection, deadlines, shutdown, several processes."""

import asyncio
import re
import socket
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from api.refusals import refused
from conftest import SharedServer
from fault.kit.points import Points
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from jobs import job, kept
from live import Reelmill, channel, get, serving
from services.databases import Databases
from services.postgres import Postgres
from services.process import free_port
from waiting import PATIENCE_SECONDS, patient, until

from reelmill.store.migrate import migrate
from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1.jobs_pb2_grpc import JobServiceStub

SERVICES = (
    "reelmill.v1.AccessService",
    "reelmill.v1.JobService",
    "reelmill.v1.MediaService",
    "reelmill.v1.UploadService",
    "reelmill.v1.WorkerService",
    "reelmill.v1.WebhookService",
)


def test_health_is_told_of_the_server_and_each_service(idle_api: Reelmill) -> None:
    with channel(idle_api.grpc) as connection:
        health = health_pb2_grpc.HealthStub(connection)
        for service in ("", *SERVICES):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, service


def test_reflection_describes_the_services(idle_api: Reelmill) -> None:
    with channel(idle_api.grpc) as connection:
        database = ProtoReflectionDescriptorDatabase(connection)
        assert {*SERVICES, "grpc.health.v1.Health"} <= set(database.get_services())
        methods = DescriptorPool(database).FindServiceByName("reelmill.v1.JobService").methods_by_name
        assert {"CreateJob", "WatchJob"} <= set(methods)


def test_a_deadline_ends_a_watch_that_has_nothing_to_tell(jobs: JobServiceStub) -> None:
    made = jobs.CreateJob(pb.CreateJobRequest(job=job()))
    for seconds in (0.5, 5, 50):  # more on a machine that is so busy that the first event comes too late
        seen = []
        with pytest.raises(grpc.RpcError) as caught:
            for event in jobs.WatchJob(pb.WatchJobRequest(id=made.id), timeout=seconds):
                seen.append(event.sequence)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        if seen:
            break
    assert seen == [1]


def test_calls_are_counted_by_method_and_code(idle_api: Reelmill, jobs: JobServiceStub) -> None:
    with refused():
        jobs.GetJob(pb.GetJobRequest())
    _, metrics = get(f"{idle_api.health}/metrics")
    assert 'reelmill_api_requests_total{code="INVALID_ARGUMENT",method="GetJob"}' in metrics
    assert 'reelmill_api_request_duration_seconds_count{code="INVALID_ARGUMENT",method="GetJob"}' in metrics


async def test_a_stopping_api_answers_the_calls_under_way(databases: Databases, tmp_path: Path) -> None:
    url = await databases.create()
    async with Points(tmp_path / "points") as points:
        points.hold("jobs.committed")
        api = Reelmill("api", database_url=url, test_points=points.path)
        try:
            await asyncio.to_thread(api.start)
            async with grpc.aio.insecure_channel(api.grpc) as connection:
                health = health_pb2_grpc.HealthStub(connection).Watch(
                    health_pb2.HealthCheckRequest(), timeout=PATIENCE_SECONDS
                )
                assert (await health.read()).status == health_pb2.HealthCheckResponse.SERVING
                call = JobServiceStub(connection).CreateJob(pb.CreateJobRequest(job=job()), timeout=PATIENCE_SECONDS)
                arrival = await points.reached("jobs.committed")
                stopping = asyncio.create_task(asyncio.to_thread(api.stop))
                assert (await health.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
                arrival.go()
                made = await call
                await stopping
        finally:
            await asyncio.to_thread(api.close)
            await databases.drop(url)
    assert made.state == pb.Job.QUEUED


def test_processes_share_a_port_and_stop_together(databases: Databases) -> None:
    first = free_port()
    with Reelmill("api", "--processes", "2", database_url=asyncio.run(databases.create()), health_port=first) as api:
        bases = [f"http://127.0.0.1:{port}" for port in (first, first + 1)]
        until(lambda: api.pid and all(get(f"{base}/readyz")[0] == 200 for base in bases), "both are ready")
        for _ in range(100):
            with channel(api.grpc) as connection:
                JobServiceStub(connection).ListJobs(pb.ListJobsRequest(page_size=1))
            counts = [re.search(r"reelmill_api_requests_total\S* (\d+)", get(f"{b}/metrics")[1]) for b in bases]
            if all(counts):
                break
        assert all(counts), "one of the two gets no connections"
    assert [get(f"{base}/healthz")[0] for base in bases] == [0, 0]


def test_an_api_whose_database_is_away_lives_on_and_says_so(redis_server: SharedServer) -> None:
    with Postgres() as postgres:
        asyncio.run(migrate(postgres.url))
        settings = {"database_url": postgres.url, "cache_url": redis_server.url}
        with Reelmill("api", **settings) as api, channel(api.grpc) as connection:
            jobs = JobServiceStub(connection)
            made = jobs.CreateJob(pb.CreateJobRequest(job=job()))
            postgres.stop()
            assert kept(jobs.GetJob(pb.GetJobRequest(id=made.id), timeout=PATIENCE_SECONDS)) == made  # from the cache
            with refused() as refusal:
                jobs.GetJob(pb.GetJobRequest(id=made.id, view="FULL"), timeout=PATIENCE_SECONDS)
            assert (refusal.code, refusal.reason, refusal.retry_seconds) == ("UNAVAILABLE", "UNAVAILABLE", 1)
            assert get(f"{api.health}/healthz")[0] == 200
            status, body = get(f"{api.health}/readyz")
            assert (status, "PostgreSQL is away" in body) == (503, True)
            until(lambda: not serving(api.grpc), "its health says NOT_SERVING")
            postgres.start()
            assert kept(jobs.GetJob(pb.GetJobRequest(id=made.id, view="FULL"), timeout=PATIENCE_SECONDS)) == made


def test_who_connects_and_says_nothing_is_sent_away(idle_api: Reelmill) -> None:
    host, _, port = idle_api.grpc.rpartition(":")
    said = b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    with ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS))
            for _ in range(60)
        ]
        for i, connection in enumerate(silent):
            connection.sendall(said[i % 2])
        assert serving(idle_api.grpc)
        for connection in silent:
            while connection.recv(4096):  # raises TimeoutError where it stays open
                pass
        assert serving(idle_api.grpc)


def test_a_call_with_large_metadata_is_refused_and_the_next_is_not(idle_api: Reelmill) -> None:
    with channel(idle_api.grpc) as connection:
        jobs = JobServiceStub(connection)
        with pytest.raises(grpc.RpcError) as refusal:
            jobs.ListJobs(pb.ListJobsRequest(), metadata=[("x", "y" * 20_000)], timeout=PATIENCE_SECONDS)
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # type: ignore[attr-defined]
        jobs.ListJobs(pb.ListJobsRequest(), timeout=PATIENCE_SECONDS)


async def test_more_watches_come_at_once_than_grpc_would_take(idle_api: Reelmill) -> None:
    async with grpc.aio.insecure_channel(idle_api.grpc) as connection:
        jobs = JobServiceStub(connection)
        made = await jobs.CreateJob(pb.CreateJobRequest(job=job()))
        calls = [jobs.WatchJob(pb.WatchJobRequest(id=made.id)) for _ in range(2000)]
        async with patient():
            first = await asyncio.gather(*(call.read() for call in calls))
        assert {event.state for event in first} == {pb.Job.QUEUED}
        for call in calls:
            call.cancel()
