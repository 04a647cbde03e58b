"""The client for asyncio. Client has the same methods."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from reelmill.client import asking, calls, webhook_calls
from reelmill.client.asking import Sources, Wanted
from reelmill.client.backoff import Backoff
from reelmill.client.calls import Answer, Call, Item, Listing, Page
from reelmill.client.channel import DEFAULT_TARGET, DEFAULT_TIMEOUT_SECONDS, Place, Tls, place
from reelmill.client.errors import ReelmillError
from reelmill.client.files import Download, File, Remote, Upload, downloads
from reelmill.client.transports import AsyncGrpc, AsyncTransport
from reelmill.client.views import JobView, Progress, progress, unfetchable, view
from reelmill.client.watching import Watch
from reelmill.v1.access_pb2 import AuditEvent, CreateKeyResponse, Key, Tenant
from reelmill.v1.jobs_pb2 import EstimateJobResponse, Job, JobEvent, JobLog, OutputFile, Task
from reelmill.v1.media_pb2 import MediaInfo, Operation, Preset
from reelmill.v1.uploads_pb2 import SignedUpload
from reelmill.v1.webhooks_pb2 import Webhook, WebhookDelivery, WebhookSecret
from reelmill.v1.workers_pb2 import Worker

if TYPE_CHECKING:
    from reelmill.client.gateways import AsyncRest

_AT_ONCE = 4  # files of one download


class AsyncClient:
    """A connection to the api, for one event loop. Raises ReelmillError; repeats calls while it is Unavailable."""

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        token: str | None = None,
        tls: Tls | bool | None = None,
        gateway: str = "",
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        backoff: Backoff | None = None,
    ) -> None:
        """Connects at the first call. `timeout_seconds` bounds each try of a call.

        `target` is a gateway's address (https://media.example.org, http://…), which is asked by REST, or an api's
        (host:9090, grpc://…, grpcs://…); `gateway` is where the files of an api are. `token` is a key's, and without
        it that of the variable REELMILL_TOKEN, if there is one. `tls` is True for a certificate that the machine
        trusts, or says which; https:// and grpcs:// have it too.
        """
        where = place(target, token, tls, gateway)
        self._gateway = where.gateway
        self._files = _files(where)
        self._calls: AsyncTransport = AsyncGrpc(where) if where.target or self._files is None else self._files
        self._timeout_seconds = timeout_seconds
        self._backoff = backoff or Backoff()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect. Bears being called twice."""
        await self._calls.close()
        if self._files is not None:
            await self._files.close()

    async def run(
        self,
        source: Sources,
        *,
        outputs: Mapping[str, Wanted] | None = None,
        options: Mapping[str, Any] | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        timeout_seconds: float | None = None,
        **named: Wanted,
    ) -> JobView[Awaitable[list[Path]]]:
        """Submit a job as `submit` does, and follow it to its end; it may have FAILED then: see `raise_for_state`.

        Raises TimeoutError at the timeout, which the job outlives.
        """
        made = await self.submit(source, outputs={**(outputs or {}), **named}, options=options)
        return await self.follow(made.id, on_progress, timeout_seconds)

    async def submit(
        self,
        source: Sources,
        *,
        outputs: Mapping[str, Wanted] | None = None,
        options: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        **named: Wanted,
    ) -> JobView[Awaitable[list[Path]]]:
        """Submit a job: web="web-hls", stills=thumbnail(count=5). Names that Python has none for go into `outputs`.

        `source`: a URI, a path, bytes, or a file open for reading, which is uploaded once the rest was checked; or
        several by their names. An api without a gateway is told where a path lies. `options`: further fields of a job,
        such as labels, priority, destination. Raises ReelmillError, ValueError, TypeError, OSError.
        """
        sources, wanted = asking.named(source), {**(outputs or {}), **named}
        uris = {name: asking.uri_of(one) for name, one in sources.items()}
        if self._files is not None and not all(uris.values()):
            await self.validate_job(asking.job(asking.checked(uris), wanted, options or {}))
        for name, uri in uris.items():
            if not uri and self._files is not None:
                uris[name] = await self.upload(sources[name])
            elif not uri:
                uris[name] = asking.file_uri(sources[name])
        made = await self.create_job(asking.job(uris, wanted, options or {}), request_id)
        return self._view(made)

    async def follow(
        self, job_id: str, on_progress: Callable[[Progress], object] | None = None, timeout_seconds: float | None = None
    ) -> JobView[Awaitable[list[Path]]]:
        """A job, once it has ended, with all its files. Raises TimeoutError at the timeout."""
        async for event in self.watch_job(job_id, timeout_seconds=timeout_seconds):
            if on_progress is not None:
                on_progress(progress(event))
        return await self.job(job_id)

    async def job(self, job_id: str) -> JobView[Awaitable[list[Path]]]:
        """A job as plain values, with all its files."""
        job = await self.get_job(job_id, full=True)
        for output in job.outputs:
            if output.file_count > len(output.files):
                every = [f async for f in self.output_files(job.id, output.name)]
                del output.files[:]
                output.files.extend(every)
        return self._view(job)

    async def upload(self, file: File, name: str = "") -> str:
        """Send a file, to be a job's input; answers its URI. Raises ReelmillError, OSError."""
        if self._files is None:
            unfetchable((), "")
            raise AssertionError
        with Upload(file, name) as upload:
            attempt = 1
            while True:
                try:
                    return await self._files.upload(upload)
                except ReelmillError as error:
                    delay = self._backoff.delay_seconds(error, attempt) if upload.again else None
                    if delay is None:
                        raise
                await asyncio.sleep(delay)
                attempt += 1

    async def create_job(self, job: Job, request_id: str | None = None) -> Job:
        """Submit a job; it is durable once this returns. The same request_id and job answer the same job."""
        return await self._answer(calls.create_job(job, request_id))

    async def batch_create_jobs(
        self, jobs: Iterable[Job], request_ids: Sequence[str] | None = None
    ) -> list[Job | ReelmillError]:
        """Submit up to 1,000 jobs; answers for each, in order, the job or why it was refused."""
        return calls.batch_results(await self._answer(calls.batch_create_jobs(jobs, request_ids)))

    async def validate_job(self, job: Job, full: bool = False) -> Job:
        """Check a job and store nothing; answers it with its defaults filled in, and with `full` its steps."""
        return await self._answer(calls.validate_job(job, full))

    async def estimate_job(self, job: Job) -> EstimateJobResponse:
        """What a job would take, in ranges, and what it would wait behind. Inputs are fetched; nothing is stored."""
        return await self._answer(calls.estimate_job(job))

    async def get_job(self, job_id: str, full: bool = False, signed_urls_seconds: int = 0) -> Job:
        """A job; `full` adds an error's command and stderr, seconds add a `download_url` to its files for so long."""
        return await self._answer(calls.get_job(job_id, full, signed_urls_seconds))

    def list_jobs(self, filter: str = "", page_size: int = 0) -> AsyncIterator[Job]:
        """Jobs, newest first, fetched page by page. `filter` as in `state = "FAILED" AND labels.asset = "42"`."""
        return self._items(calls.list_jobs(filter, page_size))

    async def cancel_job(self, job_id: str, reason: str = "") -> Job:
        """Ask a job to stop."""
        return await self._answer(calls.cancel_job(job_id, reason))

    async def delete_job(self, job_id: str) -> None:
        """Delete a COMPLETED, FAILED or CANCELLED job, and its files in the server's own storage."""
        await self._answer(calls.delete_job(job_id))

    async def delete_jobs(self, filter: str) -> int:
        """Delete all such jobs that a filter, as in `list_jobs`, names; answers how many."""
        deleted, more = 0, True
        while more:
            answer = await self._answer(calls.delete_jobs(filter))
            deleted, more = deleted + answer.deleted, answer.more
        return deleted

    async def retry_job(self, job_id: str) -> Job:
        """Submit a FAILED or CANCELLED job again; answers the new job, the same one each time."""
        return await self._answer(calls.retry_job(job_id))

    async def watch_job(
        self, job_id: str, after_sequence: int = 0, timeout_seconds: float | None = None
    ) -> AsyncIterator[JobEvent]:
        """A job's events until its final one, over broken connections. Raises TimeoutError at the timeout."""
        watch = Watch(job_id, after_sequence, timeout_seconds, self._backoff)
        while True:
            try:
                async with aclosing(self._calls.events(watch.call(), watch.left_seconds)) as events:
                    async for event in events:
                        watch.saw(event)
                        yield event
                return
            except ReelmillError as error:
                if (delay := watch.delay_seconds(error)) is None:
                    return
            await asyncio.sleep(delay)

    async def wait(self, job_id: str, timeout_seconds: float | None = None) -> Job:
        """The job, once it is finished, in full. Raises TimeoutError at the timeout."""
        async for _ in self.watch_job(job_id, timeout_seconds=timeout_seconds):
            pass
        return await self.get_job(job_id, full=True)

    def job_events(self, job_id: str, after_sequence: int = 0) -> AsyncIterator[JobEvent]:
        """What happened to a job so far, oldest first."""
        return self._items(calls.job_events(job_id, after_sequence))

    def job_logs(self, job_id: str, after_sequence: int = 0) -> AsyncIterator[JobLog]:
        """A job's processing log so far, oldest first."""
        return self._items(calls.job_logs(job_id, after_sequence))

    def output_files(self, job_id: str, output: str) -> AsyncIterator[OutputFile]:
        """The files that an output of a COMPLETED job became, in their order; the job itself shows the first 100."""
        return self._items(calls.output_files(job_id, output))

    def job_tasks(self, job_id: str, page_size: int = 0) -> AsyncIterator[Task]:
        """The tasks of a job, in the order in which they were made: who runs what, and why something waits."""
        return self._items(calls.job_tasks(job_id, page_size))

    async def probe(self, uri: str) -> MediaInfo:
        """What a media file contains."""
        return await self._answer(calls.probe(uri))

    async def operations(self) -> list[Operation]:
        """What an output can ask for."""
        return list((await self._answer(calls.operations())).operations)

    async def presets(self) -> list[Preset]:
        """Operations with good settings under a name: shipped ones, then your own in their newest versions."""
        return list((await self._answer(calls.presets())).presets)

    async def sign_upload(self, name: str, *, max_bytes: int = 0, lifetime: timedelta | None = None) -> SignedUpload:
        """An address that whoever has it may PUT one file to: within an hour, or `lifetime`, and of `max_bytes`."""
        return await self._answer(calls.sign_upload(name, max_bytes, lifetime))

    async def get_preset(self, name: str) -> Preset:
        """A preset; of your own the newest version, or as `mine@3` another one."""
        return await self._answer(calls.get_preset(name))

    async def save_preset(self, preset: Preset) -> Preset:
        """Save a preset of your own; answers it with its version, which is a new one where it says something else."""
        return await self._answer(calls.save_preset(preset))

    async def delete_preset(self, name: str) -> Preset:
        """Delete a preset of your own, with all versions; jobs keep what they were submitted with."""
        return await self._answer(calls.delete_preset(name))

    def workers(self, page_size: int = 0) -> AsyncIterator[Worker]:
        """Who works, in the order of their names, fetched page by page."""
        return self._items(calls.workers(page_size))

    async def create_webhook(self, url: str, events: Sequence[str] = ()) -> WebhookSecret:
        """Have an address told of what happens to jobs; no events: of all. Its secret is told this once."""
        return await self._answer(webhook_calls.create_webhook(url, events))

    def webhooks(self, page_size: int = 0) -> AsyncIterator[Webhook]:
        """Who is told, but for jobs' own, in the order in which they were made."""
        return self._items(webhook_calls.webhooks(page_size))

    async def delete_webhook(self, webhook_id: str) -> Webhook:
        """Tell an address nothing any more, and forget it."""
        return await self._answer(webhook_calls.delete_webhook(webhook_id))

    async def enable_webhook(self, webhook_id: str) -> Webhook:
        """Try one again that was disabled, or that was away."""
        return await self._answer(webhook_calls.enable_webhook(webhook_id))

    async def rotate_webhook_secret(self, webhook_id: str, overlap: timedelta | None = None) -> WebhookSecret:
        """A new secret (id `jobs`: for jobs' own webhooks). For the overlap, or a day, the one before it signs too."""
        return await self._answer(webhook_calls.rotate_webhook_secret(webhook_id, overlap))

    async def test_webhook(self, webhook_id: str) -> WebhookDelivery:
        """Have a message of the type webhook.test sent; `deliveries` tells how that went."""
        return await self._answer(webhook_calls.test_webhook(webhook_id))

    def deliveries(self, webhook_id: str, state: str = "", page_size: int = 0) -> AsyncIterator[WebhookDelivery]:
        """What a webhook was or is to be told, newest first; or of a job. `state`: PENDING, DELIVERED or FAILED."""
        return self._items(webhook_calls.deliveries(webhook_id, state, page_size))

    async def redeliver(self, webhook_id: str, delivery_id: str = "", since: datetime | None = None) -> int:
        """Send once more what has ended: one delivery, or those written since a time. Answers how many."""
        return (await self._answer(webhook_calls.redeliver(webhook_id, delivery_id, since))).deliveries

    async def create_key(
        self, name: str, role: str, *, user: str = "", tenant: str = "", expire_time: datetime | None = None
    ) -> CreateKeyResponse:
        """Make a key; the answer has its token, which is told once. Not repeated: a second try would make another."""
        return await self._answer(calls.create_key(name, role, user=user, tenant=tenant, expire_time=expire_time))

    def list_keys(self, tenant: str = "", page_size: int = 0) -> AsyncIterator[Key]:
        """Keys, in the order of their ids, fetched page by page."""
        return self._items(calls.list_keys(tenant, page_size))

    async def revoke_key(self, key_id: str, tenant: str = "") -> Key:
        """Refuse a key from now on; who remembers it learns so within five seconds."""
        return await self._answer(calls.revoke_key(key_id, tenant))

    async def rotate_key(
        self,
        key_id: str,
        *,
        overlap: timedelta | None = None,
        expire_time: datetime | None = None,
        tenant: str = "",
    ) -> CreateKeyResponse:
        """Make a key in another's place, which goes on for `overlap` (a day). Not repeated, as create_key."""
        return await self._answer(calls.rotate_key(key_id, overlap=overlap, expire_time=expire_time, tenant=tenant))

    async def create_tenant(self, name: str) -> Tenant:
        """Make a tenant."""
        return await self._answer(calls.create_tenant(name))

    def list_tenants(self, page_size: int = 0) -> AsyncIterator[Tenant]:
        """Tenants, in the order of their names, fetched page by page."""
        return self._items(calls.list_tenants(page_size))

    def audit_events(self, tenant: str = "", page_size: int = 0) -> AsyncIterator[AuditEvent]:
        """What was done, newest first, fetched page by page."""
        return self._items(calls.audit_events(tenant, page_size))

    async def _answer(self, call: Call[Answer]) -> Answer:
        attempt = 1
        while True:
            try:
                return await self._calls.unary(call, self._timeout_seconds)
            except ReelmillError as error:
                delay = self._backoff.delay_seconds(error, attempt) if call.repeatable else None
                if delay is None:
                    raise
            await asyncio.sleep(delay)
            attempt += 1

    async def _items(self, listing: Listing[Page, Item]) -> AsyncIterator[Item]:
        token = listing.start
        while True:
            page = await self._answer(listing.page(token))
            for item in listing.items(page):
                yield item
            if not (token := listing.following(page)):
                return

    def _view(self, job: Job) -> JobView[Awaitable[list[Path]]]:
        return view(job, self._gateway, self._fetch)

    async def _fetch(self, remotes: Sequence[Remote], folder: str | os.PathLike[str]) -> list[Path]:
        if (files := self._files) is None:
            unfetchable(remotes, folder)
            raise AssertionError
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def one(download: Download) -> Path:
            async with at_once:
                return await files.download(download)

        return list(await asyncio.gather(*(one(each) for each in downloads(list(remotes), folder, self._backoff))))


def _files(where: Place) -> "AsyncRest | None":
    if not where.gateway:
        return None
    from reelmill.client.gateways import AsyncRest  # httpx takes a tenth of a second to load

    return AsyncRest(where)
