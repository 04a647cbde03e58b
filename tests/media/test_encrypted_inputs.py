"""Inputs that are encrypted are refused: a decoder conceals what it can't read, and noise would come out as a film."""

import subprocess
from pathlib import Path

import pytest
from media.kit import Studio, make

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.packager import find_packager

pytestmark = pytest.mark.asyncio(loop_scope="session")

_SECONDS = 4
_PICTURE = ("-f", "lavfi", "-i", f"testsrc2=size=192x108:rate=25:duration={_SECONDS}")
_SOUND = ("-f", "lavfi", "-i", f"sine=duration={_SECONDS}")
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p")
_VP8 = ("-c:v", "libvpx", "-g", "25", "-auto-alt-ref", "0", "-deadline", "realtime")
_CLEAR = {
    "video.mp4": (*_PICTURE, *_H264),
    "audio.mp4": (*_SOUND, "-c:a", "aac"),
    "video.webm": (*_PICTURE, *_VP8),
    "audio.webm": (*_SOUND, "-c:a", "libopus"),
}
_KEY = ("--enable_raw_key_encryption", "--keys", f"label=:key_id={'0123' * 8}:key={'4567' * 8}")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """In the clear."""
    folder = tmp_path_factory.mktemp("clear")
    return {name: make(folder / name, *arguments) for name, arguments in _CLEAR.items()}


@pytest.mark.parametrize(
    ("stream", "scheme", "name", "clear_seconds"),
    [
        ("video", "cenc", "out.mp4", 0),
        ("video", "cbcs", "out.mp4", 2),
        ("audio", "cbcs", "out.mp4", 0),
        ("audio", "cenc", "out.mp4", 2),
        ("video", "cenc", "out.webm", 2),
        ("audio", "cenc", "out.webm", 0),
        ("video", "cbcs", "out.ts", 0),
        ("audio", "cbcs", "out.ts", 0),
    ],
)
async def test_what_is_encrypted_is_refused(
    studio: Studio, films: dict[str, Path], tmp_path: Path, stream: str, scheme: str, name: str, clear_seconds: int
) -> None:
    source, locked = films[f"{stream}.webm" if name == "out.webm" else f"{stream}.mp4"], tmp_path / name
    target = f"segment_template={tmp_path}/out$Number$.ts" if name == "out.ts" else f"output={locked}"
    argv = [str(find_packager()), f"in={source},stream={stream},{target}", "--segment_duration", "1", *_KEY]
    argv += ["--protection_scheme", scheme, "--clear_lead", str(clear_seconds)]
    subprocess.run(argv, check=True, capture_output=True)
    if name == "out.ts":
        locked = tmp_path / "out1.ts"
    wanted = {"audio": {}} if stream == "audio" else {"transcode": {"container": "MP4", "video": {"height": 54}}}
    with pytest.raises(AttemptFailed) as error:
        await studio.make(locked, wanted)
    assert (error.value.failure.code, error.value.failure.kind) == ("INPUT_UNSUPPORTED", "encrypted")
    assert "encrypted" in error.value.failure.message
