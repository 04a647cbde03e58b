"""What an earlier job made is taken, not made again: by real workers, with real ffmpeg."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from store.kit import TENANT, new_job
from worker import test_worker_media
from worker.test_worker_media import ANOTHER_TENANT, CHUNKED, SMALL, SOUND, SPREAD, Media

from reelmill.media.builds import builds
from reelmill.media.validate import with_defaults
from reelmill.storage import unchanged
from reelmill.storage.uris import file_path, file_uri
from reelmill.store.results import ResultStore
from reelmill.store.switches import GRAPHS
from reelmill.telemetry.metrics import REUSE_HITS, REUSE_MISSES
from reelmill.v1.analysis_pb2 import Analyze, Compare, Contract, Waveform
from reelmill.v1.concat_pb2 import Concat
from reelmill.v1.jobs_pb2 import Job, Output
from reelmill.v1.operations_pb2 import AudioExtract, Thumbnail, VideoSettings
from reelmill.v1.package_pb2 import Package
from reelmill.v1.receipts_pb2 import Receipt
from reelmill.v1.sprite_pb2 import Sprite
from reelmill.worker import reusing
from reelmill.worker.reusing import Reuse

media, source = test_worker_media.media, test_worker_media.source  # the fixtures
WAV = Output(name="wav", audio=AudioExtract(format=AudioExtract.WAV))
STILLS = Output(name="stills", thumbnail=Thumbnail(count=2, width=64))


@pytest.fixture
def old_source(source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clip that counts as touched long ago: the time of a change can't be set back."""
    monkeypatch.setattr(unchanged, "_SETTLED_SECONDS", -1.0)
    return source


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The inputs that were hashed."""
    found: list[Path] = []
    real = reusing.sha256_of

    async def sha256_of(path: Path) -> tuple[int, str]:
        found.append(path)
        return await real(path)

    monkeypatch.setattr(reusing, "sha256_of", sha256_of)
    return found


def start(media: Media, *, least_cpu_seconds: float = 0.0, engine: str = "e", **options: Any) -> None:
    results = ResultStore(media.rig.store.database)
    reuse = Reuse(results=results, builds=builds(engine), within=timedelta(days=1), least_cpu_seconds=least_cpu_seconds)
    media.start(reuse=reuse, **options)


def own(media: Media, tenant_id: UUID = TENANT) -> str:
    return file_uri(media.folder / "own" / "outputs" / str(tenant_id))


async def done(media: Media, *outputs: Output, source: Path | str, tenant_id: UUID = TENANT, **options: Any) -> Job:
    """A job in our own storage that has ended well."""
    reuse = options.pop("reuse", None)
    uri = source if isinstance(source, str) else file_uri(source)
    new = new_job(outputs=outputs, inputs=[uri], prefix=options.pop("prefix", own(media, tenant_id)))
    new.job.inputs[0].name = "original"
    job = with_defaults(new.job)
    if reuse is not None:
        job.reuse = reuse
    new = replace(new, job=job)
    await media.rig.store.jobs.create(tenant_id, tenant_id, [new])
    await media.rig.queue.wake()
    ended = await media.rig.ends(new.id, Job.COMPLETED, Job.FAILED, tenant_id=tenant_id)
    assert ended.state == Job.COMPLETED, ended.error
    return ended


def files(job: Job) -> dict[str, list[tuple[str, int, str]]]:
    return {o.name: [(f.path, f.size_bytes, f.sha256) for f in o.files] for o in job.outputs}


def reused(job: Job) -> list[str]:
    for output in job.outputs:
        assert output.reused == all(file.reused_from for file in output.files)
        for file in output.files:
            assert file_path(file.uri).stat().st_size == file.size_bytes
            assert job.id in file.uri
    return [output.name for output in job.outputs if output.reused]


async def ran(media: Media, job: Job) -> list[str]:
    """Outputs that something was run for."""
    lines = await media.rig.store.jobs.logs(TENANT, UUID(job.id), after=0, limit=99)
    return [name for line in lines if line.command for name in line.output.split(", ")]


async def test_a_done_job_is_not_done_again_and_one_more_output_costs_that_one(
    media: Media, old_source: Path, hashed: list[Path]
) -> None:
    start(media)
    hits, misses = (c._value.get() for c in (REUSE_HITS, REUSE_MISSES))
    first = await done(media, SMALL, STILLS, source=old_source)
    assert reused(first) == [] and await ran(media, first) == ["small", "stills"]
    second = await done(media, SMALL, STILLS, source=old_source)
    assert reused(second) == ["small", "stills"] and await ran(media, second) == []
    assert files(second) == files(first)
    assert second.outputs[0].files[0].reused_from == first.id
    assert second.outputs[0].files[0].media == first.outputs[0].files[0].media
    assert hashed == [old_source], "what it holds is known by then"
    # One of them goes; the other has its own.
    shutil.rmtree(file_path(first.outputs[0].files[0].uri).parents[1])
    await media.rig.store.rows("DELETE FROM jobs WHERE id = $1", UUID(first.id))
    renamed = Output(name="other", optional=True, transcode=SMALL.transcode)
    third = await done(media, WAV, renamed, STILLS, source=Path(shutil.copy(old_source, media.folder / "copy.mp4")))
    assert reused(third) == ["other", "stills"] and await ran(media, third) == ["wav"]
    assert files(third)["stills"] == files(first)["stills"]
    assert files(third)["other"] == [("other.mp4", *files(first)["small"][0][1:])]
    assert (REUSE_HITS._value.get() - hits, REUSE_MISSES._value.get() - misses) == (4, 3)
    assert media.left() == []


EVERY = (
    Output(name="web", transcode=SMALL.transcode, contract=Contract(max_size_ratio=100)),
    Output(
        name="stream",
        package=Package(segment_seconds=1, rungs=[VideoSettings(height=96)], protocols=[Package.HLS, Package.DASH]),
    ),
    Output(name="look", analyze=Analyze(looks=[Analyze.BLACK, Analyze.LOUDNESS])),
    Output(name="board", sprite=Sprite(count=4, columns=2, rows=2, width=32)),
    Output(name="wave", waveform=Waveform(width=64, height=16)),
    Output(name="joined", concat=Concat(parts=[Concat.Part(), Concat.Part()], video=SMALL.transcode.video)),
    Output(name="loud", audio=AudioExtract(format=AudioExtract.WAV, loudness_lufs=-16)),
    Output(name="same", input="output:web", compare=Compare(reference="original", metrics=[Compare.SSIM])),
    Output(name="face", input="output:web", thumbnail=Thumbnail(count=1, width=32)),
)


def findings(job: Job) -> list[tuple[bytes, bytes]]:
    return [(o.result.SerializeToString(), o.measured.SerializeToString()) for o in job.outputs]


async def test_whatever_is_made_by_steps_is_taken_with_what_was_found_out(media: Media, old_source: Path) -> None:
    start(media)
    names = [output.name for output in EVERY]
    first = await done(media, *EVERY, source=old_source)
    assert reused(first) == [] and set(await ran(media, first)) == set(names)
    told = findings(first)
    assert sum(result != b"" for result, _ in told) == 2 and sum(measured != b"" for _, measured in told) == 2
    second = await done(media, *EVERY, source=old_source)
    assert (reused(second), await ran(media, second)) == (names, ["loud"]), "how loud it is is part of its plan"
    assert files(second) == files(first) and findings(second) == told
    # What reads another output is taken too where that was made anew, to the same bytes.
    await media.rig.store.rows("UPDATE results SET key = sha256(key) WHERE output = 'web'")
    third = await done(media, *EVERY, source=old_source)
    assert reused(third) == names[1:] and set(await ran(media, third)) == {"web", "loud"}
    assert findings(third) == told


async def test_a_task_of_its_own_takes_what_is_made_of_another_ones_file(
    media: Media, old_source: Path, spreading: None
) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    start(media, spreads=True)
    wanted = (EVERY[0], Output(name="other", transcode=SMALL.transcode), EVERY[-1])
    wanted[1].transcode.video.height = 90
    first = await done(media, *wanted, source=old_source)
    assert await media.rig.store.value("SELECT count(*) FROM results") == 3
    await media.rig.store.rows("UPDATE results SET key = sha256(key) WHERE output <> 'face'")
    second = await done(media, *wanted, source=old_source)
    assert reused(second) == ["face"] and files(second) == files(first)


async def test_what_is_another_is_made(media: Media, old_source: Path) -> None:
    start(media)
    first = await done(media, SMALL, source=old_source)
    away = own(media)
    # Another tenant, one who wants none, a changed input of the same size.
    assert reused(await done(media, SMALL, source=old_source, tenant_id=ANOTHER_TENANT)) == []
    assert reused(await done(media, SMALL, source=old_source, reuse=False)) == []
    told = old_source.stat()
    data = old_source.read_bytes()
    assert b"Lavf" in data  # who wrote it, which no player reads
    old_source.write_bytes(data.replace(b"Lavf", b"Lavg"))
    os.utime(old_source, ns=(told.st_atime_ns, told.st_mtime_ns))  # as if nothing were
    changed = await done(media, SMALL, source=old_source)
    assert reused(changed) == [] and old_source.stat().st_size == told.st_size
    # A file of it is gone, or is another one's now.
    for spoil in (Path.unlink, lambda path: path.write_bytes(b"x" * path.stat().st_size)):
        newest = await done(media, SMALL, source=old_source)
        for job in (changed, newest):
            path = file_path(job.outputs[0].files[0].uri)
            if path.exists():
                spoil(path)
        again = await done(media, SMALL, source=old_source)
        assert reused(again) == [] and files(again) == files(changed)
        await media.rig.store.rows("DELETE FROM results WHERE job_id <> $1", UUID(again.id))
        changed = again
    assert first.outputs[0].files[0].uri.startswith(away)


async def test_what_lies_where_a_client_may_change_it_is_taken_by_nobody(media: Media, old_source: Path) -> None:
    start(media)
    theirs = file_uri(media.folder / "theirs")
    await done(media, SMALL, source=old_source, prefix=theirs)
    assert await media.rig.store.value("SELECT count(*) FROM results") == 0
    first = await done(media, SMALL, source=old_source)
    assert reused(first) == []
    taken = await done(media, SMALL, source=old_source, prefix=theirs)
    assert reused(taken) == ["small"]
    file_path(taken.outputs[0].files[0].uri).write_bytes(b"a client's own")
    assert files(await done(media, SMALL, source=old_source)) == files(first)


async def test_small_work_and_another_build_look_for_nothing(
    media: Media, old_source: Path, hashed: list[Path]
) -> None:
    start(media, least_cpu_seconds=60.0)
    await done(media, SMALL, source=old_source)
    assert hashed == [] and await media.rig.store.value("SELECT count(*) FROM results") == 0
    await media.rig.stop()
    start(media, engine="one")
    assert reused(await done(media, SMALL, source=old_source)) == []
    await media.rig.stop()
    start(media, engine="another")
    assert reused(await done(media, SMALL, source=old_source)) == []


async def test_a_file_that_was_just_changed_is_hashed_each_time(
    media: Media, source: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its times may tell nothing of a next change."""
    monkeypatch.setattr(unchanged, "_SETTLED_SECONDS", 3600.0)  # however slow this machine is
    start(media)
    await done(media, SMALL, source=source)
    assert reused(await done(media, SMALL, source=source)) == ["small"]
    assert hashed == [source] * 2


