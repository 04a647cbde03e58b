"""Steps that captions go through: out of a film, and into the format that is asked for. Pure."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import PurePosixPath

from reelmill.media import costs, languages, memory, texts
from reelmill.media.contract import Source
from reelmill.media.formats.containers import CONTENT_TYPES
from reelmill.media.promises import NOTHING, Data, PlannedFile
from reelmill.media.sources import reading
from reelmill.media.steps import Cost, Encoded, Kind, Place, Program, Reading, Step, Taken, Writing
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import TrackSelector

# What ffmpeg writes a film's text track as, by its codec: what keeps most of it. The rest are pictures of text.
TRACKS = {"ass": "ass", "webvtt": "webvtt", "subrip": "srt", "mov_text": "srt", "text": "srt"}
_TOOL_BYTES = 200 * 2**20
_READS_BYTES_PER_SECOND = 2**29  # of a film that is read for its text
LINE_21 = "eia_608"
"""FFmpeg's name of closed captions that have a track of their own."""


def taken(output: str, source: Source, tracks: Sequence[tuple[MediaInfo.Stream, PurePosixPath]]) -> Step:
    """The step that takes tracks of text out of a film, each into a file of the format that TRACKS says."""
    return Step(
        reads=(reading(source),),
        writes=tuple(_written(output, track, path) for track, path in tracks),
        cost=Cost(
            seconds=source.timeline.seconds,
            reading_cpu=source.info.size_bytes / _READS_BYTES_PER_SECOND,
        ),
        shares=False,
    )


def closed(
    output: str,
    source: Source,
    stream: MediaInfo.Stream,
    channel: str,
    path: PurePosixPath,
    *,
    end: float,
    threads: int,
) -> Step:
    """The step that takes a channel of closed captions, CC1 to CC4, out of a film, as SCC.

    `stream`: the picture between whose frames they lie, or their own track; `end`: seconds, 0 for all.
    """
    order = {"demuxer": source.demuxer, "stream": stream.index, "channel": channel, "threads": threads, "end": end}
    file = PlannedFile(
        output=output, path=path, content_type="text/plain", expected=NOTHING, data=Data.LINES, stored=False
    )
    seconds, picture = end or source.timeline.seconds, stream.kind == MediaInfo.Stream.VIDEO
    return Step(
        program=Program.TOOL,
        arguments=("closed", Place(reading=0), str(path), json.dumps(order)),
        reads=(Reading(of=source.name, demuxer=source.demuxer),),
        writes=(Writing(path=path, streams=(), options=(), promised=(file,)),),
        cost=Cost(
            seconds=seconds,
            reading_cpu=costs.decoding(stream, seconds) if picture else 0.0,
            reading_bytes=memory.decoding(stream, source.demuxer, threads) if picture else 0,
            writing_bytes=_TOOL_BYTES,
        ),
        shares=False,
    )


def _written(output: str, track: MediaInfo.Stream, path: PurePosixPath) -> Writing:
    kind = TRACKS[track.codec]
    file = PlannedFile(
        output=output,
        path=path,
        content_type="text/plain",
        expected=NOTHING,
        data=Data.LINES,
        stored=False,
    )
    return Writing(
        path=path,
        streams=(Encoded(kind=Kind.TEXT, taken=Taken(streams=(track.index,)), encoder=kind),),
        options=("-map_metadata", "-1", "-map_chapters", "-1", "-f", kind),
        promised=(file,),
    )


def converted(output: str, read: Reading, order: texts.Order, path: PurePosixPath, *, stored: bool = True) -> Step:
    """The step that cuts captions, and writes them in another format; `stored`: whether they are the output's file."""
    file = PlannedFile(
        output=output,
        path=path,
        content_type=CONTENT_TYPES[path.suffix.removeprefix(".")],
        expected=NOTHING,
        data=Data.CAPTIONS,
        stored=stored,
    )
    return Step(
        program=Program.TOOL,
        arguments=("captions", Place(reading=0), str(path), json.dumps(asdict(order))),
        reads=(read,),
        writes=(Writing(path=path, streams=(), options=(), promised=(file,)),),
        cost=Cost(writing_bytes=_TOOL_BYTES),
    )


def is_named(stream: MediaInfo.Stream, selector: TrackSelector) -> bool:
    """Whether a selector means a track of text; one that says nothing means all."""
    how = selector.WhichOneof("by")
    if how == "index":
        return stream.index == selector.index
    if how == "language":
        return languages.code(stream.language) == languages.code(selector.language)
    if how == "role":
        return selector.role in stream.roles if selector.role else not stream.roles
    return True
