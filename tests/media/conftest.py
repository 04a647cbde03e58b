"""A studio for each test, and tiny files of every kind."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from media import kit
from media.kit import Studio

from reelmill.media.launcher import Launcher, running
from reelmill.media.probe import Prober
from reelmill.media.warm import WarmChildren
from reelmill.supervise import end


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_launcher() -> AsyncIterator[Launcher]:
    """A fork server for all tests that run in the session's loop. (No part: other tests count parts.)"""
    made = Launcher()
    servers = [asyncio.create_task(run()) for run in (made.run, made.run_template)]
    yield made
    for server in servers:
        await end(server)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_prober(shared_launcher: Launcher) -> AsyncIterator[Prober]:
    """A prober for all tests: each has children of its own."""
    made = Prober(WarmChildren(shared_launcher))
    yield made
    await made.children.close()


@pytest.fixture
async def launcher() -> AsyncIterator[Launcher]:
    """A fork server of the test's own loop."""
    async with running() as launcher:
        yield launcher


@pytest_asyncio.fixture(loop_scope="session")
async def studio(tmp_path: Path, shared_launcher: Launcher, shared_prober: Prober) -> Studio:
    """Runs outputs in the test's own folder. Tests that use it run in the session's loop."""
    folder = tmp_path / "studio"
    folder.mkdir()
    return Studio(folder, shared_launcher, shared_prober)


@pytest_asyncio.fixture(loop_scope="session")
async def open_studio(studio: Studio) -> AsyncIterator[Studio]:
    """One without a sandbox: a program of a test's own may start others there, and write where it likes."""
    async with running("off") as launcher:
        yield replace(studio, launcher=launcher)


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
