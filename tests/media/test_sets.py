"""A set of many files, such as a stream's segments, is checked as a whole: its manifest, and samples of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from media.kit import Studio, make

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.promises import Expected, ExpectedStream, FileSet
from reelmill.media.verify import Verified, verify
from reelmill.v1.media_pb2 import MediaInfo

SECONDS = 6
PICTURE = ExpectedStream(kind=MediaInfo.Stream.VIDEO, codec="h264", width=64, height=64)
SOUND = ExpectedStream(kind=MediaInfo.Stream.AUDIO, codec="aac")
TYPES = (
    (".m3u8", "application/vnd.apple.mpegurl"),
    (".ts", "video/mp2t"),
    (".m4s", "video/iso.segment"),
    (".mp4", "video/mp4"),
)
KINDS = {"ts": ("%03d.ts", ()), "fmp4": ("%03d.m4s", ("-hls_segment_type", "fmp4"))}
pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module", params=KINDS)
def stream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an HLS stream of six segments in hls/, by ffmpeg."""
    folder = tmp_path_factory.mktemp("stream")
    (folder / "hls").mkdir()
    name, options = KINDS[request.param]
    make(
        folder / "hls" / "index.m3u8", "-f", "lavfi", "-i", f"testsrc2=s=64x64:r=10:d={SECONDS}", "-f", "lavfi", "-i",
        f"sine=d={SECONDS}", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "10", "-c:a", "aac", "-f", "hls",
        "-hls_time", "1", "-hls_playlist_type", "vod", *options, "-hls_segment_filename", str(folder / "hls" / name),
    )  # fmt: skip
    return folder


FILES = FileSet(
    output="hls",
    manifest=PurePosixPath("hls/index.m3u8"),
    pattern="*.[tm]*[s4]",
    content_types=TYPES,
    expected=Expected(streams=(PICTURE, SOUND), duration_seconds=SECONDS),
)


@pytest.fixture
def copied(stream: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    (tmp_path / "hls").mkdir()
    for path in (stream / "hls").iterdir():
        (tmp_path / "hls" / path.name).write_bytes(path.read_bytes())
    return tmp_path


async def test_a_whole_set_is_its_manifest_and_all_that_it_lists(studio: Studio, stream: Path) -> None:
    before = sorted(path.name for path in (stream / "hls").iterdir())
    found = await verify([FILES], stream, studio.prober.of(""))
    assert sorted(file.path.name for file in found) == before
    assert found[0] == Verified(
        output="hls", path=FILES.manifest, content_type="application/vnd.apple.mpegurl", info=None
    )
    assert all(file.content_type == dict(TYPES)[file.path.suffix] for file in found)
    assert sorted(path.name for path in (stream / "hls").iterdir()) == before  # no sample is left


def _lost(folder: Path) -> None:
    next((folder / "hls").glob("003.*")).unlink()


def _stray(folder: Path) -> None:
    (folder / "hls" / "099.ts").write_bytes(b"x")


def _broken(folder: Path) -> None:
    next((folder / "hls").glob("000.*")).write_bytes(b"no film at all")


def _without(words: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "hls" / "index.m3u8"
        path.write_text("\n".join(line for line in path.read_text().splitlines() if words not in line))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_lost, r"index.m3u8: it lists 003\.\w+, which is not there"),
        (_stray, r"it does not list 099.ts"),
        (_broken, r"hls/\.sample-0\.\w+: |sample-0"),
        (_without("#EXT-X-ENDLIST"), "it does not say that it is whole"),
        (_without("#EXTINF"), "it lasts 0.000 s instead of 6.000 s"),
        (lambda folder: (folder / "hls" / "index.m3u8").unlink(), "ended well without writing it"),
        (lambda folder: (folder / "hls" / "index.m3u8").write_text(""), "it lists nothing"),
    ],
)
async def test_a_set_that_is_not_whole_is_refused(
    studio: Studio, copied: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(copied)
    with pytest.raises(AttemptFailed, match=words) as caught:
        await verify([FILES], copied, studio.prober.of(""))
    assert (caught.value.code, caught.value.failure.output) == ("OUTPUT_INVALID", "hls")
    with pytest.raises(AttemptFailed, match="INPUT_CORRUPT"):
        await verify([FILES], copied, studio.prober.of(""), input_damaged=True)


async def test_samples_are_what_was_promised(studio: Studio, stream: Path) -> None:
    wide = Expected(streams=(replace(PICTURE, width=128, height=128), SOUND))
    with pytest.raises(AttemptFailed, match="64 × 64 pixels instead of 128 × 128"):
        await verify([replace(FILES, expected=wide)], stream, studio.prober.of(""))
    with pytest.raises(AttemptFailed, match="it has 1 sounds instead of 2"):
        await verify([replace(FILES, expected=Expected(streams=(PICTURE, SOUND, SOUND)))], stream, studio.prober.of(""))
