"""Warm children: processes that loaded libav once and answer questions about open files, or make small things of them.

Each serves one tenant, and reads no file but those that it is given (warm_child.py). A damaged file can end it and
nothing else.
"""

import asyncio
import json
import os
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelmill.media.child import Child
from reelmill.media.confinement import Confinement
from reelmill.media.launcher import LOOK_SECONDS, Launcher, outgrown
from reelmill.media.openings import KEPT_SECONDS
from reelmill.media.warm_bounds import ANSWER_BYTES
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
MEMORY_BYTES = 640 * 2**20
"""What a forged header or a packed comment asks for must not take the machine's. The largest picture that is accepted
(MAX_PIXELS, 8 bytes each) is decoded once, for its rotation."""
_FILES = 500  # of one child: a file that took it over does not see all that come later
_GROWN_BYTES = 192 * 2**20  # resident after an answer: it has about 50 MB at its start, which it shares with the others


_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Crashed(Exception):
    """The child ended without an answer, or with none of ours."""


class Overrun(Exception):
    """The child was ended: it took too long, or too much memory; the text says what it took."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a child says, and the bytes that it made."""

    told: Mapping[str, Any]
    made: bytes = b""


@dataclass(eq=False, slots=True)
class _WarmChild:
    """A child, and the socket by which it gets files and questions."""

    child: Child
    channel: socket.socket
    tenant: str
    """Whose files it sees, and nobody else's: one of them may have taken it over."""
    files: int = 0
    """It has been asked about so many."""
    holder: str = ""
    """For whom it keeps a file open; see openings.py."""
    kept_until: float = 0.0
    """Of a monotonic clock."""

    def keeps(self, holder: str) -> bool:
        """Whether it has a file open, for somebody else than `holder`."""
        return bool(self.holder) and self.holder != holder and time.monotonic() < self.kept_until

    async def ask(self, file: int, question: bytes) -> Answer:
        """What it says to a question about an open file."""
        with suppress(BrokenPipeError, ConnectionResetError, asyncio.IncompleteReadError):
            socket.send_fds(self.channel, [question], [file])
            try:
                line = await self.child.stdout.readline()
            except ValueError as error:
                raise Overrun(f"more than {ANSWER_BYTES} bytes") from error
            if line:
                told, count = _parsed(line)
                return Answer(told=told, made=await self.child.stdout.readexactly(count))
        code, words = await self.child.wait(), await self.child.stderr.read()
        log.warning("a warm child ended", exit_code=code, stderr=words.decode(errors="replace")[-500:])
        raise Crashed(f"exit code {code}")

    def resident_bytes(self) -> int:
        """What it has now; 0 once it ended."""
        try:
            # proc(5): the second number, in pages. By psutil it takes several times as long.
            return int(Path(f"/proc/{self.child.pid}/statm").read_bytes().split()[1]) * _PAGE_BYTES
        except (OSError, IndexError):
            return _resident_bytes(self.child.pid)

    async def end(self) -> None:
        self.channel.close()
        self.child.kill_group()
        await self.child.communicate()


def _parsed(line: bytes) -> tuple[dict[str, Any], int]:
    """An answer's line, and how many bytes follow it. Raises Crashed for what no child of ours says, and Overrun."""
    try:
        told = json.loads(line)
        count = int(told.get("bytes", 0))
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise Crashed(f"an answer that is none: {type(error).__name__}") from error
    if not 0 <= count <= ANSWER_BYTES:
        raise Overrun(f"more than {ANSWER_BYTES} bytes")
    return told, count


