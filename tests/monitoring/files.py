"""The rules and dashboards that we ship, and what is asked of them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/monitoring"
RULES: dict[str, Any] = yaml.load((FOLDER / "rules.yaml").read_text(), yaml.CSafeLoader)
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule
}
RECORDS: dict[str, str] = {
    rule["record"]: rule["expr"] for group in RULES["groups"] for rule in group["rules"] if "record" in rule
}
_OPERATORS = re.compile(r"\s+(?:unless on \(\)|and|or|<|>|==)\s+")


def quick_rules() -> str:
    """Our rules, with alerts that fire as soon as they hold."""
    rules = json.loads(json.dumps(RULES))
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "0s"
    return yaml.safe_dump(rules)


def certificates_job(target: str, exporter: str) -> dict[str, Any]:
    """Our scrape job for certificates, for one host:port, once a second."""
    [job] = yaml.safe_load((FOLDER / "certificates.yml").read_text())
    job |= {"scrape_interval": "1s", "scrape_timeout": "1s", "static_configs": [{"targets": [target]}]}
    job["relabel_configs"][-1]["replacement"] = exporter
    return dict(job)


def queries() -> Iterator[tuple[str, str]]:
    """All expressions of panels and rules, each with the place where it stands; alerts without comparisons."""
    for path in sorted((FOLDER / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"].replace("$__rate_interval", "1m")
    yield from RECORDS.items()
    for name, rule in ALERTS.items():
        for operand in _OPERATORS.split(rule["expr"]):
            if "reelmill" in operand:
                yield name, operand.replace("absent(", "(")
