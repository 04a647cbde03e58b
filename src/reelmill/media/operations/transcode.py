"""transcode: encode picture and sound into one file."""

from collections.abc import Iterable

from reelmill.jobs.errors import Violation
from reelmill.media import (
    composing,
    copying,
    cutting,
    effects,
    films,
    likeness,
    markings,
    overlays,
    pictures,
    rates,
    seeing,
    soundfilms,
    sounds,
    soundtracks,
    subtitles,
)
from reelmill.media.checks import background_violations, track_violations, trim_looks, trim_violations
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.film import FREE_FITS, film
from reelmill.media.formats.containers import AUDIO_CODECS, EXTENSIONS, VIDEO_CODECS
from reelmill.media.formats.sound import DEFAULT_BPS, SOUNDS
from reelmill.media.formats.video import VIDEO
from reelmill.v1.operations_pb2 import AudioSettings, Transcode, VideoSettings

CONTRACT_FILTERS = seeing.FILTERS | (likeness.FILTERS - likeness.RARE)
"""Of what measures an output for its contract."""


class TranscodeOperation:
    """See Transcode in operations.proto."""

    name = "transcode"
    description = "Encode picture and sound into one file."
    extensions = tuple(EXTENSIONS.values())
    encoders = (
        seeing.ENCODERS
        | {"ass", *subtitles.ENCODERS.values()}
        | {c.encoder for c in VIDEO.values()}
        | {c.encoder for c in SOUNDS.values()}
    )
    filters = (
        frozenset({"fps"}) | pictures.FILTERS | cutting.FILTERS | composing.FILTERS | sounds.FILTERS | CONTRACT_FILTERS
    )
    filters |= effects.FILTERS | effects.SOUND_FILTERS | overlays.FILTERS | soundtracks.FILTERS | subtitles.FILTERS
    example = '{"name": "small", "transcode": {"video": {"height": 180}, "audio": {"bitrate_bps": 96000}}}'

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
        found += rates.violations(video, _video_codec(spec), f"{path}.video")
        found += effects.violations(spec, path)
        found += copying.violations(spec, path)
        found += overlays.violations(spec, path)
        found += markings.violations(spec, path)
        found += subtitles.violations(spec, path)
        found += soundtracks.violations(spec, path)
        found += rates.target_violations(video, f"{path}.video", effects.altered(spec))
        if video.fit not in FREE_FITS and not (video.width and video.height):
            found.append(Violation(f"{path}.video.fit", "needs both width and height"))
        keeps = container in (Transcode.WEBM, Transcode.MKV) and _video_codec(spec) == VideoSettings.VP9
        kept_by = "VP9 in WEBM or MKV"
        found += background_violations(video.background, f"{path}.video", keeps=keeps, kept_by=kept_by)
        if spec.mute and spec.HasField("audio"):
            found.append(Violation(f"{path}.mute", "contradicts audio: leave one of the two out"))
        if spec.mute and spec.audio_tracks:
            found.append(Violation(f"{path}.mute", "contradicts audio_tracks: leave one of the two out"))
        if spec.no_video and spec.HasField("video"):
            found.append(Violation(f"{path}.no_video", "contradicts video: leave one of the two out"))
        if spec.no_video and spec.mute:
            found.append(Violation(f"{path}.no_video", "contradicts mute: nothing would be left"))
        for i, selector in enumerate(spec.audio_tracks):
            found += track_violations(selector, f"{path}.audio_tracks[{i}]")
        accepted_hz = SOUNDS[_audio_codec(spec)].rates
        if audio.sample_rate_hz and audio.sample_rate_hz not in accepted_hz:
            allowed = ", ".join(map(str, accepted_hz))
            found.append(Violation(f"{path}.audio.sample_rate_hz", f"must be one of {allowed} for this codec"))
        return found

    def with_defaults(self, spec: Transcode) -> Transcode:
        """Fills in container, codecs, quality, fit and bit rate."""
        made = Transcode()
        made.CopyFrom(spec)
        made.container = spec.container or Transcode.MP4
        if not spec.no_video:
            video = made.video
            video.codec = _video_codec(spec)
            video.fit = video.fit or VideoSettings.CONTAIN
            video.effort = video.effort or VideoSettings.FAST
            if not video.bitrate_bps and not video.HasField("crf") and not video.target_vmaf:
                video.crf = VIDEO[video.codec].default_crf
        if not spec.mute:
            made.audio.codec = _audio_codec(spec)
            # What may be copied has any bit rate, where none is asked for.
            if made.audio.copy not in (VideoSettings.WHEN_POSSIBLE, VideoSettings.REQUIRED):
                made.audio.bitrate_bps = made.audio.bitrate_bps or DEFAULT_BPS
        return made

    def inputs(self, spec: Transcode) -> tuple[str, ...]:
        """Those that are laid over its picture, or heard."""
        return (*overlays.inputs(spec), *soundtracks.inputs(spec), *subtitles.inputs(spec))

    def looks(self, spec: Transcode) -> tuple[float, ...]:
        """Both ends of a trim."""
        return trim_looks(spec.trim)

    def plan(self, output: str, spec: Transcode, source: Source, context: PlanContext) -> Planned:
        """One file: of one step, or of two where its picture is looked through first."""
        if spec.no_video:
            return (soundfilms.planned(output, spec, source),)
        return films.planned(film(output, spec, source, context.sources), context)

    def division(self, output: str, spec: Transcode, source: Source) -> Division | None:
        """Its film can be made of chunks where its quality is constant and its frames are the input's own."""
        return None if spec.no_video or self.inputs(spec) else films.division(film(output, spec, source))


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
