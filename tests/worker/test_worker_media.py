"""The executor of media jobs, with real ffmpeg: what it makes, and what it leaves behind."""

import asyncio
import hashlib
import json
import os
import shutil
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest
from buckets import serving_bucket
from effort import some_or_all
from media.kit import make
from store.kit import TENANT, new_job
from waiting import eventually, patient, soon
from worker.kit import Rig
from worker.templates import KeptTemplate

from reelmill.cache.port import job_channel
from reelmill.jobs.errors import AttemptFailed
from reelmill.jobs.measures import Kind, Measure
from reelmill.jobs.states import Phase
from reelmill.jobs.validators import Validator
from reelmill.media import run as ffmpeg_run
from reelmill.media.contract import PlanContext
from reelmill.media.estimating import BEFORE, TASK
from reelmill.media.ffmpeg import find_ffmpeg
from reelmill.media.launcher import Launcher, running
from reelmill.media.pieces import Made, made_of
from reelmill.media.probe import Prober, TenantProber
from reelmill.media.run import RunResult
from reelmill.media.spreading import Worth
from reelmill.media.validate import with_defaults
from reelmill.media.verify import FILES_AT_ONCE
from reelmill.media.warm import Answer, WarmChildren, _WarmChild
from reelmill.storage.access import Access
from reelmill.storage.fetch import Fetched, HttpLimits
from reelmill.storage.storage import Storage
from reelmill.storage.tenants import Allowed
from reelmill.storage.uris import file_path, file_uri, unrecorded_upload_uri, upload_uri
from reelmill.storage.workdir import KEPT, WorkRoot
from reelmill.store.database import Database
from reelmill.store.jobs import NewJob
from reelmill.store.measures import MeasureStore
from reelmill.store.switches import GRAPHS
from reelmill.store.uploads import UploadStore
from reelmill.telemetry import traces
from reelmill.telemetry.metrics import INPUT_BYTES, JOINS_REFUSED, OUTPUT_BYTES
from reelmill.telemetry.spans import Attributes
from reelmill.v1.captions_pb2 import Captions
from reelmill.v1.concat_pb2 import Concat
from reelmill.v1.jobs_pb2 import Job, Output, Progress
from reelmill.v1.operations_pb2 import AudioExtract, Thumbnail, TimeRange, Transcode, VideoSettings
from reelmill.v1.package_pb2 import Package
from reelmill.v1.sprite_pb2 import Sprite
from reelmill.worker import finishing, spans
from reelmill.worker.history import History
from reelmill.worker.intake import Abilities
from reelmill.worker.media_executor import MediaExecutor
from reelmill.worker.media_limits import MediaLimits
from reelmill.worker.reusing import Reuse

ANOTHER_TENANT = UUID(int=7)
"""That may read what the default one may."""
STILLS = Output(name="stills", thumbnail=Thumbnail(count=2, width=64))
SOUND = Output(name="sound", audio=AudioExtract(format=AudioExtract.MP3))
MOVIE = Output(name="movie", transcode=Transcode())
WHOLE = Worth(least_cpu_seconds=0, longest_chunk_seconds=0)
SPREAD = Worth(least_cpu_seconds=0.01, longest_chunk_seconds=0)


@dataclass(slots=True)
class Media:
    """A worker's surroundings for media jobs, below one folder."""

    rig: Rig
    folder: Path
    launcher: Launcher
    prober: Prober
    limits: MediaLimits
    history: History

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def start(
        self,
        *,
        fetch_seconds: float = 1,
        s3_endpoint: str = "",
        owner: str = "test",
        spreads: bool = False,
        abilities: Abilities | None = None,
        reuse: Reuse | None = None,
        **limits: Any,
    ) -> MediaExecutor:
        """Start a worker of media jobs; answers its executor."""
        loopback = (ip_network("127.0.0.0/8"),)
        http = HttpLimits(timeout_seconds=fetch_seconds, total_seconds=fetch_seconds, allowed=loopback)
        roots = [self.folder]
        buckets = ["bucket"]
        own = file_uri(self.folder / "own")
        another = Allowed(read_roots=(self.folder,))
        access = Access(
            own=own,
            read_roots=roots,
            write_roots=roots,
            read_buckets=buckets,
            write_buckets=buckets,
            tenants=((ANOTHER_TENANT, another),),
        )
        uploads = UploadStore(self.rig.store.database)
        storage = Storage(access=access, max_bytes=10**9, http=http, s3_endpoint=s3_endpoint, uploads=uploads)
        work = WorkRoot(self.work, reserve_bytes=0)
        made = replace(self.limits, **limits)
        children, slots = self.prober.children, self._answer(2 * spreads)
        executor = MediaExecutor(storage, work, self.launcher, children, made, slots, self.history, reuse)
        self.rig.start_worker(executor, owner=owner, abilities=abilities or Abilities())
        return executor

    @staticmethod
    def _answer(slots: int) -> Callable[[str], Awaitable[int]]:
        async def answer(place: str) -> int:
            return slots

        return answer

    async def submit(
        self, *outputs: Output, source: Path | str | list[str], prefix: str = "", **options: Any
    ) -> NewJob:
        """Submit a job on a local file, or on what URIs name."""
        prefix = prefix or file_uri(self.folder / "out")
        uris = source if isinstance(source, list) else [source if isinstance(source, str) else file_uri(source)]
        new = new_job(outputs=outputs, inputs=uris, prefix=prefix, max_attempts=1, **options)
        for item, name in zip(new.job.inputs[1:], ("second", "third"), strict=False):
            item.name = name
        new = replace(new, job=with_defaults(new.job))
        await self.rig.store.jobs.create(TENANT, TENANT, [new])
        await self.rig.queue.wake()
        return new

    def hanging(self) -> Path:
        """An ffmpeg that has written a part and then hangs."""
        script = self.folder / "hanging"
        script.write_text("#!/bin/sh\necho part > part\nexec /bin/sleep 600\n")
        script.chmod(0o755)
        return script

    def left(self) -> list[Path]:
        """What lies in the working directories."""
        return list(self.work.iterdir())


@pytest.fixture
async def media(rig: Rig, tmp_path: Path) -> AsyncIterator[Media]:
    """A worker's surroundings for media jobs."""
    limits = MediaLimits(
        ffmpeg=find_ffmpeg(),
        no_progress_seconds=60,
        wall_limit_factor=60,
        wall_limit_seconds=600,
        output_max_bytes=10**9,
        worth=WHOLE,
        context=PlanContext(threads=1, memory_bytes=2**30),
    )
    async with running(template=KeptTemplate()) as launcher:
        prober = Prober(WarmChildren(launcher))
        history = History(MeasureStore(rig.store.database), "test")
        yield Media(rig, tmp_path, launcher, prober, limits, history)
        await rig.stop()
        await prober.children.close()


