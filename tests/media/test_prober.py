"""The prober: its child may die, hang or be abandoned, and the next file is none the worse for it."""

import asyncio
import base64
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import Any

import psutil
import pytest
import pytest_asyncio
from services.process import gone
from waiting import PATIENCE_SECONDS, patient

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import warm
from reelmill.media.launcher import Launcher, running
from reelmill.media.probe import Prober, described
from reelmill.media.promises import Expected, ExpectedStream, PlannedFile
from reelmill.media.verify import FILES_AT_ONCE, verify
from reelmill.media.warm import Answer, WarmChildren, _WarmChild
from reelmill.v1.media_pb2 import MediaInfo

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXPECTED = Expected(
    streams=(
        ExpectedStream(kind=MediaInfo.Stream.VIDEO, codec="h264"),
        ExpectedStream(kind=MediaInfo.Stream.AUDIO, codec="aac"),
    )
)
_others: set[psutil.Process] = set()


@pytest_asyncio.fixture(loop_scope="session")
async def prober(shared_launcher: Launcher) -> AsyncIterator[Prober]:
    """With children of its own, of the template that all tests share: to import what they need takes long."""
    made = Prober(WarmChildren(shared_launcher, timeout_seconds=PATIENCE_SECONDS))
    yield made
    await made.children.close()


@pytest.fixture(autouse=True)
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The children of other tests' probers are not ours to count or to kill."""
    monkeypatch.setitem(globals(), "_others", set(psutil.Process().children(recursive=True)))


def children() -> list[psutil.Process]:
    return [p for p in set(psutil.Process().children(recursive=True)) - _others if p.name() == "warm_child"]


async def child() -> psutil.Process:
    """The prober's child, as soon as it runs."""
    async with patient():
        while not (found := children()):
            await asyncio.sleep(0.005)
    return found[0]


async def test_many_probes_share_children_and_closing_ends_them(prober: Prober, tiny: Path) -> None:
    for _ in range(3):
        await prober.of("").probe(tiny)
    assert len(children()) == 1
    found = await asyncio.gather(*(prober.of("").probe(tiny) for _ in range(20)))
    assert {described(f.info) for f in found} == {described(found[0].info)}
    assert "h264 64×64, aac" in described(found[0].info)
    assert len(children()) == 4
    await prober.children.close()
    await prober.children.close()
    assert children() == []


async def test_a_child_is_replaced_after_some_files(shared_launcher: Launcher, tiny: Path) -> None:
    prober = Prober(WarmChildren(shared_launcher, files=2))
    try:
        seen = []
        for _ in range(4):
            await prober.of("").probe(tiny)
            seen.append([found.pid for found in children()])
        (first,), none, (second,), none_again = seen
        assert (none, none_again, first != second) == ([], [], True)
    finally:
        await prober.children.close()


async def test_a_child_that_dies_once_is_replaced_without_anyone_noticing(prober: Prober, tiny: Path) -> None:
    await prober.of("").probe(tiny)
    os.kill((await child()).pid, signal.SIGKILL)
    assert (await prober.of("").probe(tiny)).demuxer == "mov"


