"""transcode: encode picture and sound into one file."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import composing, costs, cutting, memory, pictures, sounds, tracks
from reelmill.media.checks import background_violations, track_violations, trim_looks, trim_violations
from reelmill.media.contract import PlanContext, Planned, Source
from reelmill.media.formats.containers import AUDIO_CODECS, CONTENT_TYPES, EXTENSIONS, MUXING, VIDEO_CODECS
from reelmill.media.formats.sound import DEFAULT_BPS, SOUNDS
from reelmill.media.formats.video import VIDEO, frame_rate
from reelmill.media.geometry import Scaling, Size, aspects, box, display_size, fit
from reelmill.media.pictures import Shown
from reelmill.media.promises import Expected, ExpectedStream, PlannedFile
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import Span, believable_seconds, expected_seconds, may_change, reading, span
from reelmill.media.steps import Cost, Encoded, Kind, Step, Writing
from reelmill.media.timeline import SECOND
from reelmill.media.tracks import Sound
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import AudioSettings, Transcode, VideoSettings

_SIDES = (16, 16384)  # in pixels: libx265 takes no smaller ones, libx264 no larger ones
_FREE_FITS = (VideoSettings.FIT_UNSPECIFIED, VideoSettings.CONTAIN, VideoSettings.SHRINK)


class TranscodeOperation:
    """See Transcode in operations.proto."""

    name = "transcode"
    description = "Encode picture and sound into one file."
    extensions = tuple(EXTENSIONS.values())
    encoders = frozenset({*(c.encoder for c in VIDEO.values()), *(c.encoder for c in SOUNDS.values())})
    filters = pictures.FILTERS | cutting.FILTERS | composing.FILTERS | sounds.FILTERS | {"fps"}

    def violations(self, spec: Transcode, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = trim_violations(spec.trim, f"{path}.trim")
        container = spec.container or Transcode.MP4
        name = Transcode.Container.Name(container)
        video, audio = spec.video, spec.audio
        if video.codec and video.codec not in VIDEO_CODECS[container]:
            accepted = map(VideoSettings.Codec.Name, VIDEO_CODECS[container])
            problem = _misfit(VideoSettings.Codec.Name(video.codec), name, accepted)
            found.append(Violation(f"{path}.video.codec", problem))
        if audio.codec and audio.codec not in AUDIO_CODECS[container]:
            accepted = map(AudioSettings.Codec.Name, AUDIO_CODECS[container])
            problem = _misfit(AudioSettings.Codec.Name(audio.codec), name, accepted)
            found.append(Violation(f"{path}.audio.codec", problem))
        found += _rate_violations(video, _video_codec(spec), f"{path}.video")
        if video.fit not in _FREE_FITS and not (video.width and video.height):
            found.append(Violation(f"{path}.video.fit", "needs both width and height"))
        keeps = container in (Transcode.WEBM, Transcode.MKV) and _video_codec(spec) == VideoSettings.VP9
        kept_by = "VP9 in WEBM or MKV"
        found += background_violations(video.background, f"{path}.video", keeps=keeps, kept_by=kept_by)
        if spec.mute and spec.HasField("audio"):
            found.append(Violation(f"{path}.mute", "contradicts audio: leave one of the two out"))
        if spec.mute and spec.audio_tracks:
            found.append(Violation(f"{path}.mute", "contradicts audio_tracks: leave one of the two out"))
        for i, selector in enumerate(spec.audio_tracks):
            found += track_violations(selector, f"{path}.audio_tracks[{i}]")
        rates = SOUNDS[_audio_codec(spec)].rates
        if audio.sample_rate_hz and audio.sample_rate_hz not in rates:
            allowed = ", ".join(map(str, rates))
            found.append(Violation(f"{path}.audio.sample_rate_hz", f"must be one of {allowed} for this codec"))
        return found

    def with_defaults(self, spec: Transcode) -> Transcode:
        """Fills in container, codecs, quality, fit and bit rate."""
        made = Transcode()
        made.CopyFrom(spec)
        made.container = spec.container or Transcode.MP4
        video = made.video
        video.codec = _video_codec(spec)
        video.fit = video.fit or VideoSettings.CONTAIN
        video.effort = video.effort or VideoSettings.FAST
        if not video.bitrate_bps and not video.HasField("crf"):
            video.crf = VIDEO[video.codec].default_crf
        if not spec.mute:
            made.audio.codec = _audio_codec(spec)
            made.audio.bitrate_bps = made.audio.bitrate_bps or DEFAULT_BPS
        return made

    def looks(self, spec: Transcode) -> tuple[float, ...]:
        """Both ends of a trim."""
        return trim_looks(spec.trim)

    def plan(self, output: str, spec: Transcode, source: Source, context: PlanContext) -> Planned:
        """One step, one file."""
        part = span(source, spec.trim, output)
        picture = tracks.picture(source, output)
        heard = () if spec.mute else tracks.sounds(source, spec.audio_tracks, output)
        width, height = box(display_size(picture), spec.video)
        scaling = fit(display_size(picture), width, height, spec.video.fit, least=_SIDES[0])
        _check_size(scaling.final, output)
        if spec.video.frame_rate and part.length > believable_seconds(source.info):
            raise AttemptFailed(
                "INPUT_UNSUPPORTED",
                f"the input claims {source.info.duration_seconds:.0f} s in {source.info.size_bytes} bytes, so no even"
                " frame rate is made of it; leave frame_rate out",
                output=output,
            )
        used = [picture.index, *(stream.index for sound in heard for stream in sound.parts)]
        made = cutting.cut(source, part, used, picture.index)
        first = [cutting.sound_filters(source, part, made, sound, alone=False) for sound in heard]
        video = _picture(spec, source, picture, scaling, made, part, context)
        # Sound that starts late does so in the output too: its times say when. To fill up with silence by
        # aresample=async can hang ffmpeg 9 where several outputs share a process.
        each = [cutting.pair_filters(source, part, made, sound) for sound in heard]
        audio = [_sound(spec.audio, *told, part) for told in zip(heard, first, each, strict=True)]
        file = _file(output, spec, source, part, picture, scaling.final, heard)
        writing = Writing(
            path=file.path,
            streams=(video, *audio),
            # No title, place or camera of the input goes out unless asked for.
            options=(
                *("-map_metadata", "-1", "-map_chapters", "-1"),
                *sounds.tags(heard),
                *MUXING[spec.container],
            ),
            seconds=part.length if part.cut else 0.0,
            promised=(file,),
        )
        composition = source.info.composition if source.info.HasField("composition") else None
        cost = Cost(
            seconds=part.length,
            reading_cpu=costs.decoding(picture, part.length),
            writing_cpu=costs.encoding(spec.video, scaling.final, picture, part.length),
            reading_bytes=memory.decoding(picture, source.demuxer, context.threads, composition),
            writing_bytes=memory.encoding(spec.video, scaling.final, picture) + memory.SOUND_BYTES * len(heard),
        )
        return (
            Step(
                reads=(reading(source, start=made.seek / SECOND),),
                writes=(writing,),
                cost=cost,
                shares=cutting.joins(source, (*first, *each), used),
            ),
        )


def _picture(
    spec: Transcode,
    source: Source,
    picture: MediaInfo.Stream,
    scaling: Scaling,
    made: cutting.Cut,
    part: Span,
    context: PlanContext,
) -> Encoded:
    composition = source.info.composition if source.info.HasField("composition") else None
    rate = (f"fps={frame_rate(spec.video.frame_rate)}",) if spec.video.frame_rate else ()
    free = spec.video.fit in _FREE_FITS or spec.video.fit == VideoSettings.PAD
    shown = Shown(
        scaling=scaling,
        background=spec.video.background,
        changing=free and may_change(source),
        aspects=aspects(picture, part.start) if free else (),
    )
    graph = ",".join((*made.picture(), *rate, *pictures.filters(picture, shown), pictures.FILM))
    codec = VIDEO[spec.video.codec]
    clock = ("-enc_time_base:v", "filter" if composition or made.moved else "demux")
    return Encoded(
        kind=Kind.VIDEO,
        taken=composing.taken(composition, picture.index, graph),
        encoder=codec.encoder,
        options=(
            *codec.encoding(spec.video, spec.container, context.threads, transparent=shown.kept and picture.alpha),
            *made.encoding(reorders=codec.reorders, even=bool(rate), mp4=spec.container == Transcode.MP4),
        ),
        # Frames keep their times: none is repeated, dropped, or moved to the grid of an average rate.
        timing=("-fps_mode", "vfr", *(() if rate else clock)),
        threads=context.threads,
    )


def _sound(spec: AudioSettings, sound: Sound, first: Sequence[str] | None, each: Sequence[str], part: Span) -> Encoded:
    codec = SOUNDS[spec.codec]
    rate = codec.accepted_rate(spec.sample_rate_hz, sound.sample_rate_hz)
    return Encoded(
        kind=Kind.AUDIO,
        taken=sounds.taken(sound, spec.channels, first, silent=seconds(part.length), each=each),
        encoder=codec.encoder,
        options=codec.encoding(spec.bitrate_bps, rate, sounds.channels_of(sound, spec.channels)),
    )


def _file(
    output: str,
    spec: Transcode,
    source: Source,
    part: Span,
    picture: MediaInfo.Stream,
    size: Size,
    heard: Sequence[Sound],
) -> PlannedFile:
    codec = VIDEO[spec.video.codec].name
    streams = [ExpectedStream(kind=MediaInfo.Stream.VIDEO, codec=codec, width=size.width, height=size.height)]
    streams += (
        ExpectedStream(kind=MediaInfo.Stream.AUDIO, codec=SOUNDS[spec.audio.codec].name, language=sound.language)
        for sound in heard
    )
    used = (picture, *(stream for sound in heard for stream in sound.parts))
    duration, tolerance = expected_seconds(part, used, source.timeline)
    extension = EXTENSIONS[spec.container]
    return PlannedFile(
        output=output,
        path=PurePosixPath(output, f"{output}.{extension}"),
        content_type=CONTENT_TYPES[extension],
        expected=Expected(streams=tuple(streams), duration_seconds=duration, duration_tolerance_seconds=tolerance),
    )


def _check_size(size: Size, output: str) -> None:
    """One side may follow from the other, and so come out at a size that no encoder takes."""
    smallest, largest = _SIDES
    if min(size.width, size.height) < smallest or max(size.width, size.height) > largest:
        raise AttemptFailed(
            "INPUT_UNSUPPORTED",
            f"the picture would have {size.width} × {size.height} pixels, and each side must be {smallest}–{largest}; "
            "give width and height",
            output=output,
        )


def _video_codec(spec: Transcode) -> VideoSettings.Codec:
    return spec.video.codec or VIDEO_CODECS[spec.container or Transcode.MP4][0]


def _audio_codec(spec: Transcode) -> AudioSettings.Codec:
    return spec.audio.codec or AUDIO_CODECS[spec.container or Transcode.MP4][0]


def _misfit(codec: str, container: str, accepted: Iterable[str]) -> str:
    return f"{codec} does not go into {container}; it takes {', '.join(accepted)}"


def _rate_violations(video: VideoSettings, codec: VideoSettings.Codec, path: str) -> list[Violation]:
    found = []
    if video.bitrate_bps and video.HasField("crf"):
        found.append(Violation(f"{path}.crf", "contradicts bitrate_bps: leave one of the two out"))
    highest = VIDEO[codec].max_crf
    if video.crf > highest:
        name = VideoSettings.Codec.Name(codec)
        found.append(Violation(f"{path}.crf", f"{video.crf:g} is not between 0 and {highest}, the range of {name}"))
    return found
