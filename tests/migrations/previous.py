"""The code of the release before, out of git: its processes run beside ours during an upgrade."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIRST = "src/reelmill/store/migrations/0001_initial.sql"


def git(*arguments: str) -> bytes:
    """What git prints about this clone."""
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True).stdout


def commit() -> str:
    """The last release; before the first, the last commit with other code on our first migration.

    That migration was edited until it was frozen: what it made before can't be migrated. Skips the test where
    there is no history to tell.
    """
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git clone: it has no release before")
    releases = git("tag", "--list", "v*", "--sort=-v:refname", "--merged=HEAD", "--no-contains=HEAD").split()
    if releases:
        return releases[0].decode()
    ours = git("hash-object", FIRST).decode().strip()
    for found in git("rev-list", "--skip=1", "HEAD", "--", "src/reelmill").decode().split():
        if ours in git("ls-tree", found, "--", FIRST).decode():
            return found
    if git("rev-parse", "--is-shallow-repository").strip() == b"true":
        pytest.skip("this clone is shallow and has no release: git fetch --unshallow --tags")
    raise LookupError("no commit before the last change of src/reelmill has our 0001_initial.sql")


def unpack(name: str, folder: Path) -> Path:
    """Write a commit's src below a folder; answers what PYTHONPATH is to be."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", name, "src"))) as archive:
        archive.extractall(folder, filter="data")
    return folder / "src"
