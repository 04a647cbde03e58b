"""`reelmill folder`: each file once, whatever ends the command at whatever point."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.conftest import Cli
from live import Reelmill

from reelmill.cli.delivering import Deliveries
from reelmill.cli.folder_rounds import LABEL, Rounds, Teller
from reelmill.cli.outputs import move
from reelmill.cli.settling import Settling, Stamp, being_written, files_in, key_of, name_for
from reelmill.client import Client, InvalidRequest, Violation
from reelmill.v1.jobs_pb2 import Job, Output, OutputFile

# Where the command is killed: the function, and whether before its call or after.
POINTS = {
    "a file's job is asked for": ("reelmill.client.Client.create_job", "before"),
    "it is made, and the answer never came": ("reelmill.client.Client.create_job", "after"),
    "it has ended": ("reelmill.cli.delivering.Deliveries.bring", "before"),
    "its files are here": ("reelmill.cli.outputs.move", "before"),
    "they are where they belong": ("reelmill.cli.delivering.Deliveries.note", "before"),
}
KILLED = """
import os, signal, sys
from pkgutil import resolve_name
import reelmill.cli.folder

place, when = sys.argv.pop(1), sys.argv.pop(1)
owner, name = resolve_name(place.rpartition(".")[0]), place.rpartition(".")[2]
real = getattr(owner, name)

def killed(*arguments, **options):
    if when == "after":
        real(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, name, killed)
