"""Grafana dashboards as code: `python deploy/monitoring/dashboards.py` writes dashboards/*.json.

With --check only compare; exit status 1 where they differ.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.timeseries import Panel as Graph
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import DataSourceRef

# In the chart's folder, for it can read nothing else; dashboards/ leads there.
FOLDER = Path(__file__).resolve().parents[1] / "helm/reelmill/files/dashboards"
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
RATE = "[$__rate_interval]"
_WIDTH, _COLUMNS, _GRAPH_HEIGHT, _STAT_HEIGHT = 24, 2, 8, 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """A panel; `queries` are expressions by legend."""

    title: str
    queries: dict[str, str]
    unit: str = units.Short
    about: str = ""
    single: bool = False
    """Shows a number instead of a graph."""


def rate(metric: str, by: str = "", where: str = "") -> str:
    """The sum of a counter's rates."""
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{where}{RATE}))"


def quantile(share: float, metric: str, by: str = "") -> str:
    """A quantile of a histogram."""
    return f"histogram_quantile({share}, sum by ({', '.join(filter(None, (by, 'le')))}) (rate({metric}_bucket{RATE})))"


def system(metric: str, by: str, within: str) -> str:
    """What each scheduler shows for the whole system: one answer of all of them."""
    return f"sum by ({by}) (max by ({within}) ({metric}))"


OVERVIEW = (
    Panel(
        title="Jobs that wait",
        queries={"": 'sum(max by (state, operation) (reelmill_jobs{state="QUEUED"}))'},
        single=True,
    ),
    Panel(
        title="Jobs that run",
        queries={"": 'sum(max by (state, operation) (reelmill_jobs{state="PROCESSING"}))'},
        single=True,
    ),
    Panel(title="Workers", queries={"": "count(reelmill_worker_slots)"}, single=True),
    Panel(
        title="Failures that are not the input's fault",
        queries={"": "reelmill:job_failures:ratio_rate15m"},
        unit=units.PercentUnit,
        single=True,
    ),
    Panel(
        title="Open jobs",
        queries={"{{state}} {{operation}}": system("reelmill_jobs", "state, operation", "state, operation")},
    ),
    Panel(
        title="Jobs by their end",
        queries={"{{state}} {{category}}": rate("reelmill_jobs_finished_total", "state, category")},
        unit=units.OpsPerSecond,
    ),
    Panel(
        title="Jobs that come and go",
        queries={
            "submitted {{operation}}": rate("reelmill_jobs_submitted_total", "operation"),
            "finished {{operation}}": rate("reelmill_jobs_finished_total", "operation"),
        },
        unit=units.OpsPerSecond,
    ),
    Panel(
        title="Wait from READY to the claim, 95 of 100",
        queries={"{{priority}}": quantile(0.95, "reelmill_worker_queue_wait_seconds", "priority")},
        unit=units.Seconds,
    ),
    Panel(
        title="Oldest READY task",
        queries={"{{priority}}": "max by (priority) (reelmill_tasks_oldest_ready_seconds)"},
        unit=units.Seconds,
    ),
    Panel(
        title="Attempts' time, 95 of 100",
        queries={"{{operation}}": quantile(0.95, "reelmill_worker_attempt_duration_seconds", "operation")},
        unit=units.Seconds,
    ),
    Panel(
        title="Messages to webhooks",
        queries={"{{outcome}}": rate("reelmill_webhook_tries_total", "outcome")},
        unit=units.OpsPerSecond,
        about="By how a try ended; docs/webhooks.md says what each means.",
    ),
    Panel(title="Who answers", queries={"{{dependency}}": "max by (dependency) (reelmill_dependency_up)"}),
    Panel(title="What runs", queries={"{{process}} {{version}}": "count by (process, version) (reelmill_build_info)"}),
)

