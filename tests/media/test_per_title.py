"""A package by its likeness: sizes are tried, the hull gives the rungs, and each is measured when it is made."""

from itertools import pairwise
from pathlib import Path, PurePosixPath

import m3u8
import pytest
from jobs import job
from media import kit
from media.kit import Studio, decode

from reelmill.media.steps import Program, Writing
from reelmill.media.validate import with_defaults
from reelmill.v1.analysis_pb2 import Measured
from reelmill.worker.contracts import rungs_by

pytestmark = pytest.mark.asyncio(loop_scope="session")
OUTPUT = {"name": "out", "package": {"target_vmaf": 80, "segment_seconds": 1}}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of what moves and is fine enough that sizes differ."""
    return kit.make(
        tmp_path_factory.mktemp("title") / "film.mkv", "-f", "lavfi", "-i",
        "mandelbrot=size=540x304:rate=20:maxiter=300,trim=end=1,noise=alls=8:allf=t:all_seed=1", "-f", "lavfi", "-i",
        "sine=duration=1", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", "-c:a", "aac",
    )  # fmt: skip


async def test_a_ladder_is_made_for_the_film_and_each_rung_is_told(studio: Studio, film: Path) -> None:
    planned = await studio.plan(film, OUTPUT)
    [settled] = planned.graph.settled
    rungs = settled.package.rungs
    encoding = [step for step in planned.graph.steps if "libx264" in step.encoders]
    films = [one for step in encoding for one in step.writes if "libx264" in _encoders(one)]
    assert len(encoding) == 1 and len(films) == len(rungs) >= 2
    made = await studio.made(film, planned)
    measured = rungs_by(with_defaults(job(film.as_uri(), OUTPUT)).outputs[0], made, studio.folder)
    _check_told(measured, [one.height for one in rungs])
    master = m3u8.load(str(studio.folder / "out" / "master.m3u8"))
    assert {PurePosixPath(one.uri).parent.name for one in master.playlists} == {one.name for one in measured.rungs}
    sizes = [one.stream_info.resolution for one in master.playlists]
    assert sorted(size[1] for size in sizes) == sorted(one.height for one in rungs)
    # What it was made of is there, frame by frame; nothing that was only tried is.
    assert all(decode(studio.folder / ".out" / f"{one.name}.mp4").frames == 20 for one in measured.rungs)
    kept = [thing for step in planned.graph.steps if step.program is Program.FFMPEG for thing in step.promised]
    assert not any(getattr(thing, "stored", True) for thing in kept)


def _encoders(writing: Writing) -> set[str]:
    return {stream.encoder for stream in writing.streams}


def _check_told(measured: Measured, heights: list[int]) -> None:
    assert [int(one.name.split("-")[1]) for one in measured.rungs] == heights
    assert 79 <= measured.vmaf <= 88 and measured.vmaf == measured.rungs[0].vmaf
    assert not measured.misses
    for one, other in pairwise(measured.rungs):
        assert one.vmaf > other.vmaf and one.average_bps > other.average_bps