@dataclass(slots=True)
class Server:
    """Serves a film at an address, with an ETag."""

    uri: str
    etag: str = '"one"'
    asked: int = 0
    """So often for anything."""


@pytest.fixture
def server(source: Path) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked += 1
            self.send_response(200)
            self.send_header("ETag", told.etag)
            self.send_header("Content-Length", str(source.stat().st_size))
            self.end_headers()
            with suppress(OSError):  # who only asks what it is does not read on
                self.wfile.write(source.read_bytes())

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        told = Server(f"http://127.0.0.1:{http.server_port}/film.mp4")
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield told
        http.shutdown()
        thread.join()


async def looked_into(media: Media, job: Job) -> bool:
    lines = await media.rig.store.jobs.logs(TENANT, UUID(job.id), after=0, limit=99)
    return any(line.message.startswith("input ") for line in lines)


async def test_what_was_done_is_only_asked_whether_its_input_is_the_same(
    media: Media, server: Server, hashed: list[Path]
) -> None:
    start(media, fetch_seconds=30)
    wanted = (EVERY[0], EVERY[2], WAV)
    first = await done(media, *wanted, source=server.uri)
    assert (reused(first), server.asked, len(hashed)) == ([], 1, 1)
    names = [output.name for output in wanted]
    second = await done(media, *wanted, source=server.uri)
    assert (reused(second), server.asked, len(hashed)) == (names, 2, 1)
    assert not await looked_into(media, second) and await ran(media, second) == []
    assert files(second) == files(first) and findings(second) == findings(first)
    assert {receipt.reused_from for receipt in await receipts(media, second)} == {first.id}
    # What is only half there is looked for by what is planned; the rest is made.
    await media.rig.store.rows("DELETE FROM results WHERE output = 'wav'")
    third = await done(media, *wanted, source=server.uri)
    assert (reused(third), server.asked) == (names[:2], 4) and await ran(media, third) == ["wav"]
    # A result one file of which is gone.
    for job in (first, second, third):
        file_path(job.outputs[2].files[0].uri).unlink(missing_ok=True)
    fourth = await done(media, *wanted, source=server.uri)
    assert (reused(fourth), files(fourth)) == (names[:2], files(first))
    # Another ETag is another film, and a weak one says nothing.
    for etag in ('"two"', 'W/"three"', 'W/"three"'):
        server.etag, before = etag, len(hashed)
        again = await done(media, *wanted, source=server.uri)
        assert (reused(again), len(hashed)) == (names, before + 1) and await looked_into(media, again)
    # Who wants nothing that is there asks nobody.
    server.etag, server.asked = '"one"', 0
    assert reused(await done(media, WAV, source=server.uri, reuse=False)) == []
    assert server.asked == 1


async def receipts(media: Media, job: Job) -> list[Receipt]:
    return await media.rig.store.jobs.receipts(TENANT, UUID(job.id))


@pytest.fixture
def spreading(media: Media) -> Iterator[None]:
    media.limits = replace(media.limits, worth=SPREAD)
    yield


async def test_outputs_of_many_tasks_and_of_chunks_are_taken_by_the_first(
    media: Media, old_source: Path, spreading: None
) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    start(media, spreads=True)
    wanted = (CHUNKED, Output(name="small", transcode=SMALL.transcode), SOUND)
    first = await done(media, *wanted, source=old_source)
    count = "SELECT count(*) FROM tasks"
    assert await media.rig.store.value(count) > 4
    assert await media.rig.store.value("SELECT count(*) FROM results") == 3
    await media.rig.store.rows("UPDATE results SET key = sha256(key) WHERE output = 'sound'")
    before = await media.rig.store.value(count)
    second = await done(media, *wanted, source=old_source)
    assert reused(second) == ["film", "small"]
    assert files(second) == files(first)
    assert await media.rig.store.value(count) == before + 1, "what is left is made at once"
