"""One of our own processes, as a server that tests start, stop, kill and pause."""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping

from services.process import HOST, Server, free_port


class Reelmill(Server):
    """api, gateway, worker, scheduler, or up, which is all of them; it answers once it is ready."""

    def __init__(self, kind: str, settings: Mapping[str, str], *, module: str = "reelmill") -> None:
        self.name = kind
        self._module = module  # what `python -m` runs: ours, or one that changes a part of it
        super().__init__()
        self.grpc_port = free_port()
        # api, worker and scheduler have a port for health alone, the others answer on their own.
        port = "REELMILL_HTTP_PORT" if kind in ("gateway", "up") else "REELMILL_HEALTH_PORT"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("REELMILL_")} | {
            **settings,
            port: str(self.port),
            "REELMILL_GRPC_PORT": str(self.grpc_port),
            "REELMILL_LOG_FORMAT": "json",
            "REELMILL_LOG_LEVEL": "info",
        }

    @property
    def url(self) -> str:
        """Address of its HTTP."""
        return f"http://{HOST}:{self.port}"

    @property
    def target(self) -> str:
        """host:port of its gRPC."""
        return f"{HOST}:{self.grpc_port}"

    def prepare(self) -> None:
        """Nothing."""

    def command(self) -> list[str]:
        """The process's argv."""
        return [sys.executable, "-m", self._module, self.name]

    def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))

    def answers(self) -> bool:
        """Whether it says that it is ready."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
