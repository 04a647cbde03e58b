"""What a child that reads foreign bytes can't do: run what lies beside a file, take all memory, hold up others."""

import asyncio
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from media import kit
from media.kit import Studio
from waiting import PATIENCE_SECONDS

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.confinement import Confinement
from reelmill.media.fork_server import python_reads
from reelmill.media.launcher import Launcher
from reelmill.media.probe import Prober
from reelmill.media.warm import WarmChildren

MIB = 2**20
BUDGET = 256 * MIB


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def zeros(count: int) -> bytes:
    """So many bytes of nothing, packed: blocks that refer to none before them, so that one is packed alone."""
    packer = zlib.compressobj(4, zlib.DEFLATED, -15)
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.compress(bytes(count % MIB)) + packer.flush()
    return b"\x78\x9c" + block * (count // MIB) + last + struct.pack(">HH", count % 65_521, 1)


def png(path: Path, width: int, height: int, *, depth: int = 8, extra: bytes = b"") -> Path:
    """A black picture; `extra` are further chunks."""
    head = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    pixels = zeros(height * (1 + width * 3 * depth // 8))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
    return path


@pytest.fixture
async def prober(launcher: Launcher) -> AsyncIterator[Prober]:
    made = Prober(WarmChildren(launcher))
    yield made
    await made.children.close()


async def peak_of(work: asyncio.Future[object]) -> int:
    """The most resident memory of a child while `work` is done."""
    peak = 0
    while not work.done():
        for child in psutil.Process().children(recursive=True):
            try:
                if "ffmpeg" in child.name() or child.name() == "warm_child":
                    peak = max(peak, most_so_far(child.pid))
            except (psutil.Error, OSError):
                continue
        await asyncio.wait({work}, timeout=0.05)
    return peak


def most_so_far(pid: int) -> int:
    """The most resident memory that a process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


async def test_a_packed_comment_holds_up_nobody_and_takes_no_gigabytes(
    prober: Prober, tmp_path: Path, tiny: Path
) -> None:
    packed = b"x\0\0" + zeros(2**30)
    bombs = [png(tmp_path / f"{kind}.png", 8, 8, extra=chunk(kind.encode(), packed)) for kind in ("zTXt", "iCCP")]
    await prober.of("").probe(tiny)
    probing = asyncio.gather(*(prober.of("").probe(bomb) for bomb in bombs), return_exceptions=True)
    measuring = asyncio.create_task(peak_of(probing))
    assert (await prober.of("").probe(tiny)).demuxer == "mov"
    assert not probing.done()
    for answer in await probing:
        assert isinstance(answer, AttemptFailed)
        assert answer.failure.code == "INPUT_CORRUPT"
    assert await measuring < 1000 * MIB


async def test_nothing_beside_a_file_is_run(
    launcher: Launcher, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    for name in ("base64", "json", "av", "struct", "sitecustomize", "usercustomize", "reelmill", "fractions"):
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'run')!r}, 'a').write({name!r})")
    (folder / "tiny.mp4").write_bytes(tiny.read_bytes())
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("PYTHONSTARTUP", str(folder / "json.py"))
    prober = Prober(WarmChildren(launcher))
    try:
        assert (await prober.of("").probe(folder / "tiny.mp4")).demuxer == "mov"
    finally:
        await prober.children.close()
    assert not (tmp_path / "run").exists()


async def test_a_child_has_its_environment_its_limits_and_no_descriptor_of_ours(
    launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    with (tmp_path / "ours").open("w") as ours:
        tell = (
            "import os, resource as r; print(dict(os.environ), sorted(os.listdir('/proc/self/fd')),"
            " *(r.getrlimit(n)[1] for n in (r.RLIMIT_DATA, r.RLIMIT_FSIZE, r.RLIMIT_CORE)), sep='|')"
        )
        confinement = Confinement(
            memory_bytes=64 * MIB, file_bytes=1000, environment={"A": "b"}, reads=(*python_reads(), Path("/proc"))
        )
        child = await launcher.launch((sys.executable, "-P", "-B", "-c", tell), confinement)
        output, _ = await child.communicate()
        assert ours.fileno() > 2
    environment, descriptors, *limits = output.decode().strip().split("|")
    assert "s3cret" not in environment
    assert "'A': 'b'" in environment
    assert descriptors == "['0', '1', '2', '3']"  # the last one is of the listing itself
    assert [int(limit) for limit in limits] == [confinement.data_bytes, 1000, 0]


Make = Callable[[Path], Path]
HUGE: dict[str, tuple[Make, list[dict]]] = {
    "a wide picture": (
        lambda folder: png(folder / "wide.png", 65_536, 512),
        [{"thumbnail": {"width": 640}}, {"thumbnail": {"format": "PNG", "width": 640}}],
    ),
    "an animation of 32 million pixels": (
        lambda folder: kit.make(folder / "big.gif", "-f", "lavfi", "-i", "color=red:s=8000x4000:r=10:d=0.3"),
        [{"transcode": {"video": {"width": 320}}}],
    ),
    "many stills of a deep picture": (
        lambda folder: png(folder / "deep.png", 5120, 5120, depth=16),
        [{"thumbnail": {"format": "PNG", "width": 2000}} for _ in range(16)],
    ),
    "huge outputs of a tiny clip": (
        lambda folder: kit.make(
            folder / "tiny.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x64:d=0.2", "-c:v", "libx264", "-pix_fmt", "yuv420p"
        ),
        [{"transcode": {"video": {"width": 8192, "height": 8192}}} for _ in range(4)],
    ),
}


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.asyncio(loop_scope="session")
async def test_a_job_stays_within_its_memory_or_is_told_so(studio: Studio, tmp_path: Path, name: str) -> None:
    make, outputs = HUGE[name]
    path = make(tmp_path)
    patient = replace(studio, prober=Prober(WarmChildren(studio.launcher, timeout_seconds=PATIENCE_SECONDS)))

    async def work() -> None:
        planned = await patient.plan(path, *outputs, memory_bytes=BUDGET)
        studio.make_folders(planned.graph)
        for command in planned.commands:
            await studio.run(command, memory_bytes=BUDGET)

    working = asyncio.ensure_future(work())
    peak = await peak_of(working)
    await patient.prober.children.close()
    error = working.exception()
    if error is not None:
        assert isinstance(error, AttemptFailed)
        assert (error.failure.code, error.failure.retryable) == ("OUT_OF_MEMORY", False)
    assert peak < 1.2 * BUDGET  # the prober has a limit of its own


@pytest.mark.asyncio(loop_scope="session")
async def test_what_takes_more_than_was_reckoned_is_killed_and_told(studio: Studio, tiny: Path) -> None:
    (studio.folder / "out").mkdir()
    planned = await studio.plan(tiny, {"transcode": {"video": {"width": 3840, "height": 2160}}})
    with pytest.raises(AttemptFailed) as caught:
        await studio.run(planned.commands[0], memory_bytes=150 * MIB)
    assert caught.value.failure.code == "OUT_OF_MEMORY"
    assert not caught.value.failure.retryable


@pytest.mark.asyncio(loop_scope="session")
async def test_a_file_that_outgrows_its_limit_is_no_crash(studio: Studio, tiny: Path) -> None:
    (studio.folder / "out").mkdir()
    planned = await studio.plan(tiny, {"audio": {"format": "WAV"}})
    with pytest.raises(AttemptFailed) as caught:
        await studio.run(planned.commands[0], max_bytes=20_000)
    assert caught.value.failure.code == "OUTPUT_TOO_LARGE"
