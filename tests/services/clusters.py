"""Folders of PostgreSQL as a first start leaves them: most servers of tests begin with a copy, and spare initdb."""

import asyncio
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import reelmill
from reelmill.parts import database_url
from reelmill.settings import Settings
from services import alone

_EMBEDDED = ("embedded.py", "guardian.py", "parts.py", "store/migrate.py", "store/switches.py", "store/migrations/*")
"""Files of the package of which an embedded server's folder comes."""


def embedded(target: Path) -> None:
    """Make a data folder's contents as an `up` leaves them that was started and stopped, and did nothing."""
    package = Path(reelmill.__file__).parent
    files = sorted(file for pattern in _EMBEDDED for file in package.glob(pattern) if file.is_file())
    copy("embedded", [file.read_bytes() for file in files], _make_embedded, target)


def _make_embedded(folder: Path) -> None:
    async def start_and_stop() -> None:
        async with database_url(Settings(data_dir=folder)):
            pass

    with ThreadPoolExecutor(1) as pool:  # we may be asked on an event loop
        pool.submit(asyncio.run, start_and_stop()).result()


def copy(name: str, made_of: Sequence[bytes], make: Callable[[Path], None], target: Path) -> None:
    """Fill a folder like the one that this machine keeps under a name, made anew where it was of something else."""
    kept = alone.cache() / f"{name}-{hashlib.sha256(b''.join(made_of)).hexdigest()[:8]}"
    target.mkdir(parents=True, exist_ok=True)
    with alone.alone():
        if not kept.is_dir():
            for older in kept.parent.glob(f"{name}-*"):
                shutil.rmtree(older)
            with tempfile.TemporaryDirectory(dir=kept.parent) as temporary:
                new = Path(temporary) / "new"
                new.mkdir()
                make(new)
                new.rename(kept)
        copy_files(kept, target)


def copy_files(source: Path, target: Path) -> None:
    """All of a folder into another, with owners and modes."""
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)
