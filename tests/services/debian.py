"""What Debian's packages bring: installed at the first use where we may, else named with its remedy."""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache

from services.alone import alone
from services.process import MissingError

_LOCK_SECONDS = 600  # how long another who installs is waited for


def program(name: str, package: str = "", *, else_: str = "") -> str:
    """A program's path. Raises MissingError, which names `else_` as another remedy."""
    return found(lambda: shutil.which(name), name, package or name, else_=else_)


def found(look: Callable[[], str | None], name: str, package: str, *, else_: str = "") -> str:
    """Where something is that a package brings. Raises MissingError."""
    path = look()
    if path is None:
        install(package)
        path = look()
    if path is None:
        raise MissingError(f"{name} is not there: install it (Debian: apt-get install {package}){else_}")
    return path


@cache  # what failed once is not tried again
def install(package: str) -> None:
    """Install a package where we may; whoever needs it says what is missing still."""
    apt_get = shutil.which("apt-get")
    if apt_get is None or os.geteuid() != 0:
        return
    # Run level 1 keeps the package from starting a service of the system's.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with alone():
        if _is_installed(package):  # by another process, while we waited
            return
        print(f"installing {package} with apt-get", flush=True)
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", package]):
            argv = [apt_get, "-qq", f"-oDPkg::Lock::Timeout={_LOCK_SECONDS}", *arguments]
            done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                print(f"apt-get {' '.join(arguments)} failed:\n{done.stderr[-2000:]}", flush=True)


def _is_installed(package: str) -> bool:
    argv = ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}", package]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.startswith("ii")
