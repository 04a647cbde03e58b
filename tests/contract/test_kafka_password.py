"""Kafka's password changes while its clients run: at a broker that asks for it again and again, and in their file."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from contract.test_queue import message, numbers
from services.kafka import REAUTHENTICATION_SECONDS
from waiting import PATIENCE_SECONDS, eventually, patient

from reelmill.queue.kafka import KafkaQueue
from reelmill.queue.kafka_options import KafkaOptions
from reelmill.queue.port import Consumer, QueueUnavailable, Topic

TOPIC = Topic.TASKS_NORMAL
URL = "kafka://broker:9092?sasl.username=reelmill&sasl.password={}"


class Broker:
    """One with a user of the test's own."""

    def __init__(self, server: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": server.removeprefix("kafka://")})
        self._user = f"user-{secrets.token_hex(4)}"
        resource = ConfigResource(ConfigResource.Type.BROKER, "1")
        [told] = self._admin.describe_configs([resource], request_timeout=PATIENCE_SECONDS).values()
        listeners = told.result()["advertised.listeners"].value
        self._address = next((one[7:] for one in listeners.split(",") if one.startswith("SASL://")), None)
        if self._address is None:
            pytest.skip("REELMILL_TEST_KAFKA_URL is a broker without a listener SASL")

    def url(self, password: str) -> str:
        """What a client is given, and what stands in its file."""
        options = {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": self._user,
            "sasl.password": password,
            "delivery.timeout.ms": 50_000,  # a slow machine is no broker that is away
        }
        return f"kafka://{self._address}?" + "&".join(f"{name}={value}" for name, value in options.items())

    def set_password(self, password: str) -> None:
        """From now on it is this."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
        change = UserScramCredentialUpsertion(self._user, info, password.encode())
        [done] = self._admin.alter_user_scram_credentials([change]).values()
        done.result(PATIENCE_SECONDS)


@pytest.fixture
def broker(kafka_server: Any) -> Broker:
    return Broker(kafka_server.url)


@pytest.fixture
async def make(topic_prefix: str) -> AsyncIterator[Callable[..., Awaitable[KafkaQueue]]]:
    queues: list[KafkaQueue] = []

    async def make(url: str, file: Path | None = None) -> KafkaQueue:
        queue = KafkaQueue(url, topic_prefix=topic_prefix, partitions=1, replication=1, file=file)
        queues.append(queue)
        await queue.start()
        return queue

    yield make
    for queue in queues:
        await queue.stop()


async def test_a_password_that_changes_in_its_file_is_used_without_a_restart(
    broker: Broker, make: Callable[..., Awaitable[KafkaQueue]], tmp_path: Path
) -> None:
    file = tmp_path / "url"
    await asyncio.to_thread(broker.set_password, "first")
    # As where the broker is new: a user may be known a moment later than it was told.
    file.write_text(broker.url("first"))
    queue = await make(broker.url("first"), file)
    stale = await make(broker.url("first"))
    consumer = queue.consumer([TOPIC])
    await queue.publish([message(1)])
    assert await _received(consumer, 1) == [1]
    await eventually(lambda: _lag_is(queue, 1), "the lag is told")

    file.write_text(broker.url("second"))
    await asyncio.to_thread(broker.set_password, "second")
    await eventually(lambda: _refused(stale), "one without the file is refused")
    loop = asyncio.get_running_loop()
    looked_until = loop.time() + 2 * REAUTHENTICATION_SECONDS  # the sessions of before have ended by then
    sent = [2]
    await queue.publish([message(2)])
    while loop.time() < looked_until:
        sent.append(sent[-1] + 1)
        await queue.publish([message(sent[-1])])
    assert await _received(consumer, len(sent)) == sent
    await eventually(lambda: _answers(queue), "the broker answers")
    await eventually(lambda: _lag_is(queue, len(sent) + 1), "the lag is told")
    await consumer.stop()
    # Who joins now has the new one from the first.
    later = queue.consumer([TOPIC], group="later")
    assert await _received(later, len(sent) + 1) == [1, *sent]
    await later.stop()


async def _refused(queue: KafkaQueue) -> bool:
    return not await _answers(queue)


async def _answers(queue: KafkaQueue) -> bool:
    try:
        await queue.check()
    except QueueUnavailable:
        return False
    return True


async def _received(consumer: Consumer, count: int) -> list[int]:
    """Different numbers of messages. Who signs in between the two changes is refused, and tries again."""
    taken = set[int]()
    async with patient():
        while len(taken) < count:
            with suppress(QueueUnavailable):
                taken |= set(numbers(await consumer.receive(100, PATIENCE_SECONDS)))
    return sorted(taken)


async def _lag_is(queue: KafkaQueue, messages: int) -> bool:
    try:
        return await queue.lag([TOPIC]) == {TOPIC: messages}
    except QueueUnavailable:
        return False


class Client:
    """Notes what it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, str]] = []

    def set_sasl_credentials(self, username: str, password: str) -> None:
        self.given.append((username, password))


@pytest.mark.parametrize(
    ("text", "password"),
    [
        (URL.format("new"), "new"),
        (URL.format("n%26w") + "\n", "n&w"),
        (URL.format("new").replace("broker", "elsewhere"), "old"),  # that wants a restart
        (URL.format("new") + "&linger.ms=5", "old"),
        ("kafka://broker:9092", "old"),
        ("", "old"),
        ("no URL", "old"),
    ],
)
def test_of_a_file_user_and_password_alone_are_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, password: str
) -> None:
    monkeypatch.setattr("reelmill.queue.kafka_options._LOOK_SECONDS", 0)
    file, client = tmp_path / "url", Client()
    file.write_text(URL.format("old"))
    options = KafkaOptions(URL.format("old"), file)
    renewal = options.renewal(client, options.current())
    renewal.look()
    assert client.given == []
    file.write_text(text)
    assert options.current()["sasl.password"] == password
    for _ in range(2):
        renewal.look()
    assert client.given == ([("reelmill", password)] if password != "old" else [])
    file.unlink()
    renewal.look()
    assert options.current()["sasl.password"] == "old"
