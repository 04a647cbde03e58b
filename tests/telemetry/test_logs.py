"""Logs: ECS for machines, text for people."""

import io
import json
import logging
from typing import Any

import pytest

from reelmill.telemetry import logs


class Stream(io.StringIO):
    """Standard error, as a terminal or not."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, logging_restored: None) -> Any:
    """Sets up logging to a stream of the test's own."""

    def configure(*, format: str = "auto", level: str = "info", terminal: bool = False) -> Stream:
        stream = Stream(terminal=terminal)
        monkeypatch.setattr("sys.stderr", stream)
        logs.configure(service="worker", format=format, level=level)
        return stream

    return configure


def test_a_line_is_one_ecs_document(configured: Any) -> None:
    stream = configured()
    logs.get_logger("reelmill.test").info("claimed", job_id="j", task_id="t", attempt=2, trace_id="abc", slots=3)
    [line] = stream.documents()
    assert line.pop("@timestamp").endswith("Z")
    assert line == {
        "message": "claimed",
        "log.level": "info",
        "log": {"logger": "reelmill.test"},
        "ecs.version": line["ecs.version"],
        "service": {"name": "reelmill-worker"},
        "labels": {"job_id": "j", "task_id": "t", "attempt": "2"},
        "trace": {"id": "abc"},
        "reelmill": {"slots": 3},
    }


def test_bound_fields_are_on_every_line_of_the_task(configured: Any) -> None:
    stream = configured()
    logs.bind(job_id="j", attempt=1)
    logs.get_logger("a").warning("one", reason="disk")
    logging.getLogger("library").warning("two %s", "words")
    one, two = stream.documents()
    assert one["labels"] == two["labels"] == {"job_id": "j", "attempt": "1"}
    assert (one["error"]["message"], two["message"], two["log"]["logger"]) == ("disk", "two words", "library")


@pytest.mark.parametrize("library", [False, True])
def test_an_exception_has_its_stack_trace_and_stays_one_line(configured: Any, library: bool) -> None:
    stream = configured()
    try:
        raise ValueError("no such thing")
    except ValueError:
        (logging.getLogger("l") if library else logs.get_logger("l")).exception("failed")
    [line] = stream.documents()
    trace = line["error"]["stack_trace"]
    assert trace.startswith("Traceback (most recent call last):")
    assert trace.endswith("ValueError: no such thing")
    assert (line["message"], line["log.level"]) == ("failed", "error")


def test_a_value_that_is_no_json_is_written_all_the_same(configured: Any) -> None:
    stream = configured()
    logs.get_logger("l").info("odd", value=object(), job_id=None)
    [line] = stream.documents()
    assert "object object" in str(line["reelmill"]["value"])
    assert "labels" not in line


def test_a_terminal_gets_readable_text(configured: Any) -> None:
    stream = configured(terminal=True)
    logs.get_logger("l").warning("claimed", job_id="j")
    assert "claimed" in stream.getvalue()
    assert "\x1b[" in stream.getvalue()
    with pytest.raises(ValueError):
        stream.documents()


def test_the_format_can_be_chosen(configured: Any) -> None:
    terminal = configured(format="json", terminal=True)
    logs.get_logger("l").info("one")
    assert terminal.documents()[0]["message"] == "one"
    pipe = configured(format="text")
    logs.get_logger("l").info("two", job_id="j")
    assert "two" in pipe.getvalue()
    assert "\x1b[" not in pipe.getvalue()


def test_lines_below_the_level_are_left_out(configured: Any) -> None:
    stream = configured(level="warning")
    logs.get_logger("l").info("quiet")
    logging.getLogger("library").info("quiet")
    logs.get_logger("l").warning("loud")
    assert [line["message"] for line in stream.documents()] == ["loud"]


def test_what_librdkafka_repeats_is_told_once(configured: Any) -> None:
    stream = configured()
    for i in range(100):
        logging.getLogger("kafka").error(f"Connect to 127.0.0.1:9092 failed (after {i}ms)")
    logging.getLogger("kafka").error("Broker: Group authorization failed")
    logging.getLogger("other").error("again")
    logging.getLogger("other").error("again")
    messages = [line["message"].split()[0] for line in stream.documents()]
    assert messages == ["Connect", "Broker:", "again", "again"]


@pytest.mark.parametrize("terminal", [False, True])
def test_no_line_has_a_secret_or_a_local_variable(configured: Any, terminal: bool) -> None:
    stream = configured(terminal=terminal)
    local = "hush" + "hush"
    try:
        raise ValueError("postgresql://app:hushhush@db/x")
    except ValueError:
        logs.get_logger("l").exception("failed", reason="sig=hushhush", url=["redis://:hushhush@h"], size=len(local))
    logging.getLogger("library").warning("Authorization: Bearer %s", local)
    assert "Traceback" in stream.getvalue()
    assert "hushhush" not in stream.getvalue()


def test_lines_go_where_they_are_told(configured: Any) -> None:
    stderr, stdout = configured(), Stream(terminal=False)
    logs.configure(service="worker", format="auto", level="info", stream=stdout)
    logs.get_logger("l").info("here")
    assert ([line["message"] for line in stdout.documents()], stderr.getvalue()) == (["here"], "")


def test_people_get_a_line_for_a_failed_job_and_not_ffmpegs_own(configured: Any) -> None:
    def told(**options: Any) -> str:
        stream: Stream = configured(**options)
        logs.bind(job_id="01a21292-69b7-76ec-ad8f-665e80d5aac3", task_id="01a21292-69b7-76ec-ad8f-665e80d5aac4")
        logs.bind(trace_id=None, attempt=1)
        for i in range(30):
            logs.get_logger("ffmpeg").error(f"[h264] [error] error while decoding MB {i} 0")
        logs.get_logger("reelmill.worker").warning("attempt failed", code="INPUT_CORRUPT", retry_seconds=None)
        return stream.getvalue()

    [line] = told(format="text").splitlines()
    assert "attempt failed" in line
    assert "job_id=…665e80d5aac3" in line
    assert not [word for word in ("None", "task_id", "trace_id", "retry_seconds") if word in line]
    assert len(told(format="text", level="debug").splitlines()) == 31
    assert len(told(format="json").splitlines()) == 31
