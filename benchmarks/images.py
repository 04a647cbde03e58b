"""Photos made small in jobs of 16 inputs through the whole full set-up, beside `vipsthumbnail` by itself."""

import asyncio
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import imageio_ffmpeg

from benchmarks import system
from benchmarks.besides import completed, of_children, spent
from benchmarks.report import Report
from benchmarks.rounds import alternate
from benchmarks.servers import Servers
from reelmill.client import Client
from reelmill.v1.image_pb2 import Image
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.operations_pb2 import VideoSettings

FFMPEG = (imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-loglevel", "error")
_INPUTS = 16  # of a job: the most
_WIDTH, _QUALITY = 320, 80
_SLOTS = 2
_COMMENT = b"\xff\xfe"  # JPEG's marker of one


def run(servers: Servers, report: Report) -> None:
    """Wall seconds, and ours to theirs. One worker with two slots; libvips has as many threads as there are cores."""
    vips = shutil.which("vipsthumbnail")
    if vips is None:
        print("images: there is no vipsthumbnail; install libvips-tools (Debian) or vips", file=sys.stderr)
        return
    count = 4 * _INPUTS if report.quick else 1000
    options = {"REELMILL_WORKER_SLOTS": str(_SLOTS)}
    with system.full(servers, workers=1, options=options) as running, Client(running.target) as client:
        photos = _photos(running.folder / "photos", count)
        first = client.wait(client.create_job(_job(photos[:1])).id)
        assert first.state == Job.COMPLETED, first
        made = running.folder / "vips"
        made.mkdir()
        cpu: dict[str, list[float]] = {"reelmill": [], "vipsthumbnail": []}

        def ours() -> float:
            before = sum(spent(servers, running.pids).values())
            started = time.monotonic()
            jobs = client.batch_create_jobs([_job(photos[i : i + _INPUTS]) for i in range(0, count, _INPUTS)])
            ids = [job.id for job in jobs if isinstance(job, Job)]
            assert len(ids) == len(jobs), jobs
            asyncio.run(completed(running.database_url, ids))
            seconds = time.monotonic() - started
            cpu["reelmill"].append(sum(spent(servers, running.pids).values()) - before)
            return seconds

        def theirs() -> float:
            before, started = of_children(), time.monotonic()
            target = f"{made}/%s.jpg[Q={_QUALITY},strip]"
            subprocess.run([vips, f"--size={_WIDTH}x", "-o", target, *map(str, photos)], check=True)
            assert len(list(made.iterdir())) == count
            cpu["vipsthumbnail"].append(of_children() - before)
            return time.monotonic() - started

        seconds = alternate({"reelmill": ours, "vipsthumbnail": theirs}, report.rounds, report.round)
    report.head(f"{count} photos of 12 megapixels, {_WIDTH} pixels wide: seconds")
    for contestant, values in seconds.items():
        each = 1000 * statistics.median(cpu[contestant]) / count
        report.line(contestant, f"{statistics.median(values):8.2f}", f"CPU {each:.1f} ms each")
    report.ratios(seconds, ("reelmill",))
    report.head("the same: CPU-seconds")
    report.ratios(cpu, ("reelmill",))


def _photos(folder: Path, count: int) -> list[Path]:
    """Of 16 kinds of picture, and no two of the same bytes: what was made once would be found again."""
    folder.mkdir()
    kinds = []
    for seed in range(min(count, 16)):
        path = folder / f"kind-{seed}.jpg"
        picture = f"testsrc2=size=4000x3000,noise=alls=12:all_seed={seed},boxblur=1"
        jpeg = ("-frames:v", "1", "-update", "1", "-pix_fmt", "yuvj420p", "-q:v", "3")
        subprocess.run([*FFMPEG, "-f", "lavfi", "-i", picture, *jpeg, str(path)], check=True)
        kinds.append(path.read_bytes())
        path.unlink()
    made = []
    for i in range(count):
        path = folder / f"photo-{i:04}.jpg"
        note = f"{i:08}".encode()
        data = kinds[i % len(kinds)]
        path.write_bytes(data[:2] + _COMMENT + (2 + len(note)).to_bytes(2) + note + data[2:])
        made.append(path)
    return made


def _job(photos: list[Path]) -> Job:
    job = Job()
    for i, photo in enumerate(photos):
        job.inputs.add(name=f"photo{i}", uri=photo.as_uri())
        output = job.outputs.add(name=f"small{i}", input=f"photo{i}")
        output.image.CopyFrom(Image(format=Image.JPEG, width=_WIDTH, quality=_QUALITY, fit=VideoSettings.SHRINK))
    return job
