"""The wheels, each in an environment of its own: the SDK by itself, and the whole beside it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from live import Reelmill
from services.process import MissingError

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys

import reelmill

with reelmill.Client(sys.argv[1]) as c:
    job = c.run("example:clip", sound=reelmill.audio(format="MP3"), timeout_seconds=120)
    job.raise_for_state()
    print(*job.outputs["sound"].download(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both distributions' wheels, by name."""
    folder = tmp_path_factory.mktemp("wheels")
    for source in (ROOT, ROOT / "clients/python"):
        argv = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(argv, cwd=source, check=True, capture_output=True)
    return {wheel.name.partition("-")[0]: wheel for wheel in folder.glob("*.whl")}


def uv(*arguments: object) -> None:
    done = subprocess.run([Path(sys.executable).parent / "uv", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise MissingError(f"uv {' '.join(map(str, arguments))} failed:\n{done.stderr[-2000:]}")


def environment(folder: Path, wheel: Path) -> Path:
    """The Python of a new environment with a wheel, and what it needs as we have it locked."""
    uv("venv", "--quiet", "--python", sys.executable, folder)
    python = folder / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", python, "--constraint", _locked(folder), wheel)
    return python


def _locked(folder: Path) -> Path:
    lines = (ROOT / "requirements/demo.txt").read_text().splitlines()
    path = folder / "constraints.txt"
    path.write_text("\n".join(line.partition(" \\")[0] for line in lines if line[:1].isalnum()))
    return path


def run(*argv: object, cwd: Path) -> str:
    """What a program prints; it sees nothing of our own environment."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("REELMILL_", "PYTHON"))}
    variables["HOME"] = str(cwd)
    done = subprocess.run([*map(str, argv)], cwd=cwd, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_no_file_is_in_both_distributions(wheels: dict[str, Path]) -> None:
    names = [set(zipfile.ZipFile(wheel).namelist()) for wheel in wheels.values()]
    assert len(names) == 2
    assert names[0] & names[1] == set()


def test_the_sdk_by_itself_finishes_a_job(wheels: dict[str, Path], live: Reelmill, tmp_path: Path) -> None:
    python = environment(tmp_path / "venv", wheels["reelmill_client"])
    (tmp_path / "program.py").write_text(PROGRAM)
    made = run(python, "program.py", live.http, tmp_path / "out", cwd=tmp_path)
    assert Path(made.strip()).stat().st_size > 1000
    found = run(python, "-c", "import reelmill, reelmill_client; print(reelmill.__file__)", cwd=tmp_path)
    assert "reelmill_client/path" in found
    with pytest.raises(AssertionError, match=r"No module named 'reelmill\.cli'"):
        run(python, "-c", "import reelmill.cli", cwd=tmp_path)


def test_the_whole_runs_from_its_wheel_with_and_without_the_sdk_beside_it(
    wheels: dict[str, Path], clip: Path, tmp_path: Path
) -> None:
    python = environment(tmp_path / "venv", wheels["reelmill"])
    uv("pip", "install", "--quiet", "--no-deps", "--python", python, wheels["reelmill_client"])
    names = "import reelmill, reelmill_client as c; print(c.Client is reelmill.Client, reelmill.__file__)"
    same, found = run(python, "-c", names, cwd=tmp_path).split()
    assert (same, "reelmill_client" in found) == ("True", False)
    uv("pip", "uninstall", "--quiet", "--python", python, "reelmill-client")
    program = python.parent / "reelmill"
    run(program, "run", clip, "--preset", "podcast-audio", "-o", tmp_path / "out", cwd=tmp_path)
    assert [path.stat().st_size > 1000 for path in (tmp_path / "out").iterdir()] == [True]
