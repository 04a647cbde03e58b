"""What a command does with processes of its own, and how it finds a port taken."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from cli.conftest import Cli
from services.process import HOST, free_port

from reelmill.app.worker import work_root
from reelmill.cli import demonstration, processes, session
from reelmill.cli.problems import INTERRUPTED, Problem
from reelmill.settings import Settings
from reelmill.telemetry.logs import get_logger


async def ends_as(command: tuple[str, ...], children: Callable[[list[psutil.Process]], bool], health_port: int) -> None:
    """Supervise two processes; SIGTERM comes once `children` holds of them."""
    others = set(psutil.Process().children())  # of other tests' servers
    running = asyncio.create_task(processes.supervise(command, 2, health_port=health_port))
    while not children([child for child in psutil.Process().children() if child not in others]):
        await asyncio.sleep(0.02)
        assert not running.done(), running.exception()
    os.kill(os.getpid(), signal.SIGTERM)
    await running


def variables(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:  # in the moment of its exec
        return {}


@pytest.mark.parametrize("health_port", [0, 41_000])
async def test_several_processes_end_with_the_command_that_started_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, health_port: int
) -> None:
    monkeypatch.setenv("REELMILL_DATABASE_URL", f"postgresql://{HOST}:{free_port()}/x")
    monkeypatch.setenv("REELMILL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("REELMILL_HEALTH_PORT", "1")
    seen: list[psutil.Process] = []
    ports: set[str] = set()

    def both(children: list[psutil.Process]) -> bool:
        known = [p for p in children if "scheduler" in p.cmdline()] if len(children) == 2 else []
        ports.update(variables(p).get("REELMILL_HEALTH_PORT", "") for p in known)
        seen[:] = known
        return len(known) == 2

    await ends_as(("scheduler",), both, health_port)
    assert ports - {""} == ({"41000", "41001"} if health_port else {"1"})
    assert not [p for p in seen if p.is_running()]


async def test_one_that_ends_by_itself_ends_the_others_and_is_told() -> None:
    others = set(psutil.Process().children())  # of other tests' servers
    with pytest.raises(Problem, match=r"one of 2 processes ended with code 2; stopped the others"):
        await processes.supervise(("--none",), 2, health_port=0)
    assert set(psutil.Process().children()) <= others


def test_a_port_is_free_that_a_connection_of_before_had() -> None:
    with socket.create_server((HOST, 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        port = server.getsockname()[1]
        with pytest.raises(
            Problem, match=rf"can't listen on {HOST}:{port}: Address already in use by .*process {os.getpid()}"
        ):
            processes.require_free(HOST, port, "--grpc")
        accepted.close()  # first: the kernel keeps the port for a minute
        assert client.recv(1) == b""
    processes.require_free(HOST, port, "--grpc")
    with socket.create_server((HOST, port)), pytest.raises(Problem, match="choose another with --grpc PORT"):
        processes.require_free(HOST, port, "--grpc")
    processes.require_free(HOST, 0, "--grpc")
    assert processes.listener(free_port()) == ""


async def test_what_fails_after_an_interrupt_is_told_as_one() -> None:
    stop = asyncio.Event()
    with pytest.raises(ZeroDivisionError), processes.interruptible(stop):
        raise ZeroDivisionError
    stop.set()
    with pytest.raises(Problem) as told, processes.interruptible(stop):
        raise ZeroDivisionError
    assert (told.value.message, told.value.exit_code) == ("interrupted", INTERRUPTED)
    with pytest.raises(Problem, match="mine"), processes.interruptible(stop):
        raise Problem("mine")


def test_what_fails_on_a_full_disk_is_told_as_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "not" / "made")
    asked: list[str] = []

    def full(free: int, total: int = 2**40) -> None:
        def usage(path: Path) -> tuple[int, int, int]:
            asked.append(str(path))
            return total, total - free, free

        monkeypatch.setattr(processes, "shutil", SimpleNamespace(disk_usage=usage))

    def failing(error: Exception) -> Exception:
        with pytest.raises(Exception) as told, processes.full_disk_told(settings):
            raise error
        return told.value

    full(2**20)
    assert isinstance(failing(OSError()), OSError)
    full(0, total=0)  # a file system that counts nothing
    assert isinstance(failing(OSError()), OSError)
    full(2**20 - 1)
    for kept in (Problem("mine"), OSError("its disk is full")):
        assert failing(kept) is kept
    told = str(failing(ZeroDivisionError()))
    assert f"REELMILL_DATA_DIR: the disk of {tmp_path}/not/made is full ({2**20 - 1} bytes free)" in told
    assert set(asked) == {str(tmp_path)}


@pytest.mark.parametrize("command", ["run", "demo", "doctor"])
def test_lines_of_a_command_have_its_name(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (tmp_path / "x.mp4").touch()

    async def told(*_: Any, **__: Any) -> Any:
        get_logger("test").critical("oh")
        get_logger("test").info("no one needs it")
        raise Problem("enough")

    monkeypatch.setattr(session, "run_jobs", told)
    monkeypatch.setattr(demonstration, "demonstrate", told)
    monkeypatch.setattr("reelmill.cli.doctor.examine", told)
    result = cli(command, *(("x.mp4",) if command == "run" else ()), log_format="json")
    [line, problem] = result.stderr.splitlines()
    assert (json.loads(line)["service"]["name"], json.loads(line)["message"]) == (f"reelmill-{command}", "oh")
    assert (problem, result.exit_code) == ("enough", 1)
    again = cli(command, *(("x.mp4",) if command == "run" else ()), log_format="json", log_level="info").stderr
    assert "no one needs it" in again


def test_doctor_says_what_it_found(cli: Cli, tmp_path: Path, database_url: str) -> None:
    shown = cli("doctor", database_url=database_url, sandbox="off")
    assert shown.exit_code in (0, 1)
    found = {f["name"]: f for f in json.loads(cli("doctor", "--json").stdout)}
    data = tmp_path / "data"
    assert found["storage"] == {"name": "storage", "detail": f"{data.as_uri()}/storage/ takes files", "remedy": ""}
    assert found["disk"]["detail"].endswith(f" GiB free in {data}")
    free = float(found["disk"]["detail"].split()[0])
    assert free == pytest.approx(work_root(Settings(data_dir=data)).free_bytes() / 2**30, abs=1)
    assert " with all encoders and filters that are needed: /" in found["ffmpeg"]["detail"]
    assert found["database"]["detail"].startswith("PostgreSQL 18") and found["database"]["detail"].endswith(
        ", migrated"
    )
    assert [found[name]["detail"] for name in ("queue", "cache")] == ["in PostgreSQL", "in this process"]
    assert [f["detail"] in shown.stdout for f in found.values() if f["name"] in ("storage", "cache", "ffmpeg")] == [
        True
    ] * 3
