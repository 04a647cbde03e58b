"""What an output asks for, and what of its input it takes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import cutting, effects, overlays, rates, soundtracks, subtitles, tracks
from reelmill.media.contract import Source
from reelmill.media.formats.containers import EXTENSIONS, MUXING
from reelmill.media.geometry import Scaling, box, fit
from reelmill.media.promises import allowance
from reelmill.media.sources import Span, believable_seconds, expected_seconds, span
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import Transcode, VideoSettings

SIDES = (16, 16384)
"""Pixels: libx265 takes no smaller sides, libx264 no larger ones."""
FREE_FITS = (VideoSettings.FIT_UNSPECIFIED, VideoSettings.CONTAIN, VideoSettings.SHRINK)
"""Those whose sizes follow from the input's."""
_USUAL_RATE = 25.0  # frames a second of a film that does not say


@dataclass(frozen=True, kw_only=True, slots=True)
class Film:
    """One picture with its sounds, out of one input."""

    output: str
    spec: Transcode
    """With its defaults filled in."""
    source: Source
    part: Span
    picture: MediaInfo.Stream
    heard: tuple[tracks.Sound, ...]
    scaling: Scaling
    others: Mapping[str, Source] = field(default_factory=dict)
    """Further inputs, by their names."""
    captions: tuple[subtitles.Shown, ...] = ()
    """That go with it."""
    put: tracks.Sound | None = None
    """The sound of another input that is put to it."""
    name: str = ""
    """Of one of several that an output is made of; another step reads its file. Empty: it is the output."""
    closed_captions: bool = True
    """Whether captions that lie between its pictures stay there."""
    begin: int | None = None
    """Microseconds of the input's clock: what is 0 in its file, where its sounds have one of their own."""

    @property
    def key(self) -> str:
        """What it is called among all films of its job."""
        return f"{self.output}/{self.name}" if self.name not in ("", self.output) else self.output

    @property
    def path(self) -> PurePosixPath:
        """Where its file is written."""
        if self.name:
            return between(self.output, f"{self.name}.{self.extension}")
        return PurePosixPath(self.output, f"{self.output}.{self.extension}")

    @property
    def muxing(self) -> tuple[str, ...]:
        """Options of its muxer: no player waits for the file of another step."""
        return ("-f", "mp4") if self.name else MUXING[self.spec.container]

    @property
    def zero(self) -> int:
        """The time that comes out as 0."""
        return cutting.zero(self.source, self.part, self.used) if self.begin is None else self.begin

    @property
    def sounds(self) -> tuple[tracks.Sound, ...]:
        """What is heard of it."""
        return (self.put,) if self.put is not None and self.replaced else self.heard

    @property
    def replaced(self) -> bool:
        """Whether another input's sound is heard alone."""
        return self.put is not None and not (self.heard and soundtracks.mixes(self.spec))

    @property
    def read(self) -> tuple[str, ...]:
        """Names of further inputs, in the order in which its step reads them after its own."""
        return tuple(dict.fromkeys((*overlays.inputs(self.spec), *soundtracks.inputs(self.spec))))

    @property
    def streams(self) -> tuple[MediaInfo.Stream, ...]:
        """All that it takes, the picture first."""
        return (self.picture, *(stream for sound in self.heard for stream in sound.parts))

    @property
    def used(self) -> list[int]:
        """Their numbers."""
        return [stream.index for stream in self.streams]

    @property
    def composition(self) -> MediaInfo.Composition | None:
        """How its picture is put together, where it is of several."""
        info = self.source.info
        return info.composition if info.HasField("composition") else None

    @property
    def extension(self) -> str:
        """Of its file's name."""
        return EXTENSIONS[self.spec.container]

    @property
    def is_quicktime(self) -> bool:
        """Whether its file is a MOV, which has numbers for some languages alone."""
        return self.spec.container == Transcode.MOV

    @property
    def speed(self) -> float:
        """How fast it is played."""
        return speed_of(self.spec)

    @property
    def seconds(self) -> float:
        """How long it lasts; 0 where that is not known."""
        return self.part.length / self.speed


def between(output: str, name: str) -> PurePosixPath:
    """The place of a file that one step of an output writes for another; no output is ever called so."""
    return PurePosixPath(f".{output}", name)


def speed_of(spec: Transcode) -> float:
    """How fast it is played."""
    return spec.speed or 1.0


def film(output: str, spec: Transcode, source: Source, others: Mapping[str, Source] | None = None) -> Film:
    """What an output takes of an input. Raises AttemptFailed where that has not what is asked for."""
    part = span(source, spec.trim, output)
    picture = tracks.picture(source, output)
    put = None
    if spec.HasField("soundtrack"):
        other = (others or {})[spec.soundtrack.input]
        put = soundtracks.sound_of(other, part.length / speed_of(spec), output)
    silent = spec.mute or (put is not None and not soundtracks.mixes(spec))
    heard = () if silent else tracks.sounds(source, spec.audio_tracks, output)
    size = effects.shown_size(picture, spec.video, output)
    width, height = box(size, spec.video)
    scaling = fit(size, width, height, spec.video.fit, least=SIDES[0])
    smallest, largest = SIDES
    # One side may follow from the other, and so come out at a size that no encoder takes.
    sides = scaling.final.width, scaling.final.height
    if min(sides) < smallest or max(sides) > largest:
        raise AttemptFailed(
            "INPUT_UNSUPPORTED",
            f"the picture would have {sides[0]} × {sides[1]} pixels, and each side must be {smallest}–{largest}; "
            "give width and height",
            output=output,
        )
    if spec.video.frame_rate and part.length > believable_seconds(source.info):
        raise AttemptFailed(
            "INPUT_UNSUPPORTED",
            f"the input claims {source.info.duration_seconds:.0f} s in {source.info.size_bytes} bytes, so no even"
            " frame rate is made of it; leave frame_rate out",
            output=output,
        )
    effects.check_fading(spec, part.length, output)
    rate = spec.video.frame_rate or (picture.frame_rate or _USUAL_RATE) * speed_of(spec)
    rates.check_level(spec.video, scaling.final, rate, output)
    return Film(
        output=output,
        spec=spec,
        source=source,
        part=part,
        picture=picture,
        heard=tuple(heard),
        scaling=scaling,
        others=others or {},
        put=put,
        captions=subtitles.wanted(spec, source, others or {}, output),
    )


def lasts(wanted: Film, streams: tuple[MediaInfo.Stream, ...]) -> tuple[float | None, float]:
    """How long a file of these of its streams must be, and by how much it may differ, as `expected_seconds` tells."""
    if wanted.put is not None:  # it is as long as the film
        return wanted.seconds, allowance(wanted.seconds)
    return at_speed(*expected_seconds(wanted.part, streams, wanted.source.timeline), wanted.speed)


def at_speed(duration: float | None, tolerance: float, speed: float) -> tuple[float | None, float]:
    """What `expected_seconds` tells, at a speed."""
    if duration is None or speed == 1:
        return duration, tolerance
    return duration / speed, max(tolerance / speed, allowance(duration / speed))
