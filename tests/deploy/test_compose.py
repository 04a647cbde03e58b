"""The Compose file: valid, complete, and in keeping with the settings."""

import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from deploy.conftest import ROOT
from deploy.test_servers import check_redis_script
from services import charts, prometheus

from reelmill.auth.tokens import parse
from reelmill.settings import Settings

FOLDER = ROOT / "deploy/compose"
PROCESSES = ("api", "gateway", "worker", "scheduler")


@pytest.fixture(scope="module")
def compose() -> Any:
    """The file, with the defaults of its variables, and passwords."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (FOLDER / "compose.yaml").read_text())
    text = re.sub(r"\$\{(\w+)_PASSWORD:\?\}", r"the-\1-password", text)
    return yaml.safe_load(text)


def test_it_keeps_to_the_specification(compose: Any) -> None:
    schema = charts.compose_schema()
    # As Compose does: what is merged in by YAML is gone by then.
    assert [error.message for error in jsonschema_rs.iter_errors(schema, compose)] == []
    wrong = compose | {"services": compose["services"] | {"api": {"imagine": "reelmill"}}}
    assert not jsonschema_rs.is_valid(schema, wrong)


def test_every_file_that_it_mounts_is_there(compose: Any) -> None:
    mounted = [
        source
        for service in compose["services"].values()
        for source in (str(volume).partition(":")[0] for volume in service.get("volumes", []))
        if source.startswith((".", "../")) and source != "./media"
    ]
    assert len(mounted) == 7
    assert [source for source in mounted if not (FOLDER / source).exists()] == []
    build = compose["services"]["api"]["build"]
    assert (FOLDER / build["context"] / build["dockerfile"]).is_file()


def test_every_volume_and_dependency_is_declared(compose: Any) -> None:
    services = compose["services"]
    named = {str(v).partition(":")[0] for s in services.values() for v in s.get("volumes", []) if ":" in str(v)}
    assert {name for name in named if not name.startswith((".", "/"))} == set(compose["volumes"])
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
    assert {name for name, s in services.items() if s.get("profiles") == ["logs"]} == {
        *("elasticsearch", "index-template", "kibana", "filebeat"),
    }


def test_graphs_are_turned_on_once_a_new_worker_is_up(compose: Any) -> None:
    graphs = compose["services"]["graphs"]
    assert graphs["depends_on"] == {"worker": {"condition": "service_healthy"}}
    assert (graphs["command"][0], graphs["command"][-2:]) == ("migrate", ["--graphs", "on"])
    assert "graphs" not in str(compose["services"]["migrate"]["command"]), "the old workers are still there then"


@pytest.mark.parametrize("process", PROCESSES)
def test_every_variable_is_a_setting_with_a_valid_value(
    compose: Any, process: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = compose["services"][process]
    variables = {name: str(v) for name, v in service["environment"].items() if name.startswith("REELMILL_")}
    assert {name.removeprefix("REELMILL_").lower() for name in variables} <= set(Settings.model_fields)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Settings().grpc_port == 9090
    assert ("REELMILL_ADMIN_KEY" in variables) == (process == "api"), "a secret is for who needs it"
    assert service["command"] == [process]
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and "healthcheck" in service


def test_a_worker_has_more_time_than_its_drain_takes(compose: Any) -> None:
    worker = compose["services"]["worker"]
    assert (
        int(worker["stop_grace_period"].removesuffix("m")) * 60 > worker["environment"]["REELMILL_DRAIN_SECONDS"] + 30
    )


def test_what_is_reached_from_outside_is_in_the_handbook_and_on_this_machine_alone(compose: Any) -> None:
    handbook = (ROOT / "docs/operating.md").read_text()
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(ports) == 5
    for port in ports:
        address, outside, _inside = port.split(":")
        assert address == "127.0.0.1"
        assert f"127.0.0.1:{outside}" in handbook, outside


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    rules = ROOT / "deploy/monitoring/rules.yaml"
    text = (FOLDER / "prometheus.yml").read_text().replace("/etc/prometheus/rules.yaml", str(rules))
    (tmp_path / "prometheus.yml").write_text(text)
    argv = [prometheus.program("promtool"), "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_no_password_but_of_ones_own(compose: Any, tmp_path: Path) -> None:
    text = (FOLDER / "compose.yaml").read_text()
    wanted = set(re.findall(r"\$\{(\w+)_PASSWORD:\?\}", text))
    assert wanted == set(re.findall(r"\$\{(\w+)_PASSWORD", text)), "none has a default"
    [command] = re.findall(r"^\(umask 077.*$", (ROOT / "docs/operating.md").read_text(), re.MULTILINE)
    assert f"#   {command}\n" in text
    for status in (0, 2):  # what is there is kept
        assert (
            subprocess.run(["sh", "-c", command], cwd=tmp_path, check=False, capture_output=True).returncode == status
        )
    made = dict(line.split("=") for line in (tmp_path / ".env").read_text().splitlines())
    key = made.pop("ADMIN_KEY")
    assert parse(key) and len(key) > 60, "an api takes it"
    assert set(made) == {f"{name}_PASSWORD" for name in wanted}
    assert len(set(made.values())) == 4 and all(re.fullmatch("[0-9a-f]{48}", value) for value in made.values())
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_redis_wants_its_password(compose: Any) -> None:
    [script] = compose["services"]["redis"]["command"]
    check_redis_script(script.replace("$$", "$"))
