"""Looks into media files, in a child process: a damaged file can end it and nothing else."""

import asyncio
import base64
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.confinement import Confinement
from reelmill.media.launcher import kill_group, launch, outgrown
from reelmill.telemetry.logs import get_logger
from reelmill.v1.media_pb2 import MediaInfo

log = get_logger(__name__)
# What a forged header or a packed comment asks for must not take the machine's. The largest picture that is accepted
# (MAX_PIXELS, 8 bytes each) is decoded once, for its rotation.
_MEMORY_BYTES = 640 * 2**20
_ANSWER_BYTES = 2**24


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
    """Child processes that probe a file each, so that none waits behind a slow one; started when needed."""

    def __init__(self, *, timeout_seconds: float = 10.0, children: int = 4, memory_bytes: int = _MEMORY_BYTES) -> None:
        """`children` at once; each file has `timeout_seconds` and `memory_bytes`."""
        self._timeout_seconds = timeout_seconds
        self._confinement = Confinement(memory_bytes=memory_bytes, file_bytes=0)
        self._free = asyncio.Semaphore(children)
        self._idle: list[asyncio.subprocess.Process] = []
        self._closed = False

    async def probe(self, path: Path) -> Probed:
        """Look into a local file.

        Raises AttemptFailed: INPUT_NOT_FOUND, INPUT_EMPTY, INPUT_NOT_MEDIA, INPUT_CORRUPT,
        INPUT_UNSUPPORTED.
        """
        async with self._free:
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
            return await self._ask(path)
        except _Crashed:
            return await self._ask(path)

    async def _ask(self, path: Path) -> dict[str, str]:
        child = await self._child()
        asking = asyncio.ensure_future(_asked(child, path))
        growing = asyncio.ensure_future(outgrown(child.pid, self._confinement))
        try:
            done, _ = await asyncio.wait(
                {asking, growing}, timeout=self._timeout_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if asking in done:
                answer = asking.result()
                self._idle.append(child)
                return answer
        finally:
            growing.cancel()
            if child not in self._idle:  # its answer must not reach another caller
                asking.cancel()
                await _end(child)
            await asyncio.gather(asking, growing, return_exceptions=True)
            if self._closed:
                await self.close()
        if growing in done:
            took = f"more than {self._confinement.memory_bytes // 2**20} MiB of memory"
        else:
            took = f"longer than {self._timeout_seconds:g} s"
        raise AttemptFailed("INPUT_CORRUPT", f"looking into the file took {took}; make a sound copy of it")

    async def _child(self) -> asyncio.subprocess.Process:
        """One that waits for a file."""
        while self._idle:
            child = self._idle.pop()
            if child.returncode is None:
                return child
            await _end(child)
        # -P: a base64.py beside the media, in the folder that we were started in, is none of ours. -B: nor is a cache.
        argv = (sys.executable, "-P", "-B", "-m", "reelmill.media.probe_child")
        return await launch(argv, self._confinement, stdin=asyncio.subprocess.PIPE, line_bytes=_ANSWER_BYTES)

    async def close(self) -> None:
        """End the children; those at work end with their files. Bears being called twice."""
        self._closed = True
        idle, self._idle = self._idle, []
        for child in idle:
            await _end(child)


async def _asked(child: asyncio.subprocess.Process, path: Path) -> dict[str, str]:
    assert child.stdin and child.stdout
    try:
        child.stdin.write(json.dumps(str(path)).encode() + b"\n")
        await child.stdin.drain()
        line = await child.stdout.readline()
    except (BrokenPipeError, ConnectionResetError):
        line = b""
    if not line:
        code, words = await child.wait(), await child.stderr.read() if child.stderr else b""
        log.warning("a prober ended", exit_code=code, stderr=words.decode(errors="replace")[-500:])
        raise _Crashed(f"exit code {code}")
    answer: dict[str, str] = json.loads(line)
    return answer


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        kill_group(child)
    await child.communicate()  # also closes the pipes