WORKERS = (
    Panel(title="Slots", queries={"": "sum(reelmill_worker_slots)"}, single=True),
    Panel(title="In use", queries={"": "sum(reelmill_worker_running_tasks)"}, single=True),
    Panel(
        title="Use of slots",
        queries={"all": "sum(reelmill_worker_running_tasks) / sum(reelmill_worker_slots)"},
        unit=units.PercentUnit,
    ),
    Panel(
        title="ffmpeg's cores in use",
        queries={"{{instance}}": rate("reelmill_worker_ffmpeg_cpu_seconds_total", "instance")},
    ),
    Panel(
        title="Attempts by outcome",
        queries={"{{outcome}}": rate("reelmill_worker_attempts_total", "outcome")},
        unit=units.OpsPerSecond,
    ),
    Panel(
        title="Failed attempts",
        queries={"{{code}}": f"{rate('reelmill_worker_failures_total', 'code')} > 0 or vector(0)"},
        unit=units.OpsPerSecond,
        about="By error code; docs/errors.md says what each means.",
    ),
    Panel(
        title="Bytes in and out",
        queries={
            "in": rate("reelmill_worker_input_bytes_total"),
            "out": rate("reelmill_worker_output_bytes_total"),
        },
        unit=units.BytesPerSecondIEC,
    ),
    Panel(
        title="Free disk",
        queries={
            "{{instance}}": "min by (instance) (reelmill_worker_disk_free_bytes)",
            "reserve": "max(reelmill_worker_disk_reserve_bytes)",
        },
        unit=units.BytesIEC,
    ),
    Panel(
        title="Tasks taken back from silent workers", queries={"rescued": rate("reelmill_scheduler_rescued_jobs_total")}
    ),
    Panel(
        title="Memory",
        queries={
            "{{instance}}": "max by (instance) (process_resident_memory_bytes and on (instance) reelmill_worker_slots)"
        },
        unit=units.BytesIEC,
    ),
    Panel(
        title="Tasks by pool",
        queries={
            "{{pool}} {{state}}": system("reelmill_pool_tasks", "pool, state", "pool, state"),
            "no worker takes": "max(reelmill_tasks_unserved)",
        },
    ),
    Panel(
        title="Optional outputs that failed",
        queries={"{{code}}": f"{rate('reelmill_worker_output_failures_total', 'code')} > 0 or vector(0)"},
        unit=units.OpsPerSecond,
    ),
)

KAFKA = (
    Panel(title="Lag", queries={"": "reelmill:queue_lag:sum"}, single=True),
    Panel(title="Messages in the outbox", queries={"": "max(reelmill_outbox_messages)"}, single=True),
    Panel(
        title="Lag of the workers' group",
        queries={"{{priority}}": "max by (priority) (reelmill_queue_lag_messages)"},
        about="Messages of ready tasks that no worker has acknowledged. A worker does so when it claims.",
    ),
    Panel(
        title="Oldest message of the outbox", queries={"age": "max(reelmill_outbox_oldest_seconds)"}, unit=units.Seconds
    ),
    Panel(title="Kafka answers", queries={"up": 'max(reelmill_dependency_up{dependency="queue"})'}),
    Panel(title="Work that waits or runs", queries={"tasks": "reelmill:queue_depth:sum"}),
)

DATABASE = (
    Panel(title="PostgreSQL answers", queries={"": 'max(reelmill_dependency_up{dependency="database"})'}, single=True),
    Panel(title="Expired leases", queries={"": "max(reelmill_leases_expired)"}, single=True),
    Panel(
        title="Connections of the pools",
        queries={
            "open": "sum(reelmill_database_pool_connections)",
            "lent": "sum(reelmill_database_pool_used_connections)",
            "most": "sum(reelmill_database_pool_max_connections)",
        },
    ),
    Panel(
        title="Wait for a connection, 99 of 100",
        queries={"{{instance}}": quantile(0.99, "reelmill_database_pool_wait_seconds", "instance")},
        unit=units.Seconds,
    ),
    Panel(title="Open tasks", queries={"{{state}}": system("reelmill_tasks", "state", "state, priority")}),
    Panel(
        title="Age of the last count",
        queries={"scheduler": "time() - max(reelmill_scheduler_last_sample_timestamp_seconds)"},
        unit=units.Seconds,
    ),
    Panel(
        title="Cache: reads",
        queries={"{{result}}": rate("reelmill_cache_reads_total", "result")},
        unit=units.OpsPerSecond,
    ),
    Panel(
        title="Cache: errors, and processes whose breaker is open",
        queries={"errors": rate("reelmill_cache_errors_total"), "open": "sum(reelmill_cache_breaker_open)"},
    ),
)

