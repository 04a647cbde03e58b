"""`reelmill open`: the console in a browser."""

import os
import socket
import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

from reelmill.cli.configuration import gateway_address, load
from reelmill.cli.ids import full_id
from reelmill.cli.jobs import Api, AsJson, Gateway, connected, print_document
from reelmill.cli.problems import Problem

_LOOK_SECONDS = 2.0


def open_console(
    job_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="A job, whose page is opened; @last is the newest.")
    ] = None,
    as_json: AsJson = False,
    gateway: Gateway = None,
    api: Api = None,
) -> None:
    """Open the console, or a job's page, in the browser, and print its address; where there is none, print alone."""
    address = gateway or gateway_address(load())
    _require_answer(address)
    page = f"{address.rstrip('/')}/"
    if job_id is not None:
        with connected(api) as client:
            page += f"jobs/{full_id(client, job_id)}"
    opened = _has_browser() and _open(page)
    print_document({"url": page, "opened": opened}) if as_json else typer.echo(page)


def _require_answer(address: str) -> None:
    """Raise Problem where nobody listens: a browser would tell less."""
    place = urlsplit(address)
    try:
        port = place.port or (443 if place.scheme == "https" else 80)
        with socket.create_connection((place.hostname or "localhost", port), _LOOK_SECONDS):
            pass
    except (OSError, ValueError) as error:
        raise Problem(
            f"no answer from the gateway at {address}; `reelmill up` starts one, --gateway says where another is"
        ) from error


def _has_browser() -> bool:
    """Whether there is a screen for one; a browser of a terminal would take that over."""
    return sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")))


def _open(page: str) -> bool:
    import webbrowser

    try:
        return webbrowser.open(page)
    except webbrowser.Error:
        return False
