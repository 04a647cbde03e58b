"""Which of an output's files a page plays or shows, and how. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from reelmill.v1 import jobs_pb2 as pb

MOST_STILLS = 12
MOST_FILES = 20
_HLS = ("application/vnd.apple.mpegurl", "application/x-mpegurl")
_PLAYED = ("video/mp4", "video/webm", "video/quicktime")
_HEARD = ("audio/mpeg", "audio/mp4", "audio/ogg", "audio/wav", "audio/x-wav", "audio/flac", "audio/webm", "audio/aac")
_SHOWN = ("image/png", "image/jpeg", "image/webp", "image/avif", "image/gif")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """An output on its page."""

    output: pb.Output
    kind: str
    """hls, video, audio, or empty."""
    main: pb.OutputFile | None
    """What is played."""
    stills: tuple[pb.OutputFile, ...]
    files: tuple[pb.OutputFile, ...]
    """The first of them."""


def shown(output: pb.Output) -> Shown:
    """What a page makes of an output's files."""
    kind, main = "", None
    for wanted, types in (("hls", _HLS), ("video", _PLAYED), ("audio", _HEARD)):
        main = _main([file for file in output.files if file.content_type.partition(";")[0].lower() in types])
        if main is not None:
            kind = wanted
            break
    stills = [] if kind == "hls" else [f for f in output.files if f.content_type in _SHOWN][:MOST_STILLS]
    return Shown(output=output, kind=kind, main=main, stills=tuple(stills), files=tuple(output.files[:MOST_FILES]))


def address(job_id: str, output: str, path: str) -> str:
    """Where a page finds a file."""
    return f"/jobs/{job_id}/files/{quote(output, safe='')}/{quote(path)}"


def _main(files: Sequence[pb.OutputFile]) -> pb.OutputFile | None:
    """The one that leads to the others: nearest to the top, and there a master playlist before others."""
    return min(files, key=lambda f: (f.path.count("/"), "master" not in f.path, f.path), default=None)
