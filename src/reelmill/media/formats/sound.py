"""Sounds: the codecs of a film's sound, and files of sound alone. Pure."""

from dataclasses import dataclass

from reelmill.v1.operations_pb2 import AudioExtract, AudioSettings

DEFAULT_BPS = 128_000
_OPUS_CHANNEL_BPS = 256_000
# What each encoder accepts; ffmpeg would refuse or silently change others.
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_PCM_RATES = (*_AAC_RATES, 176400, 192000)


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundCodec:
    """A codec of sound, and how its encoder is told what to do."""

    name: str
    """FFmpeg's, as a probe of the output finds it."""
    encoder: str
    """FFmpeg's name of the encoder."""
    rates: tuple[int, ...]
    """Sampling rates in Hz that it takes, ascending."""
    lossless: bool = False
    """It has no bit rate."""
    channel_bps: int = 0
    """The most for each channel that the encoder takes; 0: it takes its own highest by itself."""
    least_channel_bps: int = 0
    """The least for each channel, with less of which the encoder fails."""
    max_channels: int = 0
    """0: any."""
    fixed: tuple[str, ...] = ()
    """Options that are always given."""
    counted: bool = False
    """Its own head tells how much was encoded, whatever of it is written."""
    quad: str = "quad"
    """FFmpeg's name of the layout of four channels that it knows."""

    def encoding(self, bitrate_bps: int, sample_rate_hz: int, channels: int) -> tuple[str, ...]:
        """All options but the encoder's name. Rates and channels are the output's own."""
        highest = self.channel_bps * channels or bitrate_bps
        asked = max(min(bitrate_bps, highest), self.least_channel_bps * channels)
        rate = () if self.lossless else ("-b:a", str(asked))
        # For 3 and 4 channels ffmpeg's own choices are 2.1 and 4.0, which Opus and FLAC don't know.
        layout = {3: "3.0", 4: self.quad}.get(channels)
        samples = ("-ar", str(sample_rate_hz), *(("-ch_layout", layout) if layout else ("-ac", str(channels))))
        return (*rate, *self.fixed, *samples)

    def accepted_rate(self, asked_hz: int, source_hz: int) -> int:
        """The asked rate, else the lowest accepted one that keeps all of the source, else the highest."""
        if asked_hz:
            return asked_hz
        return next((rate for rate in self.rates if rate >= source_hz), self.rates[-1])


_AAC = SoundCodec(name="aac", encoder="aac", rates=_AAC_RATES, quad="4.0")
_OPUS = SoundCodec(name="opus", encoder="libopus", rates=_OPUS_RATES, channel_bps=_OPUS_CHANNEL_BPS)
SOUNDS: dict[AudioSettings.Codec, SoundCodec] = {AudioSettings.AAC: _AAC, AudioSettings.OPUS: _OPUS}
"""Of a film."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundFile:
    """A file of sound alone."""

    codec: SoundCodec
    extension: str
    muxing: tuple[str, ...]
    """Options of its muxer."""
    tagged_whole: bool = False
    """Its tags are the file's and not a stream's."""
    untagged: bool = False
    """It has no tags at all: no language goes out with it."""


_MP3 = SoundCodec(name="mp3", encoder="libmp3lame", rates=_MP3_RATES, max_channels=2)
# 24 bits are what FLAC stores of a longer sample anyway.
_FLAC = SoundCodec(
    name="flac", encoder="flac", rates=_PCM_RATES, lossless=True, fixed=("-bits_per_raw_sample", "24"), counted=True
)
_DOLBY_RATES = (32000, 44100, 48000)
_DOLBY_CHANNEL_BPS = 32_000
_AC3 = SoundCodec(
    name="ac3", encoder="ac3", rates=_DOLBY_RATES, least_channel_bps=_DOLBY_CHANNEL_BPS, max_channels=6, quad="4.0"
)
_EAC3 = SoundCodec(
    name="eac3", encoder="eac3", rates=_DOLBY_RATES, least_channel_bps=_DOLBY_CHANNEL_BPS, max_channels=6, quad="4.0"
)
_PCM = SoundCodec(name="pcm_s16le", encoder="pcm_s16le", rates=_PCM_RATES, lossless=True)
SOUND_FILES: dict[AudioExtract.Format, SoundFile] = {
    AudioExtract.MP3: SoundFile(codec=_MP3, extension="mp3", muxing=("-f", "mp3"), tagged_whole=True),
    # ipod is mp4 with the brand M4A, by which players know that it is sound.
    AudioExtract.M4A: SoundFile(codec=_AAC, extension="m4a", muxing=("-movflags", "+faststart", "-f", "ipod")),
    AudioExtract.OPUS: SoundFile(codec=_OPUS, extension="opus", muxing=("-f", "opus")),
    AudioExtract.FLAC: SoundFile(codec=_FLAC, extension="flac", muxing=("-f", "flac"), tagged_whole=True),
    AudioExtract.AC3: SoundFile(codec=_AC3, extension="ac3", muxing=("-f", "ac3"), untagged=True),
    AudioExtract.EAC3: SoundFile(codec=_EAC3, extension="eac3", muxing=("-f", "eac3"), untagged=True),
    # A plain WAV ends at 4 GiB.
    AudioExtract.WAV: SoundFile(codec=_PCM, extension="wav", muxing=("-rf64", "auto", "-f", "wav"), tagged_whole=True),
}
