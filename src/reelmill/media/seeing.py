"""Looking through picture and sound, once: what prints lines of each frame, and what makes sense of them. Pure.

What is seen of small pictures (black, standing still, cuts) is looked for in all frames at 360 lines; blur in each
tenth of them, for it costs more than all else; what needs all pixels (bars, fields, values) in one second of each ten.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from reelmill.media import mastering
from reelmill.media.mastering import WORK
from reelmill.media.promises import NOTHING, Data, PlannedFile
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.steps import COPY, Cost, Encoded, Kind, Place, Program, Reading, Step, Taken, Writing
from reelmill.media.tools import analysis
from reelmill.v1.analysis_pb2 import Analyze

FILTERS = frozenset(
    {
        *("null", "scale", "format", "select", "metadata", "blackdetect", "freezedetect", "scdet", "blurdetect"),
        *("cropdetect", "idet", "signalstats", "ebur128", "silencedetect", "ametadata"),
    }
)
"""FFmpeg's filters that may stand in what is made here."""
ENCODERS = frozenset({"wrapped_avframe", "pcm_s16le"})
"""FFmpeg's, of what is only looked at."""
DEFAULTS = Analyze(black_seconds=0.5, freeze_seconds=2.0, silence_seconds=0.5, silence_dbfs=-50.0, scene_threshold=10.0)
"""What counts, where nobody says."""
_LINES = 360
_SMALL = f"scale=w=-2:h=min({_LINES}\\,ih):flags=bilinear,format=yuv420p"
_SAMPLES = "select=lt(mod(t\\,10)\\,1)"
_TENTH = f"select=not(mod(n\\,10)),{_SMALL}"
_FRAME_BYTES = 24  # of memory, for each number of each frame that is compared
_PIXEL_BYTES = 40  # of memory, for each of the picture: frames on their way through the filters
# Each filter with what it is for. A black pixel is below a tenth of what brightness may have, a black picture has 98 %
# of them; a standing picture differs by less than 0.3 % from its first frame and 0.1 % from the one before
# (tools.analysis).
_VIDEO = {
    Analyze.BLACK: "blackdetect=pic_th=0.98:pix_th=0.10",
    Analyze.FREEZE: "freezedetect=n=-50dB:d={freeze}",
    Analyze.SCENES: "scdet=threshold={scene:g}",
}
_SOME = {Analyze.BLUR: "blurdetect"}
_SAMPLED = {
    Analyze.CROP: "cropdetect=limit=0.094118:round=2:skip=0:reset=0",
    Analyze.INTERLACING: "idet",
    Analyze.SIGNAL_RANGE: "select=not(mod(n\\,5)),signalstats=stat=brng",
}
_SOUND = {
    Analyze.LOUDNESS: "ebur128=peak=true:metadata=1",
    Analyze.SILENCE: "silencedetect=n={silent:g}dB:d={silence}",
}
PICTURE, HEARD = frozenset({*_VIDEO, *_SOME, *_SAMPLED}), frozenset(_SOUND)
"""What is looked for in a picture, and in a sound."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What is to be told, and of what."""

    looks: Collection[Analyze.Look]
    spec: Analyze
    """With its defaults filled in."""
    seconds: float = 0.0
    """Of the picture; 0: not known."""
    sound_seconds: float = 0.0
    """Of the sound."""
    bits: int = 8
    missing: Collection[Analyze.Look] = ()
    """What was asked for too, and can't be looked for."""


def pictures(name: str, output: str, taken: Taken, seen: Seen) -> tuple[Writing, ...]:
    """What is written of a picture; `taken` with the filters that give its frames their times."""
    values = {
        "freeze": seconds(seen.spec.freeze_seconds),
        "scene": seen.spec.scene_threshold,
    }
    small = [text.format(**values) for look, text in _VIDEO.items() if look in seen.looks]
    if Analyze.FREEZE in seen.looks and Analyze.SCENES not in seen.looks:  # what moved is told by that
        small.append(_VIDEO[Analyze.SCENES].format(**values))
    some = [text for look, text in _SOME.items() if look in seen.looks]
    large = [text for look, text in _SAMPLED.items() if look in seen.looks]
    found = []
    for kind, head, filters in (("video", _SMALL, small), ("blur", _TENTH, some), ("samples", _SAMPLES, large)):
        if filters:
            path = PurePosixPath(WORK, f"{name}.{kind}.txt")
            chain = ",".join((*filter(None, (taken.filters, head)), *filters, f"metadata=mode=print:file={path}"))
            found.append(lines(path, output, Kind.VIDEO, Taken(streams=taken.streams, filters=chain)))
    return tuple(found)