@pytest.fixture
def source(clip: Path, tmp_path: Path) -> Path:
    """A clip inside the allowed folder."""
    return Path(shutil.copy(clip, tmp_path / "clip.mp4"))


def _children() -> set[str]:
    return {" ".join(p.cmdline()) for p in psutil.Process().children(recursive=True) if p.is_running()}


def counted() -> list[float]:
    """Bytes of inputs and outputs so far."""
    return [counter._value.get() for counter in (INPUT_BYTES, OUTPUT_BYTES)]


async def test_outputs_lie_below_the_attempts_own_prefix_and_the_folder_is_gone(media: Media, source: Path) -> None:
    media.start()
    before = counted()
    new = await media.submit(STILLS, SOUND, source=source)
    job = await media.rig.until(new, "COMPLETED", "FAILED")
    files = [f for output in job.outputs for f in output.files]
    assert [len(output.files) for output in job.outputs] == [2, 1], job.error
    for file in files:
        assert file.uri.startswith(f"{new.output_prefix}1/")
        data = file_path(file.uri).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.size_bytes, file.sha256)
    came, went = (after - once for after, once in zip(counted(), before, strict=True))
    assert (came, went) == (source.stat().st_size, sum(file.size_bytes for file in files))
    assert media.left() == []
    events = await media.rig.store.jobs.events(TENANT, new.id, after=0, limit=99)
    phases = [Job.Phase.Name(e.phase) for e in events if e.state == Job.PROCESSING]
    assert phases == list(Phase)


async def test_what_several_programs_make_of_several_inputs_is_stored_and_nothing_of_what_lies_between(
    media: Media, source: Path
) -> None:
    media.start()
    (media.folder / "words.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n")
    film = make(
        media.folder / "film.mkv", "-i", str(source), "-i", str(media.folder / "words.srt"), "-map", "0", "-map", "1"
    )
    one = TimeRange(end_seconds=1)
    outputs = [
        Output(name="board", sprite=Sprite(count=5, columns=2, rows=2, width=32)),
        Output(name="both", concat=Concat(parts=[Concat.Part(trim=one), Concat.Part(input="third", trim=one)])),
        Output(name="words", input="second", captions=Captions(shift_seconds=1)),
        Output(name="track", input="third", captions=Captions(format=Captions.SRT)),
        Output(name="scenes", thumbnail=Thumbnail(scene_changes=True, width=32)),
        Output(name="none", captions=Captions(), optional=True),
    ]
    uris = [file_uri(path) for path in (source, media.folder / "words.srt", film)]
    job = await media.rig.until(await media.submit(*outputs, source=uris), "COMPLETED", "FAILED")
    assert job.state == Job.COMPLETED, job.error
    names = {output.name: [file.path for file in output.files] for output in job.outputs}
    assert names == {
        "board": ["board.vtt", "board-0001.jpg", "board-0002.jpg"],
        "both": ["both.mp4"],
        "words": ["words.vtt"],
        "track": ["track.srt"],
        "scenes": ["scenes-0001.jpg"],
        "none": [],
    }
    files = {file.path: file for output in job.outputs for file in output.files}
    assert "00:02.000 --> 00:00:03.000\nhello" in file_path(files["words.vtt"].uri).read_text()
    assert files["board.vtt"].content_type == "text/vtt" and not files["board.vtt"].HasField("media")
    assert files["both.mp4"].media.duration_seconds == pytest.approx(2, abs=0.1)
    assert job.outputs[-1].error.code == "INPUT_NO_CAPTIONS"
    below = {path.name for path in (media.folder / "out").rglob("*") if path.is_file()}
    assert below == files.keys()


async def test_the_log_tells_the_exact_command(media: Media, source: Path) -> None:
    media.start()
    new = await media.submit(SOUND, source=source)
    await media.rig.until(new, "COMPLETED")
    lines = await media.rig.store.jobs.logs(TENANT, new.id, after=0, limit=99)
    [command] = [line.command for line in lines if line.message == "runs ffmpeg"]
    assert command.startswith(str(media.limits.ffmpeg))
    assert str(source) in command


