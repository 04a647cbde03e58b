"""Running: it stops when told, in time, and leaves no process behind; limits hold."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from media.kit import FFMPEG, Studio
from waiting import PATIENCE_SECONDS, soon

from reelmill.jobs.errors import AttemptFailed, Stopped
from reelmill.media import run as ffmpeg_run
from reelmill.media.progress import RunProgress
from reelmill.media.render.command import Command
from reelmill.media.steps import Program

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDLESS = ("-re", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10")


def endless(*encoder: str, name: str = "out.mkv", inputs: tuple[str, ...] = ENDLESS) -> Command:
    writes = (*encoder, f"out/{name}")
    return Command(argv=(*inputs, *writes), outputs=("out",), duration_seconds=10)


@pytest.fixture(autouse=True)
def quick(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits are looked at often."""
    (studio.folder / "out").mkdir()
    monkeypatch.setattr("reelmill.media.run._CHECK_SECONDS", 0.1)


@pytest.fixture(autouse=True)
def others() -> Iterator[None]:
    """Servers of other tests, and their guards, are children of this process too."""
    _OTHERS.update(psutil.Process().children(recursive=True))
    yield
    _OTHERS.clear()


_OTHERS: set[psutil.Process] = set()


def children() -> list[psutil.Process]:
    """Children of this test that run ffmpeg or a shell, dead ones that nobody waited for too."""
    found = set(psutil.Process().children(recursive=True)) - _OTHERS
    named = []
    for process in found:
        with suppress(psutil.NoSuchProcess):
            if process.status() == psutil.STATUS_ZOMBIE or process.name().startswith(("ffmpeg", "sh", "sleep")):
                named.append(process)
    return named


def script(folder: Path, text: str) -> Path:
    """A program in ffmpeg's place, for what ffmpeg does too rarely."""
    path = folder / "ffmpeg.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


