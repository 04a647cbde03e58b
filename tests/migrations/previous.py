"""The code of the release before, out of git: its processes run beside ours during an upgrade."""

import compileall
import hashlib
import io
import subprocess
import sysconfig
import tarfile
import venv
from pathlib import Path

import pytest
from services.archives import extract

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = "src/reelmill/store/migrations"
FROZEN = {
    name: digest
    for digest, name in map(str.split, Path(__file__).with_name("released.sha256").read_text().splitlines())
}


def git(*arguments: str) -> bytes:
    """What git prints about this clone."""
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True).stdout


def commit() -> str:
    """The last release; before the first, the last commit that has the frozen migrations alone.

    Skips the test where there is no history to tell.
    """
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git clone: it has no release before")
    releases = git("tag", "--list", "v*", "--sort=-v:refname", "--merged=HEAD", "--no-contains=HEAD").split()
    if releases:
        return releases[0].decode()
    for found in ("HEAD", *(f"{c}^" for c in git("rev-list", "HEAD", "--", MIGRATIONS).decode().split())):
        if _migrations(found) == FROZEN:
            return found
    if git("rev-parse", "--is-shallow-repository").strip() == b"true":
        pytest.skip("this clone is shallow and has no release: git fetch --unshallow --tags")
    raise LookupError("no commit has the frozen migrations alone")


def _migrations(found: str) -> dict[str, str]:
    """SHA-256 by name of a commit's migrations; none where there is no such commit."""
    try:
        names = git("ls-tree", "--name-only", found, "--", f"{MIGRATIONS}/").decode().split()
    except subprocess.CalledProcessError:
        return {}
    scripts = [name for name in names if name.endswith(".sql")]
    return {Path(name).name: hashlib.sha256(git("show", f"{found}:{name}")).hexdigest() for name in scripts}


def unpack(name: str, folder: Path) -> Path:
    """Write a commit's src below a folder; answers what PYTHONPATH is to be."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", name, "src"))) as archive:
        extract(archive, folder)
    compileall.compile_dir(folder / "src", quiet=1)  # else all that start at once do
    return folder / "src"


def python(source: Path, folder: Path) -> Path:
    """A Python with our packages and that code, made in a folder: for its children, which have no PYTHONPATH."""
    venv.create(folder, symlinks=True)
    [packages] = folder.glob("lib/python*/site-packages")
    ours = sysconfig.get_path("purelib")
    (packages / "previous.pth").write_text(f"{source}\nimport site; site.addsitedir({ours!r})\n")
    return folder / "bin" / "python"
