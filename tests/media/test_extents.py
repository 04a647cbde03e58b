"""A file of which only the extents of a span are there is read as the whole file is, to the bit (real ffmpeg)."""

import hashlib
import random
from pathlib import Path

import pytest
from media.kit import Studio, make

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.extents import total_bytes
from reelmill.media.timeline import SECOND

NOISE = "testsrc2=size=320x240:rate=12:duration=30,noise=alls=60:allf=t"
SOUNDS = ("-f", "lavfi", "-i", "sine=duration=30")
KINDS = {
    "reordered.mp4": ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "3", "-g", "24", "-qp", "4", "-c:a", "aac"),
    "pieces.mov": ("-c:v", "mjpeg", "-q:v", "1", "-qmin", "1", "-c:a", "pcm_s16le", "-movflags", "+faststart"),
    "late.mp4": ("-c:v", "mpeg4", "-q:v", "1", "-g", "12", "-c:a", "aac", "-output_ts_offset", "3", "-ss", "0.3"),
}
HIDDEN = (17.03, 1.5)
"""A span, in seconds, that is far from the beginning and from the end."""


@pytest.fixture(scope="module", params=KINDS)
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of many bytes a second: libav reads 5 MB of any file, to learn what it is."""
    path = tmp_path_factory.mktemp("extents") / request.param
    return make(path, "-f", "lavfi", "-i", NOISE, *SOUNDS, *KINDS[request.param])


def hollow(film: Path, to: Path, found: list, *, poison: bool) -> Path:
    """A copy that has extents alone, and zeros or noise around them."""
    data = film.read_bytes()
    made = bytearray(random.Random(1).randbytes(len(data)) if poison else bytes(len(data)))
    for begin, end in found:
        made[begin:end] = data[begin:end]
    to.write_bytes(made)
    return to


@pytest.mark.asyncio(loop_scope="session")
async def test_a_span_is_made_of_its_extents_as_of_the_whole_file(studio: Studio, tmp_path: Path, film: Path) -> None:
    start, length = HIDDEN
    span = (round(start * SECOND), round((start + length) * SECOND))
    told = await studio.prober.of("").extents(film, [span, (0, SECOND)])
    assert told is not None
    info, (found, first) = told
    size = film.stat().st_size
    assert total_bytes(found) < 0.9 * size and total_bytes(first) < 0.8 * size
    trim = {"transcode": {"trim": {"start_seconds": start, "end_seconds": start + length}, "video": {"height": 60}}}
    made = []
    for name in ("whole", "zeros", "noise"):
        path = film if name == "whole" else hollow(film, tmp_path / name, found, poison=name == "noise")
        probed = await studio.prober.of("").probe(path, (start, start + length))
        assert probed.info.SerializeToString() == info, name
        made.append(hashlib.sha256((await studio.one(path, **trim)).read_bytes()).hexdigest())
    assert len(set(made)) == 1
    other = hollow(film, tmp_path / "first", first, poison=False)  # which has not what is shown
    try:
        assert hashlib.sha256((await studio.one(other, **trim)).read_bytes()).hexdigest() != made[0]
    except AttemptFailed:
        return
