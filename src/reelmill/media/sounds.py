"""How chosen sounds reach an output: streams, filters, languages and roles. Pure.

Who mixes channels down must not clip: 5.1 that is loud on all channels sums up to 2.4 of full scale in each of two.
ffmpeg scales its coefficients so that this can't happen for encoders that take integers, and not for those that take
floats: at 0.95 on all channels AAC came out at 2.41 and FLAC at 0.95. So they are scaled for all alike. (A limiter
would keep quiet films louder, but bends loud ones; and loudness is a matter of its own.)
"""

from collections.abc import Sequence

from reelmill.media import languages
from reelmill.media.steps import Taken
from reelmill.media.tracks import Sound
from reelmill.v1.operations_pb2 import TrackSelector

FILTERS = frozenset({"anullsrc", "atrim", "asetpts", "aresample", "apad", "join"})
"""FFmpeg's filters that may stand in what is made here."""

# FFmpeg's dispositions for roles; they become Matroska's flags and MP4's kinds.
_DISPOSITIONS = {
    TrackSelector.COMMENTARY: "comment",
    TrackSelector.AUDIO_DESCRIPTION: "visual_impaired",
    TrackSelector.HARD_OF_HEARING: "hearing_impaired",
    TrackSelector.DUBBED: "dub",
    TrackSelector.ORIGINAL: "original",
}


def taken(
    sound: Sound,
    channels: int,
    first: Sequence[str] | None,
    *,
    silent: str,
    each: Sequence[str] = (),
    last: Sequence[str] = (),
) -> Taken:
    """A sound of a step's first reading, with its filters; `channels` as in `channels_of`.

    `first`: the filters that go first; None where it holds nothing there: `silent` seconds. `each`: those of each mono
    track of a pair; `last`: those that go behind all others.
    """
    if first is None:
        layout = "mono" if channels_of(sound, channels) == 1 else "stereo"
        made = f"anullsrc=r={sound.sample_rate_hz or 48_000}:cl={layout}"
        return Taken(filters=",".join((made, f"atrim=duration={silent}", *last)))
    streams = tuple(part.index for part in sound.parts)
    chain = [*first, *filters(sound, channels_of(sound, channels)), *last]
    if len(streams) > 1:
        names = [f"[s{i}]" for i in range(len(streams))]
        evened = "".join(f"{name}{','.join(each)}[even{i}];" for i, name in enumerate(names) if each)
        named = "".join(f"[even{i}]" if each else name for i, name in enumerate(names))
        chain.insert(0, f"{evened}{named}join=inputs={len(streams)}:channel_layout=stereo:map=0.0-FL|1.0-FR")
    return Taken(streams=streams, filters=",".join(chain))


def filters(sound: Sound, channels: int) -> tuple[str, ...]:
    """All filters of a sound that comes out with `channels`, whose order is the encoder's."""
    return ("aresample=rematrix_maxval=1",) if channels < sound.channels else ()


def channels_of(sound: Sound, asked: int) -> int:
    """The channels asked for; 0: the sound's own, at most 2."""
    return asked or min(2, sound.channels)


def tags(sounds: Sequence[Sound], *, of_file: bool = False, quicktime: bool = False) -> tuple[str, ...]:
    """Options that say each sound's language and role; the first is the one that players take.

    `of_file`: for formats that hold one sound and have tags for the whole file alone; `quicktime`: for MOV.
    """
    told: list[str] = []
    for i, sound in enumerate(sounds):
        if language := languages.in_quicktime(sound.language) if quicktime else sound.language:
            told += ("-metadata" if of_file else f"-metadata:s:a:{i}", f"language={language}")
        flags = [_DISPOSITIONS[role] for role in sound.roles]
        if flags or len(sounds) > 1:
            flags = [*(("default",) if i == 0 else ()), *flags]
            told += (f"-disposition:a:{i}", "+".join(flags) or "0")
    return tuple(told)
