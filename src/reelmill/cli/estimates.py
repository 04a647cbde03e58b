"""How an estimate is shown."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from reelmill.cli.display import queue_text, rough_text, size_text

if TYPE_CHECKING:
    from reelmill.v1.jobs_pb2 import Estimate, EstimateJobResponse, Range

_REUSE = {
    "REUSE_UNSPECIFIED": "",
    "NOT_LOOKED_FOR": "",
    "NOT_KNOWN": "not known yet",
    "MADE": "no",
    "TAKEN": "from job ",
}


def estimate_view(found: "EstimateJobResponse") -> Group:
    """Outputs, a line for each, the whole job, and what it would wait behind."""
    table = Table(box=None, pad_edge=False)
    for heading in ("OUTPUT", "CORE-SECONDS", "SIZE", "TIME", "MEASURED", "REUSE"):
        table.add_column(heading, no_wrap=True)
    for one in found.outputs:
        table.add_row(Text(one.output), *_cells(one.estimate), _REUSE[one.Reuse.Name(one.reuse)] + one.reused_from)
    table.add_row(Text("all", style="bold"), *_cells(found.job))
    queue = [Text(f"queue: {queue_text(found.queue)}", style="dim")] if found.HasField("queue") else []
    return Group(table, *queue)


def _cells(one: "Estimate") -> tuple[str, str, str, str]:
    sure = f"{one.measurements} times" if one.measurements else "no: built-in figures"
    return (
        _range(one.core_seconds, lambda value: f"{value:.3g}"),
        _range(one.bytes, lambda value: size_text(round(value))),
        _range(one.seconds, rough_text),
        sure,
    )


def _range(value: "Range", told: Callable[[float], str]) -> str:
    return f"{told(value.likely)} ({told(value.least)} to {told(value.most)})"
