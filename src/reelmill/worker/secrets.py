"""Opens a job's secrets, where they are used and for no longer than that."""

from functools import partial

from reelmill.jobs import secrets
from reelmill.jobs.errors import AttemptFailed
from reelmill.sealing import Keys
from reelmill.store.records import ClaimedTask


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

    def _opened(self, task: ClaimedTask, text: str) -> str:
        try:
            if self._keys is None:
                raise ValueError("the setting REELMILL_SECRETS_KEY is missing")
            return secrets.opened(text, partial(self._keys.open, purpose=secrets.purpose(task.tenant_id)))
        except ValueError as error:  # Unsealable is one
            raise AttemptFailed("SECRETS_UNAVAILABLE", f"the job's secrets can't be opened here: {error}") from None
