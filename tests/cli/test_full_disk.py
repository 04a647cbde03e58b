"""A disk that is full is told in a line, with the remedy. Needs root, for small disks."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from cli.conftest import Process, reelmill

Disk = Callable[[str, str], Path]


@contextmanager
def _mounted(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        if os.environ.get("CI"):
            pytest.fail(done.stderr)
        pytest.skip(f"can't mount: {done.stderr}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Makes a disk of a size."""
    with ExitStack() as stack:
        yield lambda name, size: stack.enter_context(_mounted(tmp_path / name, size))


def _said(process: Process) -> tuple[int, str]:
    _, err = process.communicate(timeout=90)
    return process.returncode, err


def test_up_tells_of_a_full_disk_in_one_line(tmp_path: Path, disk: Disk) -> None:
    ports = ("--http", "0", "--grpc", "0")
    words = "; free some space, or name a folder on another disk\n"
    for size in ("20m", "38m"):  # too small for a server; too small for its first migrations
        data = disk(size, size) / "data"
        code, err = _said(reelmill("up", *ports, folder=tmp_path, data_dir=data))
        assert (code, len(err.splitlines())) == (1, 1), err
        assert err.startswith("REELMILL_DATA_DIR: ")
        assert err.endswith(words)
        assert str(data) in err
    assert "a new one takes 60" in _said(reelmill("demo", "--data", "20m/demo", folder=tmp_path))[1]


def test_a_run_onto_a_full_disk_encodes_once_and_says_so(tmp_path: Path, disk: Disk, clip: Path) -> None:
    out = disk("out", "64k")
    job = tmp_path / "job.json"
    job.write_text('{"outputs": [{"name": "sound", "audio": {"format": "WAV"}}]}')
    code, err = _said(reelmill("run", clip, "--job", job, "-o", out, folder=tmp_path))
    assert code == 1
    assert err.count("PROCESSING probing") == 1
    assert "DISK_FULL (limit): " in err
    assert list(out.iterdir()) == []
