"""How webhooks and what they were told are shown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from reelmill.cli.display import local_time

if TYPE_CHECKING:
    from reelmill.v1.webhooks_pb2 import Webhook, WebhookDelivery

_ANSWER_CHARACTERS = 60


def webhooks_table(webhooks: Sequence["Webhook"]) -> Table:
    """Webhooks, a line for each."""
    table = Table(box=None, pad_edge=False)
    for heading in ("ID", "URL", "EVENTS", "NOTE"):
        table.add_column(heading, no_wrap=True)
    for webhook in webhooks:
        table.add_row(webhook.id, Text(webhook.url), Text(", ".join(webhook.events) or "all"), Text(_note(webhook)))
    return table


def deliveries_table(deliveries: Sequence["WebhookDelivery"]) -> Table:
    """Deliveries, a line for each."""
    table = Table(box=None, pad_edge=False)
    for heading in ("ID", "TYPE", "JOB", "STATE", "TRIES", "OUTCOME", "STATUS", "SECONDS", "NEXT TRY", "ANSWER"):
        table.add_column(
            heading, justify="right" if heading in ("TRIES", "STATUS", "SECONDS") else "left", no_wrap=True
        )
    for one in deliveries:
        tried = bool(one.outcome)
        table.add_row(
            one.id,
            Text(one.type),
            one.job_id,
            one.State.Name(one.state),
            str(one.tries) if one.tries else "",
            one.Outcome.Name(one.outcome) if tried else "",
            str(one.status or ""),
            f"{one.duration.ToNanoseconds() / 1e9:.2f}" if tried else "",
            local_time(one.next_time.ToDatetime()) if one.HasField("next_time") else "",
            Text(one.answer.replace("\n", " ")[:_ANSWER_CHARACTERS]),
        )
    return table


def _note(webhook: "Webhook") -> str:
    if webhook.HasField("disable_time"):
        return f"disabled at {local_time(webhook.disable_time.ToDatetime())}: {webhook.disable_reason}"
    if webhook.HasField("failing_since"):
        return f"has taken nothing since {local_time(webhook.failing_since.ToDatetime())}"
    return ""
