"""The streams of a film: how each is made and encoded, what must come out, and what that takes. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from reelmill.media import (
    composing,
    copying,
    costs,
    cutting,
    effects,
    languages,
    memory,
    overlays,
    pictures,
    rates,
    sounds,
    soundtracks,
    subtitles,
    tracks,
)
from reelmill.media.contract import PlanContext
from reelmill.media.cutting import Cut
from reelmill.media.film import FREE_FITS, Film, lasts
from reelmill.media.formats.codec import FROM_START, Keys, Pass, Wanted
from reelmill.media.formats.containers import CONTENT_TYPES
from reelmill.media.formats.sound import DEFAULT_BPS, SOUNDS
from reelmill.media.formats.video import VIDEO, frame_rate
from reelmill.media.geometry import aspects
from reelmill.media.pictures import Shown
from reelmill.media.promises import Expected, ExpectedStream, PlannedFile, Times
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import Span, may_change, reading
from reelmill.media.steps import Cost, Encoded, Kind, Reading, Taken
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import VideoSettings

_FIELDS = {VideoSettings.OFF: "none", VideoSettings.ALWAYS: "all", VideoSettings.TELECINE: "none"}


def picture(
    wanted: Film,
    made: Cut,
    part: Span,
    context: PlanContext,
    *,
    mp4: bool,
    keys: Keys = FROM_START,
    begin: float = 0.0,
    passing: Pass | None = None,
) -> Encoded:
    """The picture of a film, or of a chunk that begins after `begin` seconds of it; `mp4`: for that muxer."""
    if copying.takes_picture(wanted):
        return copying.picture(wanted)
    spec, taken, composition = wanted.spec, wanted.picture, wanted.composition
    rate = (f"fps={frame_rate(spec.video.frame_rate)}",) if spec.video.frame_rate else ()
    undone = effects.of_times(spec.video)
    shown = _shown(wanted, part)
    paced = wanted.speed != 1
    fine = () if made.fine or not paced else (cutting.FINE,)
    before = (
        *fine,
        *made.picture(),
        *undone,
        *effects.pace(wanted.speed),
        *rate,
        *pictures.filters(taken, shown),
        *effects.cleaning(spec.video),
    )
    over = laid(wanted)
    fades = effects.fading(spec, wanted.seconds)
    there, back = effects.shifts(begin) if over.filters or fades else ((), ())
    words = (subtitles.drawing(wanted.output),) if drawn(wanted) else ()
    graph = ",".join((*before, *there, *over.filters, *words, *fades, *back, pictures.FILM))
    images = [(_reading(wanted, name), tracks.picture(wanted.others[name], wanted.output).index) for name in over.read]
    codec = VIDEO[spec.video.codec]
    clock = ("-enc_time_base:v", "filter" if composition or made.fine or paced or images else "demux")
    closing = (
        replace(made, ends=(round(made.ends[0] / wanted.speed), round(made.ends[1] / wanted.speed)))
        if (made.ends and paced)
        else made
    )
    even = bool(rate or undone)
    asked = Wanted(
        spec=spec.video,
        container=spec.container,
        threads=context.threads,
        size=wanted.scaling.final,
        depth=rates.depth(taken, spec.video),
        passing=passing,
    )
    return Encoded(
        kind=Kind.VIDEO,
        taken=overlays.over(composing.taken(composition, taken.index, graph), over, images),
        encoder=codec.encoder,
        options=(
            *codec.encoding(asked, transparent=shown.kept and taken.alpha, keys=keys),
            *(() if wanted.closed_captions else codec.without_captions),
            *closing.encoding(reorders=codec.reorders, even=even, mp4=mp4),
        ),
        # Frames keep their times: none is repeated, dropped, or moved to the grid of an average rate.
        timing=("-fps_mode", "vfr", *(() if even else clock)),
        threads=context.threads,
    )


def drawn(wanted: Film) -> tuple[PurePosixPath, ...]:
    """The captions that are drawn into its picture."""
    return (subtitles.place(wanted.output),) if any(one.burnt for one in wanted.captions) else ()


def laid(wanted: Film) -> overlays.Laid:
    """What is laid over the picture."""
    deep = rates.depth(wanted.picture, wanted.spec.video) > 8
    return overlays.laid(wanted.spec, wanted.scaling.final, wanted.others, wanted.output, deep=deep)


def _reading(wanted: Film, name: str) -> int:
    """Which of the step's readings a further input is."""
    return 1 + wanted.read.index(name)


def further(wanted: Film) -> tuple[Reading, ...]:
    """Readings of the inputs that are read besides the film's own."""
    return tuple(reading(wanted.others[name], alone=True) for name in wanted.read)


def _shown(wanted: Film, part: Span) -> Shown:
    spec, taken = wanted.spec.video, wanted.picture
    free = spec.fit in FREE_FITS or spec.fit == VideoSettings.PAD
    turned = effects.turning(taken, spec)
    return Shown(
        scaling=wanted.scaling,
        background=spec.background,
        changing=free and may_change(wanted.source),
        aspects=effects.shapes(aspects(taken, part.start), taken, spec) if free else (),
        fields=_FIELDS.get(spec.deinterlace, "interlaced"),
        turned=turned,
        size=effects.shown_size(taken, spec, wanted.output) if turned else None,
        deep=rates.depth(taken, spec) > 8,
        high_range=rates.keeps_hdr(taken, spec),
    )


def prepared(wanted: Film, made: Cut) -> tuple[list[tuple[str, ...] | None], list[tuple[str, ...]]]:
    """The filters that stand before all others of each sound, and of each mono track of a pair."""
    # Sound that starts late does so in the output too: its times say when. To fill up with silence by
    # aresample=async can hang ffmpeg 9 where several outputs share a process.
    source, part = wanted.source, wanted.part
    first = [cutting.sound_filters(source, part, made, sound, alone=False) for sound in wanted.heard]
    return first, [cutting.pair_filters(source, part, made, sound) for sound in wanted.heard]


