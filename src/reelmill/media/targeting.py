"""How coarse a film may be to be as like its input as asked for (target_vmaf): samples are tried first. Pure."""

import math
from dataclasses import replace
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.media import contracts, film_streams, films
from reelmill.media.contract import Needs, PlanContext, Quality, Source
from reelmill.media.film import film
from reelmill.media.formats.video import VIDEO
from reelmill.media.mastering import WORK
from reelmill.media.promises import PlannedFile
from reelmill.media.search import chosen, next_try
from reelmill.media.steps import Writing
from reelmill.v1.jobs_pb2 import Output

SAMPLE_SECONDS = 4.0
_EVERY_SECONDS, _FEWEST, _MOST = 180.0, 3, 8
_FINEST = 10
"""Finer ones are nearly lossless: whom that is not enough for names a crf."""
_HELD = 4  # of the coarsest: nobody shows what is coarser


def resolved(output: Output, source: Source, context: PlanContext) -> Output | Needs:
    """An output with the crf that its target came to, or what must be tried first. Raises AttemptFailed."""
    target = output.transcode.video.target_vmaf
    whole = film(output.name, output.transcode, source, context.sources)
    if not whole.part.length:
        message = "the input does not say how long it is, so there is nothing to take samples of; give crf"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output.name)
    codec, scores = VIDEO[output.transcode.video.codec], dict[int, float]()
    while True:
        coarsest = codec.max_crf - _HELD
        crf = next_try(scores, target, start=codec.default_crf, least=_FINEST, most=coarsest)
        if crf is None:
            return _with(output, chosen(scores, target))
        wanted = [
            _sample(output, source, context, crf, i, at)
            for i, at in enumerate(samples(whole.part.start, whole.part.length))
        ]
        lacking = [one for one in wanted if one not in context.facts]
        if lacking:
            return Needs(measurements=tuple(lacking))
        found = [context.facts[one] for one in wanted]
        for failure in found:
            if isinstance(failure, Failure):
                raise AttemptFailed.of(failure)
        scores[crf] = sum(found) / len(found)


def samples(start: float, length: float) -> list[tuple[float, float]]:
    """From when to when samples are taken: one each three minutes, three to eight, in the middles of equal parts."""
    count = max(_FEWEST, min(_MOST, math.ceil(length / _EVERY_SECONDS)))
    if length <= count * SAMPLE_SECONDS:
        return [(start, start + length)]
    part = length / count
    begins = [start + part * i + (part - SAMPLE_SECONDS) / 2 for i in range(count)]
    return [(round(begin, 3), round(begin + SAMPLE_SECONDS, 3)) for begin in begins]


def _with(output: Output, crf: int) -> Output:
    made = Output()
    made.CopyFrom(output)
    made.transcode.video.ClearField("target_vmaf")
    made.transcode.video.crf = crf
    return made


def _sample(
    output: Output, source: Source, context: PlanContext, crf: int, place: int, at: tuple[float, float]
) -> Quality:
    """How like its input a part is at a quality."""
    part = _with(output, crf)
    part.ClearField("contract")
    spec = part.transcode
    for name in ("soundtrack", "subtitles", "audio_tracks"):
        spec.ClearField(name)
    spec.mute = True
    spec.trim.start_seconds, spec.trim.end_seconds = at
    wanted = film(part.name, spec, source, context.sources)
    [encoding] = films.planned(wanted, replace(context, piece=None))
    path = PurePosixPath(WORK, f"{output.name}.{crf}-{place}{wanted.path.suffix}")
    file = replace(film_streams.file(wanted), path=path, stored=False)
    [writing] = encoding.writes
    encoding = replace(encoding, writes=(_elsewhere(writing, file),), shares=False)
    measuring, scores = contracts.held_against(part, writing, file, source, context)
    return Quality(
        steps=(encoding, measuring), scores=scores, seconds=at[1] - at[0], target=output.transcode.video.target_vmaf
    )


def _elsewhere(writing: Writing, file: PlannedFile) -> Writing:
    return replace(writing, path=file.path, promised=(file,))
