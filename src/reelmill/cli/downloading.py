"""Files of a job on their way to this machine, by the gateway."""

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx

from reelmill.cli.configuration import gateway_address, load
from reelmill.cli.problems import Problem

if TYPE_CHECKING:
    from reelmill.v1.jobs_pb2 import OutputFile

_TIMEOUT_SECONDS = 60.0
_PART_BYTES = 2**16


def fetch(job_id: str, files: "Mapping[str, Sequence[OutputFile]]", out: Path, gateway: str | None) -> Iterator[Path]:
    """Write files, by their outputs, to out/<output>/<path>; tells each as it is whole. Raises Problem."""
    settings = load()
    base = (gateway or gateway_address(settings)).rstrip("/")
    token = settings.token.get_secret_value() if hasattr(settings.token, "get_secret_value") else str(settings.token)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(headers=headers, timeout=_TIMEOUT_SECONDS) as client:
        for output, some in files.items():
            for file in some:
                target = _target(out / output, file.path)
                if not (target.is_file() and _sha256(target) == file.sha256):
                    address = f"{base}/v1/jobs/{job_id}/outputs/{quote(output)}/{quote(file.path)}"
                    _fetch_one(client, address, file, target)
                yield target


def _target(folder: Path, path: str) -> Path:
    """Where a file goes; no path of a server leads out of the folder."""
    parts = Path(path).parts
    if not parts or Path(path).is_absolute() or ".." in parts:
        raise Problem(f"the server names a file {path!r}, which is no place in {folder}")
    return folder / path


def _fetch_one(client: httpx.Client, address: str, file: "OutputFile", target: Path) -> None:
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    digest = hashlib.sha256()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with client.stream("GET", address, follow_redirects=True) as answer:
            if answer.status_code != httpx.codes.OK:
                answer.read()
                raise Problem(f"{address}: the gateway answers {answer.status_code}", details=[answer.text[:300]])
            with part.open("wb") as written:
                for piece in answer.iter_bytes(_PART_BYTES):
                    digest.update(piece)
                    written.write(piece)
        if file.sha256 and digest.hexdigest() != file.sha256:
            raise Problem(f"{target}: other bytes came than were made; try again")
        os.replace(part, target)  # noqa: PTH105 - replaces on every platform
    except httpx.HTTPError as error:
        raise Problem(f"no answer from the gateway at {address}: {error}; --gateway says where another is") from error
    except OSError as error:
        raise Problem(f"{target} can't be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
