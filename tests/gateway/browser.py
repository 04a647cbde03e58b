"""Chromium without a window, spoken to over its debugging pipe."""

import base64
import json
import os
import select
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from services import debian
from services.process import MissingError
from waiting import PATIENCE_SECONDS

OTHERS = ("chromium", "chromium-browser", "google-chrome")


def executable() -> str:
    """A Chromium's path, best of one that has no windows: it starts at a quarter of the CPU. Raises MissingError."""
    try:
        return debian.program("chromium-headless-shell")
    except MissingError:
        if other := next(filter(None, map(shutil.which, OTHERS)), None):
            return other
        raise


class Browser:
    """One page. `messages` are what its console and its security policy complained of."""

    def __init__(self, profile: Path) -> None:
        self.messages: list[str] = []
        self._events: dict[str, dict[str, Any]] = {}
        self._session = self._target = ""
        self._count = 0
        self._stack = ExitStack()
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        options += ["--remote-debugging-pipe", f"--user-data-dir={profile}", "--window-size=1280,1600", "about:blank"]
        # Chromium reads from file descriptor 3 and writes to 4.
        script = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
        argv = ["/bin/bash", "-c", script, "sh", str(theirs_in), str(theirs_out), executable(), *options]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            argv, pass_fds=(theirs_in, theirs_out), stdin=quiet, stdout=quiet, stderr=quiet
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._out = self._stack.enter_context(os.fdopen(ours_out, "wb", buffering=0))
        self._in, self._read_ahead = ours_in, b""
        self._stack.callback(os.close, ours_in)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)
        self._stack.close()

    def open(self, url: str) -> None:
        """Go to a page, in place of the one before."""
        before, self._session = self._target, ""
        self._target = self._call("Target.createTarget", url="about:blank")["targetId"]
        if before:  # it would go on beside: its players, its streams of events
            self._call("Target.closeTarget", targetId=before)
        self._session = self._call("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self._call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        answer = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """The value of an expression, once it is true; of a part of the page true alone. An error after 60 s."""
        poll = f"""new Promise((resolve, reject) => {{
            const end = Date.now() + 60000;
            const look = () => {{
                const value = {expression};
                if (value) resolve(value instanceof Node ? true : value);
                else if (Date.now() > end) reject(new Error("not within 60 s"));
                else setTimeout(look, 20);
            }};
            look();
        }})"""
        return self.evaluate(poll)

    def screenshot(self, path: Path) -> Path:
        """Write what can be seen as a PNG."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))
        return path

    def heard(self, event: str) -> dict[str, Any]:
        """What an event of the page told, the last of its kind; waits for the first."""
        for _ in range(int(50 * PATIENCE_SECONDS)):
            if event in self._events:
                break
            self.evaluate("new Promise((go) => setTimeout(go, 20))")
        return self._events.pop(event)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self._read())
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return dict(answer["result"])
            if answer.get("method") == "Page.fileChooserOpened":
                self._events[answer["method"]] = answer["params"]
            if answer.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.messages.append(json.dumps(answer["params"]))

    def _read(self) -> bytes:
        while b"\0" not in self._read_ahead:
            ready, _, _ = select.select([self._in], [], [], 2 * PATIENCE_SECONDS)  # what `wait_for` waits, and more
            assert ready, "the browser does not answer"
            piece = os.read(self._in, 2**16)
            assert piece, "the browser is gone"
            self._read_ahead += piece
        found, _, self._read_ahead = self._read_ahead.partition(b"\0")
        return found
