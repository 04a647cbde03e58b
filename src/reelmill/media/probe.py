"""Looks into media files, in a child process: a damaged file can end it and nothing else."""

import asyncio
import base64
import json
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.child import Child
from reelmill.media.confinement import Confinement
from reelmill.media.launcher import Launcher, outgrown
from reelmill.media.timeline import MOST_LOOKS, Timeline, unpacked
from reelmill.telemetry.logs import get_logger
from reelmill.v1.media_pb2 import MediaInfo

log = get_logger(__name__)
# What a forged header or a packed comment asks for must not take the machine's. The largest picture that is accepted
# (MAX_PIXELS, 8 bytes each) is decoded once, for its rotation.
_MEMORY_BYTES = 640 * 2**20
_ANSWER_BYTES = 2**24
_FILES = 500  # of one child: a file that took it over does not see all that come later
_GROWN_BYTES = 192 * 2**20  # resident after an answer: it has about 50 MB at its start, which it shares with the others


class _Crashed(Exception):
    """The child ended without an answer."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a file contains, and FFmpeg's name of the demuxer that reads it."""

    info: MediaInfo
    demuxer: str
    timeline: Timeline | None = None
    """Of still pictures there is none."""


def described(info: MediaInfo) -> str:
    """A probed file in a line, for logs."""
    streams = ", ".join(
        f"{s.codec or 'unknown'} {s.width}×{s.height}" if s.width else s.codec or "unknown" for s in info.streams
    )
    return f"{info.format}, {info.duration_seconds:.3f} s, {info.size_bytes} bytes: {streams}"


@dataclass(eq=False, slots=True)
class _Looker:
    """A child that looks into files, and the socket by which it gets them."""

    child: Child
    channel: socket.socket
    tenant: str
    """Whose files it sees, and nobody else's: one of them may have taken it over."""
    files: int = 0
    """It has looked into so many."""

    async def ask(self, file: int, looks: Sequence[float]) -> dict[str, str]:
        """What it says of an open file; `looks` as in Prober.probe."""
        line = b""
        with suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self.channel, [json.dumps(list(looks[:MOST_LOOKS])).encode()], [file])
            line = await self.child.stdout.readline()
        if not line:
            code, words = await self.child.wait(), await self.child.stderr.read()
            log.warning("a prober ended", exit_code=code, stderr=words.decode(errors="replace")[-500:])
            raise _Crashed(f"exit code {code}")
        answer: dict[str, str] = json.loads(line)
        return answer

    def resident_bytes(self) -> int:
        """What it has now; 0 once it ended."""
        try:
            return int(psutil.Process(self.child.pid).memory_info().rss)
        except psutil.Error:
            return 0

    async def end(self) -> None:
        self.channel.close()
        self.child.kill_group()
        await self.child.communicate()


