"""Samples of a film: a part of it is encoded and held against the input. Pure."""

import math
from dataclasses import replace
from pathlib import PurePosixPath

from reelmill.media import contracts, film_streams, films
from reelmill.media.contract import PlanContext, Quality, Source, Tried
from reelmill.media.film import film
from reelmill.media.mastering import WORK
from reelmill.v1.jobs_pb2 import Output
from reelmill.v1.operations_pb2 import Transcode

SAMPLE_SECONDS = 4.0
_EVERY_SECONDS, _FEWEST, _MOST = 180.0, 3, 8


def samples(start: float, length: float) -> list[tuple[float, float]]:
    """From when to when samples are taken: one each three minutes, three to eight, in the middles of equal parts."""
    count = max(_FEWEST, min(_MOST, math.ceil(length / _EVERY_SECONDS)))
    if length <= count * SAMPLE_SECONDS:
        return [(start, start + length)]
    part = length / count
    begins = [start + part * i + (part - SAMPLE_SECONDS) / 2 for i in range(count)]
    return [(round(begin, 3), round(begin + SAMPLE_SECONDS, 3)) for begin in begins]


def sample(
    output: str,
    spec: Transcode,
    source: Source,
    context: PlanContext,
    *,
    name: str,
    at: tuple[float, float],
    guess: Tried,
    tries: int = 1,
    each: int = 1,
) -> Quality:
    """What tries a part of a film, `at` from when to when, as its spec says; its sounds and all beside are left out.

    `name`: among all that is tried for the output; `guess`, `tries`: as Quality has them. One of `each` frames is
    measured. Raises AttemptFailed where the input does not allow it.
    """
    part = Output(name=output)
    part.transcode.CopyFrom(spec)
    for field in ("soundtrack", "subtitles", "audio_tracks", "audio"):
        part.transcode.ClearField(field)
    part.transcode.mute = True
    part.transcode.trim.start_seconds, part.transcode.trim.end_seconds = at
    wanted = film(output, part.transcode, source, context.sources)
    [encoding] = films.planned(wanted, replace(context, piece=None))
    path = PurePosixPath(WORK, f"{output}.{name}{wanted.path.suffix}")
    file = replace(film_streams.file(wanted), path=path, stored=False)
    [writing] = encoding.writes
    writing = replace(writing, path=path, promised=(file,))
    encoding = replace(encoding, writes=(writing,), shares=False)
    measuring, scores = contracts.held_against(part, writing, file, source, context, name=path.stem, each=each)
    return Quality(
        output=output,
        steps=(encoding, measuring),
        made=path,
        scores=scores,
        seconds=at[1] - at[0],
        guess=guess,
        tries=tries,
    )
