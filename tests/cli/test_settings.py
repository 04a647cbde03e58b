"""settings: shown, masked, and round through a TOML file."""

import json
import tomllib
from pathlib import Path

import pytest
from cli.conftest import Cli

from reelmill.settings import Settings


def test_every_setting_is_shown_with_value_source_and_description(cli: Cli) -> None:
    rows = {row["variable"]: row for row in json.loads(cli("settings", "--json", http_port=8081).stdout)}
    assert rows.keys() == {f"REELMILL_{name.upper()}" for name in Settings.model_fields}
    assert all(row["description"] for row in rows.values())
    assert (rows["REELMILL_HTTP_PORT"]["value"], rows["REELMILL_HTTP_PORT"]["source"]) == (8081, "variable")
    assert rows["REELMILL_GRPC_PORT"]["source"] == "default"
    assert "REELMILL_HTTP_PORT=8081  (variable)" in cli("settings").stdout


def test_what_is_shown_can_be_copied_into_variables(cli: Cli) -> None:
    given = {"local_roots": '["/a b", "/ü"]', "http_allow_private": True, "worker_slots": 3, "log_level": "debug"}
    shown = cli("settings", **given).stdout
    lines = [line for line in shown.splitlines() if line.startswith("REELMILL_")]
    copied = dict(line.partition("  (")[0].split("=", 1) for line in lines)
    assert copied["REELMILL_LOCAL_ROOTS"] == '["/a b", "/ü"]'
    again = cli("settings", **{name.removeprefix("REELMILL_").lower(): value for name, value in copied.items()}).stdout
    assert [line.partition("  (")[0] for line in again.splitlines()] == [
        line.partition("  (")[0] for line in shown.splitlines()
    ]
    for row in json.loads(cli("settings", "--json").stdout):
        value = row["value"] if isinstance(row["value"], str) else json.dumps(row["value"], ensure_ascii=False)
        assert value == copied[row["variable"]]


def test_secrets_are_masked(cli: Cli) -> None:
    shown = cli(
        "settings",
        database_url="postgresql://user:hunter2@db/x?sslpassword=hunter2",
        cache_url="redis://:hunter2@cache:6379/0",
        queue_url="kafka://broker:9092?sasl.password=hunter2",
    ).stdout
    assert "hunter2" not in shown
    assert "postgresql://user:***@db/x" in shown


def test_the_toml_template_is_a_file_of_the_defaults(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = cli("settings", "--toml").stdout
    assert tomllib.loads(template) == {}
    uncommented = "\n".join(line.removeprefix("#") for line in template.splitlines() if not line.startswith("# "))
    file = tmp_path / "reelmill.toml"
    file.write_text(uncommented.replace("8080", "8085"))
    monkeypatch.delenv("REELMILL_DATA_DIR")
    rows = {row["variable"]: row for row in json.loads(cli("settings", "--json", config=file).stdout)}
    assert {row["source"] for name, row in rows.items() if name != "REELMILL_DATA_DIR"} == {"file"}
    assert rows.pop("REELMILL_HTTP_PORT")["value"] == 8085
    defaults = Settings.model_construct().model_dump(mode="json")
    assert {name: row["value"] for name, row in rows.items()} == {
        f"REELMILL_{name.upper()}": value for name, value in defaults.items() if name != "http_port"
    }


def test_a_variable_goes_before_the_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "reelmill.toml").write_text("http_port = 8085\ngrpc_port = 9095\n")
    rows = json.loads(cli("settings", "--json", config=tmp_path / "reelmill.toml", http_port=8086).stdout)
    found = {row["variable"]: (row["value"], row["source"]) for row in rows}
    assert (found["REELMILL_HTTP_PORT"], found["REELMILL_GRPC_PORT"]) == ((8086, "variable"), (9095, "file"))


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("http_port", "x", "REELMILL_HTTP_PORT: Input should be a valid integer"),
        ("http_port", "70000", "REELMILL_HTTP_PORT: Input should be less than or equal to 65535"),
        ("read_roots", "/media", 'REELMILL_READ_ROOTS: must be JSON, such as ["/media"]'),
        ("config", "none.toml", "REELMILL_CONFIG: there is no file 'none.toml'"),
    ],
)
def test_a_wrong_setting_is_told_by_its_variable(cli: Cli, setting: str, value: str, words: str) -> None:
    result = cli("settings", **{setting: value})
    assert (result.exit_code, words in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "words"), [("http_port = ", "is no TOML"), ("htp_port = 1", "'htp_port' is no setting")]
)
def test_a_wrong_file_is_told(cli: Cli, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    result = cli("settings", config=tmp_path / "bad.toml")
    assert (result.exit_code, words in result.stderr) == (2, True)


def test_a_variable_that_is_no_setting_gets_a_warning(cli: Cli) -> None:
    result = cli("settings", worker_slot=3)
    assert result.exit_code == 0
    assert "REELMILL_WORKER_SLOT is no setting; did you mean REELMILL_WORKER_SLOTS?" in result.stderr


@pytest.mark.parametrize("labels", ['["engine=mine"]', '["Gpu"]', '["a", "b", "c", "d", "e"]'])
def test_a_label_that_no_worker_may_have_is_refused(cli: Cli, labels: str) -> None:
    result = cli("settings", worker_labels=labels)
    assert result.exit_code != 0 and "REELMILL_WORKER_LABELS" in result.stderr
