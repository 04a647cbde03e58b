"""One of our own processes, as a server that tests start, stop, kill and pause."""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping

from services.process import HOST, Server, free_port


class Reelmill(Server):
    """api, gateway, worker or scheduler; it answers once it is ready."""

    def __init__(self, kind: str, settings: Mapping[str, str]) -> None:
        self.name = kind
        super().__init__()
        ports = {"api": "REELMILL_GRPC_PORT", "gateway": "REELMILL_HTTP_PORT"}
        self.health_port = free_port() if kind == "api" else self.port
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("REELMILL_")} | {
            **settings,
            "REELMILL_HEALTH_PORT": str(self.health_port),
            ports.get(kind, "REELMILL_HEALTH_PORT"): str(self.port),
            "REELMILL_LOG_FORMAT": "json",
        }

    @property
    def url(self) -> str:
        """host:port of gRPC for an api, else the address of its HTTP."""
        return f"{HOST}:{self.port}" if self.name == "api" else f"http://{HOST}:{self.port}"

    def prepare(self) -> None:
        """Nothing."""

    def command(self) -> list[str]:
        """The process's argv."""
        return [sys.executable, "-m", "reelmill", self.name]

    def answers(self) -> bool:
        """Whether it says that it is ready."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.health_port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
