"""Templates of warm children that the next test goes on with: each loads for half a second of CPU."""

import atexit
import socket
import subprocess

from reelmill.media.fork_server import ForkServer
from reelmill.media.sandbox.walls import Walls

_kept: list[tuple[Walls, socket.socket, subprocess.Popen[bytes]]] = []


class KeptTemplate(ForkServer):
    """One whose process outlives it, for the next one with the same walls. Its children have ended with their test."""

    def __init__(self) -> None:
        super().__init__("reelmill.media.warm_child")
        self._walls: Walls | None = None

    def _begin(self, walls: Walls) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        self._walls = walls
        for one in _kept:
            if one[0] == walls and one[2].poll() is None:
                _kept.remove(one)
                return one[1:]
        return super()._begin(walls)

    async def _end(self, ours: socket.socket, server: subprocess.Popen[bytes]) -> int:
        if server.poll() is not None or self._walls is None:
            return await super()._end(ours, server)
        _kept.append((self._walls, ours, server))
        return 0


@atexit.register
def _end_all() -> None:
    for _, ours, server in _kept:
        ours.close()
        server.kill()
        server.wait()
