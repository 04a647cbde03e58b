"""A child process that the fork server started for us: its pipes, and its end."""

import asyncio
import os
import signal
from contextlib import suppress

from reelmill.media.sandbox.zygote import PID, STATUS


class Child:
    """A running program, the leader of a process group of its own."""

    def __init__(self, teller: int, stdout: asyncio.StreamReader, stderr: asyncio.StreamReader) -> None:
        """`teller`: the pipe by which the fork server tells of it; ours to close."""
        loop = asyncio.get_running_loop()
        self.pid = 0
        self.cpu_seconds = 0.0
        """What it and its children took of a core, once it has ended; 0 where the fork server ended with it."""
        self.stdout, self.stderr = stdout, stderr
        self._transports: list[asyncio.BaseTransport] = []
        self._told = b""
        self._abandoned = False
        self._known: asyncio.Future[bool] = loop.create_future()
        self._ended: asyncio.Future[int] = loop.create_future()
        self._teller = teller
        os.set_blocking(teller, False)
        loop.add_reader(teller, self._listen)

    @property
    def returncode(self) -> int | None:
        """Its exit code, or the negative of the signal that ended it; None while it runs."""
        return self._ended.result() if self._ended.done() else None

    def owns(self, *transports: asyncio.BaseTransport) -> None:
        """Close these with the child."""
        self._transports.extend(transports)

    async def started(self) -> bool:
        """Whether the fork server said that it made the child; False where it ended before."""
        return await asyncio.shield(self._known)

    async def wait(self) -> int:
        """Wait for its end; answers the exit code."""
        return await asyncio.shield(self._ended)

    async def communicate(self) -> tuple[bytes, bytes]:
        """Read both pipes to their ends, wait for the child's, and close all that is ours of it."""
        output, errors = await asyncio.gather(self.stdout.read(), self.stderr.read())
        await self.wait()
        self.close()
        return output, errors

    def kill_group(self) -> None:
        """End it and all that it started, at once."""
        if self.pid and not self._ended.done():
            with suppress(ProcessLookupError):  # its end is on its way to us
                os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close its pipes."""
        for transport in self._transports:
            transport.close()

    def abandon(self) -> None:
        """Nobody waits for it any more: it is killed, now or as soon as we know who it is."""
        self._abandoned = True
        self._kill_abandoned()
        self.close()

    def forget(self) -> None:
        """There is none: nobody was asked to make it."""
        self.close()
        self._finish(-signal.SIGKILL)

    def _kill_abandoned(self) -> None:
        self.kill_group()
        if self.pid and not self._ended.done():  # it may not have its group yet
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _listen(self) -> None:
        try:
            piece = os.read(self._teller, 4096)
        except BlockingIOError:
            return
        *lines, self._told = (self._told + piece).split(b"\n")
        for line in lines:
            if line.startswith(PID):
                self.pid = int(line[1:])
                self._know(True)
                if self._abandoned:
                    self._kill_abandoned()
            elif line.startswith(STATUS):
                status, _, used_us = line[1:].partition(b" ")
                self.cpu_seconds = int(used_us) / 1e6
                self._finish(os.waitstatus_to_exitcode(int(status)))
        if not piece:  # the fork server ended, and with it the child
            self._finish(-signal.SIGKILL)

    def _know(self, known: bool) -> None:
        if not self._known.done():
            self._known.set_result(known)

    def _finish(self, code: int) -> None:
        if self._ended.done():
            return
        self._ended.set_result(code)
        self._know(False)
        asyncio.get_running_loop().remove_reader(self._teller)
        os.close(self._teller)
