"""up, worker, scheduler, migrate, doctor, help."""

import asyncio
import json
import os
import re
import socket
import time
from contextlib import closing
from pathlib import Path

import asyncpg
import psutil
import pytest
from cli.conftest import Cli
from live import Reelmill
from services.process import HOST

from reelmill.media.sandbox.walls import standing
from reelmill.store.migrate import migrations
from reelmill.store.switches import GRAPHS, is_on

AWAY = f"{HOST}:1"  # nobody listens there


def test_help_lists_every_command(cli: Cli) -> None:
    for arguments in ((), ("--help",), ("-h",)):
        text = cli(*arguments).output
        for command in (
            *("up", "run", "demo", "submit", "jobs", "job", "watch", "cancel", "retry", "delete", "logs"),
            *("api", "gateway", "worker", "scheduler", "migrate", "doctor", "settings"),
        ):
            assert re.search(rf"^  {command} ", text, re.MULTILINE), command
    assert re.fullmatch(r"reelmill \d+\.\d+\.\d+\n", cli("--version").output)


def test_up_prints_where_it_listens_and_how_long_it_took(live: Reelmill) -> None:
    while "ready in" not in live.log.read_text():  # it answers an instant before it says so
        time.sleep(0.02)
    printed = [line for line in live.log.read_text().splitlines() if not line.startswith("{")][:6]
    assert printed[:5] == [
        f"Console  {live.http}/",
        f"REST     {live.http}/v1/jobs",
        f"Swagger  {live.http}/swagger/",
        f"gRPC     {live.grpc}",
        f"Data     {live.folder}/data",
    ]
    assert re.fullmatch(r"ready in \d+\.\d s; Ctrl-C stops", printed[5])


@pytest.mark.parametrize("option", ["--http", "--grpc"])
def test_up_tells_of_a_port_that_is_taken(cli: Cli, option: str) -> None:
    with closing(socket.create_server((HOST, 0))) as taken:
        port = taken.getsockname()[1]
        result = cli("up", option, str(port), http_port=0, grpc_port=0)
    assert result.exit_code == 1
    who = f"{psutil.Process().name()} (process {os.getpid()})"
    words = f"can't listen on {HOST}:{port}: Address already in use by {who}; choose another with {option} PORT\n"
    assert result.stderr == words


def test_up_tells_which_other_up_has_its_port(cli: Cli, live: Reelmill) -> None:
    port = live.http.rpartition(":")[2]
    result = cli("up", "--http", port, grpc_port=0)
    assert result.exit_code == 1
    who = rf"`reelmill up` \(process \d+, data in {live.folder}/data\)"
    assert re.search(f"Address already in use by {who}; choose another with --http PORT$", result.stderr)


@pytest.mark.parametrize(("option", "text"), [("--http", "x"), ("--grpc", "1:x"), ("--http", "70000")])
def test_up_tells_of_a_port_that_is_none(cli: Cli, option: str, text: str) -> None:
    result = cli("up", option, text)
    assert (result.exit_code, result.stderr) == (2, f"{option} {text}: give a port, or host:port\n")