async def test_a_file_that_kills_every_child_is_corrupt_and_the_next_is_fine(
    prober: Prober, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = warm._WarmChild.ask

    async def killing(looker: Any, *question: Any) -> Answer:
        os.kill(looker.child.pid, signal.SIGSEGV)  # an answer comes within some milliseconds
        return await ask(looker, *question)

    with monkeypatch.context() as patching:
        patching.setattr(warm._WarmChild, "ask", killing)
        with pytest.raises(AttemptFailed, match=r"INPUT_CORRUPT: the file makes its reader crash \(exit code -11\)"):
            await prober.of("").probe(tiny)
    assert (await prober.of("").probe(tiny)).demuxer == "mov"


@pytest.mark.parametrize(
    "answer",
    [
        *(b"no JSON", b"[]", b"7", b"[" * 10_000, b'{"bytes": "x"}', b'{"bytes": 1e999}', b"{}", b"x" * 2**24),
        *(b'{"demuxer": "concat", "info": ""}', b'{"demuxer": ["mov"], "info": ""}', b'{"demuxer": "mov", "info": 1}'),
        b'{"demuxer": "mov", "info": "/w=="}',
        b'{"demuxer": "mov", "info": "", "timeline": "eJwDAAAAAAE="}',
        b'{"demuxer": "mov", "info": "%s"}' % base64.b64encode(MediaInfo(streams=[{}] * 1001).SerializeToString()),
        *(
            b'{"code": "INTERNAL", "message": ""}',
            b'{"code": ["INPUT_EMPTY"], "message": ""}',
            b'{"code": "INPUT_EMPTY"}',
        ),
    ],
    ids=lambda answer: answer[:50].decode(),
)
async def test_a_reader_that_was_taken_over_lies_about_its_own_file_alone(
    prober: Prober, tiny: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    await prober.of("").probe(tiny)

    async def lies(looker: Any, *question: Any) -> Answer:
        stream = looker.child.stdout
        stream.feed_data(answer + b"\n")
        return await ask(looker, *question)

    ask = warm._WarmChild.ask
    with monkeypatch.context() as patching:
        patching.setattr(warm._WarmChild, "ask", lies)
        with pytest.raises(AttemptFailed, match=r"INPUT_CORRUPT: (the file makes its reader crash|looking into)"):
            await prober.of("").probe(tiny)
    assert (await prober.of("").probe(tiny)).demuxer == "mov"


async def test_what_a_reader_says_of_a_file_is_short(
    prober: Prober, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def says(*_: Any) -> Answer:
        return Answer(told={"code": "INPUT_CORRUPT", "message": "x" * 10**6})

    monkeypatch.setattr(warm._WarmChild, "ask", says)
    with pytest.raises(AttemptFailed) as refusal:
        await prober.of("").probe(tiny)
    assert len(refusal.value.failure.message) == 1000


async def test_a_probe_that_hangs_ends_in_time_and_the_next_is_fine(
    shared_launcher: Launcher, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prober = Prober(WarmChildren(shared_launcher, timeout_seconds=PATIENCE_SECONDS))
    await prober.of("").probe(tiny)
    os.kill((await child()).pid, signal.SIGSTOP)
    with monkeypatch.context() as patching:
        patching.setattr(prober.children, "_timeout_seconds", 2)
        with pytest.raises(AttemptFailed, match="INPUT_CORRUPT: looking into the file took longer than 2 s"):
            await prober.of("").probe(tiny)
    assert (await prober.of("").probe(tiny)).demuxer == "mov"
    await prober.children.close()


async def test_a_cancelled_probe_leaves_its_answer_to_nobody(prober: Prober, tiny: Path, tone: Path) -> None:
    await prober.of("").probe(tiny)
    stopped = await child()
    os.kill(stopped.pid, signal.SIGSTOP)
    probing = asyncio.create_task(prober.of("").probe(tiny))
    await asyncio.sleep(0)
    probing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probing
    assert (await prober.of("").probe(tone)).demuxer == "wav"


async def test_a_prober_of_one_tenant_never_sees_a_file_of_another(
    shared_launcher: Launcher, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight files at once of each of three tenants, by two probers; and one that is idle waits for its own."""
    seen: dict[int, set[str]] = {}
    ask = _WarmChild.ask

    async def told(looker: _WarmChild, file: int, question: bytes) -> Answer:
        seen.setdefault(looker.child.pid, set()).add(Path(f"/proc/self/fd/{file}").readlink().parent.name)
        return await ask(looker, file, question)

    monkeypatch.setattr(_WarmChild, "ask", told)
    prober = Prober(WarmChildren(shared_launcher, children=2))
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
        shutil.copy(tiny, folder)
    try:
        await asyncio.gather(
            *(prober.of(folder.name).probe(folder / tiny.name) for _ in range(8) for folder in folders)
        )
        assert len(children()) <= 2
        assert {frozenset(tenants) for tenants in seen.values()} == {frozenset(name) for name in "abc"}
        seen.clear()
        for name in "abab":
            await prober.of(name).probe(tmp_path / name / tiny.name)
        assert sorted(seen.values(), key=str) == [{"a"}, {"b"}]
        assert len(children()) == 2
    finally:
        await prober.children.close()


async def test_a_prober_that_grew_is_replaced(shared_launcher: Launcher, tiny: Path) -> None:
    for grown_bytes, left in ((2**20, 0), (192 * 2**20, 1)):
        prober = Prober(WarmChildren(shared_launcher, grown_bytes=grown_bytes))
        assert (await prober.of("").probe(tiny)).demuxer == "mov"
        assert len(children()) == left
        await prober.children.close()


async def test_the_end_of_the_template_is_mended_and_of_a_prober_is_its_own(tiny: Path) -> None:
    async with running() as launcher:  # of its own, whose template is killed
        prober = Prober(WarmChildren(launcher, timeout_seconds=PATIENCE_SECONDS))
        await prober.of("a").probe(tiny)
        first = await child()
        template = first.parent()
        assert template is not None
        first.kill()
        await prober.of("a").probe(tiny)
        second = await child()
        assert second.parent() == template
        template.kill()
        psutil.wait_procs([second], timeout=PATIENCE_SECONDS)
        assert gone(second)
        assert (await prober.of("a").probe(tiny)).demuxer == "mov"
        again = (await child()).parent()
        assert again is not None and again != template
        await prober.children.close()


WORKER = """
import asyncio, sys
from pathlib import Path
import psutil
from reelmill.media.launcher import running
from reelmill.media.warm import WarmChildren
from reelmill.media.probe import Prober

async def main():
    async with running() as launcher:
        prober = Prober(WarmChildren(launcher))
        await prober.of("").probe(Path(sys.argv[1]))
        print("up", *(p.pid for p in psutil.Process().children(recursive=True)), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_nothing_is_left_of_who_is_killed(tiny: Path) -> None:
    path = os.pathsep.join(p for p in sys.path if p)
    argv = [sys.executable, "-c", WORKER, str(tiny)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}) as worker:
        assert worker.stdout is not None
        told = next(line for line in worker.stdout if line.startswith(b"up "))  # after log lines
        left = [psutil.Process(int(pid)) for pid in told.split()[1:]]
        worker.kill()
    assert len(left) == 3  # the fork server, the template, a prober
    _, alive = psutil.wait_procs(left, timeout=PATIENCE_SECONDS)
    assert alive == []


async def test_outputs_are_looked_at_side_by_side_and_another_job_has_its_turn(
    prober: Prober, tiny: Path, tmp_path: Path
) -> None:
    files = []
    for i in range(8):
        shutil.copy(tiny, tmp_path / f"{i}.mp4")
        files.append(PlannedFile(output="a", path=PurePosixPath(f"{i}.mp4"), content_type="", expected=EXPECTED))
    await verify(files, tmp_path, prober.of(""))
    assert len(children()) == FILES_AT_ONCE < 4
    for i in (6, 2):
        (tmp_path / f"{i}.mp4").unlink()
    with pytest.raises(AttemptFailed, match=r"2\.mp4: ffmpeg ended well without writing it"):
        await verify(files, tmp_path, prober.of(""))
    (tmp_path / "2.mp4").write_bytes(b"no film")
    shutil.copy(tiny, tmp_path / "6.mp4")
    with pytest.raises(AttemptFailed, match=r"2\.mp4: the file is no media but a text"):
        await verify(files, tmp_path, prober.of(""))
