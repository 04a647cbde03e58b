"""A receiver of webhooks for trying out: it prints what arrives, and whether its signature fits."""

from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count as numbers
from threading import Thread

import typer

from reelmill.cli.problems import USAGE, Problem
from reelmill.standard_webhooks import InvalidWebhook, secret_bytes, verify

_MOST_BYTES = 8 * 2**20  # of a message
_PATIENCE_SECONDS = 10.0


def run(host: str, port: int, secrets: Sequence[str], *, answer: int, count: int) -> None:
    """Listen until Ctrl-C, or until `count` messages came. Raises Problem for a wrong secret and a taken port."""
    try:
        for secret in secrets:
            secret_bytes(secret)
    except ValueError as error:
        raise Problem(f"--secret: {error}", exit_code=USAGE) from None
    came = numbers(1)

    class Handler(BaseHTTPRequestHandler):
        """Prints a message."""

        timeout = _PATIENCE_SECONDS

        def do_POST(self) -> None:
            """Take a message."""
            length = self.headers.get("content-length", "")
            if not length.isdecimal() or int(length) > _MOST_BYTES:
                self.send_error(413)
                return
            body = self.rfile.read(int(length))
            typer.echo(_told(body, dict(self.headers.items()), secrets))
            self.send_response(answer)
            self.send_header("content-length", "0")
            self.end_headers()
            if next(came) == count:
                Thread(target=self.server.shutdown).start()  # not from here: it waits for this answer

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise Problem(f"can't listen on {host}:{port}: {error.strerror}; choose another with --port") from error
    with server:
        typer.echo(f"listening at http://{host}:{server.server_address[1]}/", err=True)
        server.serve_forever()


def _told(body: bytes, headers: dict[str, str], secrets: Sequence[str]) -> str:
    text = body.decode(errors="replace")
    if not secrets:
        return text
    try:
        verify(body, headers, secrets)
    except InvalidWebhook as error:
        return f"NOT VERIFIED ({error}): {text}"
    return f"verified: {text}"
