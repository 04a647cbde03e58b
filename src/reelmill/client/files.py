"""Files on their way: what is uploaded, and a download that goes on where it broke off."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from reelmill.client.backoff import Backoff
from reelmill.client.errors import ReelmillError

CHUNK_BYTES = 2**20
_NAME_BYTES = 200  # that the gateway takes
_NOT_IN_NAMES = frozenset('/\\?#%:"') | {chr(code) for code in (*range(32), 127)}

File = str | os.PathLike[str] | bytes | BinaryIO
"""What can be uploaded: a path, what a file holds, or a file that is open for reading bytes."""


class Upload:
    """A file to be sent; `with` closes what it opened itself. Raises OSError, and TypeError for what is no file."""

    def __init__(self, file: File, name: str = "") -> None:
        """`name`: what the server calls it; without one, the file's own."""
        self._ours = not hasattr(file, "read")
        if isinstance(file, bytes):
            self._file: BinaryIO = BytesIO(file)
        elif isinstance(file, str | os.PathLike):
            self._file = Path(file).open("rb")  # noqa: SIM115 - closed by __exit__
        elif hasattr(file, "read"):
            self._file = file
        else:
            raise TypeError(
                f"a {type(file).__name__} can't be uploaded: give a path, bytes, or a file opened with 'rb'"
            )
        own = getattr(file, "name", "") if not isinstance(file, str | os.PathLike) else os.fspath(file)
        self.name = _name(name or (Path(own).name if isinstance(own, str) else "") or "upload.bin")
        self._start = self._file.tell() if self.again else 0

    @property
    def again(self) -> bool:
        """Whether it can be sent a second time: it can be gone back in."""
        return bool(getattr(self._file, "seekable", lambda: False)())

    def chunks(self) -> Iterator[bytes]:
        """All of it, from where it stood."""
        if self.again:
            self._file.seek(self._start)
        while chunk := self._file.read(CHUNK_BYTES):
            if not isinstance(chunk, bytes):
                raise TypeError("the file gives text: open it with 'rb'")
            yield chunk

    def __enter__(self) -> "Upload":
        return self

    def __exit__(self, *_: object) -> None:
        if self._ours:
            self._file.close()


def _name(name: str) -> str:
    safe = "".join("_" if char in _NOT_IN_NAMES else char for char in name).lstrip(".")
    return safe.encode()[-_NAME_BYTES:].decode(errors="ignore").lstrip(".") or "upload.bin"


@dataclass(frozen=True, kw_only=True, slots=True)
class Remote:
    """A file to be fetched."""

    url: str
    path: str
    """Within its output."""
    size_bytes: int
    sha256: str
    signed: bool = False
    """Whether the address is its own permission: it gets no key of ours."""


class Download:
    """One file on its way to `target`; it is there whole and checked, or not at all.

    What has come lies beside it as `.NAME.part`, and is gone on with: by this call, and by a later one.
    """

    def __init__(self, remote: Remote, target: Path, backoff: Backoff) -> None:
        self.remote, self.target = remote, target
        self._part = target.with_name(f".{target.name}.part")
        self._backoff, self._failures = backoff, 0
        self._file: BinaryIO | None = None

    @property
    def there(self) -> bool:
        """Whether the target is this file already."""
        if not self.target.is_file() or self.target.stat().st_size != self.remote.size_bytes:
            return False
        return _sha256(self.target) == self.remote.sha256

    @property
    def whole(self) -> bool:
        """Whether nothing is left to come."""
        return self._came() == self.remote.size_bytes

    def headers(self) -> dict[str, str]:
        """Of the next request: from where on. The ETag is the file's SHA-256, so what is there is of the same file."""
        came = self._came()
        if not came:
            return {}
        return {"Range": f"bytes={came}-", "If-Range": f'"{self.remote.sha256}"'}

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """An answer begins. Raises OSError."""
        came = self._came()
        goes_on = status == 206 and headers.get("content-range", "").startswith(f"bytes {came}-")
        self.close()
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._part.open("ab" if goes_on else "wb")

    def write(self, chunk: bytes) -> None:
        """Some of it came. Raises OSError."""
        assert self._file is not None
        self._file.write(chunk)
        self._failures = 0

    def close(self) -> None:
        """No more comes now."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def end(self) -> Path:
        """All of it came: put it in place. Raises ReelmillError DATA_LOSS where it is not what the server named."""
        self.close()
        if self.remote.size_bytes == 0:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            self._part.touch()
        if self._came() != self.remote.size_bytes or _sha256(self._part) != self.remote.sha256:
            self._part.unlink(missing_ok=True)
            raise ReelmillError(f"{self.remote.path}: other bytes came than the job made", code="DATA_LOSS")
        self._part.replace(self.target)
        return self.target

    def delay_seconds(self, error: ReelmillError) -> float:
        """How long to wait before it goes on. Raises the error where that won't help or was tried enough."""
        self.close()
        self._failures += 1
        delay = self._backoff.delay_seconds(error, self._failures)
        if delay is None:
            raise error
        return delay

    def _came(self) -> int:
        try:
            size = self._part.stat().st_size
        except OSError:
            return 0
        return size if size <= self.remote.size_bytes else 0


def downloads(remotes: list[Remote], folder: File, backoff: Backoff) -> list[Download]:
    """Where each file of an output goes: below a folder, as the output has them.

    A single file goes to `folder` itself where that ends as a file's name does and is no folder. Raises ReelmillError
    for a path that leads out of the folder.
    """
    text = os.fspath(cast("str", folder))
    base = Path(text)
    if len(remotes) == 1 and base.suffix and not text.endswith(("/", os.sep)) and not base.is_dir():
        return [Download(remotes[0], base, backoff)]
    return [Download(remote, base.joinpath(*_parts(remote.path)), backoff) for remote in remotes]


def _parts(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or any("\\" in p or ":" in p or "\0" in p for p in parts):
        raise ReelmillError(f"the server calls a file {path[:200]!r}, which is no path below a folder", code="INTERNAL")
    return parts


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
