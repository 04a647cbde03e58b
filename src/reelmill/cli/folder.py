"""`reelmill folder`: what is put into one folder comes out of another, each file once."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.configuration import api_target, load
from reelmill.cli.delivering import Deliveries
from reelmill.cli.folder_rounds import Rounds, Teller
from reelmill.cli.jobs import Api, AsJson, Gateway, connected
from reelmill.cli.problems import FAILED, USAGE, Problem

if TYPE_CHECKING:
    from reelmill.v1.media_pb2 import Preset

_POLL_SECONDS = 1.0  # network file systems tell nobody of what others put there: so it is looked at
_LOCAL = ("localhost", "127.", "[::1]", "::1", "unix:")


def folder(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The folder that files are put into.")],
    presets: Annotated[list[str], typer.Option("--preset", "-p", help="What to make of each; may be repeated.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The folder that outputs go to.")],
    settle: Annotated[
        float, typer.Option("--settle", min=0, metavar="SECONDS", help="How long a file must have stayed the same.")
    ] = 3.0,
    once: Annotated[bool, typer.Option("--once", help="Take what is there, wait for it, and end: for cron.")] = False,
    as_json: AsJson = False,
    gateway: Gateway = None,
    api: Api = None,
) -> None:
    """Make each file that is put into IN, once, into OUT/<file>-<output>.<ext>, of streams OUT/<file>/.

    A file is taken when it has settled, and again only when it has changed; hidden files and *.part, *.tmp are left
    alone. What was under way when this ended, kill -9 too, goes on when it is started again. A file that fails is told
    and holds up no other. Ctrl-C and SIGTERM end it. Exit code 1, with --once: a file failed.
    """
    if not source.is_dir():
        raise Problem(f"there is no folder {source}", exit_code=USAGE)
    if out.resolve() == source.resolve():
        raise Problem(f"-o {out}: must be another folder than the one that files are put into", exit_code=USAGE)
    here = api_target(load(api_target=api)).startswith(_LOCAL)
    deliveries, teller = Deliveries(out, gateway), Teller(as_json)
    with connected(api, gateway) as client, deliveries.alone(), _stopping() as stop:
        _check(client.presets(), presets)
        rounds = Rounds(client, source, presets, deliveries, teller, settle_seconds=settle, shares_disk=here)
        began = time.monotonic()
        while not stop.is_set():
            now = time.monotonic()
            left = rounds.patient_round(now) if not once else rounds.round(now)
            if once and not left and now - began >= settle:
                break
            stop.wait(min(_POLL_SECONDS, settle or _POLL_SECONDS))
    if once and teller.failed:
        raise typer.Exit(FAILED)


def _check(known: "list[Preset]", wanted: list[str]) -> None:
    names = {preset.name for preset in known}
    for preset in wanted:
        if preset.partition("@")[0] not in names:
            raise Problem(f"--preset {preset}: there is none; `reelmill presets` lists them", exit_code=USAGE)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; a second SIGINT interrupts as ever."""
    stop = threading.Event()

    def end(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
