"""Help and typos are told without the modules of the commands, and say what those say."""

import asyncio
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from google.protobuf.json_format import ParseDict
from waiting import PATIENCE_SECONDS

from reelmill.app import scheduler as scheduling
from reelmill.cli.explaining import explained, script_of, write_script
from reelmill.cli.session import sweeps_after
from reelmill.cli.table import COMMANDS, PANELS, help_page, no_command
from reelmill.parts import Parts
from reelmill.supervise import end
from reelmill.v1.jobs_pb2 import Job

SLOW = ("typer", "rich", "grpc", "google.protobuf", "asyncio", "asyncpg", "av", "pydantic", "yaml", "reelmill.cli.main")
LATE = (
    *("attr", "av", "confluent_kafka", "cryptography", "httpx", "jinja2", "numpy", "opentelemetry", "PIL", "psutil"),
    *("pygments", "redis", "rich.progress", "rich.traceback", "starlette", "ttconv", "uvicorn"),
)
"""What few processes need, or none at its start; each would take longer to import than much of what is ours."""
TOLD = f"""
import sys
from reelmill.cli.entry import main
try:
    main()
finally:
    print([name for name in {SLOW!r} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("--version",), ("jbos",), ("jbos", "--json")])
def test_what_needs_no_command_imports_none(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TOLD, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1] == "[]"
    if arguments[:1] == ("jbos",):
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines()[0] == "there is no command 'jbos'; did you mean jobs?"
    else:
        assert (done.returncode, "Usage" in done.stdout or "reelmill" in done.stdout) == (0 if arguments else 2, True)


@pytest.mark.parametrize(
    ("modules", "further"),
    [
        ("reelmill.system", ("rich", "typer", "reelmill.gateway.app", "reelmill.console")),
        (
            "reelmill.cli.main, reelmill.cli.local, reelmill.cli.outputs, reelmill.cli.checking, reelmill.cli.session",
            (),
        ),
    ],
    ids=["processes", "run"],
)
def test_what_most_need_not_at_their_start_is_imported_late(modules: str, further: tuple[str, ...]) -> None:
    shown = "from reelmill.telemetry.metrics import expose; expose('up')"  # which looks at each metric once
    code = f"import sys, {modules}; {shown}; print([name for name in {(*LATE, *further)!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


@pytest.mark.parametrize(
    ("module", "others"),
    [
        ("warm_child", ("jobs", "media.steps", "media.contract", "media.tracks", "v1.jobs_pb2")),
        ("tools.manifests", ("jobs", "media.steps", "media.contract", "v1")),
    ],
)
def test_a_child_that_reads_foreign_bytes_imports_nothing_of_plans(module: str, others: tuple[str, ...]) -> None:
    names = [f"reelmill.{name}" for name in others]
    code = f"import sys, reelmill.media.{module}; print([n for n in {names!r} if n in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


@pytest.mark.parametrize(
    ("process", "others"),
    [
        ("api", ("worker.attempt", "scheduler", "gateway.app", "console")),
        ("worker", ("api.server", "scheduler", "gateway.app", "console")),
        ("scheduler", ("api", "worker", "gateway.app", "console", "media.operations", "media.plan")),
        ("gateway", ("api", "worker", "scheduler", "store.jobs", "media.plan")),
    ],
)
def test_a_process_imports_nothing_of_the_others(process: str, others: tuple[str, ...]) -> None:
    names = [f"reelmill.{name}" for name in others]
    code = f"import sys, reelmill.process, reelmill.app.{process}; print([n for n in {names!r} if n in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_a_scheduler_of_ones_own_begins_at_once_after_a_kill_and_once_a_day(tmp_path: Path) -> None:
    assert sweeps_after(tmp_path) == 0
    for name in ("ended", "swept"):
        (tmp_path / name).touch()
    assert sweeps_after(tmp_path) > 0
    os.utime(tmp_path / "swept", (time.time() - 2 * 86400,) * 2)
    assert sweeps_after(tmp_path) == 0
    (tmp_path / "swept").touch()
    (tmp_path / "ended").unlink()
    assert sweeps_after(tmp_path) == 0


async def test_a_scheduler_may_begin_later(monkeypatch: pytest.MonkeyPatch) -> None:
    began, begun = asyncio.Event(), []

    async def scheduler(parts: Parts, *, webhooks: bool) -> None:
        begun.append(webhooks)
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(scheduling, "run_scheduler", scheduler)
    parts: Any = None
    both = scheduling.running_scheduler(parts, webhooks=False, after_seconds=3600), scheduling.running_scheduler(parts)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await began.wait()
    await end(*both)
    assert begun == [True]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_table_says_and_does_what_it_says(name: str) -> None:
    module, attribute, told = COMMANDS[name]
    found = getattr(import_module(f"reelmill.cli.{module}"), attribute)
    own = found.info.help if isinstance(found, typer.Typer) else found.__doc__
    begin = " ".join(told.rstrip(".").split()[:2])
    assert " ".join((own or "").split()).startswith(begin), (told, own)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_page_fits_the_terminal(columns: int) -> None:
    lines = help_page(columns).splitlines()
    assert max(map(len, lines[3:])) <= max(columns, 44)
    assert [line.rstrip(":") for line in lines if line.endswith(":") and line[0] != " "] == ["Options", *PANELS]


def test_a_name_that_is_like_none_is_told_where_they_are_listed() -> None:
    assert no_command("zzzzzz") == "there is no command 'zzzzzz'; reelmill --help lists them"


def test_a_failure_is_told_by_cause_line_and_remedy() -> None:
    error = {"code": "INPUT_CORRUPT", "category": "INPUT", "message": "m", "command": "ffmpeg", "output": "web"}
    job = ParseDict({"id": "01a21833-e780-7477-ac9e-7f9bb28cdf6f", "error": error}, Job())
    assert explained(job) == [
        "INPUT_CORRUPT: m",
        "output: web",
        f"remedy: Change the input or the job, then submit it again: reelmill replay {job.id}",
        f"again: reelmill explain {job.id[-8:]} --reproduce DIR",
    ]
    job.error.cause, job.error.deciding_line, job.error.remedy = "c", "d", "r {x}"
    assert explained(job)[:4] == ["INPUT_CORRUPT: c", "output: web", "told by: d", "remedy: r {x}"]


def test_a_script_makes_its_folders_and_runs_the_command(tmp_path: Path) -> None:
    script = tmp_path / "reproduce.sh"
    script.write_text(script_of("/bin/cp /etc/hostname 'a b/c.txt'"))
    subprocess.run(["/bin/sh", str(script)], cwd="/", check=True)
    assert (tmp_path / "a b/c.txt").is_file()
    assert "mkdir -p web" in script_of("ffmpeg -i file:/x/talk.mov file:web/web.mp4")


def test_the_script_of_a_failure_lies_in_a_folder_that_is_made(tmp_path: Path) -> None:
    failed = Job(id="a")
    failed.error.command = "echo so"
    script = write_script(failed, tmp_path / "of" / "a")
    assert subprocess.check_output([script], text=True) == "so\n"
