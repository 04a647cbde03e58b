"""Looks into media files, in a child process: a damaged file can end it and nothing else."""

import asyncio
import base64
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.child import tied
from reelmill.v1.media_pb2 import MediaInfo


class _Crashed(Exception):
    """The child ended without an answer."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a file contains, and FFmpeg's name of the demuxer that reads it."""

    info: MediaInfo
    demuxer: str


def described(info: MediaInfo) -> str:
    """A probed file in a line, for logs."""
    streams = ", ".join(
        f"{s.codec or 'unknown'} {s.width}×{s.height}" if s.width else s.codec or "unknown" for s in info.streams
    )
    return f"{info.format}, {info.duration_seconds:.3f} s, {info.size_bytes} bytes: {streams}"


class Prober:
    """A child process that probes one file after the other; started at the first call."""

    def __init__(self, *, timeout_seconds: float = 30.0) -> None:
        self._timeout_seconds = timeout_seconds
        self._child: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    async def probe(self, path: Path) -> Probed:
        """Look into a local file.

        Raises AttemptFailed: INPUT_NOT_FOUND, INPUT_EMPTY, INPUT_NOT_MEDIA, INPUT_CORRUPT,
        INPUT_UNSUPPORTED.
        """
        async with self._lock:
            try:
                answer = await self._answer(path)
            except _Crashed as error:
                message = f"the file makes its reader crash ({error}); make a sound copy of it"
                raise AttemptFailed("INPUT_CORRUPT", message) from error
        if "code" in answer:
            raise AttemptFailed(answer["code"], answer["message"])
        return Probed(MediaInfo.FromString(base64.b64decode(answer["info"])), answer["demuxer"])

    async def _answer(self, path: Path) -> dict[str, str]:
        """Ask, and once more where the child ended: it may have been killed for no fault of the file."""
        try:
            return await self._ask_in_time(path)
        except _Crashed:
            return await self._ask_in_time(path)

    async def _ask_in_time(self, path: Path) -> dict[str, str]:
        try:
            return await asyncio.wait_for(self._ask(path), self._timeout_seconds)
        except TimeoutError as error:
            await self._end()
            message = f"looking into the file took longer than {self._timeout_seconds:g} s; make a sound copy of it"
            raise AttemptFailed("INPUT_CORRUPT", message) from error
        except BaseException:
            await self._end()  # its answer must not reach the next caller
            raise

    async def _ask(self, path: Path) -> dict[str, str]:
        if self._child is None or self._child.returncode is not None:
            self._child = await asyncio.create_subprocess_exec(
                *tied((sys.executable, "-m", "reelmill.media.probe_child")),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=2**24,
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )
        stdin, stdout = self._child.stdin, self._child.stdout
        assert stdin and stdout
        try:
            stdin.write(json.dumps(str(path)).encode() + b"\n")
            await stdin.drain()
            line = await stdout.readline()
        except (BrokenPipeError, ConnectionResetError):
            line = b""
        if not line:
            raise _Crashed(f"exit code {await self._child.wait()}")
        answer: dict[str, str] = json.loads(line)
        return answer

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            child.kill()
        await child.communicate()  # also closes the pipes

    async def close(self) -> None:
        """End the child. Bears being called twice."""
        async with self._lock:
            await self._end()
