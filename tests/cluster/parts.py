"""What a cluster is made of: programs that are started until they are ready, and commands."""

import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from services.process import Server

from cluster import programs


class Part(Server):
    """One of the cluster's programs; it answers once `ready` says so."""

    start_seconds = 120.0

    def __init__(self, *argv: str, ready: Callable[[], bool] = lambda: True) -> None:
        self.name = Path(argv[0]).name
        super().__init__()
        self._argv = [programs.program(argv[0]), *argv[1:]]
        self._ready = ready

    @property
    def url(self) -> str:
        """None that anybody needs."""
        return ""

    def prepare(self) -> None:
        """Nothing."""

    def command(self) -> list[str]:
        """Its argv."""
        return self._argv

    def answers(self) -> bool:
        """Whether it serves."""
        return self._ready()


def run(*argv: str, given: str = "") -> str:
    """What a command printed. Raises subprocess.CalledProcessError with its complaint as a note."""
    done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        error = subprocess.CalledProcessError(done.returncode, argv)
        error.add_note((done.stdout + done.stderr)[-4000:])
        raise error
    return done.stdout


def succeeds(*argv: str) -> bool:
    """Whether a command does."""
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def responds(url: str) -> bool:
    """Whether an address answers well."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def cgroups(name: str) -> list[Path]:
    """Folders of a cgroup: one, or with version 1 one for each controller."""
    root = Path("/sys/fs/cgroup")
    parents = [root] if (root / "cgroup.controllers").exists() else [path for path in root.iterdir() if path.is_dir()]
    return [parent / name.lstrip("/") for parent in parents]


def make_cgroups(name: str) -> None:
    """Make them."""
    for folder in cgroups(name):
        folder.mkdir(exist_ok=True)
        if folder.parent.name == "cpuset":  # of version 1, which wants them set before anything enters
            for file in ("cpuset.cpus", "cpuset.mems"):
                (folder / file).write_text((folder.parent / file).read_text())
