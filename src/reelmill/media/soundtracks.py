"""A film's sound from another input: in the place of its own, or beside it. Pure."""

from collections.abc import Sequence

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import cutting, tracks
from reelmill.media.contract import Source
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import Span
from reelmill.media.steps import Taken
from reelmill.v1.operations_pb2 import Transcode
from reelmill.v1.overlays_pb2 import Soundtrack

FILTERS = frozenset({"atrim", "apad", "volume", "amix", "aformat", "aresample", "anull"})
"""FFmpeg's filters that may stand in what is made here."""
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_FROM_START = "aresample=async=1:first_pts=0"  # amix goes by samples and not by times


def violations(spec: Transcode, path: str) -> list[Violation]:
    """What contradicts itself."""
    if not spec.HasField("soundtrack"):
        return []
    found = []
    if spec.mute:
        found.append(Violation(f"{path}.mute", "contradicts soundtrack: leave one of the two out"))
    if spec.no_video:
        found.append(Violation(f"{path}.no_video", "contradicts soundtrack: make that input alone"))
    if spec.audio_tracks and not mixes(spec):
        found.append(Violation(f"{path}.audio_tracks", "contradicts soundtrack, which replaces them"))
    return found


def inputs(spec: Transcode) -> tuple[str, ...]:
    """The name of the input whose sound it is."""
    return (spec.soundtrack.input,) if spec.HasField("soundtrack") else ()


def mixes(spec: Transcode) -> bool:
    """Whether the film's own sound is heard too."""
    return spec.soundtrack.mode == Soundtrack.MIX


def sound_of(source: Source, length: float, output: str) -> tracks.Sound:
    """The sound that is put in. Raises AttemptFailed where there is none, or nobody knows how long it is to be."""
    if not length:
        message = "the input does not say how long it is, so no other sound is put to it; leave soundtrack out"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    return tracks.sound(source, None, output)


def chain(spec: Transcode, source: Source, sound: tracks.Sound, length: float) -> tuple[str, ...]:
    """Filters of the other sound, `length` seconds long and from its beginning on."""
    whole = Span(0.0, source.timeline.seconds, cut=False)
    made = cutting.cut(source, whole, [part.index for part in sound.parts])
    first = cutting.sound_filters(source, whole, made, sound, alone=True) or ()
    gain = spec.soundtrack.gain_db
    louder = (f"volume={gain:g}dB",) if gain and not mixes(spec) else ()
    at = seconds(length)
    return (*first, f"atrim=end={at}", f"apad=whole_dur={at}", *louder)


def mixed(spec: Transcode, own: Taken, other: Sequence[str], rate: int, channels: int, length: float) -> str:
    """A graph of a film's own sound, and the other one, whose stream comes last; both get `rate` and `channels`."""
    form = (
        f"aresample=rematrix_maxval=1,aformat=sample_fmts=fltp:sample_rates={rate}:channel_layouts={_LAYOUTS[channels]}"
    )
    share = 10 ** (spec.soundtrack.gain_db / 20)
    weights = f"{1 / (1 + share):.6f} {share / (1 + share):.6f}"
    main = ",".join(("[s0]anull", *([own.filters] if own.filters else []))) if own.is_chain else own.filters
    at = seconds(length)
    return (
        f"{main},{_FROM_START},{form},atrim=end={at}[own];[s{len(own.streams)}]{','.join(other)},{form}[other];"
        f"[own][other]amix=inputs=2:duration=longest:normalize=0:weights={weights}"
    )
