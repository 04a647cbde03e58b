"""Structured logs: ECS JSON for machines, readable text on a terminal."""

import logging
import math
import re
import sys
import time
from typing import Any, TextIO

import ecs_logging

from reelmill.redaction import redacted
from reelmill.telemetry.structured import structlog

get_logger = structlog.get_logger

_SELDOM_SECONDS = 60.0
_SHORT_ID = 12  # of a UUID: its last group
_NOT_FOR_PEOPLE = frozenset({"task_id", "trace_id", "span_id"})
# Our short names and the ECS fields that they become.
_ECS = {
    "job_id": "labels.job_id",
    "task_id": "labels.task_id",
    "attempt": "labels.attempt",
    "trace_id": "trace.id",
    "span_id": "span.id",
    "reason": "error.message",
    "code": "error.code",
    "pid": "process.pid",
    "exit_code": "process.exit_code",
    "command": "process.command_line",
    "logger": "log.logger",
    "level": "log.level",
    "timestamp": "@timestamp",
    # The formatter renames these.
    "event": "event",
    "exception": "exception",
}


def configure(*, service: str, format: str, level: str, stream: TextIO | None = None) -> None:
    """Set up logging for this process. `format` is auto, json or text; `stream` is stderr unless told."""
    stream = stream or sys.stderr
    as_json = format == "json" or (format == "auto" and not stream.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True)
        if as_json
        else structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
    ]
    if as_json:
        # ecs_logging must come last.
        renderers: list[Any] = [
            structlog.processors.format_exc_info,
            _redact,
            _to_ecs(service),
            ecs_logging.StructlogFormatter(),
        ]
    else:
        # Its own tracebacks show local variables, and with them settings.
        console = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        renderers = [structlog.processors.format_exc_info, _redact, _for_people, console]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # A damaged input brings dozens of lines, which its job's error has too; on a terminal only who looks for faults
    # wants them.
    logging.getLogger("ffmpeg").setLevel(logging.NOTSET if as_json or level == "debug" else logging.CRITICAL)
    # librdkafka tells of every try to connect, 20 times a second.
    logging.getLogger("kafka").filters = [_Seldom()]


class _Seldom(logging.Filter):
    """Lets a message that repeats itself through once a minute, whatever numbers it has."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        key, now = re.sub(r"\d+", "", record.getMessage()), time.monotonic()
        if now - self._last.get(key, -math.inf) < _SELDOM_SECONDS:
            return False
        self._last[key] = now
        return True


def _for_people(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """What fits a line of a terminal: ids that nothing else shows are left out, a job's is cut to its end."""
    shown = {name: value for name, value in event.items() if value is not None and name not in _NOT_FOR_PEOPLE}
    if job_id := shown.get("job_id"):
        shown["job_id"] = f"…{str(job_id)[-_SHORT_ID:]}"
    return shown


def _redact(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    return {name: _safe(value) for name, value in event.items()}


def _safe(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_safe(item) for item in value]
    return redacted(str(value))


def _to_ecs(service: str) -> Any:
    def rename(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        renamed: dict[str, Any] = {"service.name": f"reelmill-{service}"}
        for name, value in event.items():
            if value is not None:
                # ECS leaves names with a prefix of one's own to everybody; labels are keywords.
                field = _ECS.get(name, f"reelmill.{name}")
                renamed[field] = str(value) if field.startswith("labels.") else value
        return renamed

    return rename


def bind(**fields: Any) -> None:
    """Add fields to all log lines of this asyncio task from here on."""
    structlog.contextvars.bind_contextvars(**fields)
