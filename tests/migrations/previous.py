"""The code of the release before, out of git: its processes run beside ours during an upgrade."""

import io
import subprocess
import sysconfig
import tarfile
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = "src/reelmill/store/migrations"


def git(*arguments: str) -> bytes:
    """What git prints about this clone."""
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True).stdout


def commit() -> str:
    """The last release; before the first, the last commit that lacks our newest migration.

    The first migration was edited until it was frozen: what it made before can't be migrated. Skips the test where
    there is no history to tell.
    """
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git clone: it has no release before")
    releases = git("tag", "--list", "v*", "--sort=-v:refname", "--merged=HEAD", "--no-contains=HEAD").split()
    if releases:
        return releases[0].decode()
    files = sorted(f"{MIGRATIONS}/{path.name}" for path in (ROOT / MIGRATIONS).glob("*.sql"))
    ours = dict(zip(files, git("hash-object", *files).decode().split(), strict=True))
    for found in ("HEAD", *(f"{c}^" for c in git("rev-list", "HEAD", "--", MIGRATIONS).decode().split())):
        theirs = _blobs(found)
        if theirs and theirs.items() < ours.items():
            return found
    if git("rev-parse", "--is-shallow-repository").strip() == b"true":
        pytest.skip("this clone is shallow and has no release: git fetch --unshallow --tags")
    raise LookupError("no commit has our migrations but for the newest")


def _blobs(found: str) -> dict[str, str]:
    """A commit's migrations, with what each is; none where there is no such commit."""
    try:
        lines = git("ls-tree", "-r", found, "--", MIGRATIONS).decode().splitlines()
    except subprocess.CalledProcessError:
        return {}
    return {name: about.split()[2] for about, name in (line.split("\t") for line in lines) if name.endswith(".sql")}


def unpack(name: str, folder: Path) -> Path:
    """Write a commit's src below a folder; answers what PYTHONPATH is to be."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", name, "src"))) as archive:
        archive.extractall(folder, filter="data")
    return folder / "src"


def python(source: Path, folder: Path) -> Path:
    """A Python with our packages and that code, made in a folder: for its children, which have no PYTHONPATH."""
    venv.create(folder, symlinks=True)
    [packages] = folder.glob("lib/python*/site-packages")
    ours = sysconfig.get_path("purelib")
    (packages / "previous.pth").write_text(f"{source}\nimport site; site.addsitedir({ours!r})\n")
    return folder / "bin" / "python"
