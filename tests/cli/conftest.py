"""The command line, in this process and as one of its own."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest
from live import Reelmill
from services import clusters, forked
from typer.testing import CliRunner, Result

from reelmill.cli.main import app

Cli = Callable[..., Result]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, logging_restored: None) -> Cli:
    """Runs a command in this process; keywords are settings. It has a data folder of its own."""
    for name in [n for n in os.environ if n.startswith("REELMILL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REELMILL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, input: str | None = None, **settings: object) -> Result:
        for name, value in settings.items():
            monkeypatch.setenv(f"REELMILL_{name.upper()}", str(value))
        result = CliRunner().invoke(app, arguments, input=input)
        # gRPC has one poller for all event loops of a process, and wakes those of tests before that are closed.
        told = [line for line in result.output.splitlines() if "PollerCompletionQueue" not in line]
        assert not any("Traceback" in line for line in told), result.output
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def live_cli(cli: Cli, live: Reelmill) -> Cli:
    """`cli` for the whole system."""
    return lambda *arguments, **options: cli(*arguments, api_target=live.grpc, **options)


@pytest.fixture
def idle_cli(cli: Cli, idle_api: Reelmill) -> Cli:
    """`cli` for the api without workers."""
    return lambda *arguments, **options: cli(*arguments, api_target=idle_api.grpc, **options)


class Command(forked.Forked):
    """A command as subprocess.Popen has it, that begins without its imports, as half of its CPU would be."""

    def __init__(self, *arguments: str | Path, folder: Path, environment: Mapping[str, str]) -> None:
        with tempfile.TemporaryDirectory() as named:
            errors = f"{named}/errors"
            os.mkfifo(errors)
            reads, writes = os.pipe()
            argv = [sys.executable, "-m", "piped", str(folder), errors, *map(str, arguments)]
            super().__init__(forked.fork(argv, environment, str(Path(__file__).parent), writes).pid)
            os.close(writes)
            self.stdout = os.fdopen(reads)
            self.stderr = os.fdopen(os.open(errors, os.O_RDONLY))  # once the command opened it too

    def kill(self) -> None:
        """At once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """In order."""
        self.send_signal(signal.SIGTERM)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What is left to read of its output and its errors, once it ended. Raises TimeoutError."""
        with ThreadPoolExecutor() as pool:
            out, err = pool.map(_rest, (self.stdout, self.stderr), timeout=timeout)
        self.wait(timeout)
        return out, err


def _rest(file: IO[str]) -> str:
    if file.closed:
        return ""
    with file:
        return file.read()


Process = Command | subprocess.Popen[str]


def started(*arguments: str | Path, folder: Path, environment: Mapping[str, str], as_a_user: bool = False) -> Process:
    """A command in a process of its own, forked where it may be."""
    argv = [sys.executable, "-m", "reelmill", *map(str, arguments)]
    if not as_a_user and forked.possible(argv, environment):
        return Command(*arguments, folder=folder, environment=environment)
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


def reelmill(*arguments: str | Path, folder: Path, as_a_user: bool = False, **settings: object) -> Process:
    """The same, with `folder`/data as its data folder, which a user's first command makes."""
    variables = _variables(folder, settings)
    data = {"up": folder / "data", "run": folder / "data/run/0"}.get(str(arguments[0]))
    if data and not (as_a_user or data.exists() or {"data_dir", "database_url"} & {*settings}):
        clusters.embedded(data)
    return started(*arguments, folder=folder, environment=os.environ | variables, as_a_user=as_a_user)


def _variables(folder: Path, settings: Mapping[str, object]) -> dict[str, str]:
    return {f"REELMILL_{n.upper()}": str(v) for n, v in {"data_dir": folder / "data", **settings}.items()}
