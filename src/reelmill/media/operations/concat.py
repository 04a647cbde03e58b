"""concat: put parts of inputs one after the other, to the frame, into one file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import costs, cutting, film, memory, pictures, sounds, tracks, windows
from reelmill.media.checks import trim_violations
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.formats.codec import Wanted
from reelmill.media.formats.containers import CONTENT_TYPES, EXTENSIONS, MUXING
from reelmill.media.formats.sound import SOUNDS
from reelmill.media.formats.video import VIDEO
from reelmill.media.geometry import Scaling, Size, aspects, box, display_size, fit
from reelmill.media.operations.transcode import CONTRACT_FILTERS, TranscodeOperation
from reelmill.media.pictures import Shown
from reelmill.media.promises import Expected, ExpectedStream, PlannedFile, allowance
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import Span, believable_seconds, is_still, may_change, reading, span
from reelmill.media.steps import Cost, Encoded, Kind, Reading, Step, Taken, Writing
from reelmill.media.timeline import SECOND
from reelmill.media.weaving import woven
from reelmill.media.windows import Window
from reelmill.v1.concat_pb2 import Concat
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import Transcode, VideoSettings

_STILL_SECONDS = 3.0  # of a picture that no trim says the length of
_RATES = (1.0, 120.0)
_RATE = 25.0  # of what says none
_SAMPLE_RATE = 48_000
_EXACT = (VideoSettings.CROP, VideoSettings.STRETCH)
_LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
_NOT_HERE = (
    *("short_side", "crop", "rotate_degrees", "flip", "deinterlace", "denoise", "sharpen"),
    *("target_vmaf", "two_pass", "bit_depth", "hdr", "copy"),
)
"""Of VideoSettings: what only a single picture can have."""
_LIKE = TranscodeOperation()


class ConcatOperation:
    """See Concat in concat.proto."""

    name = "concat"
    description = "Put parts of inputs one after the other, into one file."
    extensions = _LIKE.extensions
    encoders = _LIKE.encoders
    filters = (
        CONTRACT_FILTERS
        | windows.FILTERS
        | sounds.FILTERS
        | {"concat", "xfade", "acrossfade", "aformat", "atrim", "asetpts", "anull", "anullsrc"}
    )
    example = '{"name": "joined", "concat": {"parts": [{"trim": {"end_seconds": 1}}, {}], "crossfade_seconds": 0.2}}'

    def violations(self, spec: Concat, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = _LIKE.violations(_transcode(spec), path)
        for settings, names in (("video", _NOT_HERE), ("audio", ("copy",))):
            given = {field.name for field, _ in getattr(spec, settings).ListFields()}
            where = f"{path}.{settings}"
            found += (
                Violation(f"{where}.{name}", "is not for parts: transcode them first")
                for name in names
                if name in given
            )
        for i, part in enumerate(spec.parts):
            found += trim_violations(part.trim, f"{path}.parts[{i}].trim")
        return found

    def with_defaults(self, spec: Concat) -> Concat:
        """Fills in container, codecs, quality, fit and bit rate."""
        made, whole = Concat(), _LIKE.with_defaults(_transcode(spec))
        made.CopyFrom(spec)
        made.container = whole.container
        made.video.CopyFrom(whole.video)
        if not spec.mute:
            made.audio.CopyFrom(whole.audio)
        return made

    def inputs(self, spec: Concat) -> tuple[str, ...]:
        """Those that parts name."""
        return tuple(dict.fromkeys(part.input for part in spec.parts if part.input))

    def looks(self, spec: Concat) -> tuple[float, ...]:
        """None: parts begin with the frame that a seek finds."""
        return ()

    def plan(self, output: str, spec: Concat, source: Source, context: PlanContext) -> Planned:
        """One step, one file: each part is read by itself, its picture and its sound."""
        parts = _parts(output, spec, source, context)
        rate, over = parts[0].window.rate, round(spec.crossfade_seconds * parts[0].window.rate)
        counts = [part.window.frames for part in parts]
        for i, count in enumerate(counts):
            needed = over * ((i > 0) + (i < len(parts) - 1))
            if len(parts) > 1 and count <= needed:
                message = f"part {i + 1} lasts {count / rate:.3f} s, and its cross-fades {needed / rate:.3f} s"
                raise AttemptFailed("INPUT_UNSUPPORTED", f"{message}; give a smaller crossfade_seconds", output=output)
        reads: list[Reading] = []
        streams = [_picture(spec, parts, over, reads, context)]
        sound = _sound(spec, parts, over, reads)
        streams += [sound] if sound else []
        frames = sum(counts) - over * (len(parts) - 1)
        size, length = parts[0].scaling.final, frames / rate
        extension = EXTENSIONS[spec.container]
        path = PurePosixPath(output, f"{output}.{extension}")
        expected = [
            ExpectedStream(
                kind=MediaInfo.Stream.VIDEO, codec=VIDEO[spec.video.codec].name, width=size.width, height=size.height
            )
        ]
        if sound:
            expected.append(ExpectedStream(kind=MediaInfo.Stream.AUDIO, codec=SOUNDS[spec.audio.codec].name))
        file = PlannedFile(
            output=output,
            path=path,
            content_type=CONTENT_TYPES[extension],
            expected=Expected(
                streams=tuple(expected), duration_seconds=length, duration_tolerance_seconds=allowance(length) / 2
            ),
        )
        writing = Writing(
            path=path,
            streams=tuple(streams),
            options=("-map_metadata", "-1", "-map_chapters", "-1", *MUXING[spec.container]),
            promised=(file,),
        )
        cost = Cost(
            seconds=length,
            reading_cpu=sum(costs.decoding(part.picture, part.window.length) for part in parts),
            writing_cpu=costs.encoding(spec.video, size, parts[0].picture, length),
            reading_bytes=sum(memory.decoding(p.picture, p.source.demuxer, context.threads) for p in parts),
            writing_bytes=memory.encoding(spec.video, size, parts[0].picture) + memory.SOUND_BYTES * (1 + len(parts)),
        )
        return (Step(reads=tuple(reads), writes=(writing,), cost=cost, shares=False),)

    def division(self, output: str, spec: Concat, source: Source) -> Division | None:
        """None."""
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """A part, as it is taken."""

    source: Source
    picture: MediaInfo.Stream
    sound: tracks.Sound | None
    window: Window
    scaling: Scaling


def _transcode(spec: Concat) -> Transcode:
    """What has the same settings."""
    made = Transcode(container=spec.container, mute=spec.mute)
    if spec.HasField("video"):
        made.video.CopyFrom(spec.video)
    if spec.HasField("audio"):
        made.audio.CopyFrom(spec.audio)
    return made


def _parts(output: str, spec: Concat, source: Source, context: PlanContext) -> list[_Part]:
    """All parts, which become as large as the first, and as fast. Raises AttemptFailed."""
    made: list[_Part] = []
    rate, size = spec.video.frame_rate, Size(0, 0)
    for i, part in enumerate(spec.parts):
        of = context.sources.get(part.input, source) if part.input else source
        picture = tracks.picture(of, output)
        heard = () if spec.mute else tracks.sounds(of, (), output)
        shape = display_size(picture)
        if not i:
            rate = rate or _rate(picture)
            scaling = fit(shape, *box(shape, spec.video), spec.video.fit, least=film.SIDES[0])
            size = scaling.final
            _check_size(size, output)
        else:
            how = spec.video.fit if spec.video.fit in _EXACT else VideoSettings.PAD
            scaling = fit(shape, size.width, size.height, how)
        window = _window(of, part, rate, output, i)
        made.append(_Part(source=of, picture=picture, sound=next(iter(heard), None), window=window, scaling=scaling))
    return made


def _rate(picture: MediaInfo.Stream) -> float:
    low, high = _RATES
    return min(high, max(low, picture.frame_rate)) if picture.frame_rate else _RATE


def _check_size(size: Size, output: str) -> None:
    smallest, largest = film.SIDES
    if min(size.width, size.height) < smallest or max(size.width, size.height) > largest:
        message = (
            f"the picture would have {size.width} × {size.height} pixels, and each side must be {smallest}–{largest}"
        )
        raise AttemptFailed("INPUT_UNSUPPORTED", f"{message}; give width and height", output=output)


def _window(source: Source, part: Concat.Part, rate: float, output: str, i: int) -> Window:
    taken = span(source, part.trim, output)
    length = taken.length or (_STILL_SECONDS if is_still(source) else 0.0)
    if not length:
        message = f"the input of part {i + 1} does not say how long it is; give its trim an end_seconds"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    if not is_still(source) and length > believable_seconds(source.info):
        message = f"the input of part {i + 1} claims {length:.0f} s in {source.info.size_bytes} bytes"
        raise AttemptFailed("INPUT_UNSUPPORTED", f"{message}; give its trim an end_seconds", output=output)
    return Window(start=taken.start, length=length, rate=rate)


def _picture(spec: Concat, parts: Sequence[_Part], over: int, reads: list[Reading], context: PlanContext) -> Encoded:
    """The picture of all; what it reads is put behind `reads`. `over`: frames of a cross-fade."""
    taken = []
    for part in parts:
        shown = Shown(
            scaling=part.scaling,
            background=spec.video.background,
            changing=may_change(part.source),
            aspects=aspects(part.picture, part.window.start),
        )
        last = ("format=yuv420p", pictures.FILM)
        read, one = windows.taken(part.source, part.picture, part.window, shown, len(reads), last, alone=False)
        reads.append(read)
        taken.append(one)
    rate = parts[0].window.rate
    together = _faded(len(parts), f"xfade=transition=fade:duration={seconds(over / rate)}", parts, over)
    codec = VIDEO[spec.video.codec]
    return Encoded(
        kind=Kind.VIDEO,
        taken=woven(taken, together if over else _after_each_other(len(parts), "concat=n={}")),
        encoder=codec.encoder,
        options=codec.encoding(
            Wanted(
                spec=spec.video,
                container=spec.container,
                threads=context.threads,
                size=parts[0].scaling.final,
            )
        ),
        timing=("-fps_mode", "vfr"),
        threads=context.threads,
    )


def _after_each_other(count: int, how: str) -> str:
    ends = "".join(f"[p{i}]" for i in range(count))
    return f"{ends}{how.format(count)}" if count > 1 else "[p0]null"


def _faded(count: int, fade: str, parts: Sequence[_Part], over: int) -> str:
    """Each part faded into the next, which begins so many frames before the one before ends."""
    graphs, before = [], "[p0]"
    rate = parts[0].window.rate
    ends = list(accumulate(part.window.frames for part in parts))
    for i in range(1, count):
        offset = seconds((ends[i - 1] - over * i) / rate)
        after = f"[x{i}]" if i < count - 1 else ""
        graphs.append(f"{before}[p{i}]{fade}:offset={offset}{after}")
        before = after
    return ";".join(graphs) if graphs else "[p0]null"


def _sound(spec: Concat, parts: Sequence[_Part], over: int, reads: list[Reading]) -> Encoded | None:
    """As `_picture`; None where no part has any. What has none, or ends early, is silent."""
    heard = [part.sound for part in parts if part.sound]
    if spec.mute or not heard:
        return None
    codec = SOUNDS[spec.audio.codec]
    rate = codec.accepted_rate(spec.audio.sample_rate_hz, max(sound.sample_rate_hz for sound in heard) or _SAMPLE_RATE)
    channels = spec.audio.channels or max(sounds.channels_of(sound, 0) for sound in heard)
    layout = _LAYOUTS[channels - 1]
    edges = [0, *accumulate(part.window.frames for part in parts)]
    taken = []
    for part, begin, end in zip(parts, edges, edges[1:], strict=False):
        samples = round(end / part.window.rate * rate) - round(begin / part.window.rate * rate)
        cut = f"apad=whole_len={samples},atrim=end_sample={samples},asetpts=N/SR/TB"
        taken.append(_heard(part, channels, f"aresample={rate},aformat=channel_layouts={layout},{cut}", reads))
    together = _after_each_other(len(parts), "concat=n={}:v=0:a=1").replace("[p0]null", "[p0]anull")
    if over and len(parts) > 1:
        fade = f"acrossfade=nb_samples={round(over / parts[0].window.rate * rate)}"
        chain = [f"{'[p0]' if i == 1 else f'[x{i - 1}]'}[p{i}]{fade}" for i in range(1, len(parts))]
        together = ";".join(f"{one}[x{i}]" if i < len(chain) else one for i, one in enumerate(chain, 1))
    return Encoded(
        kind=Kind.AUDIO,
        taken=woven(taken, together),
        encoder=codec.encoder,
        options=codec.encoding(spec.audio.bitrate_bps, rate, channels),
    )


def _heard(part: _Part, channels: int, last: str, reads: list[Reading]) -> Taken:
    sound, source = part.sound, part.source
    if sound is None:
        return Taken(filters=f"anullsrc=r={_SAMPLE_RATE}:cl={_LAYOUTS[channels - 1]},{last}")
    of = Span(part.window.start, part.window.frames / part.window.rate, cut=True)
    used = [stream.index for stream in sound.parts]
    made = cutting.cut(source, of, used)
    first = cutting.sound_filters(source, of, made, sound, alone=True)
    each = cutting.pair_filters(source, of, made, sound)
    taken = sounds.taken(sound, channels, first, silent=seconds(of.length), each=each)
    if taken.streams:
        reads.append(reading(source, start=made.seek / SECOND, alone=True))
    chain = f"{taken.filters},{last}" if taken.filters else last
    return replace(taken, filters=chain, reading=len(reads) - 1)
