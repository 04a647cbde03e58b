"""Facts about formats: which files we read, and how ffmpeg is told to write each one. Pure.

The encoders' options follow ffmpeg's and the encoders' own documentation; each has its reason.
"""

from reelmill.v1.operations_pb2 import AudioExtract, AudioSettings, Transcode, VideoSettings

# FFmpeg's demuxers for files that stand alone. Those that open further files or addresses (hls,
# concat, dash, image sequences, …) are left out on purpose.
# fmt: off
DEMUXERS = frozenset({
    "aac", "ac3", "aiff", "amr", "ape", "apng", "asf", "avi", "bmp_pipe", "caf", "dv", "eac3", "flac", "flv", "gif",
    "h264", "hevc", "ivf", "jpeg_pipe", "m4v", "matroska", "mov", "mp3", "mpeg", "mpegts", "mpegvideo", "mxf", "nut",
    "obu", "ogg", "png_pipe", "rm", "tiff_pipe", "tta", "vc1", "w64", "wav", "webp_anim", "webp_pipe", "wv",
})
# fmt: on

STILL_DEMUXERS = frozenset(name for name in DEMUXERS if name.endswith("_pipe"))
UNMEASURED = frozenset({"aac", "ac3", "amr", "eac3", "h264", "hevc", "m4v", "mp3", "mpegvideo", "obu", "tta", "vc1"})
"""Formats without an index or times, whose length FFmpeg reckons from bytes and a bit rate."""
JOINED = frozenset({"mpegts", "mpeg"})
"""Formats without an index whose files may be joined by putting one after the other."""
MAX_PIXELS = 8192 * 8192  # of one picture: a forged header must not take all memory

CONTENT_TYPES = {
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "wav": "audio/wav",
}

V, A, C, F = VideoSettings, AudioSettings, Transcode, AudioExtract

# Container → extension, and the codecs that players accept in it; the first is the default.
VIDEO_CODECS = {
    C.MP4: (V.H264, V.H265, V.AV1, V.VP9),
    C.WEBM: (V.VP9, V.AV1),
    C.MKV: (V.H264, V.H265, V.VP9, V.AV1),
}
AUDIO_CODECS = {C.MP4: (A.AAC, A.OPUS), C.WEBM: (A.OPUS,), C.MKV: (A.AAC, A.OPUS)}
CONTAINER_EXTENSIONS = {C.MP4: "mp4", C.WEBM: "webm", C.MKV: "mkv"}
AUDIO_EXTENSIONS = {F.MP3: "mp3", F.M4A: "m4a", F.OPUS: "opus", F.FLAC: "flac", F.WAV: "wav"}

# FFmpeg's names, as a probe of the output will find them.
VIDEO_NAMES = {V.H264: "h264", V.H265: "hevc", V.VP9: "vp9", V.AV1: "av1"}
AUDIO_NAMES = {A.AAC: "aac", A.OPUS: "opus"}
EXTRACT_NAMES = {F.MP3: "mp3", F.M4A: "aac", F.OPUS: "opus", F.FLAC: "flac", F.WAV: "pcm_s16le"}

DEFAULT_CRF = {V.H264: 23, V.H265: 28, V.VP9: 33, V.AV1: 35}
MAX_CRF = {V.H264: 51, V.H265: 51, V.VP9: 63, V.AV1: 63}
DEFAULT_AUDIO_BPS = 128_000

_X26X_PRESETS = {V.FAST: "veryfast", V.MEDIUM: "medium", V.SLOW: "slow"}
_VP9_CPU_USED = {V.FAST: "5", V.MEDIUM: "3", V.SLOW: "1"}
_SVT_MAX_BPS = 100_000_000  # SVT-AV1 refuses more
_SVT_PRESETS = {V.FAST: "10", V.MEDIUM: "8", V.SLOW: "5"}


def frame_rate(value: float) -> str:
    """A rate as ffmpeg reads it; 23.976, 29.97, 59.94… become what is meant by them, 24000/1001 and so on."""
    whole = round(value * 1.001)
    if value != round(value) and abs(value - whole / 1.001) < 0.005:
        return f"{whole * 1000}/1001"
    return f"{value:.6f}".rstrip("0").rstrip(".")