API = (
    Panel(
        title="Calls that failed, 1 h",
        queries={"": "reelmill:api_errors:ratio_rate1h"},
        unit=units.PercentUnit,
        single=True,
        about="Of the objective's 0.1 %.",
    ),
    Panel(
        title="HTTP 5xx, 5 min",
        queries={"": "reelmill:gateway_errors:ratio_rate5m"},
        unit=units.PercentUnit,
        single=True,
    ),
    Panel(
        title="gRPC calls",
        queries={"{{method}} {{code}}": rate("reelmill_api_requests_total", "method, code")},
        unit=units.RequestsPerSecond,
    ),
    Panel(
        title="gRPC latency, 99 of 100",
        queries={"{{method}}": "reelmill:api_latency_seconds:p99_5m"},
        unit=units.Seconds,
    ),
    Panel(
        title="gRPC latency, median",
        queries={"{{method}}": quantile(0.5, "reelmill_api_request_duration_seconds", "method")},
        unit=units.Seconds,
    ),
    Panel(
        title="Errors against the objective",
        queries={
            "5 min": "reelmill:api_errors:ratio_rate5m",
            "30 min": "reelmill:api_errors:ratio_rate30m",
            "1 h": "reelmill:api_errors:ratio_rate1h",
            "6 h": "reelmill:api_errors:ratio_rate6h",
        },
        unit=units.PercentUnit,
    ),
    Panel(
        title="HTTP requests",
        queries={"{{method}} {{route}} {{code}}": rate("reelmill_gateway_requests_total", "method, route, code")},
        unit=units.RequestsPerSecond,
    ),
    Panel(
        title="HTTP latency, 99 of 100",
        queries={"{{route}}": quantile(0.99, "reelmill_gateway_request_duration_seconds", "route")},
        unit=units.Seconds,
    ),
)

DASHBOARDS: dict[str, tuple[str, Sequence[Panel]]] = {
    "overview": ("Reelmill: overview", OVERVIEW),
    "workers": ("Reelmill: workers", WORKERS),
    "kafka": ("Reelmill: Kafka", KAFKA),
    "database": ("Reelmill: PostgreSQL and Redis", DATABASE),
    "api": ("Reelmill: API", API),
}


def build(name: str) -> str:
    """A dashboard as JSON."""
    title, panels = DASHBOARDS[name]
    dashboard = (
        Dashboard(title)
        .uid(f"reelmill-{name}")
        .tags(["reelmill"])
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .with_variable(DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    singles = [panel for panel in panels if panel.single]
    for panel in (*singles, *(p for p in panels if not p.single)):
        dashboard.with_panel(_panel(panel, _WIDTH // (len(singles) if panel.single else _COLUMNS)))
    return JSONEncoder(sort_keys=True, indent=1).encode(dashboard.build()) + "\n"


def _panel(panel: Panel, width: int) -> Any:
    made: Any = Stat() if panel.single else Graph()
    made = made.title(panel.title).description(panel.about).datasource(SOURCE).unit(panel.unit).span(width)
    made = made.height(_STAT_HEIGHT if panel.single else _GRAPH_HEIGHT)
    for ref, (legend, query) in zip(ascii_uppercase, panel.queries.items(), strict=False):
        made = made.with_target(Dataquery().ref_id(ref).expr(query).legend_format(legend))
    return made


def main() -> int:
    made = {f"{name}.json": build(name) for name in DASHBOARDS}
    FOLDER.mkdir(exist_ok=True)
    kept = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    different = sorted(name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name))
    if "--check" in sys.argv:
        if different:
            print(f"{FOLDER} is not what dashboards.py gives: {', '.join(different)}. Run `make generate`.")
        return 1 if different else 0
    for name in different:
        if name in made:
            (FOLDER / name).write_text(made[name])
        else:
            (FOLDER / name).unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
