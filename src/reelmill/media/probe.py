"""Looks into media files, in a warm child: a damaged file can end it and nothing else."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import texts
from reelmill.media.contract import Source
from reelmill.media.diagnosis import Diagnosis
from reelmill.media.extents import Extent, as_told
from reelmill.media.formats.containers import DEMUXERS
from reelmill.media.timeline import MOST_LOOKS, Timeline, unpacked
from reelmill.media.warm import Answer, Crashed, Overrun, WarmChildren
from reelmill.v1.media_pb2 import MediaInfo

_CODES = frozenset({"INPUT_EMPTY", "INPUT_NOT_MEDIA", "INPUT_CORRUPT", "INPUT_UNSUPPORTED"})
_ACCEPTED = DEMUXERS | texts.FORMATS.keys()
_MOST_STREAMS, _MESSAGE_CHARACTERS = 1000, 1000  # libav opens no more streams
_WHY = {"kind": "kind", "cause": "cause", "remedy": "remedy", "line": "deciding_line"}
_UNPRINTABLE = re.compile(r"[^\S ]|[^\x20-\x7e\xa0-\U0010ffff]")
_MOST_SPANS = 500  # of a question: QUESTION_BYTES


@dataclass(frozen=True, slots=True)
class Probed:
    """What a file contains, and FFmpeg's name of the demuxer that reads it."""

    info: MediaInfo
    demuxer: str
    timeline: Timeline | None = None
    """Of still pictures there is none."""
    comes_smaller: bool = False
    """Whether its decoder can give its picture at a part of its size."""

    def as_source(self, name: str) -> Source:
        """It, as the input that a job calls so."""
        times, smaller = self.timeline, self.comes_smaller
        return Source(name=name, info=self.info, demuxer=self.demuxer, measured=times, comes_smaller=smaller)


def described(info: MediaInfo) -> str:
    """A probed file in a line, for logs."""
    streams = ", ".join(
        f"{s.codec or 'unknown'} {s.width}×{s.height}" if s.width else s.codec or "unknown" for s in info.streams
    )
    return f"{info.format}, {info.duration_seconds:.3f} s, {info.size_bytes} bytes: {streams}"


def probed(told: Mapping[str, Any]) -> Probed:
    """What an answer says. A file that took its reader over may have written it: it can lie about itself alone.

    Raises AttemptFailed as the child wants it, and Crashed for an answer that no child of ours gives.
    """
    try:
        if "code" in told:
            if told["code"] in _CODES:
                known = {name: _text(told, key) for key, name in _WHY.items()}
                raise AttemptFailed(told["code"], _text({"message": told["message"]}, "message"), **known)
            raise ValueError("it has an error of its own")
        times = unpacked(told["timeline"]) if "timeline" in told else None
        info = MediaInfo.FromString(base64.b64decode(told["info"]))
        # ffmpeg is told to read the file as such: one of those that open other files would lead further.
        if told["demuxer"] not in _ACCEPTED or len(info.streams) > _MOST_STREAMS:
            raise ValueError("it names what we don't accept")
        return Probed(info, told["demuxer"], times, bool(told.get("comes_smaller")))
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, DecodeError) as error:
        raise Crashed(f"an answer that is none: {error}"[:_MESSAGE_CHARACTERS]) from error


def _text(told: Mapping[str, Any], key: str) -> str:
    """A text of an answer, on one line."""
    return _UNPRINTABLE.sub(" ", str(told.get(key, ""))[:_MESSAGE_CHARACTERS])


class Prober:
    """Has warm children look into files."""

    def __init__(self, children: WarmChildren) -> None:
        self.children = children

    def of(self, tenant: object) -> "TenantProber":
        """What looks into the files of one tenant; no child that did sees another's."""
        return TenantProber(self, str(tenant))

    async def look(
        self,
        path: Path,
        looks: Sequence[float],
        span: tuple[float, float] | None,
        tenant: str,
        *,
        partial: bool = False,
        holder: str = "",
    ) -> Probed:
        """See TenantProber.probe."""
        question = {"looks": list(looks[:MOST_LOOKS]), "span": list(span or ()), "partial": partial}
        try:
            return probed((await self._answer(path, question, tenant, holder)).told)
        except OSError as error:
            raise AttemptFailed("INPUT_NOT_FOUND", f"the file can't be read: {error.strerror}") from error
        except Crashed as error:
            message = f"the file makes its reader crash ({error}); make a sound copy of it"
            raise AttemptFailed("INPUT_CORRUPT", message) from error
        except Overrun as error:
            message = f"looking into the file took {error}; make a sound copy of it"
            raise AttemptFailed("INPUT_CORRUPT", message) from error

    async def _answer(self, path: Path, question: Mapping[str, object], tenant: str, holder: str) -> Answer:
        """Ask, and once more where the child ended: it may have been killed for no fault of the file."""
        try:
            return await self.children.ask(tenant, path, question, holder)
        except Crashed:
            return await self.children.ask(tenant, path, question, holder)


@dataclass(frozen=True, slots=True)
class TenantProber:
    """Looks into files of one tenant's."""

    prober: Prober
    tenant: str

    async def probe(
        self,
        path: Path,
        looks: Sequence[float] = (),
        span: tuple[float, float] | None = None,
        *,
        partial: bool = False,
        holder: str = "",
    ) -> Probed:
        """Look into a local file; `looks` and `span` are times that will matter, for large files (measuring.sought).

        `partial`: only a span of it was fetched, the rest is zeros. `holder`: who will have stills made of it soon; see
        WarmChildren.ask.

        Raises AttemptFailed: INPUT_NOT_FOUND, INPUT_EMPTY, INPUT_NOT_MEDIA, INPUT_CORRUPT, INPUT_UNSUPPORTED.
        """
        return await self.prober.look(path, looks, span, self.tenant, partial=partial, holder=holder)

    async def why(self, path: Path) -> Diagnosis | None:
        """What is wrong with a file of which nothing good came, as far as its own bytes tell; None: nothing is seen."""
        try:
            told = (await self.prober.children.ask(self.tenant, path, {"why": True})).told
            code = told.get("code")
        except (OSError, Crashed, Overrun, AttributeError):
            return None
        if code not in _CODES:
            return None
        texts = {key: _text(told, key) for key in ("kind", "cause", "remedy", "line")}
        return Diagnosis(code=str(code), **texts)

    async def extents(
        self, path: Path, spans: Sequence[tuple[int, int]]
    ) -> tuple[bytes, list[Sequence[Extent]]] | None:
        """What is read of a local file for some spans (microseconds from its beginning), and its MediaInfo, serialized.

        None where its index does not tell, or telling takes too much.
        """
        found: list[Sequence[Extent]] = []
        info = b""
        try:
            size = path.stat().st_size
            for i in range(0, len(spans), _MOST_SPANS):
                asked = list(spans[i : i + _MOST_SPANS])
                told = (await self.prober.children.ask(self.tenant, path, {"spans": asked})).told
                # Lies of a child that was taken over go no further than its own file's bytes.
                found += (as_told(one, size) for one in told["extents"][: len(asked)])
                info = base64.b64decode(told["info"])
        except (OSError, Crashed, Overrun, ValueError, TypeError, LookupError):
            return None
        return (info, found) if len(found) == len(spans) else None
