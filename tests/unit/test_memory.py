"""Temporary files are kept in memory where there is plenty, and nowhere else."""

import os
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from services.memory import hold_temporary_files


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/elsewhere")  # to be set back after the test
    for name in ("TMPDIR", "REELMILL_TEST_LONG", "REELMILL_TEST_CHAOS_MINUTES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_all_that_is_made_lies_in_a_folder_of_the_runs_own(tmp_path: Path) -> None:
    folder = hold_temporary_files(tmp_path, 1)
    assert folder == tmp_path / f"mill-{os.getpid()}" and folder.stat().st_mode & 0o7777 == 0o1777
    with tempfile.TemporaryDirectory() as ours:
        assert Path(ours).parent == folder
    assert subprocess.check_output(["mktemp", "-u", "-p", "", "x.XXX"], text=True).startswith(f"{folder}/x.")


@pytest.mark.parametrize("lack", ["free", "available", "programs", "folder"])
def test_where_there_is_little_memory_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: str
) -> None:
    memory, bytes_ = tmp_path, 1
    if lack == "free":
        bytes_ = 2**62
    elif lack == "available":
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1))
    elif lack == "programs":
        monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((0,) * 8 + (os.ST_NOEXEC, 255)))
    else:
        memory = tmp_path / "missing"
    assert hold_temporary_files(memory, bytes_) is None
    assert "TMPDIR" not in os.environ and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["TMPDIR", "REELMILL_TEST_LONG", "REELMILL_TEST_CHAOS_MINUTES"])
def test_who_chose_a_place_keeps_it_and_who_does_more_has_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "/elsewhere")
    assert hold_temporary_files(tmp_path, 1) is None
    assert os.environ[name] == "/elsewhere" and os.environ.get("TMPDIR", "/elsewhere") == "/elsewhere"


def test_what_runs_that_were_killed_left_is_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / f"mill-{ended.pid}" / "of a test").mkdir(parents=True)
    (tmp_path / f"mill-{os.getppid()}").mkdir()
    (tmp_path / f"mill-{os.getpid()}" / "of one that had our number").mkdir(parents=True)
    folder = hold_temporary_files(tmp_path, 1)
    assert folder and list(folder.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {folder.name, f"mill-{os.getppid()}"}
