"""Runs the embedded PostgreSQL for as long as anybody uses it. A program of its own: standard library only.

`python -I -S guardian.py FOLDER PROGRAMS FD`: the server's folder, the folder of initdb and postgres, and the
first user's connection. Each user holds one, and whatever ends a user, kill -9 too, closes it: with the last one
the server stops. It answers "ready" or "failed REASON", a line, and closes the last connection once the
server is down. Further users connect to the socket FOLDER.users. PostgreSQL itself dies with the guardian.
"""

import contextlib
import fcntl
import os
import pwd
import secrets
import selectors
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SUPERUSER = "postgres"
LOGIN_ENDING = ".password"
"""Of the file beside the server's folder, readable by who started it alone."""
FULL_DISK = ("No space left on device", "Disk quota exceeded", "wrote only")  # what PostgreSQL says of one
_ROOTS_STAND_IN = "pgserver"  # whom root runs PostgreSQL as, which refuses root itself; released folders are this one's
_START_SECONDS = 120.0  # recovery after a crash included
_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.01
_LEAST_WAIT_SECONDS, _MOST_WAIT_SECONDS = 0.2, 30.0  # before a server that died is started again
_LOG_BYTES = 2**20  # a longer log begins anew at the next start
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


class FailedError(Exception):
    """The server can't run; the message says why."""