class Prober:
    """Child processes that probe a file each, so that none waits behind a slow one; forked when needed.

    Each serves one tenant. It is replaced after some files, a crash, a time-out, or growth.
    """

    def __init__(
        self,
        launcher: Launcher,
        *,
        timeout_seconds: float = 10.0,
        children: int = 4,
        files: int = _FILES,
        memory_bytes: int = _MEMORY_BYTES,
        grown_bytes: int = _GROWN_BYTES,
    ) -> None:
        """`children` at once, each for so many `files`; a file has `timeout_seconds` and `memory_bytes`.

        One that keeps more than `grown_bytes` after an answer is replaced.
        """
        self._launcher = launcher
        self._timeout_seconds = timeout_seconds
        self._files = files
        self._grown_bytes = grown_bytes
        self._children = children
        self._confinement = Confinement(memory_bytes=memory_bytes, file_bytes=0)
        self._free = asyncio.Semaphore(children)
        self._idle: list[_Looker] = []
        """They wait for a file, the one that has waited longest first."""
        self._busy = 0
        self._closed = False

    def of(self, tenant: object) -> "TenantProber":
        """What looks into the files of one tenant; no child that did sees another's."""
        return TenantProber(self, str(tenant))

    async def look(self, path: Path, looks: Sequence[float], tenant: str) -> Probed:
        """See TenantProber.probe."""
        async with self._free:
            try:
                # O_NONBLOCK: a pipe of that name would keep us waiting for its writer.
                file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            except OSError as error:
                raise AttemptFailed("INPUT_NOT_FOUND", f"the file can't be read: {error.strerror}") from error
            try:
                answer = await self._answer(file, looks, tenant)
            except _Crashed as error:
                message = f"the file makes its reader crash ({error}); make a sound copy of it"
                raise AttemptFailed("INPUT_CORRUPT", message) from error
            finally:
                os.close(file)
        if "code" in answer:
            raise AttemptFailed(answer["code"], answer["message"])
        times = unpacked(answer["timeline"]) if "timeline" in answer else None
        return Probed(MediaInfo.FromString(base64.b64decode(answer["info"])), answer["demuxer"], times)

    async def _answer(self, file: int, looks: Sequence[float], tenant: str) -> dict[str, str]:
        """Ask, and once more where the child ended: it may have been killed for no fault of the file."""
        try:
            return await self._ask(file, looks, tenant)
        except _Crashed:
            os.lseek(file, 0, os.SEEK_SET)  # its place is shared with the child that ended
            return await self._ask(file, looks, tenant)

    async def _ask(self, file: int, looks: Sequence[float], tenant: str) -> dict[str, str]:
        self._busy += 1
        try:
            return await self._asked(await self._looker(tenant), file, looks)
        finally:
            self._busy -= 1

    async def _asked(self, looker: _Looker, file: int, looks: Sequence[float]) -> dict[str, str]:
        asking = asyncio.ensure_future(looker.ask(file, looks))
        growing = asyncio.ensure_future(outgrown(looker.child.pid, self._confinement))
        try:
            done, _ = await asyncio.wait(
                {asking, growing}, timeout=self._timeout_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if asking in done:
                answer = asking.result()
                looker.files += 1
                if looker.files < self._files and looker.resident_bytes() <= self._grown_bytes:
                    self._idle.append(looker)
                return answer
        finally:
            growing.cancel()
            if looker not in self._idle:  # its answer must not reach another caller
                asking.cancel()
                await looker.end()
            await asyncio.gather(asking, growing, return_exceptions=True)
            if self._closed:
                await self.close()
        if growing in done:
            took = f"more than {self._confinement.memory_bytes // 2**20} MiB of memory"
        else:
            took = f"longer than {self._timeout_seconds:g} s"
        raise AttemptFailed("INPUT_CORRUPT", f"looking into the file took {took}; make a sound copy of it")

    async def _looker(self, tenant: str) -> _Looker:
        """One that sees this tenant's files: it waits for one, or is forked."""
        for looker in reversed(self._idle):
            if looker.tenant == tenant:
                self._idle.remove(looker)
                if looker.child.returncode is None:
                    return looker
                await looker.end()
                return await self._looker(tenant)
        while self._idle and len(self._idle) + self._busy > self._children:
            await self._idle.pop(0).end()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ExitStack() as undone, theirs:
            undone.callback(ours.close)
            child = await self._launcher.fork_prober(self._confinement, theirs, line_bytes=_ANSWER_BYTES)
            undone.pop_all()
        return _Looker(child, ours, tenant)

    async def close(self) -> None:
        """End the children; those at work end with their files. Bears being called twice."""
        self._closed = True
        idle, self._idle = self._idle, []
        for looker in idle:
            await looker.end()


@dataclass(frozen=True, slots=True)
class TenantProber:
    """Looks into files of one tenant's."""

    prober: Prober
    tenant: str

    async def probe(self, path: Path, looks: Sequence[float] = ()) -> Probed:
        """Look into a local file; `looks` are times that will matter, for large files (measuring.sought).

        Raises AttemptFailed: INPUT_NOT_FOUND, INPUT_EMPTY, INPUT_NOT_MEDIA, INPUT_CORRUPT, INPUT_UNSUPPORTED.
        """
        return await self.prober.look(path, looks, self.tenant)
