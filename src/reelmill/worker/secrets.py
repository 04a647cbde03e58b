"""Opens a job's secrets, where they are used and for no longer than that."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from reelmill.jobs import secrets
from reelmill.jobs.errors import AttemptFailed
from reelmill.sealing import Keys
from reelmill.store.records import ClaimedTask
from reelmill.v1.encryption_pb2 import Encryption


class Secrets:
    """Those of all jobs that a worker runs."""

    def __init__(self, keys: Keys | None) -> None:
        self._keys = keys

    def headers(self, task: ClaimedTask, name: str) -> dict[str, str]:
        """What an input is asked with. Raises AttemptFailed SECRETS_UNAVAILABLE."""
        if task.sealed is None:
            return {}
        found = next(item for item in task.sealed.inputs if item.name == name)
        return {header: self._opened(task, value) for header, value in found.headers.items()}

    def encryption(self, task: ClaimedTask, output: str) -> Encryption:
        """How an output is encrypted, its keys in the clear. Raises AttemptFailed SECRETS_UNAVAILABLE."""
        job = task.job if task.sealed is None else task.sealed
        made = Encryption()
        made.CopyFrom(next(one for one in job.outputs if one.name == output).package.encryption)
        if secrets.are_in(made):
            with _told():
                secrets.open_all(made, self._opening(task))
        return made

    def _opened(self, task: ClaimedTask, text: str) -> str:
        with _told():
            return secrets.opened(text, self._opening(task))

    def _opening(self, task: ClaimedTask) -> Callable[[bytes], bytes]:
        if self._keys is None:
            raise ValueError("the setting REELMILL_SECRETS_KEY is missing")
        return partial(self._keys.open, purpose=secrets.purpose(task.tenant_id))


@contextmanager
def _told() -> Iterator[None]:
    """What can't be opened is told as AttemptFailed."""
    try:
        yield
    except ValueError as error:  # Unsealable is one
        raise AttemptFailed("SECRETS_UNAVAILABLE", f"the job's secrets can't be opened here: {error}") from None
