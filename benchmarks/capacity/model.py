"""A simulation of workers, queue and servers, event by event, from the steps' costs.

What happens in it is what the code does: a worker takes one batch at a time, by messages of its
partitions or by a sweep that is due, runs each task through its phases, and completes those that end
together in one statement. What is left out stands in docs/scaling.md.
"""

import random
from collections import deque
from heapq import heappop, heappush, heapreplace
from typing import Any

from benchmarks.capacity.costs import Costs
from benchmarks.capacity.values import Outcome, Setup

_PHASES = (0.1, 0.8, 0.05, 0.05)  # of a run: fetch and probe, ffmpeg, check, upload; a report between each
_MOST_BUSY = 0.95  # of PostgreSQL by heartbeats alone; beyond it leases end
_RELAY_ROWS = 1000
_PROMPT_SECONDS = 0.1  # for messages, where a sweep found more than it could take
_PROGRESS_SECONDS = 0.5
_STATUSES_OF_A_JOB = 5  # PROCESSING, three phases, COMPLETED


class _Postgres:
    """Cores and connections, first come first served. Heartbeats take a share of every core."""

    def __init__(self, setup: Setup, costs: Costs) -> None:
        self.cores = [0.0] * setup.database_cores
        self._connections = [0.0] * setup.connections
        self._commit_wait = costs.commit_wait
        self.slowed = 1.0  # by heartbeats
        self.busy = self.held = self.waited = 0.0  # seconds of cores, of connections, of those that waited
        self.statements = 0

    def run(self, now: float, cpu: float) -> float:
        """When a statement that comes now is answered. Statements must come in the order of time."""
        free = self._connections[0]
        begin = free if free > now else now
        core = self.cores[0]
        if core > begin:
            begin = core
        end = begin + cpu * self.slowed
        heapreplace(self.cores, end)
        end += self._commit_wait
        heapreplace(self._connections, end)
        self.busy += cpu
        self.held += end - begin
        self.waited += begin - now
        self.statements += 1
        return end


# Events; where two fall together, the smaller comes first.
_ARRIVED, _TAKE, _CLAIMED, _PHASE, _DONE, _RECORDED, _RELAY = range(7)
_FULL, _WAITING, _BUSY = range(3)  # a worker's take loop: has no free slot, waits for messages, is in a statement
_Event = tuple[float, int, int, Any]  # when, what, whose, and what it needs to know


class _Worker:
    __slots__ = ("ending", "free", "messages", "more", "next_sweep", "python", "recording", "taking", "turn")

    def __init__(self, slots: int, next_sweep: float) -> None:
        self.free = slots
        self.messages: deque[int] = deque()  # of its partitions
        self.next_sweep = next_sweep
        self.more = False  # whether the last sweep filled all slots
        self.taking = _BUSY
        self.turn = 0  # tells a wake-up that is out of date
        self.python = 0.0  # when its one thread is free
        self.ending: list[int] = []  # jobs that wait for the next completion
        self.recording = False


class _Jobs:
    """Which jobs have come, and which were claimed."""

    def __init__(self, count: int) -> None:
        self.arrived = [0.0] * count
        self.claimed = [-1.0] * count
        self.ends = bytearray(count)
        self.come = 0  # jobs so far; they come in the order of their numbers
        self._next = list(range(count + 1))  # towards the next that was not claimed

    def first_ready(self, job: int) -> int:
        """The first job from this one on that was not claimed, or their count."""
        path, root = self._next, job
        while path[root] != root:
            root = path[root]
        while path[job] != root:
            path[job], job = root, path[job]
        return root

    def claim(self, job: int, now: float) -> None:
        """Nobody else gets it from now on."""
        self.claimed[job] = now
        self._next[job] = job + 1