def video_encoder(spec: VideoSettings, container: int, threads: int, *, transparent: bool = False) -> tuple[str, ...]:
    """Options of the picture's encoder. `spec` has its defaults filled in; `transparent` for VP9 alone."""
    codec, effort = spec.codec, spec.effort
    rate = _video_rate(spec)
    if codec == V.H264:
        # No -profile:v: x264 takes High by itself, and asked for it refuses -crf 0.
        options = ("-c:v", "libx264", "-preset", _X26X_PRESETS[effort], *rate)
    elif codec == V.H265:
        # hvc1: Apple's players refuse ffmpeg's default tag hev1.
        tag = ("-tag:v", "hvc1") if container == C.MP4 else ()
        pools = f":pools={threads}" if threads else ""
        params = ("-x265-params", f"log-level=error{pools}")
        options = ("-c:v", "libx265", "-preset", _X26X_PRESETS[effort], *rate, *params, *tag)
    elif codec == V.VP9:
        # row-mt: without it libvpx uses one thread for small pictures.
        quality = ("-deadline", "good", "-cpu-used", _VP9_CPU_USED[effort], "-row-mt", "1")
        options = ("-c:v", "libvpx-vp9", *rate, *quality)
    else:
        parallelism = ("-svtav1-params", f"lp={threads}") if threads else ()
        options = ("-c:v", "libsvtav1", "-preset", _SVT_PRESETS[effort], *rate, *parallelism)
    # yuv420p: what every player decodes. libvpx refuses hidden frames beside an opacity.
    pixels = ("-pix_fmt", "yuva420p", "-auto-alt-ref", "0") if transparent else ("-pix_fmt", "yuv420p")
    return (*options, *pixels, *(("-threads:v", str(threads)) if threads else ()))


def _video_rate(spec: VideoSettings) -> tuple[str, ...]:
    if not spec.bitrate_bps:
        crf = ("-crf", f"{spec.crf:g}")
        # libvpx takes -crf as a mere bound unless the bit rate is 0.
        return (*crf, "-b:v", "0") if spec.codec == V.VP9 else crf
    if spec.codec == V.AV1:
        return ("-b:v", str(min(spec.bitrate_bps, _SVT_MAX_BPS)))
    rate = ("-b:v", str(spec.bitrate_bps))
    if spec.codec in (V.H264, V.H265):
        # One-pass average rate with a two-second buffer, so that peaks stay playable.
        return (*rate, "-maxrate", str(spec.bitrate_bps * 3 // 2), "-bufsize", str(spec.bitrate_bps * 2))
    return rate


def audio_encoder(codec: AudioSettings.Codec, bitrate_bps: int, sample_rate_hz: int, channels: int) -> tuple[str, ...]:
    """Options of the sound's encoder in a transcode. Rates and channels are the output's own."""
    name = {A.AAC: "aac", A.OPUS: "libopus"}[codec]
    return ("-c:a", name, *_audio_rate(name, bitrate_bps, channels), *_samples(name, sample_rate_hz, channels))


def sound_file_encoder(
    format: AudioExtract.Format, bitrate_bps: int, sample_rate_hz: int, channels: int
) -> tuple[str, ...]:
    """Options of the encoder of a sound file."""
    name = {F.MP3: "libmp3lame", F.M4A: "aac", F.OPUS: "libopus", F.FLAC: "flac", F.WAV: "pcm_s16le"}[format]
    rate = _audio_rate(name, bitrate_bps, channels)
    if format == F.WAV:
        rate = ()
    elif format == F.FLAC:
        rate = ("-bits_per_raw_sample", "24")  # what FLAC stores of a longer sample anyway
    return ("-c:a", name, *rate, *_samples(name, sample_rate_hz, channels))


def _audio_rate(encoder: str, bitrate_bps: int, channels: int) -> tuple[str, ...]:
    # The others take their own highest by themselves; libopus refuses more.
    highest = _OPUS_CHANNEL_BPS * channels if encoder == "libopus" else bitrate_bps
    return ("-b:a", str(min(bitrate_bps, highest)))


def _samples(encoder: str, sample_rate_hz: int, channels: int) -> tuple[str, ...]:
    # For 3 and 4 channels ffmpeg's own choices are 2.1 and 4.0, which Opus and FLAC don't know.
    layout = {3: "3.0", 4: "4.0" if encoder == "aac" else "quad"}.get(channels)
    return ("-ar", str(sample_rate_hz), *(("-ch_layout", layout) if layout else ("-ac", str(channels))))


# What each encoder accepts; ffmpeg would refuse or silently change others.
_OPUS_CHANNEL_BPS = 256_000
OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
PCM_RATES = (*AAC_RATES, 176400, 192000)
AUDIO_RATES = {A.AAC: AAC_RATES, A.OPUS: OPUS_RATES}
EXTRACT_RATES = {F.MP3: MP3_RATES, F.M4A: AAC_RATES, F.OPUS: OPUS_RATES, F.FLAC: PCM_RATES, F.WAV: PCM_RATES}


def accepted_rate(rates: tuple[int, ...], asked_hz: int, source_hz: int) -> int:
    """The asked rate, else the lowest accepted one that keeps all of the source, else the highest."""
    if asked_hz:
        return asked_hz
    return next((rate for rate in rates if rate >= source_hz), rates[-1])
