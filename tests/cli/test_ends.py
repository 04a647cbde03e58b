"""Commands that are killed or interrupted: nothing goes on without them, nothing finished is lost."""

import asyncio
import json
import shutil
import signal
from pathlib import Path

import asyncpg
import clips
import psutil
from cli.conftest import Process, reelmill
from services.process import gone
from waiting import PATIENCE_SECONDS, until

from reelmill.embedded import EmbeddedPostgres

SLOW = {"codec": "AV1", "effort": "SLOW", "width": 3840, "height": 2160, "fit": "STRETCH"}


def slow_job(folder: Path) -> Path:
    """A job that takes a minute for `clip`, and a second for a picture."""
    file = folder / "job.json"
    file.write_text(json.dumps({"outputs": [{"name": "slow", "transcode": {"video": SLOW}}]}))
    return file


def read_until(process: Process, words: str) -> None:
    stream = process.stdout if words == "ready in" else process.stderr
    seen = ""
    while words not in seen:
        line = stream.readline()
        assert line, seen
        seen += line


def postgres(data: Path) -> psutil.Process:
    """The server of a data folder."""
    return psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().splitlines()[0]))


def kill(process: Process) -> None:
    process.kill()
    process.communicate()


def hidden(out: Path) -> list[str]:
    return [p.name for p in out.iterdir() if p.name.startswith(".")]


async def cancelled(data: Path) -> list[bool]:
    """Of all jobs that a run's database knows, oldest first, whether somebody cancelled them."""
    server = EmbeddedPostgres(data / "postgres")
    try:
        connection = await asyncpg.connect(await server.start())
        found = await connection.fetch("SELECT cancel_time FROM jobs ORDER BY id")
        await connection.close()
    finally:
        await server.stop()
    return [row["cancel_time"] is not None for row in found]


def test_a_run_that_is_killed_leaves_no_server_and_its_folder_to_the_next(tmp_path: Path, clip: Path) -> None:
    shutil.copy(clip, tmp_path / "clip.mp4")
    killed = reelmill("run", "clip.mp4", "--job", slow_job(tmp_path), "-o", "out", folder=tmp_path)
    read_until(killed, "transcoding")
    server = postgres(tmp_path / "data" / "run" / "0")
    assert len(hidden(tmp_path / "out")) == 1
    kill(killed)
    until(lambda: gone(server))
    (tmp_path / "out" / ".reelmill-mine.txt").touch()  # no folder, and so none of ours
    done = reelmill("run", "clip.mp4", "-p", "podcast-audio", "-o", "out", folder=tmp_path)
    _, err = done.communicate(timeout=90)
    assert done.returncode == 0, err
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        ".reelmill-mine.txt",
        "clip-podcast-audio.mp3",
    ]
    # Nobody waits for what the killed one ran.
    assert asyncio.run(cancelled(tmp_path / "data" / "run" / "0")) == [True, False]


def test_the_server_of_two_ups_stays_for_the_one_that_lives(tmp_path: Path) -> None:
    first = reelmill("up", "--http", "0", "--grpc", "0", folder=tmp_path)
    read_until(first, "ready in")
    second = reelmill("up", "--http", "0", "--grpc", "0", folder=tmp_path)
    try:
        read_until(second, "ready in")
        server = postgres(tmp_path / "data")
        kill(first)
        doctor = reelmill("doctor", "--json", folder=tmp_path)  # another user, who comes and goes
        found = {f["name"]: f for f in json.loads(doctor.communicate(timeout=60)[0])}
        assert found["database"]["remedy"] == ""
        assert (gone(server), second.poll()) == (False, None)
    finally:
        kill(first)
        kill(second)
    until(lambda: gone(server))
    assert not (tmp_path / "data" / "postgres" / "postmaster.pid").exists()  # in order, not by a signal


def test_a_second_interrupt_ends_a_run_at_once(tmp_path: Path, clip: Path) -> None:
    shutil.copy(clip, tmp_path / "clip.mp4")
    process = reelmill("run", "clip.mp4", "--job", slow_job(tmp_path), "-o", "out", folder=tmp_path)
    read_until(process, "transcoding")
    server = postgres(tmp_path / "data" / "run" / "0")
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    read_until(process, "Ctrl-C again ends it at once")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_SECONDS) == 130
    process.communicate()
    until(lambda: all(gone(child) for child in [*children, server]))


def test_an_interrupt_keeps_what_is_finished(tmp_path: Path, clip: Path) -> None:
    shutil.copy(clip, tmp_path / "long.mp4")
    clips.make_picture(tmp_path / "short.mp4")
    files = ("short.mp4", "long.mp4")
    process = reelmill("run", *files, "--job", slow_job(tmp_path), "-o", "out", folder=tmp_path)
    read_until(process, "short: COMPLETED")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (130, False)
    assert err.splitlines()[-1] == "interrupted; cancelled: long"
    assert "short-slow.mp4" in out
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["short-slow.mp4"]
