"""Reelmill's own processes, as a user starts them."""

import json
import os
import shutil
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # else gRPC prints a line at each start of a child

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from services import clusters, forked
from services.process import HOST, Child, Server, free_port

from reelmill.v1.jobs_pb2 import GetJobRequest, Job, WatchJobRequest
from reelmill.v1.jobs_pb2_grpc import JobServiceStub


class Reelmill(Server):
    """A `reelmill` command that serves; it answers once it is ready. Its files may lie in `media`.

    Keywords are settings, `variables` more of its environment; nothing else that begins with REELMILL_ reaches it.
    Where it may be, it is forked from a process that has its imports, unless it is to begin as a user's does.
    """

    def __init__(
        self,
        *command: str,
        module: str = "reelmill",
        variables: Mapping[str, str] | None = None,
        as_a_user: bool = False,
        **settings: object,
    ) -> None:
        self._as_a_user = as_a_user
        self.name = command[0]
        if self.name == "up":
            self.close_signal = signal.SIGTERM  # it has a PostgreSQL in our folder
        super().__init__()
        self.media = self.folder / "media"
        self.media.mkdir()
        self.ready = "readyz"  # what is waited for at the start
        self.python = sys.executable
        self._argv = ["-m", module, *command]
        defaults = {
            "data_dir": self.folder / "data",
            "reuse_days": 0,  # the same jobs are done again and again here
            "read_roots": json.dumps([str(self.media)]),
            "write_roots": json.dumps([str(self.media)]),
            "grpc_port": self.port,
            "http_port": free_port(),
            "health_port": free_port(),
        }
        others = {name: value for name, value in os.environ.items() if not name.startswith("REELMILL_")}
        self.environment = others | _variables(defaults) | dict(variables or {}) | _variables(settings)
        self.http = f"http://{HOST}:{self.environment['REELMILL_HTTP_PORT']}"
        self.health = f"http://{HOST}:{self.environment['REELMILL_HEALTH_PORT']}"
        self.grpc = f"{HOST}:{self.environment['REELMILL_GRPC_PORT']}"

    @property
    def url(self) -> str:
        """Where it answers HTTP: api, worker and scheduler for health alone, on a port for that."""
        return self.http if self.name in ("up", "gateway") else self.health

    def prepare(self) -> None:
        """Give an `up` of its own a folder that was started before."""
        data = Path(self.environment["REELMILL_DATA_DIR"])
        if self.name == "up" and not (self._as_a_user or data.exists() or "REELMILL_DATABASE_URL" in self.environment):
            clusters.embedded(data)

    def command(self) -> list[str]:
        """Its argv."""
        return [self.python, *self._argv]

    def _spawn(self, argv: list[str], output: int) -> Child:
        if self._as_a_user or not forked.possible(argv, self.environment):
            return super()._spawn(argv, output)
        return forked.fork(argv, self.environment, str(self.folder), output)

    def answers(self) -> bool:
        """Whether it is ready."""
        if get(f"{self.url}/{self.ready}")[0] != 200:  # this is asked again and again, and costs less
            return False
        return self.name not in ("up", "api") or serving(self.grpc)

    def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        lines = get(f"{self.url}/metrics")[1].splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))

    def bring(self, file: Path, name: str) -> str:
        """A copy of a file in `media`; answers its URI."""
        return Path(shutil.copyfile(file, self.media / name)).as_uri()


def _variables(settings: Mapping[str, object]) -> dict[str, str]:
    return {f"REELMILL_{name.upper()}": str(value) for name, value in settings.items()}


def get(url: str) -> tuple[int, str]:
    """Status and body of a GET; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=15) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def serving(target: str) -> bool:
    """Whether an api says that it serves."""
    with channel(target) as connection:
        try:
            answer = health_pb2_grpc.HealthStub(connection).Check(health_pb2.HealthCheckRequest(), timeout=5)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@contextmanager
def channel(target: str) -> Iterator[grpc.Channel]:
    """A connection of one's own."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 2**25)]
    with grpc.insecure_channel(target, options=options) as connection:
        yield connection


def finish(jobs: JobServiceStub, job_id: str) -> Job:
    """The job, once it has ended."""
    for _ in jobs.WatchJob(WatchJobRequest(id=job_id), timeout=60):
        pass
    return jobs.GetJob(GetJobRequest(id=job_id, view="FULL"))
