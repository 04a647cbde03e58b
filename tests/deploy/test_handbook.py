"""What docs/operating.md and docs/observing.md tell a platform team to copy is right."""

import re
from pathlib import Path

import pytest
from deploy.conftest import CHART, ROOT, helm, render
from services import charts

HANDBOOK = (ROOT / "docs/operating.md").read_text()
VALUES = [text.replace("…", "0" * 64) for text in re.findall(r"```yaml\n(.*?)```", HANDBOOK, re.DOTALL)]
PRODUCTION = VALUES[0]


@pytest.mark.parametrize("values", VALUES, ids=lambda values: values.partition(":")[0])
def test_the_values_are_valid_and_so_is_what_comes_of_them(values: str, tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(values)
    done = helm("lint", "--strict", str(CHART), f"--values={path}")
    assert done.returncode == 0, done.stdout
    assert charts.faults(render("default", f"--values={path}").text) == []


def test_every_secret_that_production_names_is_made_before() -> None:
    named = set(re.findall(r"name: (reelmill-\w+), key: (\w+)", PRODUCTION))
    [bucket] = re.findall(r"existingSecret: (reelmill-\w+)", PRODUCTION)
    named |= {(bucket, "AWS_ACCESS_KEY_ID"), (bucket, "AWS_SECRET_ACCESS_KEY")}
    commands = re.findall(r"create secret generic (\S+) (--from-literal=.*)", HANDBOOK)
    made = {(name, key) for name, options in commands for key in re.findall(r"--from-literal=(\w+)=", options)}
    assert made == named


def test_filebeat_runs_with_what_is_made_for_it() -> None:
    manifest = (ROOT / "deploy/logging/filebeat-daemonset.yaml").read_text()
    assert charts.faults(manifest) == []
    commands = (ROOT / "docs/observing.md").read_text()
    for kind in ("configmap", "secret generic"):
        assert f"kubectl -n logging create {kind} filebeat " in commands
    variables = set(re.findall(r"\$\{(ELASTICSEARCH_\w+)", (ROOT / "deploy/logging/filebeat.yml").read_text()))
    assert set(re.findall(r"--from-literal=(\w+)=", commands)) == variables
