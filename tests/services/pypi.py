"""Programs of PyPI that can't share our environment: each in one of its own, fetched at its first use."""

import subprocess
import sys
import tempfile
from pathlib import Path

from services.alone import alone, cache
from services.process import MissingError

OPENAPI_PYTHON_CLIENT = "0.29.1"


def program(name: str, version: str) -> Path:
    """The program that a package of the same name brings. Raises MissingError."""
    folder = cache() / f"pypi-{name}-{version}"
    if not folder.is_dir():
        with alone():
            if not folder.is_dir():  # else another run was quicker
                _install(name, version, folder)
    return folder / "bin" / name


def _install(name: str, version: str, folder: Path) -> None:
    uv = Path(sys.executable).parent / "uv"
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        new = f"{made}/venv"
        for argv in (
            # Its scripts are moved once they are installed.
            [uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, new],
            [uv, "pip", "install", "--quiet", "--python", f"{new}/bin/python", f"{name}=={version}"],
        ):
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise MissingError(f"uv could not install {name} {version}:\n{done.stderr[-2000:]}")
        Path(new).rename(folder)
