"""Working directories: whose they are, and what is cleaned up."""

import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from reelmill.jobs.errors import AttemptFailed
from reelmill.storage.workdir import WorkRoot
from reelmill.telemetry.metrics import DISK_FREE, DISK_RESERVE

CREATE_AND_WAIT = """
import sys
from pathlib import Path
from uuid import uuid4
from reelmill.storage.workdir import WorkRoot
folder = WorkRoot(Path(sys.argv[1]), reserve_bytes=0).create(uuid4(), 1)
(folder.path / "input").write_bytes(b"x")
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def work(tmp_path: Path) -> WorkRoot:
    return WorkRoot(tmp_path / "work", reserve_bytes=0)


def test_an_attempt_has_a_folder_of_its_own_until_it_is_removed(work: WorkRoot) -> None:
    task_id = uuid4()
    one, two = work.create(task_id, 1), work.create(task_id, 2)
    assert one.path.is_dir()
    assert one.path != two.path
    (one.path / "deep").mkdir()
    (one.path / "deep" / "file").touch()
    one.remove()
    assert not one.path.exists()
    assert two.path.is_dir()
    two.remove()


def test_the_disk_and_its_reserve_are_metrics(tmp_path: Path) -> None:
    class Small(WorkRoot):
        def free_bytes(self) -> int:
            return 12

    Small(tmp_path / "work", reserve_bytes=4711)
    shown = [next(iter(gauge.collect())).samples[0].value for gauge in (DISK_FREE, DISK_RESERVE)]
    assert shown == [12, 4711]


def test_the_same_attempt_has_no_second_folder(work: WorkRoot) -> None:
    task_id = uuid4()
    folder = work.create(task_id, 1)
    with pytest.raises(AttemptFailed):
        work.create(task_id, 1)
    folder.remove()


def test_folders_of_dead_workers_are_removed_and_those_of_living_ones_stay(work: WorkRoot, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", CREATE_AND_WAIT, str(tmp_path / "work")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout
        path = Path(worker.stdout.readline().strip())
        ours = work.create(uuid4(), 1)
        assert work.clean() == 0
        assert (path / "input").exists()
        worker.kill()
        worker.wait()
        assert work.clean() == 1
    assert not path.exists()
    assert ours.path.is_dir()
    ours.remove()


def test_files_that_are_no_folders_of_ours_stay(work: WorkRoot, tmp_path: Path) -> None:
    assert work.clean() == 0  # there is not even a root
    work.free_bytes()
    (tmp_path / "work" / "note").touch()
    assert work.clean() == 0
    assert (tmp_path / "work" / "note").exists()


def test_the_reserve_of_the_disk_is_kept(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(AttemptFailed, match="DISK_FULL"):
        WorkRoot(tmp_path / "work", reserve_bytes=2 * free).create(uuid4(), 1)
    roomy = WorkRoot(tmp_path / "work", reserve_bytes=free // 4)
    roomy.check_space(free // 4)
    with pytest.raises(AttemptFailed, match="disk_reserve_bytes"):
        roomy.check_space(2 * free)
