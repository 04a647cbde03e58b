"""A step of stills as what a warm child is asked for. Pure."""

import re
from typing import Any

from reelmill.media.steps import Encoded, Step

_SPECIAL = re.compile(r"\\(.)|'([^']*)'", re.DOTALL)
_STEP = re.compile(r"(?:\\.|'[^']*'|[^,\\'])+", re.DOTALL)


def ordered(step: Step) -> dict[str, Any]:
    """What media/still_child.py takes: the demuxer, and of each file its stream, filters and encoder.

    The step is one that engines.engine_of gives to a warm child.
    """
    first = step.reads[0]
    stills = []
    for writing in step.writes:
        (stream,) = writing.streams
        taken = stream.taken
        reading = step.reads[taken.readings[0]]
        stills.append(
            {
                "stream": taken.streams[0],
                "seek": reading.seek,
                "decoding": _named(reading.options),
                "filters": chain(taken.filters),
                "encoder": stream.encoder,
                "options": _options(stream),
                "frames": stream.frames,
            }
        )
    return {"demuxer": first.demuxer, "stills": stills}


def chain(filters: str) -> list[list[str]]:
    """Names and arguments of a chain of filters, as libavfilter's parser of graphs takes it apart.

    It takes one layer of escapes and quotes away; the filter takes the next one.
    """
    found = []
    for text in _STEP.findall(filters):
        name, _, arguments = text.partition("=")
        found.append([name.strip(), _SPECIAL.sub(lambda match: match[1] or match[2], arguments).strip()])
    return found


def _options(stream: Encoded) -> dict[str, str]:
    given = _named(stream.options)
    # ffmpeg writes it into each frame, where the library has no place for it: so its scale has this one value.
    quality = given.pop("q:v", None)
    return given | ({"qmin": quality, "qmax": quality} if quality is not None else {})


def _named(options: tuple[str, ...]) -> dict[str, str]:
    return {name.removeprefix("-"): value for name, value in zip(options[::2], options[1::2], strict=True)}