def heard(wanted: Film, first: Sequence[Sequence[str] | None], each: Sequence[Sequence[str]]) -> tuple[Encoded, ...]:
    """The sounds of a film, with what `prepared` says of them."""
    spec, silent = wanted.spec.audio, seconds(wanted.seconds)
    fades = effects.fading(wanted.spec, wanted.seconds, sound=True)
    last = (*effects.tempo(wanted.speed), *(fades if wanted.put is None else ()))
    found = []
    for sound, before, mono in zip(wanted.heard, first, each, strict=True):
        if copying.takes_sound(wanted, sound, before):
            found.append(copying.sound(sound))
            continue
        taken = sounds.taken(sound, spec.channels, before, silent=silent, each=mono, last=last)
        found.append(_encoded(wanted, sound, _mixed(wanted, sound, taken, fades)))
    if wanted.put is not None and wanted.replaced:  # it may be equal to its own
        found.append(_encoded(wanted, wanted.put, _put(wanted, wanted.put, fades)))
    return tuple(found)


def _encoded(wanted: Film, sound: tracks.Sound, taken: Taken) -> Encoded:
    spec, codec = wanted.spec.audio, SOUNDS[wanted.spec.audio.codec]
    return Encoded(
        kind=Kind.AUDIO,
        taken=taken,
        encoder=codec.encoder,
        options=codec.encoding(
            spec.bitrate_bps or DEFAULT_BPS,
            codec.accepted_rate(spec.sample_rate_hz, sound.sample_rate_hz),
            sounds.channels_of(sound, spec.channels),
        ),
    )


def _put(wanted: Film, put: tracks.Sound, fades: Sequence[str]) -> Taken:
    """The sound of another input in the place of the film's own."""
    name = wanted.spec.soundtrack.input
    chain = soundtracks.chain(wanted.spec, wanted.others[name], put, wanted.seconds)
    taken = sounds.taken(put, wanted.spec.audio.channels, chain, silent="", last=fades)
    return replace(taken, reading=_reading(wanted, name))


def _mixed(wanted: Film, sound: tracks.Sound, taken: Taken, fades: Sequence[str]) -> Taken:
    """A sound of the film with that of another input, if one is put to it."""
    put, spec = wanted.put, wanted.spec
    if put is None:
        return taken
    name, codec = spec.soundtrack.input, SOUNDS[spec.audio.codec]
    if not taken.streams:  # it is silent there
        return _put(wanted, put, fades)
    rate = codec.accepted_rate(spec.audio.sample_rate_hz, sound.sample_rate_hz)
    other = soundtracks.chain(spec, wanted.others[name], put, wanted.seconds)
    channels = sounds.channels_of(sound, spec.audio.channels)
    graph = soundtracks.mixed(spec, taken, other, rate, channels, wanted.seconds)
    streams = (*taken.streams, put.parts[0].index)
    readings = (*taken.readings, _reading(wanted, name))
    return Taken(streams=streams, filters=",".join((graph, *fades)), reading=readings)


def file(wanted: Film, times: Times | None = None, kept: tuple[str, ...] = ()) -> PlannedFile:
    """The film's own; `times` and `kept` as in Expected."""
    duration, tolerance = lasts(wanted, wanted.streams)
    return PlannedFile(
        output=wanted.output,
        path=wanted.path,
        stored=not wanted.name,
        content_type=CONTENT_TYPES[wanted.extension],
        expected=Expected(
            streams=(expected_picture(wanted), *expected_sounds(wanted)),
            duration_seconds=duration,
            duration_tolerance_seconds=tolerance,
            times=times,
            kept=kept,
        ),
    )


def expected_picture(wanted: Film) -> ExpectedStream:
    """What must come out."""
    size, codec = wanted.scaling.final, VIDEO[wanted.spec.video.codec].name
    return ExpectedStream(kind=MediaInfo.Stream.VIDEO, codec=codec, width=size.width, height=size.height)


def expected_sounds(wanted: Film) -> tuple[ExpectedStream, ...]:
    """As of the picture."""
    return tuple(
        ExpectedStream(
            kind=MediaInfo.Stream.AUDIO,
            codec=SOUNDS[wanted.spec.audio.codec].name,
            language=languages.code(languages.in_quicktime(sound.language)) if wanted.is_quicktime else sound.language,
        )
        for sound in wanted.sounds
    )


def cost(wanted: Film, part: Span, context: PlanContext) -> Cost:
    """What a film, or a chunk of it, is reckoned to take."""
    spec, taken, size = wanted.spec.video, wanted.picture, wanted.scaling.final
    heard_bytes = memory.SOUND_BYTES * len(wanted.heard)
    lasting = part.length / wanted.speed
    if copying.takes_picture(wanted):
        return Cost(seconds=lasting, reading_bytes=memory.SOUND_BYTES, writing_bytes=heard_bytes)
    marks = [wanted.others[name] for name in laid(wanted).read]
    over = sum(memory.decoding(tracks.picture(one, wanted.output), one.demuxer, 1) for one in marks)
    return Cost(
        seconds=lasting,
        reading_cpu=costs.decoding(taken, part.length),
        # At another speed as many frames come out, unless a rate is asked for.
        writing_cpu=costs.encoding(spec, size, taken, lasting if spec.frame_rate else part.length),
        reading_bytes=memory.decoding(taken, wanted.source.demuxer, context.threads, wanted.composition) + over,
        writing_bytes=memory.encoding(spec, size, taken) + heard_bytes,
    )
