"""Runs of these tests themselves: their folders, what --quick leaves out, and what they install."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from services import debian
from services.alone import alone
from services.process import MissingError

ROOT = Path(__file__).parents[2]
NEEDS_POSTGRESQL = "tests/migrations/test_schema.py::test_migrating_again_changes_nothing"
PROGRAM = "from services.alone import alone\nwith alone():\n    print('in')"


def test_where(tmp_path: Path) -> None:
    print(f"folder={tmp_path}")
    assert tmp_path.is_dir()


def test_runs_have_folders_of_their_own_and_quick_starts_no_server() -> None:
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "--quick"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "REELMILL_"))}

    def run() -> str:
        tests = [f"{__file__}::test_where", NEEDS_POSTGRESQL]
        done = subprocess.run([*argv, *tests], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    with ThreadPoolExecutor() as pool:
        outputs = [future.result() for future in [pool.submit(run), pool.submit(run)]]
    assert all("1 passed, 1 skipped" in text and "needs postgres" in text for text in outputs), outputs
    folders = {line for text in outputs for line in text.splitlines() if line.startswith("folder=")}
    assert len(folders) == 2
    runs = [Path(folder.removeprefix("folder=")).parents[1] for folder in folders]
    assert not any(run.exists() for run in runs), "removed at its end"


def test_one_process_installs_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    with alone(), alone():  # from within it may be entered again
        other = subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            other.communicate(timeout=1)
    assert other.communicate()[0] == "in\n"


def test_a_package_is_asked_for_once_and_dpkgs_lock_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    for name, script in {"apt-get": f'echo "$@" >>{asked}', "dpkg-query": "exit 1"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for _ in range(2):
        with pytest.raises(MissingError, match=r"apt-get install a-package.* or another"):
            debian.program("no-program", "a-package", else_=" or another")
    update, install = asked.read_text().splitlines()
    assert "-oDPkg::Lock::Timeout=600" in update and "-oDPkg::Lock::Timeout=600" in install
    assert install.endswith("install -y --no-install-recommends a-package")
