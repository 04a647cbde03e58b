"""The chart's servers for trying out: their scripts start real ones, that keep what they had."""

import asyncio
import os
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil
import pytest
import redis
from deploy.conftest import render
from services import kafka
from services.postgres import Postgres, binaries
from services.process import HOST, free_port
from waiting import PATIENCE_SECONDS

from reelmill.store.migrate import migrate


def script(server: str) -> str:
    """What the container of a server runs."""
    [container] = render("default").pods()[f"media-reelmill-{server}"]["spec"]["containers"]
    text: str = container["command"][2]
    return text


class TrialPostgres(Postgres):
    """The chart's PostgreSQL, on a port and in a folder of its own."""

    password = "secret"

    @property
    def url(self) -> str:
        """As the chart's Secret has it."""
        return f"postgresql://reelmill:{quote(self.password)}@{HOST}:{self.port}/reelmill"

    def prepare(self) -> None:
        """As the image's user."""
        if os.geteuid() == 0:
            self._step_down()
        self.environment = {
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "PGDATA": str(self.folder / "data"),
            "PGPORT": str(self.port),
            "POSTGRES_PASSWORD": self.password,
        }

    def command(self) -> list[str]:
        """The script."""
        return ["sh", "-ec", script("postgresql").replace("/tmp", str(self.folder))]


class TrialKafka(kafka.Kafka):
    """The chart's Kafka, on ports and in a folder of its own."""

    def prepare(self) -> None:
        """Java is on the image's PATH."""
        quick = f"-XX:TieredStopAtLevel=1 -XX:SharedArchiveFile={kafka.first() / 'classes.jsa'}"
        self.environment = {
            "PATH": f"{Path(kafka.java()).parent}:{os.environ['PATH']}",
            "JAVA_TOOL_OPTIONS": quick,
        }

    def command(self) -> list[str]:
        """The script."""
        text = script("kafka")
        for theirs, ours in {
            "media-reelmill-kafka.default.svc": HOST,
            "/tmp": str(self.folder),
            "/var/lib/kafka": str(self.folder),
            "/opt/kafka/libs": str(kafka.jars()),
            "9092": str(self.port),
            "9093": str(self._controller_port),
        }.items():
            text = text.replace(theirs, ours)
        return ["sh", "-efc", text]


async def test_postgresql_keeps_its_data_over_a_restart() -> None:
    assert (binaries() / "initdb").exists()
    with TrialPostgres() as server:
        assert len(await migrate(server.url)) > 0
        server.kill()
        server.start()
        assert await migrate(server.url) == []


async def test_postgresql_takes_the_password_of_a_new_installation_on_the_volume_of_the_old() -> None:
    with TrialPostgres() as server:
        await migrate(server.url)
        server.password = r"it's \n %s another"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.url)
        server.stop()
        server.prepare()
        server.start()
        assert await migrate(server.url) == []
        assert "another" not in server.log.read_text()


async def test_postgresql_ends_without_waiting_for_its_clients() -> None:
    [container] = render("default").pods()["media-reelmill-postgresql"]["spec"]["containers"]
    *shell, text = container["lifecycle"]["preStop"]["exec"]["command"]
    with TrialPostgres() as server:
        client = await asyncpg.connect(server.url)
        process = psutil.Process(server.pid)
        subprocess.run([*shell, text.replace(" 1", f" {server.pid}")], check=True)
        process.terminate()  # as kubelet does next
        await asyncio.to_thread(process.wait, 15)
        client.terminate()


def test_a_changed_password_starts_postgresql_anew() -> None:
    first, second = (render("default", f"--set=postgresql.password={password}").pods() for password in "ab")
    name = "media-reelmill-postgresql"
    assert first[name]["metadata"]["annotations"] != second[name]["metadata"]["annotations"]
    assert first["media-reelmill-kafka"] == second["media-reelmill-kafka"]


def test_kafka_starts_twice_on_its_folder(kafka_server: object) -> None:
    with TrialKafka() as server:
        server.restart()
        assert (server.folder / "reelmill/meta.properties").exists()


def check_redis_script(script: str) -> None:
    """A Redis that a script starts answers who has the password, and it is the shell's own process."""
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "REDISCLI_AUTH": "its-password"}
    argv = ["sh", "-ec", script.replace("--save", f"--port {port} --save", 1)]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, cwd="/tmp") as server:
        try:
            with redis.Redis(port=port, password="its-password") as ours, redis.Redis(port=port) as stranger:
                deadline = time.monotonic() + PATIENCE_SECONDS
                while True:
                    try:
                        assert ours.ping()
                        break
                    except redis.ConnectionError:
                        assert server.poll() is None and time.monotonic() < deadline
                        time.sleep(0.01)
                with pytest.raises(redis.AuthenticationError):
                    stranger.ping()
            command = psutil.Process(server.pid).cmdline()
            assert "redis-server" in command[0] and not any("its-password" in part for part in command)
        finally:
            server.terminate()


def test_the_trial_redis_wants_its_password() -> None:
    check_redis_script(script("redis"))