def test_up_tells_of_a_data_folder_that_is_none(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = cli("up", "--data", "file", http_port=0, grpc_port=0)
    assert result.exit_code == 1
    assert result.stderr == "REELMILL_DATA_DIR: file can't be made: File exists\n"


def test_migrate_brings_a_database_up_to_date_once(cli: Cli, empty_database_url: str) -> None:
    first, again = (cli("migrate", database_url=empty_database_url) for _ in range(2))
    assert (first.exit_code, first.stdout) == (0, "".join(f"applied {m.number:04} {m.name}\n" for m in migrations()))
    assert (again.exit_code, again.stdout) == (0, "up to date\n")


async def test_migrate_turns_graphs_on_and_off(cli: Cli, empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    for chosen in ("on", "off"):
        result = await asyncio.to_thread(cli, "migrate", "--graphs", chosen, database_url=empty_database_url)
        assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, f"graphs: {chosen}")
        assert await is_on(connection, GRAPHS) == (chosen == "on")
    old = {"application_name": "reelmill worker"}  # as a release before calls itself
    worker = await asyncpg.connect(empty_database_url, server_settings=old)
    result = await asyncio.to_thread(cli, "migrate", "--graphs", "on", database_url=empty_database_url)
    assert (result.exit_code, result.stderr.splitlines()[0].partition(";")[0]) == (
        1,
        "graphs stays off: a worker of a release before still runs",
    )
    assert not await is_on(connection, GRAPHS)
    await worker.close()
    await connection.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("embedded:", "is embedded: `reelmill up` migrates it by itself"),
        (f"postgresql://{AWAY}/x", "PostgreSQL is away"),
        ("mysql://x", "must be postgresql://"),
    ],
)
def test_migrate_tells_of_a_url_that_leads_nowhere(cli: Cli, url: str, words: str) -> None:
    result = cli("migrate", database_url=url)
    assert result.exit_code in (1, 2)
    assert result.stderr.startswith("REELMILL_DATABASE_URL")
    assert words in result.stderr


@pytest.mark.parametrize(("setting", "value"), [("queue_url", "nats://x"), ("cache_url", "memcached://x")])
def test_a_process_tells_of_a_url_that_no_adapter_knows(cli: Cli, setting: str, value: str) -> None:
    result = cli("worker", **{setting: value, "database_url": f"postgresql://{AWAY}/x"})
    assert result.exit_code == 1
    assert result.stderr.startswith(f"REELMILL_{setting.upper()}: '{value}' is neither")


def test_several_apis_need_a_port(cli: Cli) -> None:
    result = cli("api", "--processes", "2", grpc_port=0)
    assert (result.exit_code, "needs a port of its own, not 0" in result.stderr) == (2, True)


def test_doctor_finds_a_good_set_up_good(cli: Cli, database_url: str, redis_server, kafka_server) -> None:
    result = cli("doctor", "--json", database_url=database_url, cache_url=redis_server.url, queue_url=kafka_server.url)
    findings = {f["name"]: f for f in json.loads(result.stdout)}
    assert [f["name"] for f in findings.values() if f["remedy"]] == []
    assert (result.exit_code, result.stderr) == (0, "")
    assert findings["database"]["detail"].startswith("PostgreSQL 18")
    assert findings["sandbox"]["detail"] == str(standing("try"))
    assert [findings[name]["detail"] for name in ("queue", "cache")] == ["Kafka answers", "Redis answers"]


def test_doctor_tells_each_fault_with_its_remedy(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = cli(
        "doctor",
        "--json",
        ffmpeg="/none/ffmpeg",
        disk_reserve_bytes=2**60,
        storage_url=(tmp_path / "file").as_uri(),
        database_url=f"postgresql://{AWAY}/x",
        queue_url=f"kafka://{AWAY}",
        cache_url=f"redis://{AWAY}",
    )
    found = {f["name"]: f for f in json.loads(result.stdout)}
    assert list(found) == ["ffmpeg", "packager", "speech", "sandbox", "disk", "storage", "database", "queue", "cache"]
    for name, setting in {
        "ffmpeg": "REELMILL_FFMPEG",
        "disk": "REELMILL_DISK_RESERVE_BYTES",
        "storage": "REELMILL_STORAGE_URL",
        "database": "REELMILL_DATABASE_URL",
        "queue": "REELMILL_QUEUE_URL",
        "cache": "REELMILL_CACHE_URL",
    }.items():
        assert setting in found[name]["remedy"], found[name]
        assert found[name]["detail"]
    assert (result.exit_code, result.stderr) == (1, "")


def test_doctor_misses_migrations(cli: Cli, empty_database_url: str) -> None:
    result = cli("doctor", database_url=empty_database_url)
    assert result.exit_code == 1
    assert re.search(r"wrong +database +PostgreSQL 18\S* answers, but lacks migrations: initial", result.stdout)
    assert "`reelmill migrate`" in result.stdout
