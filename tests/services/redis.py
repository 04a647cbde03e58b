"""Redis: the system's redis-server."""

import socket
from collections.abc import Mapping

from services import debian
from services.process import HOST, Server


class Redis(Server):
    """A Redis that forgets everything when it stops, unless `append_only`. `more` are options of redis.conf."""

    name = "redis"

    def __init__(self, *, append_only: bool = False, more: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._append_only = append_only
        self._more = more or {}

    @property
    def url(self) -> str:
        """URL of database 0."""
        return f"redis://{HOST}:{self.port}/0"

    def prepare(self) -> None:
        """Nothing: Redis makes its files itself."""

    def command(self) -> list[str]:
        """The server's argv. Raises MissingError."""
        options = {"bind": HOST, "port": str(self.port), "dir": str(self.folder), "save": ""}
        options |= {"appendonly": "yes" if self._append_only else "no", **self._more}
        return [executable(), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def answers(self) -> bool:
        """Whether it answers PING (and is not still loading)."""
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def executable() -> str:
    """The path of redis-server. Raises MissingError."""
    own = ", or name a server of your own with REELMILL_TEST_REDIS_URL=redis://host:port/db"
    return debian.program("redis-server", else_=own)
