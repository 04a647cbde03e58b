"""Reelmill's own processes, as a user starts them."""

import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # else gRPC prints a line at each start of a child

import grpc
from google.protobuf.json_format import ParseDict
from grpc_health.v1 import health_pb2, health_pb2_grpc
from services.process import HOST, Server, free_port

from reelmill.v1.jobs_pb2 import GetJobRequest, Job, WatchJobRequest
from reelmill.v1.jobs_pb2_grpc import JobServiceStub


class Reelmill(Server):
    """A `reelmill` command that serves. Its files may lie in `media`; keywords are settings."""

    name = "reelmill"
    start_seconds = 90.0  # on a machine that is busy with other tests

    def __init__(self, *command: str, **settings: object) -> None:
        super().__init__()
        self.media = self.folder / "media"
        self.media.mkdir()
        self.http = f"http://{HOST}:{free_port()}"
        self.health = f"http://{HOST}:{free_port()}"
        self.grpc = f"{HOST}:{self.port}"
        self.ready = "readyz"  # what is waited for at the start
        self._command = command
        self._settings = {
            "data_dir": self.folder / "data",
            "local_roots": json.dumps([str(self.media)]),
            "grpc_port": self.port,
            "http_port": _port(self.http),
            "health_port": _port(self.health),
            **settings,
        }
        self.health = f"http://{HOST}:{self._settings['health_port']}"

    @property
    def url(self) -> str:
        """Of what it serves to clients."""
        return self.http if self._command[0] in ("up", "gateway") else self.grpc

    def prepare(self) -> None:
        """Nothing."""

    def command(self) -> list[str]:
        """The command, with its settings as variables."""
        variables = [f"REELMILL_{name.upper()}={value}" for name, value in self._settings.items()]
        return ["/usr/bin/env", *variables, sys.executable, "-m", "reelmill", *self._command]

    def answers(self) -> bool:
        """Whether it is ready."""
        base = self.http if self._command[0] in ("up", "gateway") else self.health
        if self._command[0] in ("up", "api") and not serving(self.grpc):
            return False
        return get(f"{base}/{self.ready}")[0] == 200

    def bring(self, file: Path, name: str) -> str:
        """A copy of a file in `media`; answers its URI."""
        return Path(shutil.copyfile(file, self.media / name)).as_uri()


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


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


def job(uri: str = "https://example.org/talk.mov", **fields: Any) -> Job:
    """A small job, as its JSON form has it; without an `output`, one of a preset."""
    output = {"name": "sound", "preset": "podcast-audio"}
    return ParseDict({"inputs": [{"uri": uri}], "outputs": [output], **fields}, Job())


def finish(jobs: JobServiceStub, job_id: str) -> Job:
    """The job, once it has ended."""
    for _ in jobs.WatchJob(WatchJobRequest(id=job_id), timeout=60):
        pass
    return jobs.GetJob(GetJobRequest(id=job_id, view="FULL"))
