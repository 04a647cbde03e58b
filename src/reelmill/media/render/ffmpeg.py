"""A step of ffmpeg as its list of arguments. Pure."""

from collections.abc import Iterator
from itertools import count, zip_longest
from pathlib import PurePosixPath

from reelmill.media.formats.containers import MAX_PIXELS
from reelmill.media.render.command import Placed
from reelmill.media.render.escaping import escaped
from reelmill.media.steps import FONT, FONTS, Encoded, Joined, Kind, Reading, Step, Taken, Writing
from reelmill.media.timeline import SECOND


def arguments(step: Step, placed: Placed) -> tuple[str, ...]:
    """What ffmpeg is given, without the flags of every run."""
    argv: list[str] = []
    for reading in step.reads:
        argv += _opening(reading, placed)
    labels = (f"made-{i}" for i in count())
    for writing in step.writes:
        argv += _writing(writing, labels, placed)
    return tuple(argv)


def seconds(value: float) -> str:
    """A time as ffmpeg reads it, to the microsecond."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def listed(joined: Joined, placed: Placed) -> str:
    """A list as FFmpeg's concat demuxer reads it (ffconcat 1.0)."""
    lines = ["ffconcat version 1.0"]
    for name, lasts in zip_longest(joined.files, joined.lasts):
        quoted = placed.inputs[name].replace("'", "'\\''")
        lines.append(f"file '{quoted}'")
        lines += [f"duration {seconds(lasts / SECOND)}"] if lasts else []
    return "\n".join((*lines, ""))


def _opening(reading: Reading, placed: Placed) -> tuple[str, ...]:
    threads = 1 if reading.alone else placed.threads
    return (
        # Seeking before -i reads nothing of what comes before; ffmpeg still cuts at the exact time.
        *(("-ss", seconds(reading.seek)) if reading.seek else ()),
        *(("-threads", str(threads)) if threads else ()),
        *reading.options,
        "-protocol_whitelist",
        "file",
        "-max_pixels",
        str(MAX_PIXELS),
        "-f",
        reading.demuxer,
        "-i",
        f"file:{placed.path(reading.of)}",
    )


def _writing(writing: Writing, labels: Iterator[str], placed: Placed) -> list[str]:
    argv: list[str] = []
    for stream in writing.streams:
        argv += _mapping(stream.taken, labels, placed)
    places = {kind: sum(stream.kind is kind for stream in writing.streams) for kind in Kind}
    place = dict.fromkeys(Kind, 0)
    for stream in writing.streams:
        argv += _numbered(_encoding(stream, placed), stream.kind.value, place[stream.kind], places[stream.kind])
        place[stream.kind] += 1
    argv += ("-t", seconds(writing.seconds)) if writing.seconds else ()
    return [*argv, *writing.options, str(writing.path)]


def _mapping(taken: Taken, labels: Iterator[str], placed: Placed) -> tuple[str, ...]:
    if taken.is_chain:
        return ("-map", f"{reading_of(taken, 0)}:{taken.streams[0]}")
    graph, label = _filters(taken, placed), next(labels)
    for i, stream in enumerate(taken.streams):
        graph = graph.replace(f"[s{i}]", f"[{reading_of(taken, i)}:{stream}]")
    return ("-filter_complex", f"{graph}[{label}]", "-map", f"[{label}]")


def reading_of(taken: Taken, place: int) -> int:
    """Which of its step's readings the stream at a place is of."""
    return taken.reading if isinstance(taken.reading, int) else taken.reading[place]


def _filters(taken: Taken, placed: Placed) -> str:
    fonts = str(PurePosixPath(placed.font).parent)
    return taken.filters.replace(FONT, escaped(placed.font)).replace(FONTS, escaped(fonts))


def _encoding(stream: Encoded, placed: Placed) -> tuple[str, ...]:
    kind, taken = stream.kind.value, stream.taken
    return (
        *((f"-frames:{kind}", str(stream.frames)) if stream.frames else ()),
        *((f"-filter:{kind}", _filters(taken, placed)) if taken.filters and taken.is_chain else ()),
        *stream.timing,
        *(f"-c:{kind}", stream.encoder),
        *stream.options,
        *((f"-threads:{kind}", str(stream.threads)) if stream.threads else ()),
    )


def _numbered(options: tuple[str, ...], kind: str, place: int, places: int) -> tuple[str, ...]:
    """Names and values of one stream's options, meant for the one at its place among several of its kind."""
    if places == 1:
        return options
    return tuple(
        f"{option.removesuffix(f':{kind}')}:{kind}:{place}" if i % 2 == 0 else option
        for i, option in enumerate(options)
    )
