"""What is done to a sound as a whole: silence goes, it fades in and out, it is made as loud as asked. Pure.

Loudness by EBU R128 is measured first (a `Loudness` of the plan), then the whole is made louder or softer by one
amount. Not by FFmpeg's loudnorm: where peaks would be cut it changes dynamics from moment to moment, at 192 kHz. What
would be above the true-peak limit bends for some milliseconds (alimiter, at four times the rate, for true peaks lie
between samples). All that happens before the encoder: a lossy one may put peaks a little higher.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.contract import Loudness
from reelmill.media.promises import NOTHING, Data, Levels, Mastered, PlannedFile
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.steps import Cost, Encoded, Kind, Reading, Step, Taken, Writing
from reelmill.v1.operations_pb2 import AudioExtract, RemoveSilence

FILTERS = frozenset(
    {
        *("ebur128", "silencedetect", "ametadata", "aformat", "aresample", "volume", "alimiter"),
        *("afade", "atrim", "asetpts", "aselect", "asetnsamples"),
    }
)
"""FFmpeg's filters that may stand in what is made here."""
ENCODERS = frozenset({"pcm_s16le"})
"""Of what is only measured."""
WORK = "_work"
"""The folder of what is made for another step: no output is called so."""
DEFAULT_PEAK_DBTP = -1.0
SILENCE = RemoveSilence(threshold_dbfs=-50, min_seconds=0.5, keep_seconds=0.1)
"""What is taken where nothing is said."""
TYPICAL = Levels(integrated_lufs=-23.0, range_lu=7.0, true_peak_dbtp=-3.0)
"""What a plan goes by that is only looked at: how loud a sound is shows when its job runs."""
MOST_CUTS = 1000
"""Stretches of silence that are left out inside a sound; further ones stay."""
_OVER_RATE = 192_000  # Hz: four times of 48,000, as ITU-R BS.1770 asks for true peaks
_MARGIN_DB = 0.1  # of the limit, for what lies between even those samples
_SILENT_LUFS = -70.0
_MOST_GAIN_DB = 60.0
_EDGE = 0.02  # seconds: nearer to an end than this, a silence is at it
_SLICE = 200  # of a second: how finely silence is cut out
_CPU = 0.004  # core-seconds a second
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What becomes of a sound."""

    filters: tuple[str, ...] = ()
    """Behind all others."""
    removed: float = 0.0
    """Seconds that are left out."""
    mastered: Mastered | None = None


def layout(channels: int, had: int, quad: str) -> tuple[str, ...]:
    """The filter after which a sound has its channels; none where it has them. `quad`: FFmpeg's name for four."""
    return (f"aformat=channel_layouts={_LAYOUTS.get(channels, quad)}",) if channels != had else ()


def is_measured(spec: AudioExtract) -> bool:
    """Whether it must be known first how loud a sound is, or where it is silent."""
    return spec.HasField("loudness_lufs") or spec.HasField("true_peak_dbtp") or spec.HasField("remove_silence")


def _listening(spec: AudioExtract) -> tuple[str, ...]:
    """Filters that tell what `made` must know."""
    found: list[str] = []
    if spec.HasField("loudness_lufs") or spec.HasField("true_peak_dbtp"):
        found.append("ebur128=peak=true:metadata=1")
    if spec.HasField("remove_silence"):
        silence = spec.remove_silence
        found.append(f"silencedetect=n={silence.threshold_dbfs:g}dB:d={seconds(silence.min_seconds)}")
    return tuple(found)


def loudness(
    output: str,
    spec: AudioExtract,
    opened: Reading,
    taken: Callable[[Sequence[str]], Taken],
    cut: float,
    length: float,
) -> Loudness:
    """What `made` must know.

    `taken`: the sound with filters behind all others; `cut`: when it ends, if before its own end.
    """
    path = lines_of(output)
    last = (*((f"atrim=end={seconds(cut)}",) if cut else ()), *_listening(spec), printed(path))
    file = PlannedFile(output=output, path=path, content_type="", expected=NOTHING, data=Data.LINES, stored=False)
    writing = Writing(
        path=path,
        streams=(Encoded(kind=Kind.AUDIO, taken=taken(last), encoder="pcm_s16le"),),
        options=("-f", "null"),  # which opens no file: the filter writes it
        seconds=cut,
        promised=(file,),
    )
    step = Step(reads=(opened,), writes=(writing,), cost=Cost(seconds=length, reading_cpu=_CPU * length))
    return Loudness(step=step, seconds=length)


def printed(path: PurePosixPath) -> str:
    """The filter that writes what others told of each frame."""
    return f"ametadata=mode=print:file={path}"


