"""The guardian's rules, one by one: what it reads out of what PostgreSQL says, whom it runs as, whom it ends."""

import os
import signal
import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from waiting import PATIENCE_SECONDS

from reelmill import guardian
from reelmill.guardian import FailedError, Server


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("", ""),
        ("one\n  two  \n\n", "two"),
        ("2026 LOG: x\n2026 FATAL:  lock file is there\n2026 LOG: y", "lock file is there"),
        ("a FATAL: \nrest", "a FATAL:"),
        ("PANIC: broken\nlast", "PANIC: broken"),
        ("initdb: error: no\nhint", "initdb: error: no"),
        ("FATAL: first\nPANIC: second\nerror: third", "first"),
        ("FATAL: no\nerror: write: No space left on device\n", "error: write: No space left on device"),
        ("FATAL:  could not write: Disk quota exceeded", "could not write: Disk quota exceeded"),
        ("FATAL: x\nwrote only 3 of 9 bytes", "wrote only 3 of 9 bytes"),
    ],
)
def test_the_line_that_tells_why_is_found(said: str, reason: str) -> None:
    assert guardian._reason(said) == reason


def server(folder: Path) -> Server:
    made = Server.__new__(Server)
    made._folder, made._programs, made._user = folder, Path("/programs"), None
    return made


def pid_file(folder: Path, *lines: str) -> None:
    (folder / "postmaster.pid").write_text("".join(f"{line}\n" for line in lines))


def test_a_server_is_ready_once_its_own_file_says_so(tmp_path: Path) -> None:
    made, rest = server(tmp_path), ["x"] * 6
    assert not made._is_ready(7)
    assert made._pid_file() == []
    for lines, ready in [
        (["7", *rest, "ready   "], True),
        (["7", *rest, "ready", "more"], True),
        (["8", *rest, "ready"], False),
        (["7", *rest, "starting"], False),
        (["7", *rest], False),
        (["ready"], False),
    ]:
        pid_file(tmp_path, *lines)
        assert made._is_ready(7) is ready, lines


def test_only_this_folders_server_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made, sent = server(tmp_path), []
    made._stop_orphan()  # nothing is there
    for text in ("", "no number"):
        pid_file(tmp_path, text)
        made._stop_orphan()
        assert (tmp_path / "postmaster.pid").exists()
    pid_file(tmp_path, str(os.getpid()))  # by now it is another's
    made._stop_orphan()
    assert not (tmp_path / "postmaster.pid").exists()

    child = subprocess.Popen(["/bin/sleep", "60"], cwd=tmp_path)
    gone = 2**22 + 1  # above every machine's pid_max: the number of one that ended may be another's by now
    assert (guardian._alive(child.pid), guardian._alive(gone), guardian._alive(1)) == (True, False, True)
    assert guardian._serves(child.pid, tmp_path)
    assert not guardian._serves(child.pid, tmp_path.parent)
    assert not guardian._serves(gone, tmp_path)
    pid_file(tmp_path, str(child.pid))

    def kill(pid: int, number: int) -> None:
        if number:
            sent.append((pid, number))
            child.send_signal(number)
        elif child.poll() is not None:
            raise ProcessLookupError

    monkeypatch.setattr(guardian, "os", SimpleNamespace(kill=kill))
    made._stop_orphan()
    assert sent == [(child.pid, signal.SIGINT)]
    assert child.wait(PATIENCE_SECONDS) == -signal.SIGINT


def test_one_that_does_not_end_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sent = []
    monkeypatch.setattr(guardian, "os", SimpleNamespace(kill=lambda _, number: sent.append(number)))
    monkeypatch.setattr(guardian, "_serves", lambda *_: True)
    monkeypatch.setattr(guardian, "_STOP_SECONDS", 0.0)
    pid_file(tmp_path, "4711")
    with pytest.raises(FailedError, match="a PostgreSQL that nobody uses runs there and does not stop: process 4711"):
        server(tmp_path)._stop_orphan()
    assert [number for number in sent if number] == [signal.SIGINT, signal.SIGQUIT]


