"""Where a watcher of a job stands: what it saw, and whether a broken stream is taken up again."""

import time

from reelmill.client import calls
from reelmill.client.backoff import Backoff
from reelmill.client.errors import ReelmillError
from reelmill.v1.jobs_pb2 import Job, JobEvent

FINAL_STATES = frozenset({Job.COMPLETED, Job.FAILED, Job.CANCELLED})


class Watch:
    """One call of watch_job, over all of its connections."""

    def __init__(self, job_id: str, after_sequence: int, timeout_seconds: float | None, backoff: Backoff) -> None:
        self._job_id = job_id
        self._after = after_sequence
        self._timeout_seconds = timeout_seconds
        self._deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        self._backoff = backoff
        self._failures = 0
        self._final = False

    def call(self) -> calls.Call[JobEvent]:
        """The call that goes on after the last event seen."""
        return calls.watch_job(self._job_id, self._after)

    @property
    def left_seconds(self) -> float | None:
        """Time left; None for no bound."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def saw(self, event: JobEvent) -> None:
        """An event arrived. Progress has no sequence number and is not resumed from."""
        self._failures = 0
        self._after = max(self._after, event.sequence)
        self._final = event.sequence > 0 and event.state in FINAL_STATES

    def delay_seconds(self, error: ReelmillError) -> float | None:
        """How long to wait before connecting again; None where the job's last event was seen.

        Raises `error` where trying again won't help or was tried enough, TimeoutError at the timeout.
        """
        if self._final:
            return None
        if self.left_seconds == 0 or (self._deadline and error.code == "DEADLINE_EXCEEDED"):
            raise TimeoutError(f"job {self._job_id} was not finished after {self._timeout_seconds:g} s") from error
        self._failures += 1
        delay = self._backoff.delay_seconds(error, self._failures)
        if delay is None:
            raise error
        left = self.left_seconds
        return delay if left is None else min(delay, left)
