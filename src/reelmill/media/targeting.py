"""How coarse a film may be to be as like its input as asked for (target_vmaf): samples are tried first. Pure."""

from collections.abc import Sequence

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.media.contract import Needs, PlanContext, Quality, Source, Tried
from reelmill.media.film import film
from reelmill.media.formats.video import VIDEO
from reelmill.media.sampling import sample, samples
from reelmill.media.search import chosen, next_try
from reelmill.v1.analysis_pb2 import Contract
from reelmill.v1.jobs_pb2 import Output

_FINEST = 10
"""Finer ones are nearly lossless: whom that is not enough for names a crf."""
_USUAL_TRIES = 3
_PERFECT = 100.0
_UNLIKE = 10.0  # points by which the whole is better than samples of it at the most
_HELD = 4  # of the coarsest: nobody shows what is coarser


def resolved(output: Output, source: Source, context: PlanContext) -> Output | Needs:
    """An output with the crf that its target came to, or what must be tried first. Raises AttemptFailed."""
    target = output.transcode.video.target_vmaf
    whole = film(output.name, output.transcode, source, context.sources)
    if not whole.part.length:
        message = "the input does not say how long it is, so there is nothing to take samples of; give crf"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output.name)
    codec, scores = VIDEO[output.transcode.video.codec], dict[int, float]()
    places = samples(whole.part.start, whole.part.length)
    while True:
        coarsest = codec.max_crf - _HELD
        crf = next_try(scores, target, start=codec.default_crf, least=_FINEST, most=coarsest)
        if crf is None:
            crf = chosen(scores, target)
            _check_reachable(output.contract, scores[crf], crf, output.name, whole=len(places) == 1)
            return _with(output, crf)
        spec, guess = _with(output, crf).transcode, Tried(vmaf=target)
        wanted = [
            sample(output.name, spec, source, context, name=f"{crf}-{i}", at=at, guess=guess, tries=_USUAL_TRIES)
            for i, at in enumerate(places)
        ]
        score = score_of(wanted, context, target)
        if isinstance(score, Needs):
            return score
        scores[crf] = score


def score_of(wanted: Sequence[Quality], context: PlanContext, target: float) -> float | Needs:
    """The mean of samples, or what must be tried for it: the first one alone, then all the others.

    Where the first is so bad that perfect others would not make up for it, it stands for all. Raises AttemptFailed.
    """
    found = [context.facts[one] for one in wanted if one in context.facts]
    for failure in found:
        if isinstance(failure, Failure):
            raise AttemptFailed.of(failure)
    known: list[float] = [one.vmaf for one in found]
    if not known:
        return Needs(measurements=(wanted[0],))
    most = (sum(known) + _PERFECT * (len(wanted) - len(known))) / len(wanted)
    if len(known) < len(wanted) and most >= target:
        return Needs(measurements=tuple(one for one in wanted if one not in context.facts))
    return sum(known) / len(known)


def _check_reachable(contract: Contract, score: float, crf: int, output: str, *, whole: bool) -> None:
    """Raise AttemptFailed where what was tried is so far below what must be reached that the whole won't reach it."""
    least = contract.min_vmaf - (0.0 if whole else _UNLIKE)
    if contract.miss != Contract.WARN and score < least:
        told = f"min_vmaf: about {score:.2f} at crf {crf}, the finest that was tried, instead of at least"
        message = f"{told} {contract.min_vmaf:g}; it was not encoded, which spared all of that"
        raise AttemptFailed("CONTRACT_BROKEN", message, output=output)


def _with(output: Output, crf: int) -> Output:
    made = Output()
    made.CopyFrom(output)
    made.transcode.video.ClearField("target_vmaf")
    made.transcode.video.crf = crf
    return made
