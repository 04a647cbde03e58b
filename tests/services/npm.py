"""Packages of npm: for pages that tests open in a browser, and programs that run in Node.js."""

import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

from services import debian
from services.alone import alone, cache
from services.archives import extract
from services.process import MissingError

HLS, DASH, SHAKA = ("hls.js", "1.7.4"), ("dashjs", "5.2.1"), ("shaka-player", "5.2.12")
AXE = ("axe-core", "4.14.1")
TYPESCRIPT = "typescript@5.9.3"
OPENAPI_TYPESCRIPT = "openapi-typescript@7.13.0"


def package(name: str, version: str) -> Path:
    """The folder of a package, without those that it needs; fetched at the first use. Raises MissingError."""
    folder = cache() / f"npm-{name}-{version}"
    if not folder.is_dir():
        with alone():
            if not folder.is_dir():  # else another run was quicker
                _fetch(debian.program("npm"), name, version, folder)
    return folder


def project(*packages: str) -> Path:
    """A folder with some packages, such as "typescript@5.9.3", and what they need, in `node_modules`.

    Fetched at the first use. Raises MissingError.
    """
    folder = cache() / f"npm-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:16]}"
    if not folder.is_dir():
        with alone():
            if not folder.is_dir():
                _install(debian.program("npm"), packages, folder)
    return folder


def node() -> str:
    """Node.js' path. Raises MissingError."""
    return debian.program("node", "nodejs")


def _install(npm: str, packages: tuple[str, ...], folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        new = Path(made) / "project"
        new.mkdir()
        (new / "package.json").write_text('{"private": true, "type": "module"}\n')
        argv = [npm, "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", *packages]
        done = subprocess.run(argv, cwd=new, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise MissingError(f"npm could not install {' '.join(packages)}:\n{done.stderr[-2000:]}")
        new.rename(folder)


def _fetch(npm: str, name: str, version: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        argv = [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", made, f"{name}@{version}"]
        done = subprocess.run(argv, cwd=made, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise MissingError(f"npm could not fetch {name} {version}:\n{done.stderr[-2000:]}")
        [archive] = Path(made).glob("*.tgz")
        with tarfile.open(archive) as file:
            extract(file, Path(made))
        (Path(made) / "package").rename(folder)