class Spans:
    """A process's tracing that keeps each step with all its attributes."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, Attributes]] = []

    @contextmanager
    def span(self, name: str, attributes: Attributes, **_how: str) -> Iterator["Spans.Step"]:
        step = Spans.Step(dict(attributes))
        yield step
        self.ended.append((name, step.attributes))

    def traceparent(self) -> str:
        return ""

    @dataclass
    class Step:
        """One of them."""

        attributes: dict[str, str | int | float | bool]

        def set(self, attributes: Attributes) -> None:
            self.attributes |= attributes

        def fail(self, reason: str) -> None:
            self.attributes["error.type"] = reason


async def test_each_step_is_a_span_with_its_attributes(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = Spans()
    monkeypatch.setattr(traces, "_tracing", spans)
    media.start()
    new = await media.submit(SOUND, MOVIE, source=source)
    job = await media.rig.until(new, "COMPLETED", "FAILED")
    sizes = {output.name: output.files[0].size_bytes for output in job.outputs}
    await media.rig.stop()
    steps = [
        ("fetch", {"reelmill.scheme": "file", "reelmill.size_bytes": source.stat().st_size}),
        ("probe", {}),
        ("ffmpeg", {"reelmill.output": "sound, movie"}),
        ("verify", {}),
        *(("upload", {"reelmill.output": name, "reelmill.size_bytes": size}) for name, size in sizes.items()),
        ("attempt", {"reelmill.job_id": str(new.id), "reelmill.attempt": 1, "reelmill.outcome": "completed"}),
    ]
    assert sorted(spans.ended, key=str) == sorted(steps, key=str)


async def test_each_limit_reaches_ffmpeg_under_its_own_name(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[dict[str, Any]] = []
    real = ffmpeg_run.run

    async def kept(*command: Any, **limits: Any) -> Any:
        handed.append(limits)
        return await real(*command, **limits)

    monkeypatch.setattr(ffmpeg_run, "run", kept)
    media.start(
        no_progress_seconds=71,
        wall_limit_seconds=901,
        output_max_bytes=10**8 + 1,
        context=PlanContext(threads=1, memory_bytes=2**30 + 1),
    )
    await media.rig.until(await media.submit(SOUND, source=source), "COMPLETED")
    names = ("no_progress_seconds", "wall_seconds", "max_bytes", "memory_bytes", "ffmpeg", "launcher")
    [one] = handed
    # The clip lasts a few seconds: what is least for all holds, and not the factor.
    expected = (71, 600, 10**8 + 1, 2**30 + 1, media.limits.ffmpeg, media.launcher)
    assert tuple(one[name] for name in names) == expected


async def test_a_failed_attempt_leaves_no_folder(media: Media, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no movie at all\n" * 100)
    media.start()
    job = await media.rig.until(await media.submit(STILLS, source=text), "FAILED")
    assert job.error.code == "INPUT_NOT_MEDIA"
    assert media.left() == []


async def test_a_length_that_the_bytes_can_not_hold_is_the_inputs_fault_and_not_tried_again(
    media: Media, tmp_path: Path
) -> None:
    forged = tmp_path / "forged.flac"
    encode = [media.limits.ffmpeg, "-v", "error", "-f", "lavfi", "-i", "sine=d=1", forged]
    assert await (await asyncio.create_subprocess_exec(*encode)).wait() == 0
    data = bytearray(forged.read_bytes())
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4  # the number of samples: 18 days of them
    forged.write_bytes(data)
    media.start()
    job = await media.rig.until(await media.submit(SOUND, source=forged), "FAILED")
    assert (job.error.code, job.error.retryable) == ("INPUT_CORRUPT", False), job.error


async def test_a_cancelled_attempt_leaves_neither_folder_nor_process(media: Media, source: Path) -> None:
    media.start(ffmpeg=media.hanging())
    new = await media.submit(MOVIE, source=source)
    async with patient():
        while not list(media.work.glob("*/part")):
            await asyncio.sleep(0.01)
    assert any("sleep 600" in child for child in _children())
    await media.rig.store.jobs.cancel(TENANT, new.id, "")
    await media.rig.until(new, "CANCELLED")
    assert media.left() == []
    assert not any("sleep 600" in child for child in _children())


async def test_a_cancelled_still_leaves_neither_folder_nor_child(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = _WarmChild.ask
    hung: list[int] = []

    async def hanging(child: _WarmChild, file: int, question: bytes) -> Answer:
        if b"stills" in question:
            os.kill(child.child.pid, signal.SIGSTOP)
            hung.append(child.child.pid)
        return await ask(child, file, question)

    monkeypatch.setattr(_WarmChild, "ask", hanging)
    media.start()
    new = await media.submit(STILLS, source=source)
    async with patient():
        while not hung:
            await asyncio.sleep(0.01)
    await media.rig.store.jobs.cancel(TENANT, new.id, "")
    await media.rig.until(new, "CANCELLED")
    assert media.left() == []
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in hung)


async def test_a_still_whose_warm_child_ends_is_made_by_ffmpeg(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = _WarmChild.ask

    async def ending(child: _WarmChild, file: int, question: bytes) -> Answer:
        if b"stills" in question:
            os.kill(child.child.pid, signal.SIGSEGV)
        return await ask(child, file, question)

    media.start()
    first = await media.rig.until(await media.submit(STILLS, source=source), "COMPLETED", "FAILED")
    monkeypatch.setattr(_WarmChild, "ask", ending)
    second = await media.rig.until(await media.submit(STILLS, source=source), "COMPLETED", "FAILED")
    sizes = [
        [(f.media.streams[0].width, f.media.streams[0].height) for f in j.outputs[0].files] for j in (first, second)
    ]
    assert sizes[0] == sizes[1] and len(sizes[0]) == 2, second.error


async def test_an_ffmpeg_without_progress_is_stopped(media: Media, source: Path) -> None:
    media.start(ffmpeg=media.hanging(), no_progress_seconds=0.5)
    job = await media.rig.until(await media.submit(MOVIE, source=source), "FAILED")
    assert (job.error.code, job.error.output) == ("NO_PROGRESS", "movie")
    assert media.left() == []


async def test_an_attempt_ends_at_its_wall_limit(media: Media, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelmill.worker.media_limits.LEAST_WALL_SECONDS", 0.5)
    media.start(ffmpeg=media.hanging(), wall_limit_factor=0.01)
    job = await media.rig.until(await media.submit(MOVIE, source=source), "FAILED")
    assert job.error.code == "WALL_LIMIT"


async def test_progress_is_published_while_ffmpeg_runs(media: Media, source: Path) -> None:
    script = media.folder / "reporting"
    report = "frame=50\\nfps=25\\nout_time_us=2000000\\nspeed=1.0x\\nprogress=continue\\n"
    script.write_text(f"#!/bin/sh\nprintf '{report}'\nexec /bin/sleep 600\n")
    script.chmod(0o755)
    media.start(ffmpeg=script)
    new = await media.submit(MOVIE, source=source)
    async with patient(), media.rig.cache.subscribe(job_channel(TENANT, new.id)) as notified:
        while (progress := await _told(media, new)).percent == 0:
            await notified.wait(20)
    assert (progress.percent, progress.fps) == (50, 25)
    earliest, eta, latest = progress.eta_earliest, progress.eta, progress.eta_latest
    assert earliest.ToNanoseconds() <= eta.ToNanoseconds() <= latest.ToNanoseconds() < 60 * 10**9
    assert progress.HasField("eta") and latest.ToNanoseconds() > 0


async def _told(media: Media, new: NewJob) -> Progress:
    return Progress.FromString(await media.rig.cache.get_progress(TENANT, new.id) or b"")


async def test_what_tasks_take_is_measured_and_written(media: Media, source: Path) -> None:
    media.start()
    for outputs in ((MOVIE,), (STILLS,), (MOVIE,)):
        await media.rig.until(await media.submit(*outputs, source=source), "COMPLETED")
    assert not await media.rig.store.rows("SELECT FROM measurements"), "a small job pays no write"
    await media.history.write()
    rates, video = media.history.rates, MOVIE.transcode.video
    film = Kind("transcode", VideoSettings.Codec.Name(video.codec or VideoSettings.H264), "FAST")
    for kind, measure in ((film, Measure.CPU), (film, Measure.WALL), (film, Measure.BYTES), (TASK, Measure.WALL)):
        assert rates.known(kind, measure) > 0, (kind, measure)
        assert 0 < rates.mean(kind, measure) < 1000
    assert rates.known(TASK, Measure.WALL) == rates.known(BEFORE, Measure.WALL) == pytest.approx(3, rel=0.05)
    assert {row["build"] for row in await media.rig.store.rows("SELECT build FROM measurements")} == {"test"}


async def test_what_can_not_be_written_now_is_kept(media: Media, source: Path) -> None:
    closed = Database("postgresql:///", pool_size=1, publish_events=False, application="test")
    history = History(MeasureStore(closed), "test")
    history.task(1.0)
    await history.write()
    history.task(2.0)
    history._store = MeasureStore(media.rig.store.database)
    await history.write()
    assert history.rates.known(TASK, Measure.WALL) == pytest.approx(2, rel=0.02)
    assert history.rates.mean(TASK, Measure.WALL) == pytest.approx(1.5, rel=0.06)


async def _unasked(place: str) -> int:
    raise AssertionError("nobody spreads")


async def test_a_disk_without_room_fails_the_attempt_before_it_begins(media: Media, source: Path) -> None:
    http = HttpLimits(timeout_seconds=1, total_seconds=1)
    access = Access(own=file_uri(media.folder / "own"), read_roots=[media.folder])
    storage = Storage(access=access, max_bytes=10**9, http=http)
    work = WorkRoot(media.work, reserve_bytes=2**62)
    executor = MediaExecutor(
        storage, work, media.launcher, media.prober.children, media.limits, _unasked, media.history
    )
    media.rig.start_worker(executor)
    job = await media.rig.until(await media.submit(STILLS, source=source), "FAILED")
    assert (job.error.code, job.error.retryable) == ("DISK_FULL", True)


@asynccontextmanager
async def dripping() -> AsyncIterator[tuple[str, asyncio.Queue[None]]]:
    """A server whose answers never end; its address, and an item for each request."""
    asked: asyncio.Queue[None] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.put_nowait(None)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/talk.mp4", asked
    finally:
        server.close()


async def test_inputs_that_drip_keep_nobody_from_encoding(media: Media, source: Path) -> None:
    media.start(fetch_seconds=60)
    async with dripping() as (address, asked):
        slow = [await media.submit(SOUND, source=address) for _ in range(2)]
        for _ in slow:
            await soon(asked.get())
        await media.rig.until(await media.submit(STILLS, SOUND, source=source), "COMPLETED")
        for new in slow:
            assert (await media.rig.until(new, "PROCESSING")).attempt == 1
        await media.rig.stop()
    for new in slow:  # handed back, uncharged
        assert (await media.rig.until(new, "QUEUED", "FAILED")).state == Job.QUEUED


async def test_no_more_inputs_drip_at_once_than_may(media: Media, source: Path) -> None:
    media.start(fetch_seconds=60)
    async with dripping() as (address, asked):
        for _ in range(6):
            await media.submit(SOUND, source=address)
        for _ in range(4):  # two that have left their slots, two that hold them
            await soon(asked.get())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asked.get(), 1.5)


@asynccontextmanager
async def meeting(count: int, body: bytes = b"") -> AsyncIterator[tuple[str, asyncio.Queue[str]]]:
    """A server, of files and as S3, that answers once so many requests are there together; its address, and paths."""
    asked: asyncio.Queue[str] = asyncio.Queue()
    there = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
        await reader.readexactly(int(fields.get("content-length", 0)))
        asked.put_nowait(head.split()[1])
        if asked.qsize() == count:
            there.set()
        await there.wait()
        writer.write(b'HTTP/1.1 200 OK\r\nETag: "1"\r\nConnection: close\r\n')
        writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        there.set()
        server.close()


def _two(address: str) -> list[str]:
    return [f"{address}/a.mp4", f"{address}/b.mp4"]


async def test_inputs_are_fetched_side_by_side_and_none_leaves_its_slot_twice(media: Media, source: Path) -> None:
    media.start(fetch_seconds=20)
    async with meeting(2, source.read_bytes()) as (address, asked):
        new = await media.submit(SOUND, STILLS, source=_two(address))
        job = await media.rig.until(new, "COMPLETED", "FAILED")
        assert sorted(asked.get_nowait() for _ in range(2)) == ["/a.mp4", "/b.mp4"]
    assert job.state == Job.COMPLETED, job.error
    lines = [x.message for x in await media.rig.store.jobs.logs(TENANT, new.id, after=0, limit=99)]
    assert sum(line.startswith("input ") for line in lines) == 2


async def test_an_input_that_fails_is_named_and_the_others_are_not_waited_for(media: Media, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no movie at all\n" * 100)
    media.start(fetch_seconds=60)
    async with dripping() as (address, _):
        new = await media.submit(SOUND, source=[address, file_uri(tmp_path / "text.mp4")])
        job = await media.rig.until(new, "FAILED")
    assert job.error.code == "INPUT_NOT_MEDIA"
    assert job.error.message.startswith("input second: ")
    assert media.left() == []


async def test_outputs_are_looked_at_and_written_side_by_side_and_stand_in_order(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION"):
        monkeypatch.setenv(f"AWS_{name}", "test")
    async with meeting(FILES_AT_ONCE) as (address, asked):
        media.start(s3_endpoint=address)
        outputs = [SOUND, Output(name="stills", thumbnail=Thumbnail(count=6, width=64))]
        job = await media.rig.until(await media.submit(*outputs, source=source, prefix="s3://bucket/out"), "COMPLETED")
        assert asked.qsize() == 7
    [[sound], stills] = [[file.uri.rsplit("/", 1)[1] for file in output.files] for output in job.outputs]
    assert (sound, stills) == ("sound.mp3", [f"stills-{i:04}.jpg" for i in range(1, 7)])


async def test_a_stop_ends_every_copy_of_an_output(media: Media, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION"):
        monkeypatch.setenv(f"AWS_{name}", "test")
    async with meeting(FILES_AT_ONCE + 1) as (address, asked):  # never so many
        media.start(s3_endpoint=address)
        outputs = Output(name="stills", thumbnail=Thumbnail(count=6, width=64))
        new = await media.submit(outputs, source=source, prefix="s3://bucket/out")
        for _ in range(FILES_AT_ONCE):
            await soon(asked.get())
        await media.rig.store.jobs.cancel(TENANT, new.id, "")
        await media.rig.until(new, "CANCELLED")
        assert asked.empty()
    assert media.left() == []


async def test_an_upload_is_read_by_its_row_and_one_of_a_release_before_without(media: Media, source: Path) -> None:
    uploads, other = UploadStore(media.rig.store.database), uuid4()
    await media.rig.store.rows("INSERT INTO tenants (id, name) VALUES ($1, 'other')", other)
    uris = {"before": unrecorded_upload_uri("talk.mp4")}
    for name, tenant_id in (("half", TENANT), ("whole", TENANT), ("theirs", other)):
        upload_id = uuid4()
        uris[name] = upload_uri(tenant_id, upload_id, "talk.mp4")
        await uploads.begin(tenant_id, upload_id, uris[name])
        if name != "half":
            await uploads.complete(tenant_id, upload_id, size_bytes=1, sha256="")
    for uri in uris.values():  # every file is there
        path = media.folder / "own" / "uploads" / uri.removeprefix("upload:")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, path)
    media.start()
    jobs = {name: await media.submit(STILLS, source=uri) for name, uri in uris.items()}
    ended = {name: await media.rig.until(new, "COMPLETED", "FAILED") for name, new in jobs.items()}
    assert {name: job.error.code for name, job in ended.items()} == {
        "before": "",
        "whole": "",
        "half": "INPUT_NOT_FOUND",
        "theirs": "INPUT_NOT_FOUND",
    }


async def test_a_job_reads_and_writes_what_its_tenant_may(media: Media, source: Path) -> None:
    other, own = uuid4(), media.folder / "own"
    ours, theirs = (own / "outputs" / str(tenant_id) / "made.mp4" for tenant_id in (TENANT, other))
    for path in (ours, theirs):
        path.parent.mkdir(parents=True)
        shutil.copy(source, path)
    media.start()
    wanted = {  # input, folder of the outputs → error
        (ours, theirs.parent): "INPUT_FORBIDDEN",
        (theirs, ours.parent): "OUTPUT_NOT_WRITABLE",
        (theirs, theirs.parent): "",
    }
    told = {}
    for read, written in wanted:
        new = new_job(outputs=[STILLS], inputs=[file_uri(read)], prefix=file_uri(written), max_attempts=1)
        new = replace(new, job=with_defaults(new.job))
        await media.rig.store.jobs.create(other, other, [new])
        await media.rig.queue.wake()
        job = await media.rig.ends(new.id, Job.COMPLETED, Job.FAILED, tenant_id=other)
        told[read, written] = job.error.code
    assert told == wanted


SMALL = Output(name="small", transcode=Transcode(video=VideoSettings(height=90)))
NINE = Output(name="nine", transcode=Transcode(container=Transcode.WEBM, video=VideoSettings(height=90)))
NINE.transcode.trim.end_seconds = 1  # VP9 takes longest of all


async def test_outputs_that_take_long_are_tasks_of_their_own_for_any_worker(media: Media, source: Path) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    for owner in ("one", "other"):
        media.start(owner=owner, spreads=True, worth=SPREAD)
    new = await media.submit(NINE, SOUND, SMALL, STILLS, source=source)
    job = await media.rig.until(new, "COMPLETED")
    assert [(output.name, len(output.files)) for output in job.outputs] == [
        ("nine", 1), ("sound", 1), ("small", 1), ("stills", 2),
    ]  # fmt: skip
    assert all(Path(file.uri.removeprefix("file://")).exists() for output in job.outputs for file in output.files)
    rows = await media.rig.store.rows("SELECT kind, convert_from(spec, 'utf8') AS spec FROM tasks ORDER BY id")
    # Stills take next to nothing: they go with the lightest of the others, with which the sound shares a decode.
    assert [(row["kind"], row["spec"] and json.loads(row["spec"])["outputs"]) for row in rows] == [
        ("run_job", None),
        ("make_outputs", ["nine"]),
        ("make_outputs", ["sound", "small", "stills"]),
    ]
    assert job.version <= 8 and media.left() == []


@pytest.mark.parametrize(("switched", "seconds"), [(False, 0.01), (True, 0)])
async def test_small_jobs_stay_one_task_and_so_do_all_where_graphs_are_off(
    media: Media, source: Path, switched: bool, seconds: float
) -> None:
    media.start(spreads=switched, worth=replace(SPREAD, least_cpu_seconds=seconds))
    await media.rig.until(await media.submit(NINE, SMALL, source=source), "COMPLETED")
    assert await media.rig.store.value("SELECT count(*) FROM tasks") == 1


CHUNKED = Output(
    name="film", transcode=Transcode(chunk_seconds=2, video=VideoSettings(height=90, keyframe_interval_seconds=0.5))
)
BESIDE = Output(
    name="mute",
    transcode=Transcode(chunk_seconds=2, mute=True, container=Transcode.MKV, video=VideoSettings(height=90)),
)


async def chunks_of(media: Media, source: Path) -> Job:
    """A job of two films of one decode that two workers made in chunks, and a sound beside them."""
    await media.rig.store.turn(GRAPHS, on=True)
    for owner in ("one", "other"):
        media.start(owner=owner, spreads=True)
    return await media.rig.until(await media.submit(CHUNKED, BESIDE, SOUND, source=source), "COMPLETED")


async def test_a_film_is_made_in_chunks_by_any_worker_and_joined_and_its_pieces_are_deleted(
    media: Media, source: Path
) -> None:
    job = await chunks_of(media, source)
    assert [(output.name, [file.path for file in output.files]) for output in job.outputs] == [
        ("film", ["film.mp4"]), ("mute", ["mute.mkv"]), ("sound", ["sound.mp3"]),
    ]  # fmt: skip
    [clip] = {round(output.files[0].media.duration_seconds, 1) for output in job.outputs[:2]}
    assert clip == 4.0
    rows = await media.rig.store.rows("SELECT kind, convert_from(spec, 'utf8') spec, priority FROM tasks ORDER BY id")
    specs = [(row["kind"], json.loads(row["spec"] or "{}")) for row in rows]
    both = ["film", "mute"]
    assert [(kind, spec.get("outputs"), {"chunk", "sound", "join"} & spec.keys()) for kind, spec in specs] == [
        ("run_job", None, set()),
        ("make_piece", ["film"], {"sound"}),
        *[("make_piece", both, {"chunk"})] * 2,
        ("join_pieces", both, {"join"}),
        ("make_outputs", ["sound"], set()),
    ]  # fmt: skip
    plain, join = rows[0]["priority"], rows[4]["priority"]
    assert join == plain + 1 and all(row["priority"] == plain for row in rows if row is not rows[4])
    assert job.version <= 12 and media.left() == []
    rows = await media.rig.store.rows("SELECT uri FROM storage_deletions")
    gone = {file_path(row["uri"]) for row in rows}
    kept = {file_path(file.uri) for output in job.outputs for file in output.files}
    written = {path for path in (media.folder / "out").rglob("*") if path.is_file()}
    assert kept <= written
    pieces = written - kept
    assert len(pieces) == 5 and all(any(folder in piece.parents for folder in gone) for piece in pieces)
    assert not any(folder in path.parents for folder in gone for path in kept)


def _with_a_lost_frame(result: bytes) -> tuple[Made, ...]:
    return tuple(replace(one, times=[*one.times, 2_000_000] if one.times else ()) for one in made_of(result))


async def test_pieces_that_do_not_fit_together_are_made_anew(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = JOINS_REFUSED._value.get()
    monkeypatch.setattr("reelmill.worker.joining.made_of", _with_a_lost_frame)
    job = await chunks_of(media, source)
    assert JOINS_REFUSED._value.get() == before + 1
    assert [len(output.files) for output in job.outputs] == [1, 1, 1]
    lines = await media.rig.store.rows("SELECT message FROM job_logs WHERE level = 'WARNING'")
    assert any("don't fit together" in line["message"] for line in lines)


async def test_a_package_is_made_in_chunks_by_any_worker(media: Media, source: Path) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    for owner in ("one", "other"):
        media.start(owner=owner, spreads=True)
    stream = Output(name="stream")
    stream.package.protocols.extend([Package.HLS, Package.DASH])
    stream.package.segment_seconds = 1
    stream.package.rungs.extend(VideoSettings(height=height) for height in (90, 60))
    made = []
    for seconds in (2, 0):
        stream.package.chunk_seconds = seconds
        new = await media.submit(stream, source=source)
        job = await media.rig.until(new, "COMPLETED", "FAILED")
        assert job.state == Job.COMPLETED, job.error
        made.append(job.outputs[0])
        lines = await media.rig.store.rows("SELECT message FROM job_logs WHERE level = 'WARNING'")
        assert not lines
    kinds = await media.rig.store.rows("SELECT kind, count(*) FROM tasks GROUP BY kind ORDER BY kind")
    assert [tuple(row.values()) for row in kinds] == [("join_pieces", 1), ("make_piece", 3), ("run_job", 2)]
    parts, whole = ([file.path for file in output.files] for output in made)
    assert parts == whole and parts[:2] == ["master.m3u8", "manifest.mpd"]
    assert {path.partition("/")[0] for path in parts[2:]} == {"h264-90", "h264-60", "audio-und"}
    assert sum(path.startswith("h264-90/0") for path in parts) == 4 and media.left() == []
    types = {file.path: file.content_type for file in made[0].files}
    assert types["audio-und/00001.m4s"] == "audio/iso.segment"


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a web server of a folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of any kind."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


@pytest.mark.parametrize(("cache_bytes", "downloads"), [(10**9, 1), (0, 3)])
async def test_tasks_of_a_job_share_a_download_of_its_input_and_leave_nothing_of_a_job_of_one(
    media: Media, source: Path, aws: None, cache_bytes: int, downloads: int
) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    async with serving_bucket(talk=source.read_bytes()) as bucket:
        made: dict[str, Any] = dict(worth=SPREAD, cache_bytes=cache_bytes, fetch_seconds=20, s3_endpoint=bucket.url)
        executor = media.start(spreads=True, **made)
        await media.rig.until(await media.submit(SOUND, source="s3://bucket/talk.mp4"), "COMPLETED")
        assert (bucket.count("GET"), media.left()) == (1, [])
        new = await media.submit(NINE, SMALL, source="s3://bucket/talk.mp4")
        job = await media.rig.until(new, "COMPLETED", "FAILED")
        assert job.state == Job.COMPLETED, job.error
        assert bucket.count("GET") == 1 + downloads
        await media.rig.stop()
    assert [file.holders for file in executor._kept._files] == [set()] * bool(cache_bytes)
    assert [path.name.startswith(KEPT) for path in media.left()] == [True] * bool(cache_bytes)


PICTURE = "testsrc2=size=160x120:rate=12:duration=36"
TONE, LARGE = "sine=duration=36", "sine=sample_rate=160000:duration=36"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 28 MB, most of them a second sound's, which nobody decodes."""
    inputs = [word for source in (PICTURE, TONE, LARGE) for word in ("-f", "lavfi", "-i", source)]
    codecs = ("-c:v", "mpeg4", "-q:v", "1", "-g", "12", "-c:a:0", "pcm_s16le", "-c:a:1", "pcm_s32le")
    film = tmp_path_factory.mktemp("large") / "film.mov"
    return make(film, *inputs, "-map", "0", "-map", "1", "-map", "2", *codecs)


