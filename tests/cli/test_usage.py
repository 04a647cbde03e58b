"""What people give that is none, and where they send what comes out: told in a line, never by a traceback."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli.conftest import Cli, reelmill
from google.protobuf.json_format import Parse
from waiting import PATIENCE_SECONDS

from reelmill.api.checks import Checks
from reelmill.media.describing import operations
from reelmill.settings import Settings
from reelmill.storage.storage import Storage
from reelmill.v1.jobs_pb2 import Job, ValidateJobRequest

ODD = "\udcff"  # a byte that is no UTF-8, as Python hands it over


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", f"{ODD}.mp4"), r"'\udcff.mp4' is not UTF-8"),
        (("run", "x.mp4", "-p", ODD), r"'\udcff' is not UTF-8"),
        (("run", "x.mp4", "--data", ODD), r"'\udcff' is not UTF-8"),
        (("submit", "--input", "x.mp4", "--preset", "web-mp4", "--label", f"a={ODD}"), r"'a=\udcff' is not UTF-8"),
        (("jobs", "--api", f"{ODD}:1"), r"'\udcff:1' is not UTF-8"),
        (("submit", "--input", "x.mp4", "--preset", "web-mp4", "--priority", "101"), "less than or equal to 100"),
        (("demo", "--data", "file"), "file can't be made: File exists"),
        (("up", "--data", "/proc/none"), "REELMILL_DATA_DIR: /proc/none can't be made: No such file or directory"),
    ],
)
def test_arguments(cli: Cli, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    for name in ("file", "x.mp4"):
        (tmp_path / name).touch()
    result = cli(*arguments, http_port=0, grpc_port=0)
    assert result.exit_code in (1, 2)
    assert words in result.stderr


def test_operations_are_listed_and_each_shows_what_it_takes(cli: Cli) -> None:
    heading, *lines = cli("operations").stdout.splitlines()
    assert heading.split()[0] == "OPERATION"
    assert {"transcode", "waveform", "analyze"} <= {line.split()[0] for line in lines if line[:1].strip()}
    shown = cli("operations", "waveform").stdout
    assert "samples_per_pixel" in shown
    assert '"waveform": {' in shown
    told = json.loads(cli("operations", "audio", "--json").stdout)
    assert {"path": "fade_in_seconds", "type": "double", "min": 0.001, "max": 600.0}.items() <= next(
        one for one in told["parameters"] if one["path"] == "fade_in_seconds"
    ).items()
    every = [json.loads(line) for line in cli("operations", "--json").stdout.splitlines()]
    names = {name for one in every for parameter in one["parameters"] for name in parameter}
    assert {"max_items", "max_length"} <= names
    wrong = cli("operations", "nonsense")
    assert (wrong.exit_code, "there is no operation 'nonsense'; there are transcode," in wrong.stderr) == (2, True)


def test_the_example_of_each_operation_is_a_job_that_is_taken(cli: Cli) -> None:
    checks = Checks(Storage.from_settings(Settings()))
    for operation in operations():
        shown = cli("operations", operation.name).stdout
        sent = shlex.split(shown.splitlines()[-1])
        assert (sent[:2], sent[3]) == (["curl", "--json"], "http://localhost:8080/v1/jobs")
        job = Parse(sent[2], Job())
        assert job.outputs[0].WhichOneof("operation") == operation.name
        assert checks.request(ValidateJobRequest(job=job)) == []
        body = shown.partition("job.json:\n")[2].partition("\n\n")[0]
        assert Parse(body, Job()) == job


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"storage_url": f"file:///{ODD}"}, "REELMILL_STORAGE_URL: is not UTF-8"),
        ({"config": "/proc/self/mem"}, "REELMILL_CONFIG: /proc/self/mem can't be read: Input/output error"),
        ({"config": sys.executable}, "is no TOML"),
        ({"config": "/"}, "REELMILL_CONFIG: there is no file '/'"),
    ],
)
def test_settings(cli: Cli, settings: dict[str, object], words: str) -> None:
    result = cli("settings", **settings)
    assert (result.exit_code, words in result.stderr) == (2, True), result.stderr


def test_output_that_nobody_takes(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as gone, Path("/dev/full").open("w") as full:
        for command in ("settings", "settings --json", "--help"):
            argv = [sys.executable, "-m", "reelmill", *command.split()]
            for stream, codes in ((gone, (0, 1)), (full, (1,))):
                variables = os.environ | {"REELMILL_DATA_DIR": str(tmp_path)}
                done = subprocess.run(
                    argv, cwd=tmp_path, env=variables, stdout=stream, stderr=subprocess.PIPE, text=True, check=False
                )
                assert (done.returncode in codes, "Traceback" in done.stderr) == (True, False), (command, done)


def test_a_terminal_that_lacks_a_letter(tmp_path: Path) -> None:
    shown = reelmill("settings", folder=tmp_path, data_dir=tmp_path / "Größe", local_roots='["/x…"]')
    assert shown.communicate()[0]
    argv = ["/usr/bin/env", "PYTHONIOENCODING=ascii", sys.executable, "-m", "reelmill", "settings"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def until_begun(pid: int) -> None:
    """Until our first line runs, which gives an interrupt its default: before it Python itself answers, at length."""
    status, caught = Path(f"/proc/{pid}/status"), 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    interrupt = 1 << signal.SIGINT - 1
    begun = False  # Python has begun, and catches it
    while status.exists() and time.monotonic() < deadline:
        [caught] = [int(line.split()[1], 16) for line in status.read_text().splitlines() if line.startswith("SigCgt:")]
        if begun and not caught & interrupt:
            return
        begun = begun or bool(caught & interrupt)
        time.sleep(0.001)


def test_an_interrupt_at_any_time_is_told_in_a_line_at_most(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"no film")
    for command in (("up", "--http", "0", "--grpc", "0"), ("run", "x.mp4")):
        for seconds in (0.1, 0.5):
            process = reelmill(*command, folder=tmp_path, as_a_user=True)
            until_begun(process.pid)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(seconds)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE_SECONDS)
            assert len(err.splitlines()) <= 2, err
            assert process.returncode in (0, 130, -signal.SIGINT)


LOST = """
import os, signal, sys, time, weakref
from reelmill.cli import entry, main

class Garbage:
    pass

def called(_):
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):  # Python drops what is raised here
        pass
    print("never")

def command():
    garbage = Garbage()
    reference = weakref.ref(garbage, called)
    try:
        del garbage
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted", reference() is None)

main.main = command
sys.argv = ["reelmill", "jobs"]
entry.main()
"""


def test_an_interrupt_within_a_callback_is_not_lost() -> None:
    done = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, timeout=50, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted True\n", "", 0)
