"""The lines of real processes: each an ECS document that the index template knows; a job's are found by its id."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from telemetry.written import Written

DEPLOY = Path(__file__).parents[2] / "deploy" / "logging"


def flat(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Its fields with dotted names."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def mapped(properties: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The template's fields and their types."""
    for name, value in properties.items():
        if "type" in value:
            yield f"{prefix}{name}", value["type"]
        else:
            yield from mapped(value["properties"], f"{prefix}{name}.")


def test_every_line_is_an_ecs_document(written: Written) -> None:
    documents = [dict(flat(line)) for line in written.documents()]
    assert {line["service.name"] for line in documents} == {
        f"reelmill-{process}" for process in ("api", "gateway", "scheduler", "worker")
    }
    for line in documents:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["@timestamp"])
        assert line["log.level"] in ("debug", "info", "warning", "error", "critical")
        assert line["message"] and line["ecs.version"] and line["log.logger"]


def test_a_job_s_lines_are_those_of_api_scheduler_worker_and_ffmpeg(written: Written) -> None:
    mine = written.of(written.rescued)
    said = [(line["service"]["name"].removeprefix("reelmill-"), line["message"]) for line in mine]
    assert {("api", "job accepted"), ("scheduler", "took a job back from a silent worker")} <= set(said)
    assert said.count(("worker", "attempt starts")) == said.count(("worker", "ffmpeg starts")) == 2
    assert said.count(("worker", "ffmpeg ended")) == 1
    assert {line["labels"]["attempt"] for line in mine if line["message"] == "ffmpeg starts"} == {"1", "2"}


def test_what_ffmpeg_complains_of_is_in_the_job_s_lines_and_bounded(written: Written) -> None:
    lines = [line for line in written.of(written.damaged) if line["log"]["logger"] == "ffmpeg"]
    complaints = [line for line in lines if line["log.level"] in ("warning", "error")]
    assert 1 <= len(complaints) <= 50
    assert all(line["labels"]["task_id"] for line in complaints)


def test_the_index_template_knows_every_field(written: Written) -> None:
    template = json.loads((DEPLOY / "index-template.json").read_text())["template"]["mappings"]
    types = dict(mapped(template["properties"]))
    kinds: dict[str, type | tuple[type, ...]] = {"keyword": str, "text": str, "date": str, "long": int}
    found = {(name, type(value)) for line in written.documents() for name, value in flat(line)}
    ours = {name for name, _ in found if name.startswith("reelmill.")}
    assert {name for name, _ in found} - ours <= set(types)
    assert all(issubclass(kind, kinds[types[name]]) for name, kind in found if name in types)
    # Fields of our own: numbers are all of one type, whichever came first.
    assert template["dynamic_templates"][0]["numbers"]["path_match"] == "reelmill.*"


def test_filebeat_s_configuration_reads_json_of_containers_into_the_template_s_indices() -> None:
    config = yaml.safe_load((DEPLOY / "filebeat.yml").read_text())
    [source] = config["filebeat.inputs"]
    assert (source["type"], [next(iter(p)) for p in source["parsers"]]) == ("filestream", ["container", "ndjson"])
    index = config["output.elasticsearch"]["index"]
    [pattern] = json.loads((DEPLOY / "index-template.json").read_text())["index_patterns"]
    assert re.fullmatch(pattern.replace("*", ".*"), index)


def test_fluent_bit_writes_to_the_template_s_indices() -> None:
    text = (DEPLOY / "fluent-bit.conf").read_text()
    sections = re.findall(r"^\[(\w+)\]", text, re.MULTILINE)
    assert sections == ["SERVICE", "INPUT", "FILTER", "FILTER", "FILTER", "OUTPUT"]
    assert re.search(r"Logstash_Prefix +reelmill-logs\n", text)
    assert text.index("Rename log message") < text.index("Parser       json")
