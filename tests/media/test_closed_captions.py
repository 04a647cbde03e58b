"""Captions between the pictures of a stream are told of where they stay, and stay nowhere else."""

from pathlib import Path

import av
import m3u8
import pytest
from media.kit import Studio, make

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.tools.manifests import CAPTIONS_MARK
from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="session")
SPEC = {"protocols": ["HLS", "DASH"], "segment_seconds": 1, "rungs": [{"height": 90, "crf": 30}, {"height": 64}]}
TOLD = [{"channel": "CC1", "language": "eng"}, {"channel": "SERVICE2", "language": "fra", "name": "Sous-titres"}]
PAIR = b"\xfc\x80\x80"  # of CEA-608, field 1: nothing
SEI = b"\x06\x04" + bytes([14]) + CAPTIONS_MARK + b"\x41\xff" + PAIR + b"\xff\x80"  # ITU-T T.35 in H.264's user data


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds with captions before each picture."""
    folder = tmp_path_factory.mktemp("captioned")
    arguments = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=2", "-c:v", "libx264", "-bf", "0")
    plain = make(folder / "plain.h264", *arguments, "-x264-params", "slices=1", "-f", "h264")
    units = plain.read_bytes().replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
    made = bytearray()
    for unit in units:
        if unit[0] & 31 in (1, 5):
            made += b"\0\0\0\1" + SEI
        made += b"\0\0\0\1" + unit
    (folder / "captioned.h264").write_bytes(made)
    film = make(
        folder / "film.mp4", "-framerate", "25", "-f", "h264", "-i", str(folder / "captioned.h264"), "-c", "copy"
    )
    with av.open(str(film)) as container:
        frame = next(container.decode(video=0))
        assert "A53_CC" in [data.type.name for data in frame.side_data], "the clip has captions"
    return film


async def test_what_stays_is_told(studio: Studio, captioned: Path) -> None:
    await studio.make(captioned, {"package": SPEC | {"closed_captions": TOLD}})
    root = studio.folder / "out"
    master = m3u8.load(str(root / "master.m3u8"))
    found = [(m.name, m.language, m.instream_id) for m in master.media if m.type == "CLOSED-CAPTIONS"]
    assert found == [("English", "en", "CC1"), ("Sous-titres", "fr", "SERVICE2")]
    assert master.version == 7
    assert {one.stream_info.closed_captions for one in master.playlists} == {'"captions"'}
    dash = (root / "manifest.mpd").read_text()
    assert 'schemeIdUri="urn:scte:dash:cc:cea-608:2015" value="CC1=en"' in dash
    assert 'schemeIdUri="urn:scte:dash:cc:cea-708:2015" value="2=lang:fr"' in dash
    for folder in ("h264-90", "h264-64"):
        assert all(CAPTIONS_MARK in path.read_bytes() for path in (root / folder).glob("*.m4s"))


async def test_what_nobody_asks_for_stays_nowhere(studio: Studio, captioned: Path) -> None:
    await studio.make(captioned, {"package": SPEC})
    root = studio.folder / "out"
    assert not any(CAPTIONS_MARK in path.read_bytes() for path in root.rglob("*.m4s"))
    assert "CLOSED-CAPTIONS=NONE" in (root / "master.m3u8").read_text()


async def test_what_is_not_there_is_told_by_its_code(studio: Studio, tiny: Path) -> None:
    with pytest.raises(AttemptFailed, match="INPUT_NO_CAPTIONS"):
        await studio.make(tiny, {"package": SPEC | {"closed_captions": TOLD}})


async def test_who_cannot_keep_them_is_named() -> None:
    from jobs import job

    from reelmill.media.validate import job_violations

    rungs = [{"codec": "H265"}, {"frame_rate": 10}, {"deinterlace": "TELECINE", "frame_rate": 10}]
    wrong: Job = job("file:///a", {"name": "out", "package": {"rungs": rungs, "closed_captions": TOLD}})
    found = {violation.field.partition("package.")[2] for violation in job_violations(wrong, "job")}
    assert {"rungs[0].codec", "rungs[1].frame_rate", "rungs[2].deinterlace"} <= found
