"""One attempt at a task, as its executor and the worker's loops see it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Protocol, TypeVar

from reelmill.jobs.errors import Failure, Stopped, Unavailable
from reelmill.jobs.progress import aged
from reelmill.jobs.retry import RetryPolicy
from reelmill.jobs.states import Phase
from reelmill.redaction import redacted
from reelmill.store.leases import LeaseStore, MadeFile, NewTask
from reelmill.store.records import ClaimedTask, LogLine, StoredJob
from reelmill.v1.jobs_pb2 import OutputFile, Progress
from reelmill.v1.receipts_pb2 import Receipt
from reelmill.worker.slots import Slot

Answer = TypeVar("Answer")
_REPEAT_SECONDS = 5.0  # the cache forgets a progress after 15 s, and a large file is uploaded for longer


class StopReason(Enum):
    """Why an attempt is to stop before its end."""

    CANCELLED = "the job was cancelled, or its deadline passed"
    LOST = "another worker has the task"
    DRAINING = "this worker stops"
    WAITING = "it would wait for long here"


class Attempt:
    """What an executor may do: read the task, report, and heed `stop`."""

    def __init__(
        self,
        task: ClaimedTask,
        leases: LeaseStore,
        publish: Callable[[StoredJob], Awaitable[None]],
        slot: Slot,
        *,
        quiet_seconds: float = 0.0,
    ) -> None:
        """For `quiet_seconds` from its `begin` it tells nothing of its phases: one that ends meanwhile never does."""
        self.task = task
        self.slot = slot
        self.stop = asyncio.Event()
        self.reason: StopReason | None = None
        self.progress = Progress()
        """The newest; see `advance`."""
        self.result = b""
        """What the task has to tell those that follow it, as its kind has it."""
        self.failure: Failure | None = None
        """Why it made nothing, though its job may go on without; else it raises."""
        self.spawned: tuple[NewTask, ...] = ()
        """What is to follow: written with the attempt's completion, or not at all."""
        self.keys: Mapping[str, str] = {}
        """Of outputs, by their names, that other jobs may take once this one is COMPLETED: see media.reuse."""
        self.digests: Mapping[str, str] = {}
        """SHA-256 of the job's inputs, by their names, as far as they are known."""
        self.receipts: list[Receipt] = []
        """How its outputs were made."""
        self.in_pieces = False
        """Whether others make further pieces of its outputs."""
        self.whole = False
        """It fetches its inputs whole, though its task reads no more than a span of one."""
        self._advanced_seconds = 0.0
        self._scopes: set[asyncio.Timeout] = set()
        self._outputs: dict[str, float] = {}
        self._phase: Phase | None = None
        self._told: tuple[Progress, Phase | None] | None = None
        self._told_seconds = 0.0
        self._lines: list[LogLine] = []
        self._leases = leases
        self._publish = publish
        self._quiet_seconds = quiet_seconds
        self.begin()
        self._untold: Phase | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._late: asyncio.Task[None] | None = None
        self._telling = asyncio.Lock()

    @property
    def holder(self) -> str:
        """Names it among all that have files open."""
        return f"{self.task.id}-{self.task.fence}"

    def begin(self) -> None:
        """Its work begins now."""
        self.began = time.monotonic()
        self._quiet_until = self.began + self._quiet_seconds

    def tell_to_stop(self, reason: StopReason) -> None:
        """Stop; the first reason stands, but a lost lease overrides it."""
        if self.reason is None or reason is StopReason.LOST:
            self.reason = reason
        if not self.stop.is_set():
            self.stop.set()
            for scope in self._scopes:
                scope.reschedule(asyncio.get_running_loop().time())

    @property
    def last(self) -> bool:
        """Whether no other attempt follows if this one fails."""
        return RetryPolicy.from_proto(self.task.job.retry_policy).is_last(self.task.charged_attempts)

    def check_stop(self) -> None:
        """Raise Stopped where the attempt is to stop."""
        if self.stop.is_set():
            raise Stopped

    async def unless_stopped(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """The answer of `work`, which is cancelled once the attempt is to stop. Raises Stopped then."""
        if self.stop.is_set():
            work.close()
            raise Stopped
        scope = asyncio.timeout(None)  # it ends early, if at all: a task to wait for that would cost more
        try:
            async with scope:
                self._scopes.add(scope)
                return await work
        except TimeoutError:
            if scope.expired():
                raise Stopped from None
            raise
        finally:
            self._scopes.discard(scope)

    def advance(self, progress: Progress, outputs: Mapping[str, float] | None = None) -> None:
        """Note how far the attempt is, and how many percent are done of some outputs.

        Neither ever goes back: ffmpeg's own times do.
        """
        for name, percent in (outputs or {}).items():
            self._outputs[name] = max(percent, self._outputs.get(name, 0.0))
        progress.percent = max(progress.percent, self.progress.percent)
        self.progress, self._advanced_seconds = progress, time.monotonic()

    def resume(self, told: Progress) -> None:
        """Begin at what an attempt before told, so that who follows the job sees nothing go back."""
        self.advance(Progress(percent=told.percent), {one.output: one.percent for one in told.outputs})

    def end(self) -> None:
        """All that it makes is there."""
        self._phase = None
        self.advance(Progress(percent=100), dict.fromkeys(self._outputs, 100.0))

    def news(self) -> Progress | None:
        """The progress, where it is to be published: it is new, or the cache is about to forget it."""
        now, newest = time.monotonic(), (self.progress, self._phase)
        same = self._told is not None and self._told[0] is newest[0] and self._told[1] == newest[1]
        if same and now - self._told_seconds < _REPEAT_SECONDS:
            return None
        self._told, self._told_seconds = newest, now
        news = Progress()
        news.CopyFrom(self.progress)
        aged(news, now - self._advanced_seconds)
        for name, percent in sorted(self._outputs.items()):
            pieces = self.in_pieces
            news.outputs.add(
                output=name, percent=0 if pieces else round(percent, 2), phase=self._phase, in_pieces=pieces
            )
        return news

    async def enter(self, phase: Phase) -> None:
        """Record the phase, and the lines logged so far, unless PostgreSQL is away.

        In the quiet time it is noted, and recorded once that is over, if it is the phase then. Raises Stopped where the
        attempt is to stop.
        """
        self.check_stop()
        self._phase = self._untold = phase
        quiet_seconds = self._quiet_until - time.monotonic()
        if quiet_seconds <= 0:
            await self._tell()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(quiet_seconds, self._tell_late)

    def _tell_late(self) -> None:
        self._late = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        async with self._telling:  # in their order
            phase, self._untold = self._untold, None
            if phase is None:
                return
            lines, self._lines = self._lines, []
            try:
                # None: the lease is lost or the job was cancelled; the next heartbeat says which.
                stored = await self._leases.report(self.task.lease, phase, lines)
            except Unavailable:  # a phase is only news: hours of work don't end for it
                self._lines = [*lines, *self._lines]
                return
            if stored:
                await self._publish(stored)

    async def results(self) -> list[bytes]:
        """What the tasks told that this one waited for, in the order of their ids."""
        return await self._leases.results_before(self.task.id)

    async def files_before(self, outputs: Sequence[str]) -> dict[str, OutputFile]:
        """The first file of each of some outputs that the tasks made which this one waited for."""
        return await self._leases.first_files(self.task.id, outputs)

    def log(self, message: str, *, level: str = "INFO", output: str = "", command: str = "") -> None:
        """Add a line to the job's processing log; it is stored with the next phase that is told, or at the end."""
        line = LogLine(time=datetime.now(UTC), level=level, message=redacted(message), output=output, command=command)
        self._lines.append(line)

    async def last_lines(self) -> tuple[LogLine, ...]:
        """The lines logged since the last phase that was told. No further phase is: the attempt ends."""
        if self._timer is not None:
            self._timer.cancel()
        late, self._late = self._late, None
        if late is not None:
            await late
        return tuple(self._lines)

    async def close(self) -> None:
        """It has ended: nothing more is told of it."""
        if self._timer is not None:
            self._timer.cancel()
        if self._late is not None:
            self._late.cancel()
            await asyncio.gather(self._late, return_exceptions=True)

    async def flush(self) -> None:
        """Store the lines logged since the last phase that was told; the attempt ends."""
        if lines := await self.last_lines():
            await self._leases.report(self.task.lease, None, lines)
            self._lines = []


class Executor(Protocol):
    """Does a task's work."""

    async def run(self, attempt: Attempt) -> tuple[MadeFile, ...]:
        """The files that it made. Raises AttemptFailed, and Stopped once `attempt.stop` is set."""
        ...

    async def discard(self, attempt: Attempt) -> None:
        """Remove what an attempt wrote that lost its lease. Best effort: the scheduler sweeps too."""
        ...
