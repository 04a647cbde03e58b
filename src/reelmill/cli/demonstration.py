"""`reelmill demo`: a clip, a job, what came out, and how long each step took."""

import asyncio
import shutil
import subprocess
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from reelmill import system
from reelmill.cli.display import duration_text, err, error_view, out, outputs_view, size_text
from reelmill.cli.following import following
from reelmill.cli.problems import FAILED, INTERRUPTED, Problem
from reelmill.cli.processes import interruptible
from reelmill.cli.session import open_session
from reelmill.cli.waiting import follow
from reelmill.media.ffmpeg import find_ffmpeg
from reelmill.settings import Settings
from reelmill.supervise import stop_on_signals
from reelmill.v1.jobs_pb2 import Input, Job, JobEvent, Output
from reelmill.v1.operations_pb2 import AudioExtract, AudioSettings, Thumbnail, Transcode, VideoSettings

_CLIP_SECONDS = 10


async def demonstrate(settings: Settings, folder: Path | None) -> None:
    """Run the demo in `folder`; without one in a new temporary folder, whose database is removed at the end.

    Raises Exit unless the job is COMPLETED.
    """
    temporary = folder is None
    folder = Path(tempfile.mkdtemp(prefix="reelmill-demo-")) if folder is None else folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"--data: {folder} can't be made: {error.strerror}") from error
    console, steps = out(), dict[str, float]()
    stop = stop_on_signals()
    began = time.monotonic()
    clip = await asyncio.to_thread(make_clip, find_ffmpeg(settings.ffmpeg), folder / "clip.mp4")
    steps["make the clip"] = time.monotonic() - began
    console.print(f"clip    {clip} ({size_text(clip.stat().st_size)}, {_CLIP_SECONDS} s of picture and sound)")
    try:
        with interruptible(stop):
            job, events = await _run(settings, folder, clip, stop, steps)
    finally:
        if temporary:
            shutil.rmtree(folder / "data", ignore_errors=True)
    if stop.is_set():
        raise Problem("interrupted", exit_code=INTERRUPTED)
    if job.state != Job.COMPLETED:
        console.print(error_view(job.error))
        raise typer.Exit(FAILED)
    _report(console, job, steps | phases(events), folder)


async def _run(
    settings: Settings, folder: Path, clip: Path, stop: asyncio.Event, steps: dict[str, float]
) -> tuple[Job, list[JobEvent]]:
    began = time.monotonic()
    async with open_session(settings, folder / "data", [folder], system.Alone()) as client:
        steps["start the system"] = time.monotonic() - began
        created = await client.create_job(demo_job(clip, folder / "out"))
        events: list[JobEvent] = []
        with following(err()) as follower:
            follower.add(created.id, "demo job")

            def saw(event: JobEvent) -> None:
                follower.saw(event)
                if event.sequence:
                    events.append(event)

            await follow(client, [created.id], stop, saw)
        return await client.get_job(created.id, full=True), events


def make_clip(ffmpeg: Path, path: Path) -> Path:
    """Write a clip with a moving picture (640×360, 30 frames a second) and a tone. Raises Problem."""
    picture = f"testsrc2=size=640x360:rate=30:duration={_CLIP_SECONDS}"
    sound = f"sine=frequency=440:sample_rate=48000:duration={_CLIP_SECONDS}"
    argv = [str(ffmpeg), "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    argv += ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    argv += ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise Problem("ffmpeg can't make the clip; see `reelmill doctor`", details=done.stderr.splitlines()[-5:])
    return path


def demo_job(clip: Path, destination: Path) -> Job:
    """A transcode, stills and the sound."""
    return Job(
        inputs=[Input(uri=clip.as_uri())],
        outputs=[
            Output(
                name="video",
                transcode=Transcode(
                    container=Transcode.MP4,
                    video=VideoSettings(codec=VideoSettings.H264, height=360),
                    audio=AudioSettings(codec=AudioSettings.AAC),
                ),
            ),
            Output(name="stills", thumbnail=Thumbnail(count=5, width=320, format=Thumbnail.JPEG)),
            Output(name="sound", audio=AudioExtract(format=AudioExtract.MP3)),
        ],
        destination=destination.as_uri(),
        labels={"demo": "1"},
    )


def phases(events: list[JobEvent]) -> dict[str, float]:
    """Seconds that the job spent waiting and in each phase, in the order of their first event."""
    spent: dict[str, float] = {}
    for event, following_event in pairwise(events):
        name = Job.Phase.Name(event.phase).lower() if event.phase else Job.State.Name(event.state).lower()
        seconds = (following_event.time.ToNanoseconds() - event.time.ToNanoseconds()) / 1e9
        spent[name] = spent.get(name, 0.0) + seconds
    return spent


def _report(console: Console, job: Job, steps: dict[str, float], folder: Path) -> None:
    console.print(outputs_view(job))
    console.print()
    table = Table(box=None, pad_edge=False)
    table.add_column("STEP")
    table.add_column("TOOK", justify="right")
    for name, seconds in steps.items():
        table.add_row(name, duration_text(seconds) or "0.00 s")
    console.print(table)
    console.print()
    console.print(f"Everything is in {folder}. Next:")
    console.print(f"  reelmill run {folder / 'clip.mp4'} --preset web-mp4 -o out/")
    console.print("  reelmill up                 # all of it as a service, with Swagger UI")
    console.print("  reelmill doctor             # what this machine can do")