@pytest.fixture(scope="module")
def of_a_local_file() -> list[bytes]:
    """What was made of that film where it is a local file, once it was: it is the same for all."""
    return []


@pytest.mark.parametrize(
    "how", some_or_all(["whole", "span", "too little", "other", "early", "unfit"], "span", "too little", "unfit")
)
async def test_a_chunk_of_a_large_input_is_fetched_alone_or_where_that_is_too_little_the_whole(
    media: Media, large: Path, of_a_local_file: list[bytes], aws: None, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    film = Path(shutil.copy(large, media.folder))
    monkeypatch.setattr(spans, "LEAST_BYTES", 2**62 if how == "whole" else 2**20)
    monkeypatch.setattr(spans, "_MOST_SHARE", 0.99)
    if how == "other":
        monkeypatch.setattr(spans, "digest", lambda info: "another")
    if how == "early":
        monkeypatch.setattr(spans, "EARLIER", -(2**62))
    if how == "too little":
        extents = TenantProber.extents

        async def opening(self: TenantProber, path: Path, wanted: Sequence[tuple[int, int]]) -> Any:
            return await extents(self, path, [(0, 0)] * len(wanted))

        monkeypatch.setattr(TenantProber, "extents", opening)
    if how == "unfit":
        monkeypatch.setattr("reelmill.worker.joining.made_of", _with_a_lost_frame)
    await media.rig.store.turn(GRAPHS, on=True)
    video = VideoSettings(height=90, keyframe_interval_seconds=2)
    # What fails of an optional output is no end of it while something of the input was left out.
    movie = Output(name="movie", transcode=Transcode(video=video, chunk_seconds=12), optional=how == "too little")
    async with serving_bucket(talk=film.read_bytes()) as bucket:
        media.start(spreads=True, worth=SPREAD, fetch_seconds=60, s3_endpoint=bucket.url)
        new = await media.submit(movie, source="s3://bucket/talk.mp4")
        job = await media.rig.until(new, "COMPLETED", "FAILED")
    assert job.state == Job.COMPLETED, job.error
    specs = await media.rig.store.rows("SELECT convert_from(spec, 'utf8') AS spec FROM tasks WHERE spec IS NOT NULL")
    told = sum('"extents"' in row["spec"] for row in specs)
    lines = [x.message for x in await media.rig.store.jobs.logs(TENANT, new.id, after=0, limit=999)]
    again = sum(line.startswith("fetches the whole input: ") for line in lines)
    # Three chunks, their join, and the sound, which is fetched whole; before them the plan.
    assert (len(specs), told) == (5, 0 if how == "whole" else 4)
    # Of "too little" the first chunk and the join have all that they read.
    known = {"whole": 0, "span": 0, "unfit": 1}
    assert again == known.get(how, again) and (again >= 2) == (how not in known)
    wholes = sum(method == "GET" and not wanted for method, _, wanted in bucket.asked)
    unfit = any(line.startswith("the pieces don't fit") for line in lines)
    assert unfit == (how == "unfit")
    # An unfit join reads it to join, and once more to make it in one piece.
    assert wholes == (6 if how == "whole" else 2 + again + unfit)
    if unfit:  # the join makes it in one piece, of the whole input
        return
    if not of_a_local_file:
        local = await media.rig.until(await media.submit(movie, source=film), "COMPLETED", "FAILED")
        of_a_local_file.append(file_path(local.outputs[0].files[0].uri).read_bytes())
    assert file_path(job.outputs[0].files[0].uri).read_bytes() == of_a_local_file[0]


@pytest.mark.parametrize("own", ["file", "s3"])
async def test_an_address_of_the_web_is_copied_once_for_all_tasks_and_the_copy_goes_with_the_jobs_end(
    media: Media, source: Path, aws: None, own: str
) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    prefix = "s3://bucket/out" if own == "s3" else ""
    async with serving_bucket(talk=source.read_bytes()) as web, serving_bucket() as bucket:
        web.lives = 1
        for owner in ("one", "other"):
            media.start(owner=owner, spreads=True, worth=SPREAD, fetch_seconds=20, s3_endpoint=bucket.url)
        new = await media.submit(NINE, SMALL, source=f"{web.url}/bucket/talk.mp4?signature=1", prefix=prefix)
        job = await media.rig.until(new, "COMPLETED", "FAILED")
    assert job.state == Job.COMPLETED, job.error
    assert web.count("GET") == 1 and await media.rig.store.value("SELECT count(*) FROM tasks") == 3
    copy = f"{new.output_prefix}1/_inputs/"
    assert [row["uri"] for row in await media.rig.store.rows("SELECT uri FROM storage_deletions")] == [copy]
    files = bucket.objects if own == "s3" else {str(path): path.read_bytes() for path in media.folder.rglob("out/**/0")}
    copies = [content for name, content in files.items() if name.endswith("/_inputs/0")]
    assert copies == [source.read_bytes()]
    outputs = [file.uri for output in job.outputs for file in output.files]
    assert len(outputs) == 2 and not any(uri.startswith(copy) for uri in outputs)


async def test_a_job_of_one_task_copies_nothing(media: Media, source: Path) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    media.start(spreads=True, worth=replace(SPREAD, least_cpu_seconds=600), fetch_seconds=10)
    with serving(source.parent) as address:
        new = await media.submit(NINE, SMALL, source=f"{address}/{source.name}")
        await media.rig.until(new, "COMPLETED")
    assert await media.rig.store.value("SELECT count(*) FROM tasks") == 1, "it is small"
    assert [path for path in media.folder.rglob("_inputs")] == []


async def test_an_input_that_changes_between_plan_and_part_ends_the_job(
    media: Media, source: Path, silent_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    media.start(spreads=True, worth=SPREAD)
    fetch = Storage.fetch

    async def fetches(
        self: Storage, uri: str, target: Path, *, expected: Validator | None = None, **how: Any
    ) -> Fetched:
        if expected:  # a part's
            Path(shutil.copy(silent_clip, source.with_name("new"))).replace(source)
        return await fetch(self, uri, target, expected=expected, **how)

    monkeypatch.setattr(Storage, "fetch", fetches)
    job = await media.rig.until(await media.submit(NINE, SMALL, source=source), "FAILED", "COMPLETED")
    assert (job.error.code, job.error.retryable, job.attempt) == ("INPUT_CHANGED", False, 1)
    assert not any(output.files for output in job.outputs)


@pytest.mark.parametrize("whole", [True, False])
async def test_an_input_that_changes_while_it_is_read_ends_the_job(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    run = ffmpeg_run.run

    async def runs(*args: Any, **options: Any) -> Any:
        if whole:
            os.utime(source, (1, 1))
        else:  # ffmpeg will complain of what it reads
            os.truncate(source, 10)
        return await run(*args, **options)

    monkeypatch.setattr(ffmpeg_run, "run", runs)
    media.start()
    job = await media.rig.until(await media.submit(SMALL, source=source), "FAILED", "COMPLETED")
    assert job.error.code == "INPUT_CHANGED", job.error


async def test_a_part_that_fails_names_its_output_and_ends_the_job(media: Media, source: Path) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    media.start(spreads=True, worth=SPREAD, output_max_bytes=1000)
    job = await media.rig.until(await media.submit(NINE, SMALL, source=source), "FAILED")
    assert job.error.code == "OUTPUT_TOO_LARGE" and job.error.output in ("nine", "small")
    assert not any(output.files for output in job.outputs)


SOUGHT = Output(name="stills", thumbnail=Thumbnail(times_seconds=[0.5, 1.5], width=64))
"""A step of its own, and a warm child's."""


@dataclass(slots=True)
class Beside:
    """Ffmpegs that begin when the test lets them, and what is stored meanwhile."""

    go_on: asyncio.Event
    order: list[str]
    results: list[Any]
    """What the commands answer instead of what they do, where there is something."""


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Beside:
    """Each ffmpeg but a job's first step waits for `go_on`."""
    found = Beside(asyncio.Event(), [], [])
    run, put_bytes, put_file = ffmpeg_run.run, Storage.put_bytes, Storage.put_file

    async def runs(command: Any, **options: Any) -> Any:
        if found.order:
            await found.go_on.wait()
        found.order.append(f"{command.outputs[0]} made")
        made = await run(command, **options)
        return found.results.pop(0) if found.results else made

    async def puts(self: Storage, what: Any, uri: str, content_type: str) -> Any:
        put: Any = put_bytes if isinstance(what, bytes) else put_file
        stored = await put(self, what, uri, content_type)
        found.order.append(f"{Path(uri).name} stored")
        return stored

    monkeypatch.setattr(ffmpeg_run, "run", runs)
    monkeypatch.setattr(Storage, "put_bytes", puts)
    monkeypatch.setattr(Storage, "put_file", puts)
    return found


@pytest.mark.parametrize(("first", "names"), [(SOUGHT, ["stills-0001.jpg", "stills-0002.jpg"]), (NINE, ["nine.webm"])])
async def test_what_a_step_made_is_checked_and_stored_while_the_next_is_made(
    media: Media, source: Path, beside: Beside, first: Output, names: list[str]
) -> None:
    if first is SOUGHT:
        beside.order.append("stills made")  # by a warm child
    media.start()
    new = await media.submit(first, SMALL, source=source)
    await eventually(lambda: len(beside.order) > len(names))
    assert beside.order[0] == f"{first.name} made"
    assert sorted(beside.order[1:]) == [f"{name} stored" for name in names]
    stored = await media.rig.store.jobs.get(TENANT, new.id)
    assert (stored.phase, [len(output.files) for output in stored.outputs]) == (Job.TRANSCODING, [0, 0])
    beside.go_on.set()
    job = await media.rig.until(new, "COMPLETED")
    assert beside.order[len(names) + 1 :] == ["small made", "small.mp4 stored"], "each is stored once"
    assert [(output.name, len(output.files)) for output in job.outputs] == [(first.name, len(names)), ("small", 1)]
    for file in (file for output in job.outputs for file in output.files):
        data = file_path(file.uri).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.size_bytes, file.sha256)
    assert media.left() == []


async def test_a_later_step_that_fails_makes_nothing_visible_and_what_was_stored_is_swept(
    media: Media, source: Path, beside: Beside
) -> None:
    beside.order.append("stills made")
    media.start(ffmpeg=Path("/bin/false"))
    new = await media.submit(SOUGHT, SMALL, source=source)
    await eventually(lambda: len(beside.order) == 3)
    beside.go_on.set()
    job = await media.rig.until(new, "FAILED")
    assert (job.error.code, job.error.output) == ("FFMPEG_FAILED", "small")
    assert not any(output.files for output in job.outputs) and media.left() == []
    assert await media.rig.store.rows("SELECT uri FROM storage_deletions") == [(f"{new.output_prefix}1/",)]


async def test_a_place_that_takes_nothing_ends_the_next_step_at_once(
    media: Media, source: Path, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: Any) -> None:
        raise AttemptFailed("OUTPUT_NOT_WRITABLE", "full")

    monkeypatch.setattr(Storage, "put_bytes", refuses)
    beside.order.append("stills made")
    media.start()
    job = await media.rig.until(await media.submit(SOUGHT, SMALL, source=source), "FAILED")  # the gate stays closed
    assert (job.error.code, beside.order) == ("OUTPUT_NOT_WRITABLE", ["stills made"])


async def test_a_cancellation_while_a_file_is_stored_beside_an_ffmpeg_leaves_neither(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []

    async def hangs(*_: Any) -> None:
        events.append("stores")
        try:
            await asyncio.Event().wait()
        finally:
            events.append("stored no more")

    monkeypatch.setattr(Storage, "put_bytes", hangs)
    media.start(ffmpeg=media.hanging())
    new = await media.submit(SOUGHT, SMALL, source=source)
    await eventually(lambda: len(events) == 2 and list(media.work.glob("*/part")))
    await media.rig.store.jobs.cancel(TENANT, new.id, "")
    await media.rig.until(new, "CANCELLED")
    assert (events, media.left()) == (["stores"] * 2 + ["stored no more"] * 2, [])
    assert not any("sleep 600" in child for child in _children())


@pytest.mark.parametrize(("damaged", "code"), [(True, "INPUT_CORRUPT"), (False, "OUTPUT_INVALID")])
async def test_what_a_later_step_says_of_the_input_judges_all_files(
    media: Media, source: Path, beside: Beside, monkeypatch: pytest.MonkeyPatch, damaged: bool, code: str
) -> None:
    """A file that fails its check beside the next step is looked into again when all are made."""
    judged: list[bool] = []
    real = finishing.verified

    async def fails(promised: Any, *args: Any, input_damaged: bool, **more: Any) -> Any:
        if any(thing.output == "stills" for thing in promised):
            judged.append(input_damaged)
            raise AttemptFailed("INPUT_CORRUPT" if input_damaged else "OUTPUT_INVALID", "not as planned")
        return await real(promised, *args, input_damaged=input_damaged, **more)

    monkeypatch.setattr(finishing, "verified", fails)
    beside.order.append("stills made")
    beside.results.append(RunResult(warnings=(), input_damaged=damaged))
    media.start()
    new = await media.submit(SOUGHT, SMALL, source=source)
    await eventually(lambda: judged)
    beside.go_on.set()
    job = await media.rig.until(new, "FAILED")
    assert (job.error.code, judged) == (code, [False, damaged])


async def test_a_film_that_is_found_damaged_later_is_judged_again_and_stored_once(
    media: Media, source: Path, beside: Beside
) -> None:
    beside.order.append("stills made")
    beside.results.append(RunResult(warnings=(), input_damaged=True))
    beside.go_on.set()
    media.start()
    await media.rig.until(await media.submit(SOUGHT, SMALL, source=source), "COMPLETED")
    assert sorted(beside.order) == [
        "small made",
        "small.mp4 stored",
        "stills made",
        *(f"stills-000{i}.jpg stored" for i in (1, 2)),
    ]


async def test_a_small_job_of_a_local_file_makes_no_folder(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def makes(*_: Any) -> Any:
        raise AssertionError("a folder")

    monkeypatch.setattr(WorkRoot, "create", makes)
    media.start()
    await media.rig.until(await media.submit(SOUGHT, source=source), "COMPLETED")


async def test_many_stills_go_through_the_folder(media: Media, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    real = finishing.write

    def writes(folder: Path, stills: Any, check_space: Callable[[], None]) -> None:
        real(folder, stills, check_space)
        made.extend(folder / still.path for still in stills)

    monkeypatch.setattr(finishing, "write", writes)
    monkeypatch.setattr(finishing, "_KEPT_BYTES", 10)
    media.start()
    job = await media.rig.until(await media.submit(SOUGHT, source=source), "COMPLETED")
    assert [path.name for path in made] == ["stills-0001.jpg", "stills-0002.jpg"]
    assert [len(output.files) for output in job.outputs] == [2]
    assert media.left() == []
