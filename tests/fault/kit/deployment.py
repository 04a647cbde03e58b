"""A whole Reelmill of real processes, on the servers that a test gives it."""

import asyncio
import base64
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import boto3
import psutil
from botocore.exceptions import ClientError
from fault.kit.points import Points
from jobs import LONG, STILL, encoding, job
from live import Reelmill
from waiting import eventually, patient

from reelmill.client import AsyncClient, Backoff
from reelmill.v1.jobs_pb2 import Job

LINES = 90  # of films: hundreds are made, and of 720 lines each would take two seconds of CPU
BUCKETS = ["bucket", "no-bucket", "no-such-bucket"]  # that clients may name; the first one is there


class Deployment:
    """api, gateway, scheduler and workers that share a database, a queue, a cache and a folder."""

    def __init__(
        self,
        *,
        database_url: str,
        queue_url: str = "postgres:",
        cache_url: str = "memory:",
        workers: int | Sequence[Sequence[str]] = 1,
        kinds: Sequence[str] = ("api", "gateway", "scheduler"),
        settings: dict[str, str] | None = None,
        s3_address: str = "",
        module: str = "reelmill",
        as_a_user: bool = False,
    ) -> None:
        """`workers`: how many, or the options of each; `as_a_user`: see live.Reelmill."""
        self._module = module
        self._as_a_user = as_a_user
        self.s3_address = s3_address
        self.folder = Path(tempfile.mkdtemp(prefix="reelmill-deployment-"))
        self.media = self.folder / "media"
        self.media.mkdir()
        self.database_url, self.queue_url, self.cache_url = database_url, queue_url, cache_url
        self.topic_prefix = f"test-{secrets.token_hex(4)}."
        self.points = Points(self.folder / "points")
        self.settings = {
            "REELMILL_DATABASE_URL": database_url,
            "REELMILL_QUEUE_URL": queue_url,
            "REELMILL_CACHE_URL": cache_url,
            "REELMILL_DATA_DIR": str(self.folder / "data"),
            "REELMILL_READ_ROOTS": json.dumps([str(self.media)]),
            "REELMILL_WRITE_ROOTS": json.dumps([str(self.media)]),
            "REELMILL_S3_READ_BUCKETS": json.dumps(BUCKETS),
            "REELMILL_S3_WRITE_BUCKETS": json.dumps(BUCKETS),
            "REELMILL_HTTP_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            "REELMILL_KAFKA_TOPIC_PREFIX": self.topic_prefix,
            "REELMILL_KAFKA_PARTITIONS": "4",
            "REELMILL_SECRETS_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "REELMILL_TEST_POINTS": str(self.points.path),
            "REELMILL_REUSE_DAYS": "0",  # the same jobs are done again and again here
            "REELMILL_LOG_FORMAT": "json",
            "REELMILL_LOG_LEVEL": "info",
            **(settings or {}),
        }
        self.processes: dict[str, Reelmill] = {}
        for kind in kinds:
            self.processes[kind] = self._process(kind)
        options = [()] * workers if isinstance(workers, int) else workers
        self.workers = [self._process("worker", *one) for one in options]
        self.acknowledged: dict[str, Job] = {}
        self.later: set[Reelmill] = set()
        """Processes that a test starts itself."""
        self.untold: set[str] = set()
        """Jobs whose events and dead letters were lost with their broker."""
        self._ended: set[str] = set()
        self._stack = AsyncExitStack()

    def _process(self, kind: str, *options: str) -> Reelmill:
        api = {"api_target": self.processes["api"].grpc} if kind == "gateway" else {}
        how: dict[str, Any] = {"module": self._module, "as_a_user": self._as_a_user, "variables": self.settings}
        made = Reelmill(kind, *options, **how, **api)
        if self._module != "reelmill":  # one of these tests: a process finds what lies in its folder
            (made.folder / "fault").symlink_to(Path(__file__).parents[1])
        return made

    @property
    def api(self) -> Reelmill:
        """The process that serves gRPC."""
        return self.processes.get("up") or self.processes["api"]

    @property
    def rest(self) -> str:
        """Address of the REST gateway."""
        return (self.processes.get("up") or self.processes["gateway"]).url

    @property
    def all(self) -> list[Reelmill]:
        """All of our processes."""
        return [*self.processes.values(), *self.workers]

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.points)
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._stack.push_async_callback(self._close)
        try:
            await asyncio.gather(*(asyncio.to_thread(p.start) for p in self.all if p not in self.later))
            self.client = await self._stack.enter_async_context(
                AsyncClient(self.api.grpc, backoff=Backoff(attempts=100, max_seconds=0.5))
            )
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.points.free_all()
        await self._stack.aclose()

    async def _close(self) -> None:
        await asyncio.gather(*(asyncio.to_thread(process.close) for process in self.all))

    async def revive(self) -> None:
        """Start what was killed, and let go on what was stopped."""
        for process in self.all:
            # To look for its children, as `resume` does, is to look at all processes.
            if process.running and psutil.Process(process.pid).status() == psutil.STATUS_STOPPED:
                process.resume()
        await asyncio.gather(*(asyncio.to_thread(p.start) for p in self.all if not p.running))

    async def submit(self, *jobs: Job) -> list[Job]:
        """Submit jobs, and remember those that were acknowledged."""
        created = await asyncio.gather(*(self.client.create_job(job) for job in jobs))
        self.acknowledged |= {job.id: job for job in created}
        return created

    async def finish(self, *jobs: Job, timeout_seconds: float = 120) -> list[Job]:
        """The jobs, in full, once all have ended. Raises TimeoutError."""
        ended = await asyncio.gather(*(self.client.wait(job.id, timeout_seconds) for job in jobs))
        self._ended |= {job.id for job in ended}
        return ended

    async def settle(self, *, timeout_seconds: float = 120) -> None:
        """Wait until every acknowledged job has ended. Raises TimeoutError."""
        # What was seen to have ended does not change any more: the checker says so where it did.
        left = [job for job in self.acknowledged.values() if job.id not in self._ended]
        await self.finish(*left, timeout_seconds=timeout_seconds)

    def process_of(self, pid: int) -> Reelmill:
        """Which of our processes has the id `pid`."""
        return next(process for process in self.all if process.running and process.pid == pid)

    @property
    def talk(self) -> Path:
        """The clip that jobs read."""
        return self.media / "talk.mp4"

    async def until(self, job: Job, holds: Callable[[Job], bool]) -> Job:
        """The job, once something holds of it. Raises TimeoutError."""
        async with patient():
            while not holds(found := await self.client.get_job(job.id, full=True)):
                await asyncio.sleep(0.05)
        return found

    async def logged(self, process: Reelmill, text: str) -> None:
        """Wait until a process has logged `text` in this life or an earlier one."""
        await eventually(lambda: text in process.log.read_text(), f"“{text}” in the log of {process.name}")

    async def idle(self, worker: Reelmill) -> None:
        """Wait until a worker holds no task. Raises TimeoutError."""
        async with patient():
            while await asyncio.to_thread(worker.metric, "reelmill_worker_running_tasks") != 0:
                await asyncio.sleep(0.05)

    def ffmpegs(self) -> list[psutil.Process]:
        """Every ffmpeg that runs for this deployment."""
        found = []
        for process in psutil.process_iter():
            try:
                argv = process.cmdline()
                ours = bool(argv) and "ffmpeg" in argv[0] and process.cwd().startswith(str(self.folder))
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def content(self, uri: str) -> bytes | None:
        """The bytes of an output; None where it is not there."""
        parts = urlsplit(uri)
        if parts.scheme == "file":
            path = Path(unquote(parts.path))
            return path.read_bytes() if path.is_file() else None
        try:
            return self._s3().get_object(Bucket=parts.netloc, Key=unquote(parts.path[1:]))["Body"].read()
        except ClientError:
            return None

    def written(self) -> Iterator[str]:
        """URIs of all files below the folders that outputs are written to."""
        for folder in (self.media / "out", self.folder / "data" / "storage" / "outputs"):
            for there, _, names in os.walk(folder):  # folders may go meanwhile
                yield from (Path(there, name).as_uri() for name in names)
        if self.s3_address:
            listed = self._s3().list_objects_v2(Bucket="bucket", Prefix="out/")
            yield from (f"s3://bucket/{item['Key']}" for item in listed.get("Contents", ()))

    def _s3(self) -> Any:
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        return boto3.client("s3", endpoint_url=self.s3_address, **keys)

    def quick_job(self, clip: Path, *, name: str = "still", priority: int = 50) -> Job:
        """A job of a tenth of a second: one still picture."""
        return self._job(clip, STILL | {"name": name}, priority=priority)

    def long_job(self, clip: Path) -> Job:
        """A job that encodes for half a minute or more."""
        return self._job(clip, LONG)

    def short_encode(self, clip: Path, *, lines: int = LINES) -> Job:
        """A job that encodes for a third of a second; at 720 lines for about one."""
        return self._job(clip, encoding(height=lines))

    def wide_job(self, clip: Path) -> Job:
        """A job of three outputs that are tasks of their own (settings SPREAD), and a small one beside them."""
        # So much work, as it is reckoned, that they do not share a decode (media.graph).
        more = (encoding(height=LINES * 3 // 2, effort="MEDIUM") | {"name": f"more{i}"} for i in range(2))
        return self._job(clip, encoding(height=LINES, effort="MEDIUM"), *more, STILL)

    def each_job(self, clip: Path) -> Job:
        """The same, each output published as it is done, and one more that is made from another's file."""
        made = self.wide_job(clip)
        made.publish = Job.EACH
        made.outputs.add(name="poster", input="output:film").thumbnail.count = 1
        return made

    def chunked_job(self, clip: Path) -> Job:
        """A job of a film that is made in four chunks, its sound, and what joins them."""
        film = encoding(height=LINES)
        return self._job(clip, {**film, "transcode": {**film["transcode"], "chunk_seconds": 1}})

    def _job(self, clip: Path, *outputs: dict[str, Any], **fields: Any) -> Job:
        return job(clip.as_uri(), *outputs, destination=(self.media / "out").as_uri(), **fields)
