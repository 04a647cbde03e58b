"""`reelmill webhooks`: who is told of jobs, and what they were told."""

import time
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.jobs import Api, AsJson, connected, print_document, print_json
from reelmill.cli.problems import FAILED, USAGE, Problem

if TYPE_CHECKING:
    from reelmill.v1.webhooks_pb2 import WebhookSecret

commands = typer.Typer(help="Have addresses told of what happens to jobs.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")]
Subject = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id, or a job's.")]
_STATES = ("pending", "delivered", "failed")
_TEST_SECONDS, _LOOK_SECONDS = 30.0, 0.3


@commands.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where messages are sent.")],
    events: Annotated[
        list[str] | None, typer.Option("--event", help="Such as job.completed; may be repeated. Default: all.")
    ] = None,
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Add a webhook and print its id and its secret, which is shown this once."""
    with connected(api) as client:
        _show_secret(client.create_webhook(url, events or []), as_json)


@commands.command("list")
def list_webhooks(as_json: AsJson = False, api: Api = None) -> None:
    """List the webhooks."""
    from reelmill.cli.display import out
    from reelmill.cli.webhook_tables import webhooks_table

    with connected(api) as client:
        found = list(client.webhooks(page_size=1000))
    if as_json:
        for webhook in found:
            print_json(webhook)
    else:
        out().print(webhooks_table(found))


@commands.command()
def remove(webhook_id: Id, as_json: AsJson = False, api: Api = None) -> None:
    """Remove a webhook, with all that it was told."""
    with connected(api) as client:
        gone = client.delete_webhook(webhook_id)
    print_json(gone) if as_json else typer.echo(f"{gone.id}: removed")


@commands.command()
def enable(webhook_id: Id, as_json: AsJson = False, api: Api = None) -> None:
    """Try a webhook again that was disabled, or is left alone because it was away."""
    with connected(api) as client:
        enabled = client.enable_webhook(webhook_id)
    print_json(enabled) if as_json else typer.echo(f"{enabled.id}: enabled")


@commands.command()
def rotate(
    webhook_id: Annotated[str, typer.Argument(metavar="ID", help="The webhook's id, or jobs for jobs' own webhooks.")],
    overlap_hours: Annotated[float, typer.Option(min=0, max=720, help="How long the old secret signs too.")] = 24.0,
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Give a webhook a new secret and print it, this once."""
    from datetime import timedelta

    with connected(api) as client:
        _show_secret(client.rotate_webhook_secret(webhook_id, timedelta(hours=overlap_hours)), as_json)


@commands.command()
def test(webhook_id: Id, as_json: AsJson = False, api: Api = None) -> None:
    """Have a test message sent, and print how that went; exit code 1 unless it was taken."""
    from reelmill.cli.display import out
    from reelmill.cli.webhook_tables import deliveries_table
    from reelmill.v1.webhooks_pb2 import WebhookDelivery

    with connected(api) as client:
        sent = client.test_webhook(webhook_id)
        until = time.monotonic() + _TEST_SECONDS
        while not sent.outcome and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
            newest = islice(client.deliveries(webhook_id, page_size=100), 100)
            sent = next((one for one in newest if one.id == sent.id), sent)
    if as_json:
        print_json(sent)
    else:
        out().print(deliveries_table([sent]))
    if not sent.outcome:
        raise Problem("nothing was sent yet: no scheduler runs, or the webhook is disabled or left alone for a while")
    if sent.state != WebhookDelivery.DELIVERED:
        raise typer.Exit(FAILED)


@commands.command()
def log(
    subject: Subject,
    state: Annotated[str, typer.Option(help="Only those: pending, delivered or failed.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Most deliveries to print.")] = 20,
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """List what a webhook was told and is to be told, newest first; or what anybody was told of a job."""
    from reelmill.cli.display import out
    from reelmill.cli.webhook_tables import deliveries_table

    if state and state.lower() not in _STATES:
        raise Problem(f"--state {state}: must be one of {', '.join(_STATES)}", exit_code=USAGE)
    with connected(api) as client:
        found = list(islice(client.deliveries(subject, state.upper(), page_size=min(limit, 1000)), limit))
    if as_json:
        for delivery in found:
            print_json(delivery)
    else:
        out().print(deliveries_table(found))


@commands.command()
def redeliver(
    subject: Subject,
    delivery_id: Annotated[str, typer.Argument(metavar="DELIVERY", help="One delivery's id.")] = "",
    since: Annotated[str, typer.Option(metavar="TIME", help="All since then, such as 2026-01-01T00:00:00Z.")] = "",
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Send once more what was delivered or given up: one message, or all since a time."""
    from datetime import UTC, datetime

    if bool(delivery_id) == bool(since):
        raise Problem("give either a delivery's id, or --since", exit_code=USAGE)
    time_ = None
    if since:
        try:
            time_ = datetime.fromisoformat(since)
        except ValueError:
            raise Problem(f"--since {since}: must be a time, such as 2026-01-01T00:00:00Z", exit_code=USAGE) from None
        time_ = time_.astimezone(UTC)
    with connected(api) as client:
        count = client.redeliver(subject, delivery_id, time_)
    print_document({"redelivered": count}) if as_json else typer.echo(f"{count} messages are sent again")


@commands.command()
def listen(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on. 0: any free one.")] = 8765,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    secrets: Annotated[
        list[str] | None,
        typer.Option("--secret", envvar="REELMILL_WEBHOOK_SECRET", help="whsec_…; may be repeated. None: no look."),
    ] = None,
    answer: Annotated[int, typer.Option(min=200, max=599, help="The status to answer with.")] = 204,
    count: Annotated[int, typer.Option(min=0, help="End after so many messages. 0: never.")] = 0,
) -> None:
    """Print what arrives at this machine, and whether its signature fits."""
    from reelmill.cli.listening import run

    run(host, port, secrets or [], answer=answer, count=count)


def _show_secret(made: "WebhookSecret", as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    if made.HasField("webhook"):
        typer.echo(made.webhook.id)
    typer.echo(made.secret)
