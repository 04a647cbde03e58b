"""Streams that are encrypted, as their headers tell: decoders conceal what they can't read, and noise would come out.

Runs in the prober's child. What single packets tell is seen as they are read (`opened.in_the_clear`).
"""

from collections.abc import Callable, Mapping
from typing import IO, Any

from reelmill.media import anatomy_streams
from reelmill.media.damage import PROTECTED, damaged
from reelmill.media.diagnosis import Diagnosis
from reelmill.media.opened import AnyFile

HEAD_BYTES = 65536
_ANATOMIES: Mapping[str, Callable[[IO[bytes], bytes, int], Diagnosis | None]] = {
    "mpegts": anatomy_streams.of_ts,
    "mpeg": anatomy_streams.of_ps,
    "asf": anatomy_streams.of_asf,
}
_BOUGHT = frozenset({"drms", "drmi", "drmt", "aavd"})
"""Sample entries of iTunes' shop and of Audible, for which libav takes their codec."""
_MATROSKA_KEY = "enc_key_id"  # as libav calls a track's ContentEncKeyID


def scrambled(container: Any, file: AnyFile, demuxer: str) -> Diagnosis | None:
    """Why nothing of an open file can be shown; None where its header tells of no encryption."""
    if demuxer == "matroska" and any(_MATROSKA_KEY in stream.metadata for stream in container.streams):
        return encrypted()
    if demuxer == "mov" and any(_tag(stream) in _BOUGHT for stream in container.streams):
        return encrypted()
    if (anatomy := _ANATOMIES.get(demuxer)) is None:
        return None
    head = file.head(HEAD_BYTES)
    if demuxer == "mpegts" and not anatomy_streams.is_ts(head):
        return None  # of a disc, whose bits are left where somebody decrypted it
    found = anatomy(file.apart(), head, file.size)
    return found if found is not None and found.kind == "encrypted" else None


def _tag(stream: Any) -> str:
    """What its container calls a stream's codec."""
    return stream.codec_context.codec_tag if stream.codec_context is not None else ""


def encrypted() -> Diagnosis:
    """Of streams whose packets, or tracks, are."""
    return damaged("encrypted", "the file's picture or sound is encrypted (DRM)", PROTECTED, code="INPUT_UNSUPPORTED")
