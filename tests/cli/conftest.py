"""The command line, in this process and as one of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from live import Reelmill
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


def reelmill(*arguments: str | Path, folder: Path, **settings: object) -> subprocess.Popen[str]:
    """A command in a process of its own, with `folder`/data as its data folder."""
    variables = [f"REELMILL_{n.upper()}={v}" for n, v in ({"data_dir": folder / "data"} | settings).items()]
    argv = ["/usr/bin/env", *variables, sys.executable, "-m", "reelmill", *map(str, arguments)]
    return subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