class Simulation:
    """One run. `rate`: jobs a second that come at random; None: all wait at the start."""

    def __init__(self, setup: Setup, costs: Costs, jobs: int, *, rate: float | None = None) -> None:
        self.setup, self.costs = setup, costs
        self.random = random.Random(setup.seed)
        self.postgres = _Postgres(setup, costs)
        self.jobs = _Jobs(jobs)
        self.count, self.rate = jobs, rate
        self.events: list[_Event] = []
        # Workers that began long before: their next sweeps spread over an interval. Else they begin now, with one.
        began = rate is None and setup.queued_seconds > setup.sweep_seconds
        spread = [self.random.uniform(0, setup.sweep_seconds) for _ in range(setup.workers)]
        self.workers = [_Worker(setup.slots, 0.0 if began else at) for at in spread]
        # The owner of each partition. Workers beyond their number get no messages.
        self.owners = [self.workers[p % setup.workers] for p in range(setup.partitions)]
        self.numbers = {id(w): i for i, w in enumerate(self.workers)}
        self.running = self.busy_workers = self.ended = self.outbox = self.most_outbox = self.stale_messages = 0
        self.idle_relays = setup.schedulers
        self.relaying, self.sent = 0.0, 0
        self.now = self.running_area = self.busy_area = self.open_area = self.run_sum = 0.0

    def run(self) -> Outcome:
        """Until the last job has ended."""
        if self.rate is None:
            self.jobs.come = self.count
            for job in range(self.count):
                self._owner().messages.append(job)
        else:
            heappush(self.events, (self.random.expovariate(self.rate), _ARRIVED, 0, None))
        for number in range(len(self.workers)):
            heappush(self.events, (0.0, _TAKE, number, 0))
        steps = (self._arrive, self._wake, self._start, self._phase, self._done, self._recorded, self._relay)
        while self.ended < self.count:
            now, kind, number, what = heappop(self.events)
            elapsed = now - self.now
            self.running_area += self.running * elapsed
            self.busy_area += self.busy_workers * elapsed
            self.open_area += (self.jobs.come - self.ended) * elapsed
            self.now = now
            steps[kind](number, what)
        return self._outcome()

    def _owner(self) -> _Worker:
        return self.owners[int(self.random.random() * len(self.owners))]

    def _arrive(self, _number: int, _what: None) -> None:
        jobs, worker = self.jobs, self._owner()
        jobs.arrived[jobs.come] = self.now
        worker.messages.append(jobs.come)
        jobs.come += 1
        if jobs.come < self.count:
            assert self.rate is not None
            heappush(self.events, (self.now + self.random.expovariate(self.rate), _ARRIVED, 0, None))
        if worker.taking == _WAITING:
            self._take(worker, self.numbers[id(worker)])

    def _wake(self, number: int, turn: int) -> None:
        worker = self.workers[number]
        if worker.turn == turn:
            if worker.more:  # no message came
                worker.next_sweep = self.now
            self._take(worker, number)

    def _take(self, worker: _Worker, number: int) -> None:
        """What Intake.take does; the claims are made where the statement begins."""
        worker.turn += 1
        if worker.free == 0:
            worker.taking = _FULL
            return
        costs, now = self.costs, self.now
        if now >= worker.next_sweep:
            worker.next_sweep = now + self.setup.sweep_seconds * self.random.uniform(0.5, 1.5)
            found = self._sweep(worker.free)
            worker.more = len(found) == worker.free
            cost = costs.sweep(len(found)) if found else costs.empty_sweep
        elif worker.messages:
            received = [worker.messages.popleft() for _ in range(min(worker.free, len(worker.messages)))]
            found = [job for job in received if self.jobs.claimed[job] < 0]
            for job in found:
                self.jobs.claim(job, now)
            self.stale_messages += len(received) - len(found)
            cost = costs.claim(len(found))
        else:
            worker.taking = _WAITING
            until = min(worker.next_sweep, now + _PROMPT_SECONDS) if worker.more else worker.next_sweep
            heappush(self.events, (until, _TAKE, number, worker.turn))
            return
        worker.taking = _BUSY
        heappush(self.events, (self.postgres.run(now, cost), _CLAIMED, number, found))

    def _sweep(self, limit: int) -> list[int]:
        """Jobs that have waited for a sweep's interval, oldest first."""
        jobs = self.jobs
        found: list[int] = []
        latest = self.now - self.setup.sweep_seconds + (self.setup.queued_seconds if self.rate is None else 0.0)
        job = jobs.first_ready(0)
        while len(found) < limit and job < jobs.come and jobs.arrived[job] <= latest:
            jobs.claim(job, self.now)
            found.append(job)
            job = jobs.first_ready(job)
        return found

    def _start(self, number: int, found: list[int]) -> None:
        worker, setup = self.workers[number], self.setup
        if found:
            self._count(worker, len(found))
            self._write(len(found))
        for job in found:
            self.jobs.claimed[job] = self.now
            began = self._python(worker)
            seconds = setup.job_seconds * (1 + setup.spread * self.random.uniform(-1, 1))
            if setup.media:
                heappush(self.events, (began + _PHASES[0] * seconds, _PHASE, number, (job, seconds, 1)))
            else:
                heappush(self.events, (began + seconds, _DONE, number, job))
        self._take(worker, number)

    def _python(self, worker: _Worker) -> float:
        """A worker's own work on a job; answers when it is done."""
        begin, cpu = max(self.now, worker.python), self.costs.worker
        if self.setup.one_machine:
            begin = max(begin, self.postgres.cores[0])
            heapreplace(self.postgres.cores, begin + cpu)
        worker.python = begin + cpu
        return worker.python

    def _phase(self, number: int, what: tuple[int, float, int]) -> None:
        job, seconds, phase = what
        told = self.postgres.run(self.now, self.costs.report) + _PHASES[phase] * seconds
        if phase + 1 < len(_PHASES):
            heappush(self.events, (told, _PHASE, number, (job, seconds, phase + 1)))
        else:
            heappush(self.events, (told, _DONE, number, job))

    def _done(self, number: int, job: int) -> None:
        worker = self.workers[number]
        worker.ending.append(job)
        if not worker.recording:
            self._record(worker, number)

    def _record(self, worker: _Worker, number: int) -> None:
        """Complete all that have ended since the last completion began."""
        ending, worker.ending, worker.recording = worker.ending, [], True
        recorded = self.postgres.run(self.now, self.costs.complete(len(ending)))
        heappush(self.events, (recorded, _RECORDED, number, ending))

    def _recorded(self, number: int, ending: list[int]) -> None:
        worker = self.workers[number]
        for job in ending:
            self.jobs.ends[job] += 1
            self.run_sum += self.now - self.jobs.claimed[job]
        self.ended += len(ending)
        self._count(worker, -len(ending))
        self._write(len(ending))
        if worker.ending:
            self._record(worker, number)
        else:
            worker.recording = False
        if worker.taking == _FULL:
            self._take(worker, number)

    def _count(self, worker: _Worker, started: int) -> None:
        """Slots taken or freed; heartbeats of what runs slow PostgreSQL's cores."""
        before, setup, heartbeat = worker.free, self.setup, self.costs.heartbeat
        worker.free -= started
        self.running += started
        self.busy_workers += (worker.free < setup.slots) - (before < setup.slots)
        cpu = self.busy_workers * heartbeat.base + self.running * heartbeat.each
        share = cpu / setup.heartbeat_seconds / setup.database_cores
        self.postgres.slowed = 1 / (1 - min(_MOST_BUSY, share))

    def _write(self, rows: int) -> None:
        """Rows for the relay; the api has sent those of the submission."""
        self.outbox += rows
        self.most_outbox = max(self.most_outbox, self.outbox)
        for _ in range(self.idle_relays):
            wait = self.setup.relay_seconds * self.random.random()
            heappush(self.events, (self.now + wait, _RELAY, 0, None))
        self.idle_relays = 0

    def _relay(self, _number: int, _what: None) -> None:
        rows = min(self.outbox, _RELAY_ROWS)
        if rows == 0:
            self.idle_relays += 1
            return
        self.outbox -= rows
        self.sent += rows
        sent = self.postgres.run(self.now, self.costs.relay(rows)) + self.costs.relay_wait(rows)
        self.relaying += sent - self.now
        pause = 0.0 if rows == _RELAY_ROWS else self.setup.relay_seconds
        heappush(self.events, (sent + pause, _RELAY, 0, None))

    def _outcome(self) -> Outcome:
        setup, costs, jobs, seconds = self.setup, self.costs, self.jobs, self.now
        postgres, statuses = self.postgres, _STATUSES_OF_A_JOB if setup.media else 2
        waits = [c - a for c, a in zip(jobs.claimed, jobs.arrived, strict=True)]
        ticks = self.count * setup.job_seconds * _PHASES[1] / _PROGRESS_SECONDS if setup.media else 0.0
        beats = self.busy_area * costs.heartbeat.base + self.running_area * costs.heartbeat.each
        work = {
            "PostgreSQL": (postgres.busy + beats / setup.heartbeat_seconds) / setup.database_cores,
            "connections": postgres.held / setup.connections,
            "relay": self.relaying / setup.schedulers,
            "Redis": self.count * statuses * costs.status + ticks * costs.progress,
            "Kafka": self.sent * costs.kafka_message / setup.kafka_cores,
            "workers' Python": self.count * costs.worker / setup.workers,
            "slots": self.running_area / setup.workers / setup.slots,
        }
        use = {name: used / seconds for name, used in work.items()}
        use["Kafka"] += setup.workers * costs.kafka_member / setup.kafka_cores
        return Outcome(
            jobs=self.count,
            seconds=seconds,
            ends=jobs.ends,
            waits=waits,
            mean_running=self.running_area / seconds,
            mean_open=self.open_area / seconds,
            mean_run=self.run_sum / self.count,
            statement_wait=postgres.waited / max(1, postgres.statements),
            stale_messages=self.stale_messages,
            use=use,
            outbox=self.most_outbox,
        )