def test_a_program_gets_few_variables_and_no_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in guardian._KEPT_VARIABLES:
        monkeypatch.setenv(name, f"my {name}")
    monkeypatch.delenv("LC_ALL")
    monkeypatch.setenv("PGDATA", "elsewhere")
    monkeypatch.setenv("LD_PRELOAD", "odd")
    kept = {name: f"my {name}" for name in ("PATH", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH")}
    how = {"cwd": tmp_path, "env": kept, "stdin": subprocess.DEVNULL, "start_new_session": True}
    made: Any = server(tmp_path)
    assert made._how(tmp_path) == how
    assert made._data(tmp_path) == str(tmp_path)
    made._user = SimpleNamespace(pw_uid=7, pw_gid=8)
    assert made._how(tmp_path) == how | {"user": 7, "group": 8, "extra_groups": []}
    assert made._data(tmp_path) == "/proc/self/cwd"


class Users:
    """In the place of the system's: whom root finds, and what it does to make one."""

    def __init__(self, *names: str, fails: bool = False) -> None:
        self.names = list(names)
        self.made: list[tuple[Any, ...]] = []
        self._fails = fails

    def run(self, argv: list[str], **how: Any) -> None:
        self.made.append((argv, how))
        if self._fails:
            raise subprocess.CalledProcessError(1, argv)
        self.names.append(argv[-1])

    def getpwnam(self, name: str) -> str:
        if name not in self.names:
            raise KeyError(name)
        return f"user {name}"

    def getpwuid(self, number: int) -> str:
        if number == 99:
            raise KeyError(number)
        return f"owner {number}"


def whom(monkeypatch: pytest.MonkeyPatch, users: Users, folder: Any, *, root: bool = True) -> Any:
    monkeypatch.setattr(guardian, "os", SimpleNamespace(geteuid=lambda: 0 if root else 5))
    monkeypatch.setattr(guardian, "pwd", users)
    monkeypatch.setattr(
        guardian, "subprocess", SimpleNamespace(run=users.run, CalledProcessError=subprocess.CalledProcessError)
    )
    return guardian._user_of(folder)


def owned(owner: int) -> Any:
    return SimpleNamespace(stat=lambda: SimpleNamespace(st_uid=owner))


def test_root_runs_it_as_the_folders_owner_or_as_a_user_made_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert whom(monkeypatch, Users(), owned(3), root=False) is None
    assert whom(monkeypatch, Users(), owned(3)) == "owner 3"
    assert whom(monkeypatch, Users("pgserver"), owned(0)) == "user pgserver"
    for folder in (owned(0), owned(99)):  # root's own; one whose owner is no user here
        users = Users()
        assert whom(monkeypatch, users, folder) == "user pgserver"
        [(argv, how)] = users.made
        assert argv == ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "pgserver"]
        assert how == {"capture_output": True, "check": True}, "what it prints goes nowhere"
    with pytest.raises(FailedError, match="refuses to run as root, and the user pgserver can't be made; make it"):
        whom(monkeypatch, Users(fails=True), owned(0))


def test_who_may_connect_is_written_anew_whatever_stands_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "pg_hba.conf").symlink_to(tmp_path / "elsewhere")
    server(tmp_path)._write_access()
    head = "# Written by Reelmill at each start.\n"
    assert (tmp_path / "pg_hba.conf").read_text() == f"{head}local all all scram-sha-256\n"
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 2, "nothing half written stays"
    (tmp_path / "pg_hba.conf").unlink()
    (tmp_path / "pg_hba.conf").mkdir()
    with pytest.raises(FailedError, match=r"pg_hba.conf can't be written: Is a directory"):
        server(tmp_path)._write_access()
    assert len(list(tmp_path.iterdir())) == 2


def test_folders_above_the_programs_are_opened_for_passing_through_alone(tmp_path: Path) -> None:
    programs = tmp_path / "wheel" / "pginstall" / "bin"
    programs.mkdir(parents=True)
    (tmp_path / "wheel.libs").mkdir(0o700)
    for name, mode in (("program", 0o700), ("table", 0o600)):
        (programs / name).touch()
        (programs / name).chmod(mode)
    (tmp_path / "wheel").chmod(0o750)
    guardian._open_parents(programs)
    modes = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "wheel", programs / "program")}
    assert list(modes.values()) == [0o751, 0o700]
    guardian._open_files(programs)
    assert [(programs / name).stat().st_mode & 0o777 for name in ("program", "table")] == [0o705, 0o604]
    assert (tmp_path / "wheel.libs").stat().st_mode & 0o777 == 0o705


def test_users_hold_it_until_the_last_has_left(tmp_path: Path) -> None:
    with guardian._listening(tmp_path / "users") as listener:
        ours, first = socket.socketpair()
        other = socket.socket(socket.AF_UNIX)
        other.connect(str(tmp_path / "users"))
        ours.sendall(b"alive")
        ours.close()
        other.shutdown(socket.SHUT_WR)
        last = guardian._until_unused(listener, first)
        assert other.recv(64) == b"ready\n"
        assert last is not first
        assert first.fileno() == -1
        last.close()
        assert other.recv(1) == b""
        other.close()
    assert not (tmp_path / "users").exists()
