"""transcode: encode picture and sound into one file."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import composing, cutting, formats, memory, pictures, sounds, tracks
from reelmill.media.checks import background_violations, track_violations, trim_violations
from reelmill.media.contract import Command, Expected, Plan, PlanContext, PlannedFile, Source
from reelmill.media.geometry import Size, aspects, box, display_size, fit
from reelmill.media.pictures import Shown
from reelmill.media.sources import believable_seconds, expected_seconds, may_change, open_options, seconds, span
from reelmill.media.timeline import SECOND
from reelmill.media.tracks import Sound
from reelmill.v1.operations_pb2 import AudioSettings, Transcode, VideoSettings

_MUX = {
    # The index at the front: a player starts before the file is whole.
    Transcode.MP4: ("-movflags", "+faststart", "-f", "mp4"),
    Transcode.WEBM: ("-f", "webm"),
    Transcode.MKV: ("-f", "matroska"),
}


_SIDES = (16, 16384)  # in pixels: libx265 takes no smaller ones, libx264 no larger ones
_FREE_FITS = (VideoSettings.FIT_UNSPECIFIED, VideoSettings.CONTAIN, VideoSettings.SHRINK)


class TranscodeOperation:
    """See Transcode in operations.proto."""

    name = "transcode"
    description = "Encode picture and sound into one file."
    extensions = tuple(formats.CONTAINER_EXTENSIONS.values())

    def violations(self, spec: Transcode, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = trim_violations(spec.trim, f"{path}.trim")
        container = spec.container or Transcode.MP4
        name = Transcode.Container.Name(container)
        video, audio = spec.video, spec.audio
        if video.codec and video.codec not in formats.VIDEO_CODECS[container]:
            accepted = map(VideoSettings.Codec.Name, formats.VIDEO_CODECS[container])
            problem = _misfit(VideoSettings.Codec.Name(video.codec), name, accepted)
            found.append(Violation(f"{path}.video.codec", problem))
        if audio.codec and audio.codec not in formats.AUDIO_CODECS[container]:
            accepted = map(AudioSettings.Codec.Name, formats.AUDIO_CODECS[container])
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
        rates = formats.AUDIO_RATES[_audio_codec(spec)]
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
            video.crf = formats.DEFAULT_CRF[video.codec]
        if not spec.mute:
            made.audio.codec = _audio_codec(spec)
            made.audio.bitrate_bps = made.audio.bitrate_bps or formats.DEFAULT_AUDIO_BPS
        return made

    def plan(self, output: str, spec: Transcode, source: Source, context: PlanContext) -> Plan:
        """One command, one file."""
        part = span(source, spec.trim, output)
        picture = tracks.picture(source, output)
        heard = () if spec.mute else tracks.sounds(source, spec.audio_tracks, output)
        composition = source.info.composition if source.info.HasField("composition") else None
        width, height = box(display_size(picture), spec.video)
        scaling = fit(display_size(picture), width, height, spec.video.fit, least=_SIDES[0])
        _check_size(scaling.final, output)
        extension = formats.CONTAINER_EXTENSIONS[spec.container]
        path = PurePosixPath(output, f"{output}.{extension}")
        if spec.video.frame_rate and part.length > believable_seconds(source.info):
            raise AttemptFailed(
                "INPUT_UNSUPPORTED",
                f"the input claims {source.info.duration_seconds:.0f} s in {source.info.size_bytes} bytes, so no even"
                " frame rate is made of it; leave frame_rate out",
                output=output,
            )
        rate = (f"fps={formats.frame_rate(spec.video.frame_rate)}",) if spec.video.frame_rate else ()
        free = spec.video.fit in _FREE_FITS or spec.video.fit == VideoSettings.PAD
        shown = Shown(
            scaling=scaling,
            background=spec.video.background,
            changing=free and may_change(source),
            aspects=aspects(picture, part.start) if free else (),
        )
        used = [picture.index, *(stream.index for sound in heard for stream in sound.parts)]
        made = cutting.cut(source, part, used, picture.index)
        first = [cutting.sound_filters(source, part, made, sound, alone=False) for sound in heard]
        graph = ",".join((*made.picture(), *rate, *pictures.filters(picture, shown), pictures.FILM))
        writes = (
            *composing.maps(composition, picture.index, graph, f"{output}-picture"),
            *sounds.maps(heard, spec.audio.channels, output, first, silent=seconds(part.length)),
            *composing.filtered(composition, graph),
            # Frames keep their times: none is repeated, dropped, or moved to the grid of an average rate.
            *(
                "-fps_mode",
                "vfr",
                *(() if rate else ("-enc_time_base:v", "filter" if composition or made.moved else "demux")),
            ),
            *formats.video_encoder(
                spec.video, spec.container, context.threads, transparent=shown.kept and picture.alpha
            ),
            *made.encoding(reorders=spec.video.codec in (VideoSettings.H264, VideoSettings.H265)),
            *_audio_options(spec.audio, heard, first),
            *(("-t", seconds(part.length)) if part.cut else ()),
            # No title, place or camera of the input goes out unless asked for.
            *("-map_metadata", "-1", "-map_chapters", "-1"),
            *sounds.tags(heard),
            *_MUX[spec.container],
            str(path),
        )
        streams = (picture, *(stream for sound in heard for stream in sound.parts))
        duration, tolerance = expected_seconds(part, streams, source.timeline)
        expected = Expected(
            video_codec=formats.VIDEO_NAMES[spec.video.codec],
            audio_codec=formats.AUDIO_NAMES[spec.audio.codec] if heard else None,
            languages=tuple(sound.language for sound in heard),
            width=scaling.final.width,
            height=scaling.final.height,
            duration_seconds=duration,
            duration_tolerance_seconds=tolerance,
        )
        command = Command(
            inputs=open_options(source, context, start=made.seek / SECOND),
            writes=writes,
            outputs=(output,),
            duration_seconds=part.length,
            joins=cutting.joins(source, first, used),
            reading_bytes=memory.decoding(picture, source.demuxer, context.threads, composition),
            writing_bytes=memory.encoding(spec.video, scaling.final, picture) + memory.SOUND_BYTES * len(heard),
        )
        file = PlannedFile(output=output, path=path, content_type=formats.CONTENT_TYPES[extension], expected=expected)
        return Plan(commands=(command,), files=(file,))


def _audio_options(
    spec: AudioSettings, heard: tuple[Sound, ...], first: Sequence[Sequence[str] | None]
) -> tuple[str, ...]:
    # Sound that starts late does so in the output too: its times say when. To fill up with silence by
    # aresample=async can hang ffmpeg 9 where several outputs share a process.
    options: list[str] = []
    for i, sound in enumerate(heard):
        rate = formats.accepted_rate(formats.AUDIO_RATES[spec.codec], spec.sample_rate_hz, sound.sample_rate_hz)
        channels = sounds.channels_of(sound, spec.channels)
        each = (
            *sounds.filtered(sound, spec.channels, first[i]),
            *formats.audio_encoder(spec.codec, spec.bitrate_bps, rate, channels),
        )
        options += sounds.numbered(each, i, len(heard))
    return tuple(options)


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
    return spec.video.codec or formats.VIDEO_CODECS[spec.container or Transcode.MP4][0]


def _audio_codec(spec: Transcode) -> AudioSettings.Codec:
    return spec.audio.codec or formats.AUDIO_CODECS[spec.container or Transcode.MP4][0]


def _misfit(codec: str, container: str, accepted: Iterable[str]) -> str:
    return f"{codec} does not go into {container}; it takes {', '.join(accepted)}"


def _rate_violations(video: VideoSettings, codec: VideoSettings.Codec, path: str) -> list[Violation]:
    found = []
    if video.bitrate_bps and video.HasField("crf"):
        found.append(Violation(f"{path}.crf", "contradicts bitrate_bps: leave one of the two out"))
    highest = formats.MAX_CRF[codec]
    if video.crf > highest:
        name = VideoSettings.Codec.Name(codec)
        found.append(Violation(f"{path}.crf", f"{video.crf:g} is not between 0 and {highest}, the range of {name}"))
    return found
