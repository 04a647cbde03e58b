"""Looks into media files, in a warm child: a damaged file can end it and nothing else."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.timeline import MOST_LOOKS, Timeline, unpacked
from reelmill.media.warm import Answer, Crashed, Overrun, WarmChildren
from reelmill.v1.media_pb2 import MediaInfo


@dataclass(frozen=True, slots=True)
class Probed:
    """What a file contains, and FFmpeg's name of the demuxer that reads it."""

    info: MediaInfo
    demuxer: str
    timeline: Timeline | None = None
    """Of still pictures there is none."""


def described(info: MediaInfo) -> str:
    """A probed file in a line, for logs."""
    streams = ", ".join(
        f"{s.codec or 'unknown'} {s.width}×{s.height}" if s.width else s.codec or "unknown" for s in info.streams
    )
    return f"{info.format}, {info.duration_seconds:.3f} s, {info.size_bytes} bytes: {streams}"


class Prober:
    """Has warm children look into files."""

    def __init__(self, children: WarmChildren) -> None:
        self.children = children

    def of(self, tenant: object) -> "TenantProber":
        """What looks into the files of one tenant; no child that did sees another's."""
        return TenantProber(self, str(tenant))

    async def look(self, path: Path, looks: Sequence[float], tenant: str) -> Probed:
        """See TenantProber.probe."""
        try:
            answer = (await self._answer(path, looks, tenant)).told
        except OSError as error:
            raise AttemptFailed("INPUT_NOT_FOUND", f"the file can't be read: {error.strerror}") from error
        except Crashed as error:
            message = f"the file makes its reader crash ({error}); make a sound copy of it"
            raise AttemptFailed("INPUT_CORRUPT", message) from error
        except Overrun as error:
            message = f"looking into the file took {error}; make a sound copy of it"
            raise AttemptFailed("INPUT_CORRUPT", message) from error
        if "code" in answer:
            raise AttemptFailed(answer["code"], answer["message"])
        times = unpacked(answer["timeline"]) if "timeline" in answer else None
        return Probed(MediaInfo.FromString(base64.b64decode(answer["info"])), answer["demuxer"], times)

    async def _answer(self, path: Path, looks: Sequence[float], tenant: str) -> Answer:
        """Ask, and once more where the child ended: it may have been killed for no fault of the file."""
        question = {"looks": list(looks[:MOST_LOOKS])}
        try:
            return await self.children.ask(tenant, path, question)
        except Crashed:
            return await self.children.ask(tenant, path, question)


@dataclass(frozen=True, slots=True)
class TenantProber:
    """Looks into files of one tenant's."""

    prober: Prober
    tenant: str

    async def probe(self, path: Path, looks: Sequence[float] = ()) -> Probed:
        """Look into a local file; `looks` are times that will matter, for large files (measuring.sought).

        Raises AttemptFailed: INPUT_NOT_FOUND, INPUT_EMPTY, INPUT_NOT_MEDIA, INPUT_CORRUPT, INPUT_UNSUPPORTED.
        """
        return await self.prober.look(path, looks, self.tenant)
