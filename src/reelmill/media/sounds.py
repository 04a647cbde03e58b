"""How chosen sounds reach an output: streams, filters, languages and roles. Pure.

Who mixes channels down must not clip: 5.1 that is loud on all channels sums up to 2.4 of full scale in each of two.
ffmpeg scales its coefficients so that this can't happen for encoders that take integers, and not for those that take
floats: at 0.95 on all channels AAC came out at 2.41 and FLAC at 0.95. So they are scaled for all alike. (A limiter
would keep quiet films louder, but bends loud ones; and loudness is a matter of its own.)
"""

from collections.abc import Sequence

from reelmill.media.tracks import Sound
from reelmill.v1.operations_pb2 import TrackSelector

# FFmpeg's dispositions for roles; they become Matroska's flags and MP4's kinds.
_DISPOSITIONS = {
    TrackSelector.COMMENTARY: "comment",
    TrackSelector.AUDIO_DESCRIPTION: "visual_impaired",
    TrackSelector.HARD_OF_HEARING: "hearing_impaired",
    TrackSelector.DUBBED: "dub",
    TrackSelector.ORIGINAL: "original",
}


def maps(
    sounds: Sequence[Sound], channels: int, output: str, first: Sequence[Sequence[str] | None] = (), *, silent: str = ""
) -> tuple[str, ...]:
    """Options that take the sounds of input 0 into an output, in their order; `channels` as in `channels_of`.

    `first`: the filters that go first, of each sound; None for one that holds nothing there: `silent` seconds.
    """
    taken: list[str] = []
    for i, sound in enumerate(sounds):
        before = first[i] if first else ()
        if before is None:
            rate = sound.sample_rate_hz or 48_000
            label = f"[{output}-sound-{i}]"
            layout = "mono" if channels_of(sound, channels) == 1 else "stereo"
            graph = f"anullsrc=r={rate}:cl={layout},atrim=duration={silent}"
            taken += ("-filter_complex", f"{graph}{label}", "-map", label)
        elif len(sound.parts) == 1:
            taken += ("-map", f"0:{sound.parts[0].index}")
        else:
            graph = ",".join((_joined(sound), *before, *filters(sound, channels_of(sound, channels))))
            label = f"[{output}-sound-{i}]"
            taken += ("-filter_complex", f"{graph}{label}", "-map", label)
    return tuple(taken)


def filtered(sound: Sound, channels: int, first: Sequence[str] | None = ()) -> tuple[str, ...]:
    """The option that filters a sound; none where `maps` does, or nothing is to be done. `first` as there."""
    if first is None:
        return ()
    found = (*first, *filters(sound, channels_of(sound, channels)))
    return ("-filter:a", ",".join(found)) if found and len(sound.parts) == 1 else ()


def filters(sound: Sound, channels: int) -> tuple[str, ...]:
    """All filters of a sound that comes out with `channels`, whose order is the encoder's."""
    return ("aresample=rematrix_maxval=1",) if channels < sound.channels else ()


def channels_of(sound: Sound, asked: int) -> int:
    """The channels asked for; 0: the sound's own, at most 2."""
    return asked or min(2, sound.channels)


def tags(sounds: Sequence[Sound], *, of_file: bool = False) -> tuple[str, ...]:
    """Options that say each sound's language and role; the first is the one that players take.

    `of_file`: for formats that hold one sound and have tags for the whole file alone.
    """
    told: list[str] = []
    for i, sound in enumerate(sounds):
        if sound.language:
            told += ("-metadata" if of_file else f"-metadata:s:a:{i}", f"language={sound.language}")
        flags = [_DISPOSITIONS[role] for role in sound.roles]
        if flags or len(sounds) > 1:
            flags = [*(("default",) if i == 0 else ()), *flags]
            told += (f"-disposition:a:{i}", "+".join(flags) or "0")
    return tuple(told)


def numbered(options: Sequence[str], place: int, places: int) -> tuple[str, ...]:
    """Options of one sound, each with its value, meant for sound `place` of an output that has `places`."""
    if places == 1:
        return tuple(options)
    return tuple(f"{o.removesuffix(':a')}:a:{place}" if i % 2 == 0 else o for i, o in enumerate(options))


def _joined(sound: Sound) -> str:
    inputs = "".join(f"[0:{part.index}]" for part in sound.parts)
    return f"{inputs}join=inputs={len(sound.parts)}:channel_layout=stereo:map=0.0-FL|1.0-FR"