def listening(seen: Seen) -> tuple[str, ...]:
    """Filters that tell of a sound."""
    values = {"silent": seen.spec.silence_dbfs, "silence": seconds(seen.spec.silence_seconds)}
    return tuple(text.format(**values) for look, text in _SOUND.items() if look in seen.looks)


def sound(name: str, output: str, taken: Taken) -> Writing:
    """What is written of a sound; `taken` ends with the filters of `listening` and `printed`."""
    return lines(sound_path(name), output, Kind.AUDIO, taken)


def printed(name: str) -> str:
    """The last filter of a sound that is listened to."""
    return mastering.printed(sound_path(name))


def sound_path(name: str) -> PurePosixPath:
    """Where that writes."""
    return PurePosixPath(WORK, f"{name}.sound.txt")


def lines(path: PurePosixPath, output: str, kind: Kind, taken: Taken) -> Writing:
    """Frames that go nowhere; a filter writes lines to `path`."""
    encoder = "wrapped_avframe" if kind is Kind.VIDEO else "pcm_s16le"
    return Writing(
        path=path,
        streams=(Encoded(kind=kind, taken=taken, encoder=encoder),),
        options=("-f", "null"),  # which opens no file
        promised=(text(path, output),),
    )


def packets(path: PurePosixPath, output: str, streams: Sequence[tuple[Kind, int]]) -> Writing:
    """A line for each packet, with its time and size."""
    return Writing(
        path=path,
        streams=tuple(Encoded(kind=kind, taken=Taken(streams=(i,)), encoder=COPY) for kind, i in streams),
        options=("-f", "framecrc"),
        promised=(text(path, output),),
    )


def whole(output: str) -> PlannedFile:
    """The file of an output that has all that was found."""
    path = PurePosixPath(output, f"{output}.json")
    return PlannedFile(output=output, path=path, content_type="application/json", expected=NOTHING, data=Data.JSON)


def text(path: PurePosixPath, output: str) -> PlannedFile:
    """Lines that another step reads."""
    return PlannedFile(
        output=output, path=path, content_type="text/plain", expected=NOTHING, data=Data.LINES, stored=False
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Understanding:
    """What the tool is to make of lines."""

    seen: Seen = field(default_factory=lambda: Seen(looks=(), spec=Analyze()))
    metrics: Sequence[str] = ()
    """Of a comparison."""
    frames: float = 0.0
    """About so many are compared."""


def understood(
    output: str,
    what: Understanding,
    read: Sequence[tuple[str, PurePosixPath]],
    summary: Data,
    *,
    whole: PlannedFile | None = None,
) -> Step:
    """The step of the tool: `read` are files by the names that tools.analysis has for them.

    `summary`: what is told of the output; `whole`: the file that has all.
    """
    told = PlannedFile(
        output=output,
        path=PurePosixPath(WORK, f"{output}.{summary.value}.json"),
        content_type="application/json",
        expected=NOTHING,
        data=summary,
        stored=False,
    )
    files = (told, *((whole,) if whole else ()))
    seen = what.seen
    spec = {
        "seconds": seen.seconds,
        "sound_seconds": seen.sound_seconds,
        "black_seconds": seen.spec.black_seconds,
        "freeze_seconds": seen.spec.freeze_seconds,
        "bits": seen.bits,
        "missing": [Analyze.Look.Name(look) for look in seen.missing],
        "looks": [*(Analyze.Look.Name(look) for look in sorted(seen.looks)), *what.metrics],
    }
    named = (Place(reading=i, before=f"{name}=") for i, (name, _) in enumerate(read))
    return Step(
        program=Program.TOOL,
        reads=tuple(Reading(of=path, demuxer="") for _, path in read),
        writes=tuple(Writing(path=file.path, streams=(), options=(), promised=(file,)) for file in files),
        arguments=("analysis", json.dumps(spec), str(told.path), str(whole.path) if whole else analysis.NONE, *named),
        cost=Cost(writing_bytes=round(_FRAME_BYTES * what.frames * (1 + len(what.metrics)))),
        shares=False,
    )


def memory_bytes(width: int, height: int) -> int:
    """What filters take of a picture."""
    return width * height * _PIXEL_BYTES