from reelmill.cli.entry import main
main()
"""
ARGUMENTS = ("folder", "in", "-p", "podcast-audio", "-o", "out", "--settle", "0.2")


@pytest.fixture
def folders(tmp_path: Path, clip: Path) -> Path:
    """A folder with two files in `in`, each of its own content."""
    (tmp_path / "in").mkdir()
    for name in ("one.mp4", "two.mp4"):
        shutil.copy(clip, tmp_path / "in" / name)
        with (tmp_path / "in" / name).open("ab") as file:
            file.write(b"\0\0\0\x10free" + os.urandom(8))  # what no other test has sent
    return tmp_path


def keys(folder: Path, *presets: str) -> list[str]:
    return [key_of(folder / "in" / name, stamp, presets) for name, stamp in files_in(folder / "in").items()]


def jobs_of(cli: Cli, key: str) -> list[str]:
    lines = cli("jobs", "--json", "--filter", f'labels.{LABEL} = "{key}"').stdout.splitlines()
    return [json.loads(line)["state"] for line in lines]


@pytest.mark.parametrize(("place", "when"), POINTS.values(), ids=POINTS)
def test_a_kill_at_any_point_loses_no_file_and_makes_none_twice(
    live_cli: Cli, live: Reelmill, folders: Path, place: str, when: str
) -> None:
    options = ("--once", "--gateway", live.http, "--api", live.grpc)
    argv = [sys.executable, "-c", KILLED, place, when, *ARGUMENTS, *options]
    killed = subprocess.run(argv, cwd=folders, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = live_cli(*ARGUMENTS, *options)
    assert (again.exit_code, sorted(again.stdout.splitlines())) == (
        0,
        ["out/one-podcast-audio.mp3", "out/two-podcast-audio.mp3"],
    ), again.stderr
    assert [jobs_of(live_cli, key) for key in keys(folders, "podcast-audio")] == [["COMPLETED"], ["COMPLETED"]]
    assert not list((folders / "out").glob(".reelmill-*"))
    written = {path: path.stat().st_ino for path in (folders / "out").glob("*.mp3")}
    idle = live_cli(*ARGUMENTS, *options)
    assert (idle.exit_code, idle.stdout, idle.stderr) == (0, "", "")
    assert {path: path.stat().st_ino for path in (folders / "out").glob("*.mp3")} == written


def test_a_file_that_fails_is_told_and_holds_up_no_other(live_cli: Cli, live: Reelmill, folders: Path) -> None:
    (folders / "in" / "bad.mp4").write_bytes(b"no media\n" * 100 + os.urandom(8))
    (folders / "in" / "coming.mp4.part").write_text("half a film")
    done = live_cli(*ARGUMENTS, "--once", "--json", "--gateway", live.http)
    assert done.exit_code == 1
    told = {line["file"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert {name: line["state"] for name, line in told.items()} == {
        "bad.mp4": "FAILED",
        "one.mp4": "COMPLETED",
        "two.mp4": "COMPLETED",
    }
    assert told["one.mp4"]["files"] == ["out/one-podcast-audio.mp3"]
    assert "INPUT_NOT_MEDIA" in told["bad.mp4"]["error"]


def test_what_the_server_refuses_is_told_by_its_rules(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [Violation("job.outputs[0]", "needs sound"), Violation("job.inputs[0].uri", "is too far")]

    def refused(*arguments: object, **named: object) -> None:
        raise InvalidRequest("the request breaks rules", violations=wrong)

    with Client("127.0.0.1:1") as client:
        monkeypatch.setattr(client, "list_jobs", lambda *arguments, **named: iter(()))
        monkeypatch.setattr(client, "create_job", refused)
        teller = Teller(as_json=True)
        deliveries = Deliveries(folders / "out", None)
        rounds = Rounds(
            client, folders / "in", ["podcast-audio"], deliveries, teller, settle_seconds=0, shares_disk=True
        )
        assert rounds.round(0) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["file"], line["state"], line["error"]) for line in told] == [
        (name, "REFUSED", "needs sound; is too far") for name in ("one.mp4", "two.mp4")
    ]
    assert teller.failed == 2


@pytest.mark.skipif(sys.platform != "linux", reason="no other kernel tells who writes")
def test_a_file_that_is_written_is_left_until_it_is_whole_and_a_signal_ends_it(
    live: Reelmill, folders: Path, request: pytest.FixtureRequest
) -> None:
    options = ("--gateway", live.http, "--api", live.grpc)
    with (folders / "in" / "one.mp4").open("ab"):
        argv = [sys.executable, "-m", "reelmill", *ARGUMENTS, *options]
        process = subprocess.Popen(argv, cwd=folders, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        request.addfinalizer(process.kill)
        assert process.stdout
        assert process.stdout.readline() == "out/two-podcast-audio.mp3\n"
        assert not (folders / "out" / "one-podcast-audio.mp3").exists()
    assert process.stdout.readline() == "out/one-podcast-audio.mp3\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[0] == ""
    assert process.returncode == 0


def test_what_can_not_be_is_told_in_a_line(live_cli: Cli, live: Reelmill, folders: Path) -> None:
    cases: dict[tuple[str, ...], str] = {
        ("folder", "none", "-p", "podcast-audio", "-o", "out"): "there is no folder none",
        ("folder", "in", "-p", "podcast-audio", "-o", "in"): "-o in: must be another folder",
        ("folder", "in", "-p", "none", "-o", "out"): "--preset none: there is none; `reelmill presets` lists them",
    }
    for arguments, words in cases.items():
        done = live_cli(*arguments)
        assert (done.exit_code, words in done.stderr, len(done.stderr.splitlines())) == (2, True, 1), done.stderr


def test_a_file_settles_once_it_stays_the_same() -> None:
    settling, old, new = Settling(3), Stamp(1, 1), Stamp(2, 1)
    assert settling.look({"a": old, "b": old}, 0) == []
    assert settling.look({"a": old, "b": new}, 3) == ["a"]
    assert settling.look({"b": new}, 5.9) == []
    assert settling.look({"a": old, "b": new}, 6) == ["b"]


def test_a_file_is_known_by_what_changes_with_it(tmp_path: Path) -> None:
    def written(name: str, content: bytes, mtime_ns: int = 1) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        os.utime(path, ns=(mtime_ns, mtime_ns))
        return key_of(path, files_in(tmp_path)[name], ("web-mp4",))

    first = written("a.mov", b"x" * 200_000)
    assert written("a.mov", b"x" * 200_000) == first
    others = {written("a.mov", content) for content in (b"x" * 200_001, b"x" * 199_999 + b"y")}
    others |= {written("a.mov", b"x" * 200_000, 2), written("b.mov", b"x" * 200_000)}
    assert len(others - {first}) == 4
    assert key_of(tmp_path / "b.mov", files_in(tmp_path)["b.mov"], ("web-hls",)) != first


def test_a_file_that_is_open_for_writing_is_known(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    path.write_text("x")
    assert not being_written(path)
    if sys.platform == "linux":
        with path.open("a"):
            assert being_written(path)


def test_names_of_outputs_do_not_collide() -> None:
    assert name_for("talk.mov", ["talk.mov", "other.mov"]) == "talk"
    assert name_for("talk.mov", ["talk.mov", "talk.mp4"]) == "talk.mov"


def test_what_lists_other_files_comes_after_them(tmp_path: Path) -> None:
    paths = ["master.m3u8", "video/index.m3u8", "video/1.m4s"]
    job = Job(outputs=[Output(name="web", files=[OutputFile(path=path) for path in paths])])
    for path in paths:
        (tmp_path / "from" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "from" / path).touch()
    source: Callable[[Output, OutputFile], Path] = lambda _, file: tmp_path / "from" / file.path  # noqa: E731
    moved = move(job, "talk", tmp_path / "out", (), source)
    assert [str(path.relative_to(tmp_path)) for path in moved] == [f"out/talk/{path}" for path in reversed(paths)]
