"""Two hours in six rungs: thousands of files appear at once, are listed by pages, and take no memory for each."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import m3u8
import psutil
import pytest
import pytest_asyncio
from effort import short_or_long
from fault.kit.deployment import Deployment
from media import kit
from services.databases import Databases
from waiting import PATIENCE_SECONDS

from reelmill.media import mpd
from reelmill.v1.jobs_pb2 import Input, Job, Output
from reelmill.v1.operations_pb2 import VideoSettings
from reelmill.v1.package_pb2 import Package

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not short_or_long(0, 1), reason="takes minutes: make long"),
]
SECONDS, RATE, SEGMENT = 7200, 10, 6
HEIGHTS = (96, 80, 64, 48, 32, 16)
FLAT_BYTES = 160 * 2**20
"""By which a worker may grow: far less than a rung, and than a list of all files told at once to each who asks."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(databases: Databases) -> AsyncIterator[Deployment]:
    """All processes, one worker, PostgreSQL alone."""
    url = await databases.create()
    async with Deployment(database_url=url) as deployment:
        yield deployment
    await databases.drop(url)


def film(folder: Path) -> Path:
    """Two hours: twelve seconds again and again."""
    part = kit.make(
        folder / "part.mkv", "-f", "lavfi", "-i", f"testsrc2=size=128x96:rate={RATE}:duration=12", "-f", "lavfi", "-i",
        "sine=duration=12", "-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-c:a", "aac", "-b:a", "32k",
    )  # fmt: skip
    return kit.make(folder / "film.mkv", "-stream_loop", "-1", "-i", str(part), "-t", str(SECONDS), "-c", "copy")


async def test_two_hours_in_six_rungs(system: Deployment) -> None:
    path = await asyncio.to_thread(film, system.media)
    stream = Output(name="stream")
    stream.package.protocols.extend([Package.HLS, Package.DASH])
    stream.package.segment_seconds = SEGMENT
    stream.package.rungs.extend(VideoSettings(height=height, crf=40) for height in HEIGHTS)
    worker = psutil.Process(system.workers[0].pid)
    before = most = worker.memory_info().rss
    job = await system.client.create_job(Job(inputs=[Input(uri=path.as_uri())], outputs=[stream]))
    while (now := await system.client.get_job(job.id, full=True)).state not in (Job.COMPLETED, Job.FAILED):
        assert not now.outputs[0].files  # not one before all
        most = max(most, worker.memory_info().rss)
        await asyncio.sleep(0.5)
    assert now.state == Job.COMPLETED, now.error
    most = max(most, worker.memory_info().rss)
    print(
        f"the worker grew from {before >> 20} to {most >> 20} MiB in {now.end_time.seconds - now.start_time.seconds} s"
    )
    assert most - before < FLAT_BYTES

    folders = [f"h264-{height}" for height in HEIGHTS] + ["audio-und"]
    count = SECONDS // SEGMENT
    names = [f"{folder}/{i + 1:05d}.m4s" for folder in folders for i in range(count)]
    names += [f"{folder}/{name}" for folder in folders for name in ("init.mp4", "index.m3u8")]
    names += [f"{folder}/iframes.m3u8" for folder in folders[:-1]] + ["master.m3u8", "manifest.mpd"]
    assert now.outputs[0].file_count == len(names) and len(now.outputs[0].files) == 100
    listed = [file.path async for file in system.client.output_files(job.id, "stream")]
    assert len(listed) == len(names) and set(listed) == set(names)
    pages, token = [], ""
    async with httpx.AsyncClient(base_url=f"{system.rest}/v1/jobs/{job.id}", timeout=PATIENCE_SECONDS) as http:
        while not pages or token:
            page = (await http.get("outputs/stream/files", params={"page_size": 1000, "page_token": token})).json()
            pages.append([file["path"] for file in page["files"]])
            token = page.get("next_page_token", "")
        assert [path for page in pages for path in page] == listed and max(map(len, pages)) <= 1000
        for folder in folders:
            playlist = m3u8.loads((await http.get(f"outputs/stream/{folder}/index.m3u8")).text)
            assert len(playlist.segments) == count
            assert sum(one.duration for one in playlist.segments) == pytest.approx(SECONDS, abs=0.2)
            part = await http.get(f"outputs/stream/{folder}/{count:05d}.m4s", headers={"Range": "bytes=4-7"})
            assert (part.status_code, len(part.content)) == (206, 4)
        dash = mpd.streams((await http.get("outputs/stream/manifest.mpd")).text)
        assert dash.keys() == set(folders) and {len(one.segments) for one in dash.values()} == {count}
        address = f"{http.base_url}outputs/stream/h264-16/index.m3u8"
    # Its sound is a little longer than its pictures, so that twelve seconds again and again have fewer of these.
    pictures = await asyncio.to_thread(_packets, str(path))
    assert pictures == pytest.approx(SECONDS * RATE, rel=0.01)
    assert await asyncio.to_thread(_packets, address) == pictures


def _packets(film: str) -> int:
    """Of its first pictures."""
    copied = ("-map", "0:v:0", "-c", "copy", "-f", "framecrc", "-")
    argv = [str(kit.FFMPEG), "-nostdin", "-v", "error", "-i", film, *copied]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert not done.stderr
    return sum(not line.startswith("#") for line in done.stdout.splitlines())
