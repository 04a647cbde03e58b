"""S3: moto's server, which keeps everything in memory."""

import socket
import sys

from services.process import HOST, Server


class Moto(Server):
    """An S3 without buckets that takes any credentials."""

    name = "moto"

    @property
    def url(self) -> str:
        """The endpoint, as REELMILL_S3_ENDPOINT wants it."""
        return f"http://{HOST}:{self.port}"

    def prepare(self) -> None:
        """Nothing: it has no files."""

    def command(self) -> list[str]:
        """The server's argv."""
        return [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(self.port)]

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            socket.create_connection((HOST, self.port), timeout=1).close()
        except OSError:
            return False
        return True