class Started:
    """Waits for the first progress, and acts on it."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act
        self.seen: list[RunProgress] = []

    def __call__(self, progress: RunProgress) -> None:
        self.seen.append(progress)
        if len(self.seen) == 1:
            self._act()


async def test_a_stop_ends_ffmpeg(studio: Studio) -> None:
    stop = asyncio.Event()
    with pytest.raises(Stopped):
        await studio.run(endless(), stop=stop, on_progress=Started(stop.set))
    assert children() == []


async def test_what_ignores_term_is_ended_with_its_whole_group(open_studio: Studio) -> None:
    studio, stop = open_studio, asyncio.Event()
    stubborn = script(studio.folder, "trap '' TERM\nsleep 300 &\necho progress=continue\nwait\nwait\nsleep 300")
    with pytest.raises(Stopped):
        await studio.run(endless(), stop=stop, on_progress=Started(stop.set), ffmpeg=stubborn)
    assert children() == []


async def test_a_cancelled_run_kills_at_once(studio: Studio) -> None:
    started = asyncio.Event()
    running = asyncio.create_task(studio.run(endless(), on_progress=Started(started.set)))
    await soon(started.wait())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert children() == []


async def test_a_fault_of_the_listener_is_told_and_leaves_nothing(studio: Studio) -> None:
    def fail(progress: RunProgress) -> None:
        raise RuntimeError("listener")

    with pytest.raises(RuntimeError, match="listener"):
        await studio.run(endless(), on_progress=fail)
    assert children() == []


async def test_ffmpeg_that_stands_still_is_ended(studio: Studio) -> None:
    def freeze() -> None:
        for process in children():
            process.suspend()

    with pytest.raises(AttemptFailed, match=r"NO_PROGRESS: ffmpeg made no progress for 0.6 s"):
        await studio.run(endless(), on_progress=Started(freeze), no_progress_seconds=0.6)
    assert children() == []


async def test_a_wall_limit_ends_it(studio: Studio) -> None:
    with pytest.raises(AttemptFailed, match=r"WALL_LIMIT: ffmpeg ran longer than 0.5 s"):
        await studio.run(endless(), wall_seconds=0.5)
    assert children() == []


async def test_an_output_that_outgrows_its_limit_ends_it(studio: Studio) -> None:
    command = endless("-c:v", "rawvideo", inputs=("-f", "lavfi", "-i", "testsrc2=size=320x180"))
    with pytest.raises(AttemptFailed, match="OUTPUT_TOO_LARGE"):
        await studio.run(command, max_bytes=100_000)
    assert children() == []


async def test_what_lies_deep_in_folders_counts_too(open_studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = open_studio
    deep = script(
        studio.folder,
        "mkdir -p out/a/b; cd out/a/b; for i in 1 2 3 4; do head -c 50000 /dev/zero > $i; done; exec sleep 60",
    )
    (studio.folder / "input-0").write_bytes(bytes(500_000))  # what was fetched is no output
    with pytest.raises(AttemptFailed, match="OUTPUT_TOO_LARGE: the outputs outgrew 150000 bytes"):
        await studio.run(endless(), ffmpeg=deep, max_bytes=150_000)
    monkeypatch.setattr(ffmpeg_run, "_MOST_WRITTEN", 5)
    with pytest.raises(AttemptFailed, match="OUTPUT_TOO_LARGE: the outputs have more than 5 files"):
        await studio.run(endless(), ffmpeg=deep)
    assert children() == []


async def test_endless_stderr_takes_no_memory(open_studio: Studio) -> None:
    studio = open_studio
    talker = script(
        studio.folder,
        "head -c 5000000 /dev/zero | tr '\\0' x >&2; echo >&2; yes '[error] again' | head -n 10000 >&2; exit 1",
    )
    tracemalloc.start()
    try:
        with pytest.raises(AttemptFailed, match="FFMPEG_FAILED: ffmpeg ended with exit code 1") as caught:
            await studio.run(endless(), ffmpeg=talker)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000
    assert len(caught.value.failure.stderr_tail.splitlines()) == 40


async def test_a_cause_is_told_however_much_follows_it(open_studio: Studio) -> None:
    flood = 'i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo "[error] error while decoding MB $i" >&2; done'
    cause = "echo '[error] Error opening input: Cannot allocate memory' >&2"
    talker = script(open_studio.folder, f"{flood}; {cause}; {flood}; exit 69")
    told = "OUT_OF_MEMORY: ffmpeg wanted more memory than a job has here: [error] Error opening input: Cannot"
    with pytest.raises(AttemptFailed, match=re.escape(told)):
        await open_studio.run(endless(), ffmpeg=talker)


async def test_its_last_words_are_told_whoever_ended_it(open_studio: Studio) -> None:
    out = open_studio.folder / "out"
    talker = script(
        open_studio.folder,
        f"until [ -e {out}/go ]; do :; done; echo '[error] last words' >&2; touch {out}/said; sleep 300",
    )

    def full() -> None:
        (out / "go").touch()
        while not (out / "said").exists():
            pass  # the loop stands still, so that nobody has read them as the watch ends
        raise AttemptFailed("DISK_FULL", "the disk is full")

    with pytest.raises(AttemptFailed) as caught:
        await open_studio.run(endless(), ffmpeg=talker, check_space=full)
    failure = caught.value.failure
    assert (failure.code, failure.message, failure.output) == ("DISK_FULL", "the disk is full", "out")
    assert (failure.stderr_tail, failure.command.split()[0]) == ("[error] last words", str(talker))
    assert children() == []


async def test_a_failure_tells_the_command_the_output_and_the_line(studio: Studio) -> None:
    with pytest.raises(AttemptFailed) as caught:
        await studio.run(endless("-c:v", "nosuch"))
    failure = caught.value.failure
    assert (failure.code, failure.output) == ("ENCODER_UNAVAILABLE", "out")
    assert "Unknown encoder 'nosuch'" in failure.message
    assert failure.command.startswith(f"{FFMPEG} -hide_banner -nostdin")
    assert "Unknown encoder 'nosuch'" in failure.stderr_tail


async def test_progress_rises_to_100(studio: Studio, tiny: Path) -> None:
    seen: list[RunProgress] = []
    (command,) = (await studio.plan(tiny, {"transcode": {}})).commands
    await studio.run(command, on_progress=seen.append)
    percents = [progress.percent for progress in seen]
    assert percents == sorted(percents)
    assert percents[-1] == 100.0


WORKER = """
import asyncio, sys
from pathlib import Path
from media.kit import Studio
from media.test_run import endless
from reelmill.media.launcher import running
from reelmill.media.warm import WarmChildren
from reelmill.media.probe import Prober

def tell(progress): print("running", flush=True)

async def main():
    async with running() as launcher:
        await Studio(Path(sys.argv[1]), launcher, Prober(WarmChildren(launcher))).run(endless(), on_progress=tell)

asyncio.run(main())
"""


async def test_a_worker_that_is_killed_leaves_no_ffmpeg(studio: Studio) -> None:
    path = os.pathsep.join(p for p in sys.path if p)
    argv = [sys.executable, "-c", WORKER, str(studio.folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}) as worker:
        assert worker.stdout is not None and b"running\n" in worker.stdout  # after log lines
        found = [p for p in psutil.Process(worker.pid).children(recursive=True) if p.name().startswith("ffmpeg")]
        assert len(found) == 1
        worker.send_signal(signal.SIGKILL)
    gone, alive = psutil.wait_procs(found, timeout=PATIENCE_SECONDS)
    assert (gone, alive) == (found, [])


async def test_what_its_process_took_of_the_machine_is_told(studio: Studio) -> None:
    noise = ("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=2")
    command = Command(argv=(*noise, "-c:v", "libx264", "-threads", "1", "out/a.mkv"), outputs=("out",))
    made = await studio.run(command)
    assert 0.05 < made.cpu_seconds < 4 * made.wall_seconds


async def test_a_tool_runs_in_the_sandbox_and_its_last_words_are_told(studio: Studio) -> None:
    with pytest.raises(AttemptFailed, match=r"PROGRAM_FAILED: tool ended with 1: ImportError: .* 'main'"):
        await studio.run(Command(argv=("kit",), program=Program.TOOL))
