"""What Kafka's clients are made with: a URL's options, and the user and password that its file has now.

A password that changes needs no restart: each client's thread gives it the newest for its next connection.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl

from reelmill.passwords import parts_of
from reelmill.redaction import redacted

Config = dict[str, str | int | float | bool]
Credentials = tuple[str, str]
"""User and password."""
_USER, _PASSWORD = "sasl.username", "sasl.password"
_LOOK_SECONDS = 1.0  # between two looks at the file


class SaslClient(Protocol):
    """What all of librdkafka's clients have."""

    def set_sasl_credentials(self, username: str, password: str) -> None:
        """Take these for connections to come."""
        ...


class KafkaOptions:
    """Those of `url`, which may stand in `file`, to be read anew. It blocks for a small file."""

    def __init__(self, url: str, file: Path | None = None) -> None:
        """`url`: kafka://host:port[,host:port][?librdkafka.option=value]. Raises ValueError for another."""
        self._options = _options(url)
        self._file = file if _USER in self._options and _PASSWORD in self._options else None

    @property
    def servers(self) -> str:
        """Where the cluster is asked for first."""
        return str(self._options["bootstrap.servers"])

    def current(self) -> Config:
        """For a client that is made now."""
        return {**self._options, **self._newer()}

    def renewal(self, client: SaslClient, made_with: Config) -> "Renewal":
        """What keeps a client's user and password new."""
        return Renewal(client, self._credentials if self._file else None, _credentials(made_with))

    def _credentials(self) -> Credentials | None:
        return _credentials(self.current())

    def _newer(self) -> Config:
        """User and password of the file, where the rest of it is the same."""
        if self._file is None:
            return {}
        try:
            found = _options(self._file.read_text().strip())
        except (OSError, ValueError):  # while it is replaced, or was taken away: the one before holds
            return {}
        secret = {name: found.pop(name) for name in (_USER, _PASSWORD) if name in found}
        same = found == {name: value for name, value in self._options.items() if name not in (_USER, _PASSWORD)}
        return secret if same else {}  # another server: for that we are to be started anew


class Renewal:
    """One client's. Only the thread that calls the client calls it."""

    def __init__(
        self, client: SaslClient, newest: Callable[[], Credentials | None] | None, given: Credentials | None
    ) -> None:
        """`newest`: None where nothing changes. `given`: what the client has."""
        self._client = client
        self._newest = newest
        self._given = given
        self._looked = time.monotonic()

    def look(self) -> None:
        """Give the client what is new; once a second it is looked for."""
        if self._newest is None or time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        if (found := self._newest()) is not None and found != self._given:
            self._client.set_sasl_credentials(*found)
            self._given = found


def _credentials(options: Config) -> Credentials | None:
    user, password = options.get(_USER), options.get(_PASSWORD)
    return None if user is None or password is None else (str(user), str(password))


def _options(url: str) -> Config:
    """librdkafka's options of a URL. Raises ValueError, naming the setting."""
    parts = parts_of(url)
    if parts is None or parts.scheme != "kafka" or not parts.netloc or parts.path.strip("/"):
        raise ValueError(f"REELMILL_QUEUE_URL: {redacted(url)!r} is not kafka://host:port[,host:port][?option=value]")
    if "@" in parts.netloc:  # librdkafka would log it as the broker's name
        raise ValueError("REELMILL_QUEUE_URL: give user and password as ?sasl.username=…&sasl.password=…")
    return {
        "bootstrap.servers": parts.netloc,
        "client.id": "reelmill",
        "log_level": 4,  # warnings and worse
        # A broker that is back is found again soon.
        "reconnect.backoff.max.ms": 1000,
        # On a connection that died without a word; then it is asked anew.
        "socket.timeout.ms": 10_000,
        **dict(parse_qsl(parts.query, strict_parsing=bool(parts.query))),
    }
