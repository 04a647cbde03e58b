"""Filebeat, built from its Go module: no registry has its binary. A build takes minutes, once."""

import os
from pathlib import Path

from services import golang
from services.process import MissingError, Server

VERSION = "7.17.29"
# 7.13 and newer send to an Elasticsearch with a licence only, which the one of Maven's jars does not have.
SENDER_VERSION = "7.12.1"
_MODULE = "github.com/elastic/beats/v7"


class Filebeat(Server):
    """A Filebeat with a configuration; `variables` are its environment's, `options` its -E."""

    name = "filebeat"

    def __init__(self, version: str, config: str, *, variables: dict[str, str], options: dict[str, str]) -> None:
        super().__init__()
        self._program = program(version)
        self._config = config
        self._options = options
        self.environment = os.environ | variables

    @property
    def url(self) -> str:
        """None: it listens nowhere."""
        return ""

    def prepare(self) -> None:
        """Write the configuration. Raises MissingError."""
        if not self._program.exists():
            raise MissingError("Filebeat is not built: make test-logging")
        path = self.folder / "filebeat.yml"
        path.touch(0o600)
        path.write_text(self._config)

    def command(self) -> list[str]:
        """Its argv."""
        options = [part for name, value in self._options.items() for part in ("-E", f"{name}={value}")]
        paths = [part for name in ("home", "data", "logs") for part in (f"--path.{name}", str(self.folder))]
        return [str(self._program), "-e", "-c", str(self.folder / "filebeat.yml"), *paths, *options]

    def answers(self) -> bool:
        """Whether it has begun to read."""
        return "filebeat start running" in self.log.read_text()


def program(version: str) -> Path:
    """Filebeat's path; it is there once it was built."""
    return golang.cache() / f"filebeat-{version}" / "filebeat"


def install() -> None:
    """Build both, some minutes each, once. Raises MissingError."""
    for version in (VERSION, SENDER_VERSION):
        if not program(version).exists():
            print(f"building Filebeat {version} with Go: some minutes, once", flush=True)
            build(version)


def build(version: str) -> None:
    """Build it. Raises MissingError where that fails."""
    golang.build(_MODULE, version, {"filebeat": f"{_MODULE}/filebeat"}, program(version).parent)
