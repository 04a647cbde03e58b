"""`reelmill upload`: files of this machine on their way to the server."""

from pathlib import Path
from typing import Annotated

import typer

from reelmill.cli.configuration import gateway_address, load
from reelmill.cli.jobs import Api, AsJson, Gateway, connected, print_document
from reelmill.cli.problems import FAILED, USAGE, Problem


def upload(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files to send.")],
    as_json: AsJson = False,
    gateway: Gateway = None,
    api: Api = None,
) -> None:
    """Send files to the server and print each one's upload: URI, which `submit --input` takes.

    What is sent is never held in memory, and an answer that does not come is asked for again. Exit code 1 where a file
    was not taken; the others are.
    """
    from reelmill.cli.display import show_problem
    from reelmill.client import ReelmillError, Unavailable

    if missing := [str(file) for file in files if not file.is_file()]:
        raise Problem(f"there is no file {', '.join(missing)}", exit_code=USAGE)
    failed = False
    with connected(api, gateway) as client:
        for file in files:
            try:
                uri = client.upload(file)
            except Unavailable as error:
                where = gateway or gateway_address(load())
                message = f"no answer from the gateway at {where}; --gateway says where another is"
                raise Problem(message, details=[error.message]) from error
            except ReelmillError as error:
                show_problem(Problem(f"{file}: {error.message}"))
                failed = True
            except OSError as error:
                show_problem(Problem(f"{file} can't be read: {error.strerror}"))
                failed = True
            else:
                print_document({"file": str(file), "uri": uri}) if as_json else typer.echo(uri)
    if failed:
        raise typer.Exit(FAILED)
