"""Prometheus, its Alertmanager and its blackbox exporter: Debian's."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from services import debian
from services.process import HOST, Server

Result = list[dict[str, Any]]


class Alertmanager(Server):
    """Sends every alert to a webhook, at once."""

    name = "alertmanager"

    def __init__(self, webhook: str) -> None:
        super().__init__()
        self._webhook = webhook

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"

    def prepare(self) -> None:
        """Write the configuration."""
        route = {"receiver": "hook", "group_by": ["alertname"], "group_wait": "100ms", "group_interval": "1s"}
        receivers = [{"name": "hook", "webhook_configs": [{"url": self._webhook}]}]
        (self.folder / "config.yaml").write_text(yaml.safe_dump({"route": route, "receivers": receivers}))

    def command(self) -> list[str]:
        """The server's argv. Raises MissingError."""
        return [
            program("prometheus-alertmanager"),
            "--config.file=config.yaml",
            "--storage.path=data",
            f"--web.listen-address={HOST}:{self.port}",
            "--cluster.listen-address=",  # it is alone
        ]

    def answers(self) -> bool:
        """Whether it is ready."""
        return answers(f"{self.url}/-/ready")


class Blackbox(Server):
    """Opens TLS connections to what Prometheus names, and tells when certificates expire."""

    name = "blackbox"

    def __init__(self, configuration: Path) -> None:
        super().__init__()
        self._configuration = configuration

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"

    def prepare(self) -> None:
        """Nothing: it has its configuration from us."""

    def command(self) -> list[str]:
        """The server's argv. Raises MissingError."""
        return [
            program("prometheus-blackbox-exporter"),
            f"--config.file={self._configuration}",
            f"--web.listen-address={HOST}:{self.port}",
        ]

    def answers(self) -> bool:
        """Whether it is ready."""
        return answers(f"{self.url}/-/healthy")


class Prometheus(Server):
    """Scrapes `targets`, which are host:port by the name of a process, once a second, and what `more` jobs say."""

    name = "prometheus"

    def __init__(
        self,
        targets: Mapping[str, Sequence[str]],
        rules: str,
        alertmanager: Alertmanager,
        more: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__()
        self._targets = targets
        self._rules = rules
        self._alertmanager = alertmanager
        self._more = more

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"

    def prepare(self) -> None:
        """Write the configuration and the rules."""
        groups = [{"targets": list(found), "labels": {"process": name}} for name, found in self._targets.items()]
        alertmanagers = [{"static_configs": [{"targets": [f"{HOST}:{self._alertmanager.port}"]}]}]
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "alerting": {"alertmanagers": alertmanagers},
            "scrape_configs": [{"job_name": "reelmill", "static_configs": groups}, *self._more],
        }
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))
        (self.folder / "rules.yaml").write_text(self._rules)

    def command(self) -> list[str]:
        """The server's argv. Raises MissingError."""
        return [
            program("prometheus"),
            "--config.file=config.yaml",
            "--storage.tsdb.path=data",
            f"--web.listen-address={HOST}:{self.port}",
        ]

    def answers(self) -> bool:
        """Whether it is ready."""
        return answers(f"{self.url}/-/ready")

    def query(self, expression: str) -> Result:
        """The series that an expression gives now. Raises ValueError for one that Prometheus refuses."""
        parameters = urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?{parameters}", timeout=10) as answer:
                found: Result = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(f"{expression}: {error.read().decode()}") from error
        return found


def program(name: str) -> str:
    """The path of one of their programs, or promtool. Raises MissingError."""
    return debian.program(name, "prometheus" if name == "promtool" else name)


def programs() -> list[str]:
    """The paths of all three. Raises MissingError."""
    return [program(name) for name in ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter")]


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
