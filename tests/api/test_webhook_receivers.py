"""The receivers that docs/webhooks.md gives to copy take what we sign and refuse what was changed."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from services.process import HOST, free_port
from waiting import PATIENCE_SECONDS

from reelmill.standard_webhooks import secret_bytes, signed_headers

ROOT = Path(__file__).resolve().parents[2]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"type":"job.completed","data":{"id":"7"}}'
# A Go program takes as long to build as all other tests of a room.
RUN = {
    "python": [sys.executable, "receiver.py"],
    "javascript": ["node", "receiver.mjs"],
    **({"go": ["go", "run", "receiver.go"]} if os.environ.get("REELMILL_TEST_LONG") else {}),
}


@pytest.mark.parametrize("language", RUN)
def test_a_receiver_of_the_document_verifies(language: str, tmp_path: Path) -> None:
    program, *arguments = RUN[language]
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    [code] = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs/webhooks.md").read_text(), re.DOTALL)
    port = free_port()
    (tmp_path / arguments[-1]).write_text(code.replace("8765", str(port)).replace("whsec_…", SECRET))
    environment = os.environ | {"WEBHOOK_SECRET": SECRET, "PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen([program, *arguments], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        with httpx.Client(
            base_url=f"http://{HOST}:{port}", transport=httpx.HTTPTransport(retries=0), timeout=PATIENCE_SECONDS
        ) as http:
            headers = signed_headers([b"o" * 32, secret_bytes(SECRET)], "msg_1", int(time.time()), BODY)
            assert _answered(http, running, BODY, headers) == 204
            for body, changes in (
                (BODY[:-1] + b" }", {}),
                (BODY, {"webhook-id": "msg_2"}),
                (BODY, {"webhook-signature": "v1,AAAA"}),
                (BODY, signed_headers([secret_bytes(SECRET)], "msg_1", int(time.time()) - 400, BODY)),
            ):
                assert http.post("/", content=body, headers=headers | changes).status_code == 400
    finally:
        running.kill()
        out, _ = running.communicate()
    assert out.count("job.completed") == 1


def _answered(http: httpx.Client, running: subprocess.Popen[str], body: bytes, headers: dict[str, str]) -> int:
    """The status of the first answer: a program takes its time to begin."""
    until = time.monotonic() + 120
    while True:
        try:
            return http.post("/", content=body, headers=headers).status_code
        except httpx.ConnectError:
            assert running.poll() is None and time.monotonic() < until
            time.sleep(0.05)