def lines_of(output: str) -> PurePosixPath:
    """Where that is written."""
    return PurePosixPath(WORK, f"{output}.loudness.txt")


def made(spec: AudioExtract, levels: Levels | None, length: float, rate_hz: int, output: str) -> Made:
    """What becomes of a sound of `length` seconds (0: not known) that comes out at a rate; `levels`: where asked for.

    Raises AttemptFailed where nothing would be left, and where it is to fade out and nobody knows when it ends.
    """
    filters: list[str] = []
    removed = 0.0
    if spec.HasField("remove_silence") and levels is not None:
        cuts = cut_out(spec.remove_silence, levels.silences, length)
        if cuts and length and sum(b - a for a, b in cuts) > length - _EDGE:
            message = "the sound is silent from its beginning to its end; leave remove_silence out"
            raise AttemptFailed("INPUT_NO_AUDIO", message, output=output)
        removed = sum(min(b, length or b) - a for a, b in cuts)
        filters += _without(cuts, length, rate_hz)
    filters += _fades(spec, length and length - removed, output)
    mastered = None
    if levels is not None and (spec.HasField("loudness_lufs") or spec.HasField("true_peak_dbtp")):
        gain = _gain(spec, levels)
        filters += [f"volume={gain:.2f}dB:precision=float"] if gain else []
        if spec.HasField("true_peak_dbtp") and levels.true_peak_dbtp + gain > spec.true_peak_dbtp - _MARGIN_DB:
            filters += _limited(spec.true_peak_dbtp, rate_hz)
        mastered = Mastered(levels=levels, gain_db=gain)
    return Made(filters=tuple(filters), removed=removed, mastered=mastered)


def cut_out(spec: RemoveSilence, silences: Sequence[tuple[float, float]], length: float) -> list[tuple[float, float]]:
    """From when to when a sound is left out; `length` 0: its end is not known."""
    found: list[tuple[float, float]] = []
    for start, end in silences:
        if end - start < spec.min_seconds - 0.0005:
            continue
        first, last = start <= _EDGE, bool(length) and end >= length - _EDGE
        if not (first or last or spec.inside) or len(found) == MOST_CUTS:
            continue
        a, b = (0.0 if first else start + spec.keep_seconds), (end if last else end - spec.keep_seconds)
        if b > a:
            found.append((a, b))
    return found


def _without(cuts: Sequence[tuple[float, float]], length: float, rate_hz: int) -> list[str]:
    at_ends = [(a, b) for a, b in cuts if a <= 0 or (length and b >= length - _EDGE)]
    begin = max((b for a, b in at_ends if a <= 0), default=0.0)
    end = min((a for a, b in at_ends if a > 0), default=0.0)
    bounds = [*((f"start={seconds(begin)}",) if begin else ()), *((f"end={seconds(end)}",) if end else ())]
    inner = [cut for cut in cuts if cut not in at_ends]
    found = []
    if inner:  # first, while times are the sound's own
        some = "+".join(f"between(t\\,{seconds(a)}\\,{seconds(b)})" for a, b in inner)
        slices = f"asetnsamples=n={max(1, rate_hz // _SLICE)}:p=0"
        found += [slices, f"aselect=not({some})"]
    if bounds:
        found.insert(0, f"atrim={':'.join(bounds)}")
    return [*found, "asetpts=N/SR/TB"] if found else []


def _fades(spec: AudioExtract, length: float, output: str) -> list[str]:
    found = []
    if spec.fade_in_seconds:
        found.append(f"afade=t=in:d={seconds(spec.fade_in_seconds)}")
    if spec.fade_out_seconds:
        if not length:
            message = "the input does not say how long it is, so its end can't fade; leave fade_out_seconds out"
            raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
        lasts = min(length, spec.fade_out_seconds)
        found.append(f"afade=t=out:st={seconds(length - lasts)}:d={seconds(lasts)}")
    return found


def _gain(spec: AudioExtract, levels: Levels) -> float:
    if not spec.HasField("loudness_lufs") or levels.integrated_lufs <= _SILENT_LUFS:
        return 0.0
    wanted = spec.loudness_lufs - levels.integrated_lufs
    return round(max(-_MOST_GAIN_DB, min(_MOST_GAIN_DB, wanted)), 2)


def _limited(peak_dbtp: float, rate_hz: int) -> list[str]:
    limit = 10 ** ((peak_dbtp - _MARGIN_DB) / 20)
    # Its look-ahead delays; without `level` it would bring all up to full scale.
    limiter = f"alimiter=level=false:limit={limit:.6f}:attack=5:release=50:latency=1"
    return [f"aresample={_OVER_RATE}", limiter, f"aresample={rate_hz}"]
