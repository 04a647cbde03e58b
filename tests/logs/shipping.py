"""Real lines in container log files, through a real Filebeat to a real Elasticsearch: `make test-logging`.

Not in `make test`: Filebeat takes minutes to build. The Filebeat that reads has deploy/logging/filebeat.yml as it is.
It sends to an Elasticsearch with a licence only, which Maven's has not, so an older one sends what it has read.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from services.elasticsearch import Elasticsearch
from services.filebeat import SENDER_VERSION, VERSION, Filebeat
from telemetry.written import Written

DEPLOY = Path(__file__).parents[2] / "deploy" / "logging"
PLAIN = "Traceback (most recent call last): a line that is no JSON"
SPLIT_CHARACTERS = 400  # a runtime splits at 16 KiB, which our lines seldom reach


def write_container_logs(written: Written, folder: Path) -> None:
    """The lines as containerd writes them: CRI format, long ones in parts, files behind links."""
    (folder / "containers").mkdir(parents=True)
    for number, (process, lines) in enumerate(written.lines.items()):
        pod = f"reelmill-{process.replace('_', 'x')}"
        file = folder / "pods" / f"media_{pod}_{number}" / "main" / "0.log"
        file.parent.mkdir(parents=True)
        stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        with file.open("w") as log:
            for line in [*lines, PLAIN]:
                parts = [line[i : i + SPLIT_CHARACTERS] for i in range(0, len(line), SPLIT_CHARACTERS)]
                for part in parts[:-1]:
                    log.write(f"{stamp} stdout P {part}\n")
                log.write(f"{stamp} stdout F {parts[-1]}\n")
        (folder / "containers" / f"{pod}_media_main-{number:064x}.log").symlink_to(file)


@pytest.fixture(scope="module")
def store() -> Iterator[Elasticsearch]:
    """Elasticsearch with our index template."""
    with Elasticsearch() as server:
        template = json.loads((DEPLOY / "index-template.json").read_text())
        assert server.call("PUT", "/_index_template/reelmill-logs", template) == {"acknowledged": True}
        yield server


@pytest.fixture(scope="module")
def shipped(written: Written, store: Elasticsearch, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """What was written, once all of it can be searched for."""
    folder = tmp_path_factory.mktemp("shipping")
    write_container_logs(written, folder / "log")
    text = (DEPLOY / "filebeat.yml").read_text()
    to_file = {"output.elasticsearch.enabled": "false", "output.file.path": str(folder), "output.file.filename": "read"}
    logs = {"REELMILL_LOGS": f"{folder}/log/containers/*reelmill*.log"}
    sending = yaml.safe_load(text)
    index = sending["output.elasticsearch"]["index"]  # by the event: 7.12 fails at @metadata of one that has none yet
    decode = {"decode_json_fields": {"fields": ["message"], "target": "", "overwrite_keys": True}}
    sending["filebeat.inputs"] = [{"type": "log", "paths": [f"{folder}/read*"], "index": index, "scan_frequency": "1s"}]
    sending["processors"] = [decode, {"drop_fields": {"fields": ["agent", "host", "input"]}}]
    address = {"ELASTICSEARCH_URL": store.url}
    wanted = sum(len(lines) + 1 for lines in written.lines.values())
    with (
        Filebeat(VERSION, text, variables=logs, options=to_file),
        Filebeat(SENDER_VERSION, yaml.safe_dump(sending), variables=address, options={}),
    ):
        deadline = time.monotonic() + 120
        while (found := store.call("GET", "/reelmill-logs-*/_count")).get("count", 0) < wanted:
            assert time.monotonic() < deadline, f"{found} of {wanted}"
            time.sleep(0.1)  # between looks
    return written


def search(store: Elasticsearch, query: str) -> list[dict[str, Any]]:
    """The documents that a person's query finds, by time."""
    body = {"query": {"query_string": {"query": query}}, "size": 500, "sort": "@timestamp"}
    return [hit["_source"] for hit in store.call("POST", "/reelmill-logs-*/_search", body)["hits"]["hits"]]


def test_one_search_by_job_id_finds_api_scheduler_worker_and_ffmpeg(shipped: Written, store: Elasticsearch) -> None:
    found = search(store, f'labels.job_id:"{shipped.rescued}"')
    written = sorted(shipped.of(shipped.rescued), key=lambda line: str(line["@timestamp"]))
    assert [line["message"] for line in found] == [line["message"] for line in written]
    assert {line["service"]["name"] for line in found} == {"reelmill-api", "reelmill-scheduler", "reelmill-worker"}
    assert [line["message"] for line in found if line["log"]["logger"] == "ffmpeg"][-1] == "ffmpeg ended"
    assert {line["kubernetes"]["namespace"] for line in found} == {"media"}
    assert all(line["kubernetes"]["pod"]["name"].startswith("reelmill-") for line in found)


def test_a_long_line_that_was_split_is_whole(shipped: Written, store: Elasticsearch) -> None:
    [first, *_] = search(store, f'labels.job_id:"{shipped.rescued}" AND message:"ffmpeg starts"')
    command = first["process"]["command_line"]
    assert len(command) > SPLIT_CHARACTERS / 2
    assert command in [line.get("process", {}).get("command_line") for line in shipped.of(shipped.rescued)]


def test_what_ffmpeg_complained_of_is_found_by_level(shipped: Written, store: Elasticsearch) -> None:
    found = search(store, f'labels.job_id:"{shipped.damaged}" AND log.logger:ffmpeg AND log.level:(warning OR error)')
    assert len(found) >= 1


def test_a_line_that_is_no_json_is_kept(shipped: Written, store: Elasticsearch) -> None:
    assert len(search(store, 'message:"a line that is no JSON"')) == len(shipped.lines)


def test_every_line_arrived_once(shipped: Written, store: Elasticsearch) -> None:
    wanted = sum(len(lines) + 1 for lines in shipped.lines.values())
    assert store.call("GET", "/reelmill-logs-*/_count")["count"] == wanted
