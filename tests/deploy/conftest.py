"""The chart, as Helm renders it."""

import subprocess
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from services import charts

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/reelmill"
VALUES = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").iterdir())
Object = dict[str, Any]


class Rendered:
    """What the chart makes of one of its ci values, or of others."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.objects: list[Object] = [o for o in yaml.load_all(text, yaml.CSafeLoader) if o]

    def of(self, *kinds: str) -> dict[str, Object]:
        """Objects of some kinds, by name."""
        return {o["metadata"]["name"]: o for o in self.objects if o["kind"] in kinds}

    def pods(self) -> dict[str, Object]:
        """Everything that makes pods, and the test's own: name → pod template."""
        makers = self.of("Deployment", "StatefulSet", "Job")
        return {name: o["spec"]["template"] for name, o in makers.items()} | self.of("Pod")

    def containers(self) -> list[tuple[str, Object]]:
        """All of them, each with its pod's name."""
        specs = {name: pod["spec"] for name, pod in self.pods().items()}
        return [(name, c) for name, spec in specs.items() for c in spec.get("initContainers", []) + spec["containers"]]

    def environment(self, pod: str) -> dict[str, Any]:
        """A pod's variables by name: text, or a reference."""
        found: dict[str, Any] = defaultdict(str)
        for container in self.pods()[pod]["spec"]["containers"]:
            for source in container.get("envFrom") or []:
                found |= self.of("ConfigMap")[source["configMapRef"]["name"]]["data"]
            found |= {v["name"]: v.get("value", v.get("valueFrom")) for v in container.get("env") or []}
        return found


@cache
def render(values: str = "default", *options: str) -> Rendered:
    """`helm template` of ci values, with options such as --set=a=b."""
    done = helm("template", "media", str(CHART), f"--values={CHART}/ci/{values}-values.yaml", *options)
    assert done.returncode == 0, done.stderr
    return Rendered(done.stdout)


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Helm."""
    return subprocess.run([charts.helm(), *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(params=VALUES)
def rendered(request: pytest.FixtureRequest) -> Rendered:
    """The chart with each of its ci values."""
    return render(request.param)
