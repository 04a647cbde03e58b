"""A studio for each test, and tiny files of every kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from media import kit
from media.kit import Studio


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    """Runs outputs in the test's own folder."""
    folder = tmp_path / "studio"
    folder.mkdir()
    made = Studio(folder)
    yield made
    await made.prober.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for files that several tests read."""
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="session")
def tiny(files: Path) -> Path:
    """An mp4 of one second, 64 × 64 at 10 frames a second, with a tone at 48 kHz."""
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=1")
    sound = ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=1")
    encoders = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "5", "-pix_fmt", "yuv420p", "-c:a", "aac")
    return kit.make(files / "tiny.mp4", *picture, *sound, *encoders)


@pytest.fixture(scope="session")
def tone(files: Path) -> Path:
    """A wav of one second, stereo at 44.1 kHz."""
    return kit.make(files / "tone.wav", "-f", "lavfi", "-i", "sine=sample_rate=44100:duration=1", "-ac", "2")
