"""Inputs that a worker keeps for the tasks to come that read them too: each tenant's its own, within a bound.

A file is kept under its address and its validator, and its place is asked each time whether that still holds. Who reads
one holds it until the end of its attempt; what nobody holds goes where it is too much, where somebody else needs the
disk, or after an hour. It lies in a folder that is no attempt's, so that no child may write to it. What a worker that
died had kept, whole or half, goes with its folder (WorkRoot.clean).
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from reelmill.jobs.validators import Validator
from reelmill.points import reach
from reelmill.storage.fetch import Fetched
from reelmill.storage.locked import LockedFolder
from reelmill.storage.storage import Storage
from reelmill.storage.workdir import WorkRoot
from reelmill.telemetry.metrics import KEPT_BYTES, KEPT_EVICTIONS, KEPT_HITS, KEPT_MISSES

MOST_FILES = 1000
"""Of one worker, however small they are."""
IDLE_SECONDS = 3600.0
"""After which a file goes that nobody asked for."""

Key = tuple[UUID, str]
"""Tenant and URI."""


@dataclass(eq=False, kw_only=True, slots=True)
class KeptFile:
    """A whole file, of which nobody changes a byte any more."""

    key: Key
    path: Path
    validator: Validator
    used_seconds: float
    """When it was last taken or given back."""
    holders: set[Hashable] = field(default_factory=set)

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self.validator.size_bytes


def leaving(kept: Iterable[KeptFile], coming_bytes: int, max_bytes: int) -> list[KeptFile] | None:
    """Which files go so that one more fits, those first that were not used for longest. Pure.

    None where it would not fit even without all that nobody holds.
    """
    files = sorted(kept, key=lambda file: file.used_seconds)
    left, count, gone = sum(file.size_bytes for file in files) + coming_bytes, len(files) + 1, []
    for file in files:
        if left <= max_bytes and count <= MOST_FILES:
            break
        if not file.holders:
            gone.append(file)
            left, count = left - file.size_bytes, count - 1
    return gone if left <= max_bytes and count <= MOST_FILES else None


class KeptInputs:
    """A worker's. `max_bytes` 0: it keeps none."""

    def __init__(self, work: WorkRoot, *, max_bytes: int, idle_seconds: float = IDLE_SECONDS) -> None:
        self._work = work
        self._max_bytes = max_bytes
        self._idle_seconds = idle_seconds
        self._folder: LockedFolder | None = None
        self._current: dict[Key, KeptFile] = {}
        self._files: set[KeptFile] = set()
        """The current ones, and those that are held though their place has another by now."""
        self._coming: dict[Key, tuple[asyncio.Event, int]] = {}
        """What is being fetched: the event of its end, and its size."""
        self._gone: list[Path] = []
        """What nobody has any more, and is still to be deleted."""
        self._watched: set[KeptFile] = set()
        self._lock = threading.RLock()  # who needs room asks in a thread

    async def fetch(
        self,
        storage: Storage,
        uri: str,
        target: Path | None,
        *,
        expected: Validator | None,
        keep: bool,
        holder: Hashable,
        away: Callable[[], AbstractAsyncContextManager[None]],
        made: bool = False,
        extents: Sequence[tuple[int, int]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Fetched:
        """An input as Storage.fetch brings it, or as it is here already; `holder` holds it then, until `release`.

        `extents`: these alone are brought, to `target`, where it is not here and not in a folder (Storage.in_bucket).

        `target`: None for one that is not remote. `keep`: others will want it, so it is not brought to `target`. All
        that want it at once wait for one download; where that fails the next of them tries. `away`: a context for what
        takes long.
        """
        if headers:  # what it is to who has the token is nothing for who has not
            async with away():
                return await storage.fetch(uri, target, expected=expected, made=made, headers=headers)
        key = (storage.tenant_id, uri)
        if target is None or not storage.is_remote(uri):
            return await storage.fetch(uri, target, expected=expected, made=made)
        while self._max_bytes and (keep or key in self._current or key in self._coming):
            found = await storage.look(uri, expected=expected, made=made)
            if kept := self._take(key, found, holder):
                KEPT_HITS.inc()
                return _fetched(kept)
            if extents:
                break
            if coming := self._coming.get(key):
                async with away():
                    await coming[0].wait()
                continue
            KEPT_MISSES.inc()
            if not keep or not found.strong or not self._fits(found.size_bytes):
                break

            async def fetch(path: Path) -> Fetched:
                return await storage.fetch(uri, path, expected=expected, made=made)

            return await self._bring(key, fetch, target, found.size_bytes, holder, away)
        await self._delete_gone()
        async with away():
            if extents:
                return await storage.fetch_extents(uri, target, extents, expected=expected, made=made)
            return await storage.fetch(uri, target, expected=expected, made=made)

    async def adopt(self, storage: Storage, uri: str, fetched: Fetched) -> None:
        """Keep what was fetched into an attempt's folder, since others will want it. That attempt has no use for it."""
        with self._lock:
            new = storage.is_remote(uri) and fetched.validator.strong and not self._is_ours(fetched.path)
            current = self._current.get((storage.tenant_id, uri))
            same = current is not None and not current.validator.change_to(fetched.validator)
            if self._max_bytes and new and not same and self._fits(fetched.size_bytes):
                self._put((storage.tenant_id, uri), fetched.path, fetched.validator)
        await self._delete_gone()

    async def release(self, holder: Hashable) -> None:
        """A holder reads nothing any more."""
        with self._lock:
            for file in [file for file in self._files if holder in file.holders]:
                file.holders.discard(holder)
                file.used_seconds = time.monotonic()
                if self._current.get(file.key) is not file and not file.holders:
                    self._remove(file)
                else:
                    self._watch(file)
        await self._delete_gone()

    def give_way(self, folder: Path) -> bool:
        """Remove the file that was not used for longest, where that is of use to a folder. For Room.yields.

        In a thread, for it is gone when this returns.
        """
        with self._lock:
            spare = [file for file in self._files if not file.holders]
            if not spare or self._folder is None or _disk(folder) != _disk(self._folder.path):
                return False
            self._remove(min(spare, key=lambda file: file.used_seconds))
            self._delete()
            return True

    def close(self) -> None:
        """Remove everything; nobody reads any more. Bears being called twice, and going on."""
        with self._lock:
            for file in list(self._files):
                self._remove(file)
            self._delete()
            folder, self._folder = self._folder, None
            if folder is not None:
                folder.remove()

    async def _bring(
        self,
        key: Key,
        fetch: Callable[[Path], Awaitable[Fetched]],
        target: Path,
        size_bytes: int,
        holder: Hashable,
        away: Callable[[], AbstractAsyncContextManager[None]],
    ) -> Fetched:
        ended = asyncio.Event()
        self._coming[key] = (ended, size_bytes)
        partial: Path | None = None

        def end() -> None:
            if not ended.is_set():
                del self._coming[key]
                ended.set()

        try:
            async with away():
                try:
                    await self._delete_gone()
                    partial = self._new_path(".part")
                    fetched = await fetch(partial)
                    await reach("task.keeping")
                    with self._lock:
                        if not fetched.validator.strong:  # its place tells less than a moment ago
                            return Fetched(
                                path=partial.rename(target),
                                size_bytes=fetched.size_bytes,
                                validator=fetched.validator,
                            )
                        kept = self._put(key, partial, fetched.validator)
                        kept.holders.add(holder)
                finally:
                    end()  # before the wait for a slot
            return _fetched(kept)
        finally:
            end()
            if partial is not None and partial.exists():
                await asyncio.to_thread(partial.unlink)

    def _take(self, key: Key, found: Validator, holder: Hashable) -> KeptFile | None:
        """Hold the file, if what is here is what its place has."""
        with self._lock:
            if (file := self._current.get(key)) is None:
                return None
            if not found.strong or file.validator.change_to(found) or not _is_whole(file):
                self._retire(file)
                return None
            file.holders.add(holder)
            file.used_seconds = time.monotonic()
            return file

    def _put(self, key: Key, path: Path, validator: Validator) -> KeptFile:
        """A whole file, as the current one."""
        if before := self._current.get(key):
            self._retire(before)
        file = KeptFile(key=key, path=self._new_path(), validator=validator, used_seconds=time.monotonic())
        path.chmod(0o444)
        path.rename(file.path)
        self._current[key] = file
        self._files.add(file)
        KEPT_BYTES.inc(file.size_bytes)
        self._watch(file)
        return file

    def _fits(self, size_bytes: int) -> bool:
        """Make place for one more. False where there is none."""
        with self._lock:
            coming = sum(size for _, size in self._coming.values())
            gone = leaving(self._files, coming + size_bytes, self._max_bytes)
            for file in gone or ():
                self._remove(file)
            return gone is not None

    def _retire(self, file: KeptFile) -> None:
        """Its place has another. Who holds it reads on."""
        if file.holders:
            self._current.pop(file.key, None)
        else:
            self._remove(file)

    def _remove(self, file: KeptFile) -> None:
        if self._current.get(file.key) is file:
            del self._current[file.key]
        self._files.discard(file)
        self._gone.append(file.path)
        KEPT_BYTES.dec(file.size_bytes)
        KEPT_EVICTIONS.inc()

    def _watch(self, file: KeptFile) -> None:
        """Have it removed once nobody has asked for it for long."""
        if file not in self._watched and file in self._files:
            self._watched.add(file)
            asyncio.get_running_loop().call_later(self._idle_seconds, self._look_after, file)

    def _look_after(self, file: KeptFile) -> None:
        with self._lock:
            self._watched.discard(file)
            idle = time.monotonic() - file.used_seconds >= self._idle_seconds
            if file.holders or file not in self._files:
                return
            if idle:
                self._remove(file)
                asyncio.get_running_loop().run_in_executor(None, self._delete)
            else:
                self._watch(file)

    async def _delete_gone(self) -> None:
        """In a thread: what has many GB takes long."""
        if self._gone:
            await asyncio.to_thread(self._delete)

    def _delete(self) -> None:
        with self._lock:
            gone, self._gone = self._gone, []
        for path in gone:
            path.unlink(missing_ok=True)

    def _new_path(self, suffix: str = "") -> Path:
        """Of a file that is not there yet. Raises AttemptFailed DISK_FULL."""
        with self._lock:
            if self._folder is None or not self._folder.path.is_dir():
                self._folder = self._work.create_kept()
            return self._folder.path / f"{uuid4()}{suffix}"

    def _is_ours(self, path: Path) -> bool:
        return self._folder is not None and path.parent == self._folder.path


def _fetched(file: KeptFile) -> Fetched:
    return Fetched(path=file.path, size_bytes=file.size_bytes, validator=file.validator)


def _is_whole(file: KeptFile) -> bool:
    try:
        return file.path.stat().st_size == file.size_bytes
    except OSError:
        return False


def _disk(folder: Path) -> int | None:
    try:
        return folder.stat().st_dev
    except OSError:
        return None
