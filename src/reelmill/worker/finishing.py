"""What an attempt's steps made is checked and stored; of all steps but the last while the next is made."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from reelmill.abreast import abreast
from reelmill.jobs.errors import AttemptFailed
from reelmill.media.contract import Graph
from reelmill.media.keys import Keys
from reelmill.media.probe import TenantProber
from reelmill.media.promises import FileSet, PlannedFile
from reelmill.media.steps import Step
from reelmill.media.stills import Still, write
from reelmill.media.verify import FILES_AT_ONCE, Verified, verified
from reelmill.storage.folders import StoredFile
from reelmill.storage.storage import Storage
from reelmill.storage.workdir import AttemptFolder
from reelmill.store.leases import MadeFile
from reelmill.telemetry import traces
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import OUTPUT_BYTES
from reelmill.v1.jobs_pb2 import OutputFile
from reelmill.worker.attempt import Attempt
from reelmill.worker.lacking import Lacking

log = get_logger(__name__)
_KEPT_BYTES = 2**24  # of pictures that lie in memory until their attempt ends; others go through the working directory


class Finishing:
    """Checks and stores the files of one attempt.

    What a step made is stored once it passed its check, while others are still made: nobody sees it before the attempt
    is completed, and of one that fails it is swept with the rest.
    """

    def __init__(
        self,
        attempt: Attempt,
        storage: Storage,
        prober: TenantProber,
        folder: AttemptFolder,
        graph: Graph,
        lacking: Lacking,
        keys: Mapping[str, Keys],
        *,
        input_damaged: bool,
    ) -> None:
        """`storage`: as the attempt's tenant may use it; `input_damaged`: what is known of its inputs by now.

        `keys`: of outputs that are encrypted.
        """
        self.keys = keys
        self._attempt = attempt
        self._storage = storage
        self._prober = prober
        self._folder = folder
        self._graph = graph
        self._lacking = lacking
        self._known_damaged = input_damaged
        self.complained = False
        """Whether ffmpeg did so of an input."""
        self._read = frozenset(reading.of for step in graph.steps for reading in step.reads)
        self._kept: dict[PurePosixPath, Still] = {}
        self._kept_bytes = 0
        self.ran: list[Step] = []
        """The steps that ended well."""
        self._made: asyncio.Queue[Step | None] = asyncio.Queue()
        self._is_made = False
        # By the place of what was promised: how its input was judged then, and its files.
        self._checked: dict[PurePosixPath, tuple[bool, list[Verified]]] = {}
        self._stored: dict[PurePosixPath, StoredFile] = {}

    @property
    def input_damaged(self) -> bool:
        """By this the files are judged."""
        return self._known_damaged or self.complained

    async def keep(self, stills: Sequence[Still], *, check_space: Callable[[], None]) -> None:
        """Pictures of a step, which are written to the working directory where they are many or another step reads one.

        Raises AttemptFailed DISK_FULL, and what `check_space` raises where the disk has too little left.
        """
        count = sum(len(still.picture) for still in stills)
        if self._kept_bytes + count > _KEPT_BYTES or any(still.path in self._read for still in stills):
            await asyncio.to_thread(write, await self._folder.make(), stills, check_space)
            return
        self._kept_bytes += count
        self._kept |= {still.path: still for still in stills}

    def begin(self, step: Step) -> None:
        """A step was made."""
        self.ran.append(step)
        self._made.put_nowait(step)

    def skip(self, count: int) -> None:
        """So many steps are not made."""
        for _ in range(count):
            self._made.put_nowait(None)

    async def beside(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `make`, which calls `begin` after each step. Raises what it raises, and where a file can't be stored."""
        steps = len(self._graph.steps)
        if steps < 2:
            await make()
            return

        async def made() -> None:
            await make()
            self._is_made = True

        async def work(one: Callable[[], Coroutine[Any, Any, None]]) -> None:
            await one()

        await abreast(work, (made, lambda: self._early(steps - 1)), at_once=2)

    async def _early(self, count: int) -> None:
        """Check and store what the first steps made, in their order, until all are made.

        What fails its check is left to `check`: only then is it known whether an input is damaged.
        """
        for _ in range(count):
            step = await self._made.get()
            if self._is_made:
                return
            if step is None or self._lacking.may_lack(step):  # what is stored of an output would stay if that failed
                continue
            try:
                await self._attempt.unless_stopped(self._check(step.promised))
            except AttemptFailed as error:
                log.info("files are looked into again when all are made", reason=error.failure.message)
                continue
            await self._attempt.unless_stopped(self._store(step.promised))

    async def check(self) -> None:
        """Look into all files that were not yet. Raises AttemptFailed, as `verify` does, but for optional outputs."""
        for promised in self._lacking.separately(self._graph.steps):
            try:
                left = [thing for thing in promised if not self._is_checked(thing)]
                await self._attempt.unless_stopped(self._check(left))
            except AttemptFailed as error:
                self._lacking.failed(error, promised)

    def _is_checked(self, thing: PlannedFile | FileSet) -> bool:
        damaged, _ = self._checked.get(_place(thing), (None, ()))
        return damaged is self.input_damaged

    async def _check(self, promised: Sequence[PlannedFile | FileSet]) -> None:
        damaged = self.input_damaged
        with traces.span("verify"):
            found = await verified(
                promised, lambda: self._folder.path, self._prober, self._kept, input_damaged=damaged, keys=self.keys
            )
        self._checked |= {_place(thing): (damaged, files) for thing, files in zip(promised, found, strict=True)}

    async def store(self) -> tuple[MadeFile, ...]:
        """Write each file to its place that is not there yet; answers all of them, in their order."""
        await self._attempt.unless_stopped(self._store(self._promised))
        made: list[MadeFile] = []
        positions: dict[str, int] = {}
        for file in self.files:
            position = positions.get(file.output, 0)
            positions[file.output] = position + 1
            made.append(MadeFile(output=file.output, position=position, file=self._told(file)))
        return tuple(made)

    @property
    def files(self) -> list[Verified]:
        """The job's, in their order; all are checked."""
        return self._outputs(self._promised)

    @property
    def every(self) -> list[Verified]:
        """All that was checked and is still wanted, also what is only made to be read."""
        return [file for thing in self._promised for file in self._checked[_place(thing)][1]]

    @property
    def _promised(self) -> list[PlannedFile | FileSet]:
        """All that is still wanted."""
        wanted = {_place(thing) for group in self._lacking.separately(self._graph.steps) for thing in group}
        return [thing for thing in self._graph.promised if _place(thing) in wanted]

    def _outputs(self, promised: Iterable[PlannedFile | FileSet]) -> list[Verified]:
        found = chain.from_iterable(self._checked[_place(thing)][1] for thing in promised)
        return [file for file in found if file.output and file.stored]

    async def _store(self, promised: Iterable[PlannedFile | FileSet]) -> None:
        """Several at once."""
        left = [file for file in self._outputs(promised) if file.path not in self._stored]
        every = await abreast(self._put, left, at_once=FILES_AT_ONCE)
        self._stored |= {file.path: stored for file, stored in zip(left, every, strict=True)}

    async def _put(self, file: Verified) -> StoredFile:
        with traces.span("upload", {"reelmill.output": file.output}) as span:
            uri = self._uri(file)
            if file.still is not None:
                stored = await self._storage.put_bytes(file.still.picture, uri, file.content_type)
            else:
                stored = await self._storage.put_file(self._folder.path / file.path, uri, file.content_type)
            span.set({"reelmill.size_bytes": stored.size_bytes})
        OUTPUT_BYTES.inc(stored.size_bytes)
        return stored

    def _uri(self, file: Verified) -> str:
        return f"{self._attempt.task.output_prefix}{quote(str(file.path))}"

    def _told(self, file: Verified) -> OutputFile:
        stored = self._stored[file.path]
        proto = OutputFile(
            uri=self._uri(file),
            path=str(file.path.relative_to(file.output)),
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            content_type=file.content_type,
        )
        if file.info is not None:
            file.info.size_bytes = stored.size_bytes
            proto.media.CopyFrom(file.info)
        return proto


def _place(thing: PlannedFile | FileSet) -> PurePosixPath:
    return thing.path if isinstance(thing, PlannedFile) else thing.manifest
