"""The sandbox (G13): a stand-in for an ffmpeg that was taken over tries everything, and reaches nothing.

The same attempts without the sandbox work, and so does each wall alone against what it is for: else a test that passes
would show nothing.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from media import taken_over
from services.process import gone
from waiting import PATIENCE_SECONDS, patient

from reelmill.media.child import Child
from reelmill.media.confinement import Confinement
from reelmill.media.fork_server import ForkServer, python_reads
from reelmill.media.fork_server import _code as code
from reelmill.media.launcher import Launcher, outgrown, running
from reelmill.media.probe import Prober
from reelmill.media.sandbox.walls import Walls, standing
from reelmill.media.sandbox.zygote import PID
from reelmill.media.warm import WarmChildren
from reelmill.supervise import end

STILL = {
    "demuxer": "mov",
    "stills": [
        {"stream": 0, "seek": 0.5, "filters": [["format", "yuvj420p"]], "encoder": "mjpeg", "options": {}, "frames": 1}
        | {"decoding": {}}
    ],
}
PROGRAM = Path(taken_over.__file__)
MIB = 2**20
STANDS = standing("try")
whole = pytest.mark.skipif(bool(STANDS.lacking), reason="; ".join(STANDS.lacking))


@pytest.fixture
def targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What a taken-over ffmpeg is after; its own folder is tmp_path/own."""
    for folder in ("own", "other", "uploads"):
        (tmp_path / folder).mkdir()
    for file in ("secret", "other/input-0", "other/to-remove", "other/to-take", "uploads/a", "input"):
        (tmp_path / file).write_text("secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    abstract, path = f"reelmill-test-{os.getpid()}", str(tmp_path / "socket")
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        for name in ("\0" + abstract, path):
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(name)
            server.listen()
        yield {
            **{name: str(tmp_path / name) for name in ("secret", "other", "uploads", "input")},
            **{"tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1], "unix": path, "abstract": abstract},
            "worker": os.getpid(),
        }


@asynccontextmanager
async def walled(walls: Walls) -> AsyncIterator[Launcher]:
    """A launcher of which only these walls stand."""
    launcher = Launcher("off")
    launcher.walls = walls
    server = asyncio.create_task(launcher.run())
    try:
        yield launcher
    finally:
        await end(server)


def confinement(*reads: Path, memory_bytes: int = 256 * MIB, **limits: Any) -> Confinement:
    return Confinement(memory_bytes=memory_bytes, file_bytes=MIB, reads=(*python_reads(), PROGRAM, *reads), **limits)


def standalone(code: str) -> tuple[str, ...]:
    """A program of Python in ffmpeg's place."""
    return (sys.executable, "-I", "-S", "-B", "-c", code)


async def hits(launcher: Launcher, targets: dict[str, Any]) -> set[str]:
    """What the stand-in could do, of all that it tried."""
    own = Path(targets["secret"]).parent / "own"
    argv = (sys.executable, "-I", "-S", "-B", str(PROGRAM), json.dumps(targets))
    child = await launcher.launch(argv, confinement(Path(targets["input"])), folder=own)
    told, errors = await child.communicate()
    assert child.returncode == 0, errors.decode()
    tried: dict[str, bool] = json.loads(told)
    assert tried.keys() == taken_over.ATTEMPTS.keys()
    return {name for name, hit in tried.items() if hit}


def of(*kinds: str) -> set[str]:
    return {name for name in taken_over.ATTEMPTS if name.partition(":")[0] in kinds}


@whole
async def test_who_takes_ffmpeg_over_reaches_nothing(launcher: Launcher, targets: dict[str, Any]) -> None:
    before = {path: path.stat() for path in Path(targets["other"]).iterdir()}
    assert await hits(launcher, targets) == set()
    assert {path: path.stat() for path in Path(targets["other"]).iterdir()} == before
    assert Path(targets["secret"]).read_text() == "secret"
    assert psutil.Process(os.getpid()).is_running()


async def test_without_the_sandbox_it_reaches_a_lot(targets: dict[str, Any]) -> None:
    async with running("off") as launcher:
        found = await hits(launcher, targets)
    assert len(found) >= 20
    assert not found & of("always")
    assert {"files: read_a_secret", "calls: fork", "both: connect_by_tcp", "calls: send_by_udp"} <= found
    assert {"files: list_uploads", "last: run_a_shell"} <= found


@whole
async def test_landlock_alone_keeps_it_from_files(targets: dict[str, Any]) -> None:
    async with walled(Walls(landlock_abi=STANDS.landlock_abi)) as launcher:
        found = await hits(launcher, targets)
    kinds = ("files", "always", "last") if STANDS.landlock_abi < 6 else ("files", "always", "last", "both")
    assert not found & of(*kinds)
    assert found & of("calls")


@whole
@pytest.mark.parametrize("abi", [1, 3, 5])
async def test_an_older_landlock_does_as_well_together_with_seccomp(targets: dict[str, Any], abi: int) -> None:
    if abi > STANDS.landlock_abi:
        pytest.skip(f"this kernel has version {STANDS.landlock_abi}")
    async with walled(replace(STANDS, landlock_abi=abi)) as launcher:
        assert await hits(launcher, targets) == set()


@whole
async def test_seccomp_alone_keeps_it_from_network_processes_and_kernel(targets: dict[str, Any]) -> None:
    async with walled(Walls(machine=STANDS.machine)) as launcher:
        found = await hits(launcher, targets)
    assert not found & of("calls", "both", "always")
    assert found & of("files")


@whole
@pytest.mark.skipif(STANDS.user is None, reason="we are no root")
async def test_another_user_alone_is_no_root(targets: dict[str, Any]) -> None:
    async with walled(Walls(user=STANDS.user)) as launcher:
        found = await hits(launcher, targets)
    assert not found & of("user", "always")


async def test_a_machine_that_lacks_a_wall_says_so_and_require_refuses(
    targets: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = replace(STANDS, landlock_abi=0, lacking=("this kernel has no Landlock",))
    monkeypatch.setattr("reelmill.media.sandbox.walls._found", lambda: lacking)
    with pytest.raises(RuntimeError, match=r"^REELMILL_SANDBOX: it is require, and this kernel has no Landlock"):
        Launcher("require")
    async with running("try") as launcher:
        assert "files: read_who_has_an_account" in await hits(launcher, targets)


@whole
async def test_what_it_is_for_it_can_do(launcher: Launcher, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "out").mkdir(parents=True)
    (tmp_path / "input").write_text("read")
    (tmp_path / "fonts").mkdir(mode=0o700)
    (tmp_path / "fonts" / "a.ttf").write_text("font")
    code = f"""
import os, threading
found = [open({str(tmp_path / "input")!r}).read(), open({str(tmp_path / "fonts" / "a.ttf")!r}).read()]
open("out/a", "w").write("a"); os.rename("out/a", "out/b"); os.mkdir("out/c"); os.rename("out/b", "out/c/d")
open("out/c/d", "w").write("written"); open("/dev/null", "w").write("x"); open("gone", "w").close(); os.remove("gone")
threads = [threading.Thread(target=found.append, args=("thread",)) for _ in range(2)]
[t.start() for t in threads]; [t.join() for t in threads]
print(*found)
"""
    allowed = confinement(tmp_path / "input", tmp_path / "fonts")
    child = await launcher.launch(standalone(code), allowed, folder=own)
    told, errors = await child.communicate()
    assert (told, errors) == (b"read font thread thread\n", b"")
    assert (own / "out" / "c" / "d").read_text() == "written"
    assert not (own / "gone").exists()


async def test_a_bomb_of_processes_memory_or_threads_ends_and_leaves_nothing(tmp_path: Path) -> None:
    bombs = {
        "memory": "a = []\nwhile True: a.append(bytearray(8 << 20))",
        "shared memory": "import mmap, time\nm = mmap.mmap(-1, 600 << 20)\n"
        "for i in range(0, 600 << 20, 4096): m[i] = 1\ntime.sleep(60)",
        "threads": "import threading, time\nthreading.stack_size(32768)\n"
        "while True: threading.Thread(target=time.sleep, args=(60,)).start()",
        "processes": "import os\nwhile True: os.fork()",
        "a file": "f = open('big', 'wb')\nwhile True: f.write(bytes(1 << 20)); f.flush()",
    }
    async with running() as launcher:
        for name, code in bombs.items():
            allowed = confinement(threads=50)
            child = await launcher.launch(standalone(code), allowed, folder=tmp_path)
            server = psutil.Process(child.pid).parent()
            watching = asyncio.ensure_future(outgrown(child.pid, allowed))
            ending = asyncio.ensure_future(child.communicate())
            await asyncio.wait([watching, ending], timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            assert watching.done() or ending.done(), name
            if name in ("threads", "shared memory"):
                assert (watching.result() > allowed.memory_bytes) == (name == "shared memory")
            child.kill_group()
            watching.cancel()
            await ending
            assert child.returncode, name
            assert server is not None and server.children() == [], name
    assert (tmp_path / "big").stat().st_size <= MIB


def status(pid: int) -> dict[str, str]:
    """What the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def test_a_warm_child_has_the_one_file_that_it_was_given(launcher: Launcher, tiny: Path) -> None:
    """Also once it made a still; and so it is with the template, which forks it beside no thread."""
    prober = Prober(WarmChildren(launcher, memory_bytes=600 * MIB))
    try:
        await prober.of("").probe(tiny)
        made = await prober.children.ask("", tiny, STILL)
        assert (made.told["sizes"], made.made[:2]) == ([[len(made.made)]], b"\xff\xd8")
        (warm,) = prober.children._idle
        assert warm.files == 2
        child = psutil.Process(prober.children._idle[0].child.pid)
        template = child.parent()
        assert template is not None
        for process, filters in ((template, 2), (child, 3)):  # of any server, of what is loaded, of a child
            told = status(process.pid)
            assert told["NoNewPrivs"] == "1"
            assert told["Threads"] == "1"
            assert told["Seccomp_filters"] == str(filters if launcher.walls.machine else 0)
            if launcher.walls.user is not None:
                assert set(told["Uid"].split() + told["Gid"].split()) == {str(launcher.walls.user)}
                assert told["Groups"] == ""
                assert {int(told[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Amb")} == {0}
            assert process.environ() == {}
            assert process.cwd() == "/"
            assert {file.path for file in process.open_files()} == set()
        assert sorted(file.name for file in Path(f"/proc/{child.pid}/fd").iterdir()) == ["0", "1", "2"]
        assert os.getpgid(child.pid) == child.pid != os.getpgid(template.pid)
        limits = confinement(memory_bytes=600 * MIB)
        held = Path(f"/proc/{child.pid}/limits").read_text()
        for name, most in (
            ("Max data size", limits.data_bytes),
            ("Max file size", 0),
            ("Max core file size", 0),
            ("Max open files", 1024),
        ):
            (line,) = (line for line in held.splitlines() if line.startswith(name))
            assert line.removeprefix(name).split()[:2] == [str(most), str(most)]
    finally:
        await prober.children.close()


@whole
async def test_who_takes_a_warm_child_over_reaches_nothing(
    targets: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in is loaded in its place and forked: each wall stands without a program's start."""
    monkeypatch.setattr("reelmill.media.fork_server._code", lambda: (*code(), PROGRAM.parents[1]))
    allowed = Confinement(memory_bytes=256 * MIB, file_bytes=MIB)
    for sandbox in ("try", "off"):
        launcher = Launcher("try" if sandbox == "try" else "off")
        launcher._template = ForkServer("media.taken_over")
        server = asyncio.create_task(launcher.run_template())
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with ours, theirs:
                ours.send(json.dumps(targets).encode())
                child = await launcher.fork_warm(allowed, theirs)
                told, errors = await child.communicate()
                assert child.returncode == 0, errors.decode()
            found = {name for name, hit in json.loads(told).items() if hit}
            assert found == set() if sandbox == "try" else len(found) >= 20
        finally:
            await end(server)


async def test_a_server_that_is_killed_takes_its_children_along_and_is_begun_again(
    launcher: Launcher, tmp_path: Path
) -> None:
    child = await launcher.launch(standalone("import time; print(1, flush=True); time.sleep(600)"), confinement())
    assert await child.stdout.readline() == b"1\n"
    process = psutil.Process(child.pid)
    server = process.parent()
    assert server is not None and server.environ() == {}
    server.kill()
    assert await child.wait() == -signal.SIGKILL
    psutil.wait_procs([process], timeout=PATIENCE_SECONDS)
    assert gone(process)
    await child.communicate()
    again = await launcher.launch(standalone("print(2)"), confinement())
    assert await again.communicate() == (b"2\n", b"")


async def test_who_gives_up_while_a_child_starts_leaves_none(launcher: Launcher) -> None:
    first = await launcher.launch(standalone("print(1)"), confinement())
    await first.communicate()
    for wait_seconds in (0, 0, 0.001, 0.002, 0.004, 0.008):
        launching = asyncio.create_task(launcher.launch(standalone("import time; time.sleep(600)"), confinement()))
        await asyncio.wait([launching], timeout=wait_seconds)
        launching.cancel()
        await asyncio.wait([launching])
        if not launching.cancelled() and not launching.exception():
            child = launching.result()
            child.kill_group()
            await child.communicate()
    after = await launcher.launch(standalone("print(1)"), confinement())
    server = psutil.Process(after.pid).parent()
    await after.communicate()
    assert server is not None
    async with patient():
        while server.children():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("argv", [("/nowhere/ffmpeg",), ("/etc/passwd",)])
async def test_what_can_not_be_run_is_told(launcher: Launcher, argv: tuple[str, ...]) -> None:
    with pytest.raises(OSError, match=argv[0]):
        await launcher.launch(argv, confinement())


async def test_a_child_whose_end_is_not_told_yet_can_be_abandoned() -> None:
    told, teller = os.pipe()
    gone = subprocess.Popen(["true"])
    gone.wait()
    child = Child(told, asyncio.StreamReader(), asyncio.StreamReader())
    os.write(teller, PID + b"%d\n" % gone.pid)
    assert await child.started()
    child.abandon()
    os.close(teller)
    assert await child.wait() == -signal.SIGKILL


WORKER = """
import asyncio, sys
from media.test_sandbox import confinement, standalone
from reelmill.media.launcher import running

async def main():
    async with running() as launcher:
        child = await launcher.launch(standalone("import time; time.sleep(600)"), confinement())
        print(child.pid, flush=True)
        await child.wait()

asyncio.run(main())
"""


async def test_nothing_is_left_of_a_worker_that_is_killed() -> None:
    path = os.pathsep.join(p for p in sys.path if p)
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    ) as worker:
        assert worker.stdout is not None
        child = psutil.Process(int(worker.stdout.readline()))
        server = child.parent()
        assert server is not None and server.ppid() == worker.pid
        worker.kill()
    _, alive = psutil.wait_procs([child, server], timeout=PATIENCE_SECONDS)
    assert alive == []