class Server:
    """The PostgreSQL of a folder; below the guardian's lock, so that there is one."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._programs = programs
        self._user = _user_of(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._changing = threading.Lock()
        self._stopping = threading.Event()

    def start(self) -> None:
        """Make the cluster where there is none, and start it. Raises FailedError."""
        self._let_user_in()
        self._stop_orphan()
        if not (self._folder / "PG_VERSION").exists():
            self._make()
        self._write_access()
        self._set_password()
        self._launch()
        threading.Thread(target=self._keep, name="keep", daemon=True).start()

    def stop(self) -> None:
        """Stop the server at once, its clients too."""
        self._stopping.set()
        with self._changing:
            process = self._process
            assert process
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_SECONDS)
                    return

    def _keep(self) -> None:
        """Start the server again where it ends by itself, as when the kernel ran out of memory."""
        wait_seconds = _LEAST_WAIT_SECONDS
        while True:
            assert self._process
            self._process.wait()
            if self._stopping.wait(wait_seconds):
                return
            wait_seconds = min(2 * wait_seconds, _MOST_WAIT_SECONDS)
            with self._changing, contextlib.suppress(FailedError):
                if not self._stopping.is_set():
                    self._launch()

    def _make(self) -> None:
        """Make the cluster beside its place: one that was half made when the power failed is never taken for one."""
        new = self._folder.with_name(f"{self._folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(0o700)
        self._give(new)
        argv = [str(self._programs / "initdb"), "-D", self._data(new), "-U", SUPERUSER, "--encoding=UTF8"]
        argv += ["--auth-local=peer", "--auth-host=reject", "--no-instructions"]
        made = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False, **self._how(new))
        if made.returncode:
            shutil.rmtree(new, ignore_errors=True)
            raise FailedError(_reason(f"{made.stdout}\n{made.stderr}") or f"initdb ended with {made.returncode}")
        new.replace(self._folder)

    def _launch(self) -> None:
        log = self._folder / "log"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            flags |= os.O_TRUNC
        argv = [str(self._programs / "postgres"), "-D", self._data(self._folder), "-k", ".", "-p", "5432"]
        argv += ["-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"]
        if setpriv := shutil.which("setpriv"):  # a guardian that is killed takes the server along
            argv = [setpriv, "--pdeathsig", "INT", "--", *argv]
        descriptor = os.open(log, flags, 0o600)
        try:
            if self._user:
                os.fchown(descriptor, self._user.pw_uid, self._user.pw_gid)
            begin = os.fstat(descriptor).st_size
            process = subprocess.Popen(argv, stdout=descriptor, stderr=descriptor, **self._how(self._folder))
        finally:
            os.close(descriptor)
        self._process = process
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready(process.pid):
            if process.poll() is not None:
                with log.open("rb") as file:
                    file.seek(begin)
                    said = file.read(_LOG_BYTES).decode(errors="replace")
                raise FailedError(_reason(said) or f"it ended with status {process.returncode}")
            if time.monotonic() >= deadline:
                process.kill()
                raise FailedError(f"it was not ready within {_START_SECONDS:g} s; see {log}")
            time.sleep(_POLL_SECONDS)

    def _is_ready(self, pid: int) -> bool:
        lines = self._pid_file()
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _pid_file(self) -> list[str]:
        try:
            return (self._folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _stop_orphan(self) -> None:
        """End a server that nobody guards: an older release's, or one whose guardian was killed."""
        first = next(iter(self._pid_file()), "")
        if not first.isdecimal() or not _alive(pid := int(first)):
            return
        if not _serves(pid, self._folder):  # the number is another's by now, and PostgreSQL would refuse to start
            (self._folder / "postmaster.pid").unlink(missing_ok=True)
            return
        for number in (signal.SIGINT, signal.SIGQUIT):
            os.kill(pid, number)
            deadline = time.monotonic() + _STOP_SECONDS
            while _alive(pid):
                if time.monotonic() >= deadline:
                    break
                time.sleep(_POLL_SECONDS)
            else:
                return
        raise FailedError(f"a PostgreSQL that nobody uses runs there and does not stop: process {pid}")

    def _write_access(self) -> None:
        """Who connects is asked for the password. Also in folders of releases before, which believed the kernel."""
        # By a new file: the folder is another user's where root starts us, and its files may be links.
        new = self._folder / f"pg_hba.conf.{secrets.token_hex(8)}"
        try:
            with new.open("x") as file:
                file.write("# Written by Reelmill at each start.\nlocal all all scram-sha-256\n")
            self._give(new)
            new.replace(self._folder / "pg_hba.conf")
        except OSError as error:
            new.unlink(missing_ok=True)
            raise FailedError(f"pg_hba.conf can't be written: {error.strerror}") from error

    def _set_password(self) -> None:
        """Give the superuser a password, unless there is its file: that is there once the server knows what it says."""
        kept = self._folder.with_name(f"{self._folder.name}{LOGIN_ENDING}")
        if kept.exists():
            return
        password = secrets.token_hex(24)
        argv = [str(self._programs / "postgres"), "--single", "-D", self._data(self._folder), "postgres"]
        if setpriv := shutil.which("setpriv"):
            argv = [setpriv, "--pdeathsig", "KILL", "--", *argv]
        how = self._how(self._folder)
        del how["stdin"]  # by which the password goes: arguments are everybody's to read
        query = f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'\n"
        said = subprocess.run(argv, input=query, capture_output=True, text=True, errors="replace", check=False, **how)
        if said.returncode or "ERROR:" in said.stderr:
            raise FailedError(_reason(said.stderr).replace(password, "***") or f"it ended with {said.returncode}")
        new = kept.with_name(f"{kept.name}.{secrets.token_hex(8)}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"*:*:*:{SUPERUSER}:{password}\n")  # as psql reads it: PGPASSFILE
            file.flush()
            os.fsync(file.fileno())
        new.replace(kept)

    def _let_user_in(self) -> None:
        """Where root runs us: the stand-in's programs must be his to run, though they lie below a private folder.

        The data folder's own parents stay closed: he is put into the folder (`_data`).
        """
        if not self._user:
            return
        if self._folder.stat().st_uid != self._user.pw_uid:
            self._give(self._folder)
        argv = [str(self._programs / "postgres"), "--version"]
        for mend in (_open_parents, _open_files):
            try:
                subprocess.run(argv, stdout=subprocess.DEVNULL, check=True, **self._how(self._folder))
            except (PermissionError, subprocess.CalledProcessError):
                mend(self._programs)
            else:
                return

    def _give(self, path: Path) -> None:
        if self._user:
            os.chown(path, self._user.pw_uid, self._user.pw_gid, follow_symlinks=False)

    def _data(self, folder: Path) -> str:
        """The folder as PostgreSQL is told it, which may lie where only root can go."""
        return "/proc/self/cwd" if self._user and Path("/proc/self/cwd").exists() else str(folder)

    def _how(self, folder: Path) -> dict[str, Any]:
        """Where, as whom and with which variables a program runs."""
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        user = self._user
        who: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        return {"cwd": folder, "env": kept, "stdin": subprocess.DEVNULL, "start_new_session": True, **who}


def _user_of(folder: Path) -> "pwd.struct_passwd | None":
    """Whom the server runs as where we are root: the folder's owner, or a user made for it. None: ourselves."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        if owner := folder.stat().st_uid:
            return pwd.getpwuid(owner)
        return pwd.getpwnam(_ROOTS_STAND_IN)
    argv = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _ROOTS_STAND_IN]
    try:
        subprocess.run(argv, capture_output=True, check=True)
        return pwd.getpwnam(_ROOTS_STAND_IN)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise FailedError(
            f"PostgreSQL refuses to run as root, and the user {_ROOTS_STAND_IN} can't be made;"
            " make it, or start Reelmill as another user"
        ) from error


def _open_parents(programs: Path) -> None:
    for folder in programs.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:  # to pass through; to list it stays forbidden
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _open_files(programs: Path) -> None:
    wheel = programs.parents[1]
    for top in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        for path in (top, *top.rglob("*")):
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _serves(pid: int, folder: Path) -> bool:
    """Whether a process is the PostgreSQL of a folder, and not another one that has its number by now."""
    if Path("/proc/self/cwd").exists():
        try:
            return Path(f"/proc/{pid}/cwd").samefile(folder)
        except OSError:
            return False
    shown = subprocess.run(["/bin/ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "postgres" in shown.stdout


def _reason(said: str) -> str:
    """The line that tells why, of what a program printed."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for words in (*FULL_DISK, "FATAL:", "PANIC:", "error:"):
        if found := next((line for line in lines if words in line), ""):
            return found.partition("FATAL:")[2].strip() or found
    return lines[-1] if lines else ""


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """A socket for further users, gone at the end; who came too late for us finds it closed."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(64)
    try:
        yield listener
    finally:
        path.unlink()
        listener.close()


def _until_unused(listener: socket.socket, first: socket.socket) -> socket.socket:
    """Answers the last user's connection, once it has left."""
    users = {first}
    with selectors.DefaultSelector() as waiting:
        waiting.register(listener, selectors.EVENT_READ)
        waiting.register(first, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                user = key.fileobj
                assert isinstance(user, socket.socket)
                if user is listener:
                    user, _ = listener.accept()
                    waiting.register(user, selectors.EVENT_READ)
                    users.add(user)
                    _tell(user, "ready")
                    continue
                if _said(user):
                    continue
                waiting.unregister(user)
                users.discard(user)
                if not users:
                    return user
                user.close()


def _said(user: socket.socket) -> bool:
    try:
        return bool(user.recv(64))
    except OSError:
        return False


def _tell(user: socket.socket, line: str) -> None:
    with contextlib.suppress(OSError):  # it has gone meanwhile
        user.sendall(f"{line}\n".encode(errors="surrogateescape"))


def main() -> None:
    """Guard a folder until its last user has left."""
    if os.fork():
        os._exit(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a service's stop reaches us with our users, who still need the server
    os.umask(0o077)
    folder, programs, first = Path(sys.argv[1]), Path(sys.argv[2]), socket.socket(fileno=int(sys.argv[3]))
    os.chdir(folder.parent)  # a socket's path may have a hundred bytes only
    try:
        with Path(f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the guardian before us may still be stopping its server
            server = Server(folder, programs)
            server.start()
            with _listening(Path(f"{folder.name}.users")) as listener:
                _tell(first, "ready")
                last = _until_unused(listener, first)
            server.stop()
        last.close()
    except (FailedError, OSError) as error:
        _tell(first, f"failed {getattr(error, 'strerror', None) or error}")


if __name__ == "__main__":
    main()
