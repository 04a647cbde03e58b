"""Temporary folders of what runs on an event loop, which goes on while they are deleted."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def temporary_folder(prefix: str, within: Path | None = None) -> AsyncIterator[Path]:
    """A new folder, below `within` or where the system has such; deleted with all in it. Raises OSError."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
