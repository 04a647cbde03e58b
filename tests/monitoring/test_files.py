"""Rules, their tests, the runbook and the dashboards hold together."""

import re
import subprocess
import sys

import pytest
import yaml
from monitoring.files import ALERTS, FOLDER, ROOT
from services.prometheus import program

from reelmill.telemetry import metrics

CASES = [
    case
    for test in yaml.load((FOLDER / "rules_test.yaml").read_text(), yaml.CSafeLoader)["tests"]
    for case in test["alert_rule_test"]
]


@pytest.mark.parametrize("command", [("check", "rules", "rules.yaml"), ("test", "rules", "rules_test.yaml")])
def test_promtool_agrees(command: tuple[str, ...]) -> None:
    done = subprocess.run([program("promtool"), *command], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_tested_firing_and_not_firing(name: str) -> None:
    assert {bool(case["exp_alerts"]) for case in CASES if case["alertname"] == name} == {True, False}


@pytest.mark.parametrize(("name", "rule"), ALERTS.items())
def test_an_alert_says_how_bad_it_is_and_what_to_do(name: str, rule: dict[str, dict[str, str]]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"] and rule["annotations"]["description"]
    file, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / file).read_text(), re.MULTILINE)
    assert anchor == name.lower() and name in headings


def test_the_runbook_quotes_lines_that_are_logged() -> None:
    code = "".join(path.read_text() for path in (ROOT / "src/reelmill").rglob("*.py"))
    quoted = re.findall(r"`([a-z][^`]* [^`]*)`\s\[", (ROOT / "docs/runbook.md").read_text())
    assert len(quoted) > 15
    assert [line for line in quoted if f'"{line}"' not in code] == []


def test_the_documentation_lists_every_metric() -> None:
    process = metrics._BY_PROCESS["up"]
    shown = {family.name for registry in process for family in registry.collect()}
    listed = set(re.findall(r"^\| `(\w+?)(?:_total)?` \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))
    assert listed == shown


def test_dashboards_are_what_their_code_gives() -> None:
    command = [sys.executable, FOLDER / "dashboards.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
