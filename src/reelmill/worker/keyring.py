"""Keys of an attempt's packages: there before anything is made, and in a file only while a step needs them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath

from reelmill.jobs.codes import CODES
from reelmill.jobs.errors import AttemptFailed
from reelmill.media import keys
from reelmill.media.keys import Keys
from reelmill.media.steps import KeyFile, Step
from reelmill.storage.fetch import without_secrets
from reelmill.storage.storage import Storage
from reelmill.v1.encryption_pb2 import Encryption
from reelmill.worker.attempt import Attempt
from reelmill.worker.secrets import Secrets


async def keyring(attempt: Attempt, steps: Iterable[Step], secrets: Secrets, storage: Storage) -> dict[str, Keys]:
    """The keys that steps need, by outputs; a key server is asked for them now.

    Raises AttemptFailed SECRETS_UNAVAILABLE, KEYS_UNAVAILABLE, KEYS_REFUSED; Stopped.
    """
    found = {}
    for output in dict.fromkeys(step.keyed.output for step in steps if step.keyed):
        spec = secrets.encryption(attempt.task, output)
        if spec.HasField("key_server"):
            found[output] = await attempt.unless_stopped(_asked(spec, storage, output))
        else:
            found[output] = keys.given(spec)
        boxes = (*keys.boxes(spec.pssh), *found[output].pssh)
        found[output] = Keys(keys=found[output].keys, pssh=tuple(dict.fromkeys(boxes)))
    return found


async def _asked(spec: Encryption, storage: Storage, output: str) -> Keys:
    server, shown = spec.key_server, without_secrets(spec.key_server.url)
    try:
        data = await storage.read(server.url, max_bytes=keys.MOST_ANSWER_BYTES, headers=dict(server.headers))
    except AttemptFailed as error:
        code = "KEYS_UNAVAILABLE" if CODES[error.code].retryable else "KEYS_REFUSED"
        raise AttemptFailed(code, f"the key server gave no keys: {error.failure.message}", output=output) from None
    try:
        return keys.answered(spec, data)
    except ValueError as error:
        raise AttemptFailed("KEYS_REFUSED", f"the key server {shown}: {error}", output=output) from None


@asynccontextmanager
async def laid_out(step: Step, folder: Path, ring: Mapping[str, Keys]) -> AsyncIterator[None]:
    """The file with keys that a step reads, there until it ended."""
    if step.keyed is None:
        yield
        return
    path = folder / step.keyed.path
    try:
        await asyncio.to_thread(_write, path, step, step.keyed, folder, ring[step.keyed.output])
        yield
    finally:
        path.unlink(missing_ok=True)


def _write(path: Path, step: Step, file: KeyFile, folder: Path, mine: Keys) -> None:
    text = _text(step, file, folder, mine)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Its mode lets the step read it, which may run as another user; nobody else comes into an attempt's folder.
    path.write_text(text, encoding="utf-8")


def _text(step: Step, file: KeyFile, folder: Path, mine: Keys) -> str:
    if not file.kind:
        return mine.told
    key = mine.of(file.kind)
    [reading] = step.reads
    assert isinstance(reading.of, PurePosixPath), "the packager reads what a step before it wrote"
    vector = bytes.fromhex(file.vector)
    if not vector:
        with (folder / reading.of).open("rb") as read:
            digest = hashlib.file_digest(read, "sha256").digest()
        vector = keys.vector(key, file.name, digest, file.vector_bytes)
    return keys.flags(key, vector, mine.pssh)