class _Growth:
    """Looks at a child that is not done soon, and ends it where it takes more than it may."""

    def __init__(self, child: _WarmChild, confinement: Confinement) -> None:
        self._child, self._confinement = child, confinement
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._begin)
        self.seen = False
        """Whether it did."""

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        await outgrown(self._child.child.pid, self._confinement)
        self.seen = True
        self._child.child.kill_group()

    def end(self) -> None:
        """It has answered."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()


class WarmChildren:
    """Children that answer a question each, so that no file waits behind a slow one; forked when needed.

    A child is replaced after some files, a crash, a time-out, or growth.
    """

    def __init__(
        self,
        launcher: Launcher,
        *,
        timeout_seconds: float = 10.0,
        children: int = 4,
        files: int = _FILES,
        memory_bytes: int = MEMORY_BYTES,
        grown_bytes: int = _GROWN_BYTES,
    ) -> None:
        """`children` at once, each for so many `files`; a question has `timeout_seconds` and `memory_bytes`.

        One that keeps more than `grown_bytes` after an answer is replaced.
        """
        self._launcher = launcher
        self._timeout_seconds = timeout_seconds
        self._files = files
        self._grown_bytes = grown_bytes
        self._children = children
        self._confinement = Confinement(memory_bytes=memory_bytes, file_bytes=0)
        self._free = asyncio.Semaphore(children)
        self._idle: list[_WarmChild] = []
        """They wait for a file, the one that has waited longest first."""
        self._busy = 0
        self._closed = False

    async def ask(self, tenant: str, path: Path, question: Mapping[str, Any], holder: str = "") -> Answer:
        """Ask about a file of a tenant's; a question has QUESTION_BYTES at most.

        `holder`: who may ask about the same file again, soon: the child that was asked keeps it open meanwhile.

        Raises OSError where the file can't be opened, Crashed and Overrun.
        """
        asked = json.dumps({**question, "holder": holder} if holder else question).encode()
        async with self._free:
            # O_NONBLOCK: a pipe of that name would keep us waiting for its writer.
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            self._busy += 1
            try:
                return await self._asked(await self._child(tenant, holder), file, asked, holder)
            finally:
                self._busy -= 1
                os.close(file)

    async def _asked(self, child: _WarmChild, file: int, question: bytes, holder: str) -> Answer:
        growth = _Growth(child, self._confinement)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await child.ask(file, question)
            child.files += 1
            child.holder, child.kept_until = holder, time.monotonic() + KEPT_SECONDS
            if answer.told.get("kept") is not True:
                child.holder = ""
            if child.files < self._files and child.resident_bytes() <= self._grown_bytes:
                self._idle.append(child)
            return answer
        except TimeoutError:
            raise Overrun(f"longer than {self._timeout_seconds:g} s") from None
        except Crashed:
            if growth.seen:
                raise Overrun(f"more than {self._confinement.memory_bytes // 2**20} MiB of memory") from None
            raise
        finally:
            growth.end()
            if child not in self._idle:  # its answer must not reach another caller
                await child.end()
            if self._closed:
                await self.close()

    async def _child(self, tenant: str, holder: str) -> _WarmChild:
        """One that sees this tenant's files: it waits for one, or is forked.

        First the one that has a file of this holder's open, last one that has another's.
        """
        known = [child for child in reversed(self._idle) if child.tenant == tenant]
        room = len(self._idle) + self._busy <= self._children
        for child in sorted(known, key=lambda one: (one.keeps(holder), one.holder != holder)):
            if child.keeps(holder) and room:
                break
            self._idle.remove(child)
            if child.child.returncode is None:
                return child
            await child.end()
            return await self._child(tenant, holder)
        while self._idle and len(self._idle) + self._busy > self._children:
            await self._idle.pop(0).end()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ExitStack() as undone, theirs:
            undone.callback(ours.close)
            forked = await self._launcher.fork_warm(self._confinement, theirs, line_bytes=ANSWER_BYTES)
            undone.pop_all()
        return _WarmChild(forked, ours, tenant)

    async def close(self) -> None:
        """End the children; those at work end with their files. Bears being called twice."""
        self._closed = True
        idle, self._idle = self._idle, []
        for child in idle:
            await child.end()


def _resident_bytes(pid: int) -> int:
    """As the system tells that has no /proc."""
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
