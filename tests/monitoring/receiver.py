"""A webhook that Alertmanager calls."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from services.process import HOST
from waiting import PATIENCE_SECONDS


class Receiver:
    """Keeps every alert that arrives."""

    def __init__(self) -> None:
        self._alerts: list[dict[str, Any]] = []
        self._arrived = threading.Condition()
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())

    @property
    def url(self) -> str:
        """Where to send alerts."""
        return f"http://{HOST}:{self._server.server_port}/"

    def forget(self) -> None:
        """Drop what has arrived."""
        with self._arrived:
            self._alerts.clear()

    def wait(
        self, name: str, *, status: str = "firing", timeout_seconds: float = PATIENCE_SECONDS, **labels: str
    ) -> dict[str, Any]:
        """The alert, once it has arrived since `forget`. Raises TimeoutError, saying what has."""

        def found() -> dict[str, Any] | None:
            wanted = {"alertname": name, **labels}.items()
            return next((a for a in self._alerts if a["status"] == status and wanted <= a["labels"].items()), None)

        with self._arrived:
            if alert := self._arrived.wait_for(found, timeout_seconds):
                return alert
            came = sorted({(a["labels"]["alertname"], a["status"]) for a in self._alerts})
        raise TimeoutError(f"{name} is not {status} after {timeout_seconds:g} s; what came: {came}")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                alerts = json.loads(self.rfile.read(int(self.headers["content-length"])))["alerts"]
                with receiver._arrived:
                    receiver._alerts += alerts
                    receiver._arrived.notify_all()
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
