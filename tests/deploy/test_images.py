"""Images of others are pinned by digest, and those that are not are told."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from deploy.conftest import ROOT


def check(root: Path) -> subprocess.CompletedProcess[str]:
    """`make lint`'s check, of a tree."""
    argv = [sys.executable, str(root / "scripts/check_images.py")]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what is checked."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/check_images.py", tmp_path / "scripts")
    return tmp_path


def test_every_image_is_pinned_or_in_the_handbook_as_one_that_is_not() -> None:
    done = check(ROOT)
    assert done.returncode == 0, done.stderr
    handbook = (ROOT / "docs/operating.md").read_text()
    named = [line.rpartition(" ")[2] for line in done.stdout.splitlines()]
    assert len(named) == 3
    assert all(f"`{name.partition(':')[0]}" in handbook for name in named)


@pytest.mark.parametrize(
    ("file", "digest"),
    [
        ("deploy/compose/compose.yaml", "redis:8.2.1"),
        ("deploy/compose/compose.yaml", "grafana/grafana:12.1.0"),
        ("deploy/helm/reelmill/values.yaml", "postgres:18.4"),
        ("deploy/image/Containerfile", "debian:bookworm-slim"),
    ],
)
def test_one_that_lost_its_digest_is_refused(tree: Path, file: str, digest: str) -> None:
    path = tree / file
    head, _, tail = path.read_text().partition(f"{digest}@sha256:")
    path.write_text(head + digest + tail[64:])
    done = check(tree)
    assert (done.returncode, f"{file}: {digest} has no digest" in done.stderr) == (1, True)
