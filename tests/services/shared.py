"""Servers that all processes of a run share: who hands out the tests keeps each, from when one is needed."""

import shutil
import socket
import socketserver
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from services.process import MissingError, Server

_MISSING, _FAILED, _RUNS = b"missing ", b"failed ", b"runs "


class Keeper:
    """Starts a server for the first who asks for it, until `close`. Listens on a Unix socket, `path`."""

    def __init__(self, kinds: Mapping[str, Callable[[], Server]]) -> None:
        """`kinds`: servers by the names that are asked for."""
        self._folder = Path(tempfile.mkdtemp(prefix="reelmill-keeper-"))
        self.path = self._folder / "socket"
        self._kinds = kinds
        self._answers: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._running = ExitStack()
        keeper = self

        class Asked(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(keeper.answer(self.rfile.readline().decode().strip()))

        class Listener(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        self._listener = Listener(str(self.path), Asked)
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()

    def answer(self, name: str) -> bytes:
        """Where a server is, once it runs, or why it does not."""
        with self._lock:
            if name not in self._answers:
                try:
                    server = self._running.enter_context(self._kinds[name]())
                    self._answers[name] = _RUNS + server.url.encode()
                except MissingError as error:
                    self._answers[name] = _MISSING + str(error).encode()
                except Exception as error:
                    self._answers[name] = _FAILED + f"{type(error).__name__}: {error}".encode()
            return self._answers[name]

    def close(self) -> None:
        """End all servers."""
        self._listener.shutdown()
        self._listener.server_close()
        with self._lock:
            self._running.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def ask(path: str, name: str) -> str:
    """The URL of the server of a name, of who keeps it. Raises MissingError, or RuntimeError where it did not start."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(f"{name}\n".encode())
        with connection.makefile("rb") as file:
            told = file.read()
    if told.startswith(_RUNS):
        return told.removeprefix(_RUNS).decode()
    if told.startswith(_MISSING):
        raise MissingError(told.removeprefix(_MISSING).decode())
    raise RuntimeError(told.removeprefix(_FAILED).decode() or f"who keeps {name} is gone")
