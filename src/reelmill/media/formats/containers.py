"""Files: which ones we read, which ones we write, and what goes into them. Pure."""

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
UNORDERED = frozenset({"h264", "hevc"})
"""Codecs of pictures whose order of showing FFmpeg's readers don't know where a container does not tell it."""
MAX_PIXELS = 8192 * 8192  # of one picture: a forged header must not take all memory

CONTENT_TYPES = {
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "ts": "video/mp2t",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
    "tiff": "image/tiff",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "ac3": "audio/ac3",
    "eac3": "audio/eac3",
    "json": "application/json",
    "vtt": "text/vtt",
    "srt": "application/x-subrip",
    "ttml": "application/ttml+xml",
    "ass": "text/x-ssa",
}

V, A, C, F = VideoSettings, AudioSettings, Transcode, AudioExtract

EXTENSIONS = {C.MP4: "mp4", C.WEBM: "webm", C.MKV: "mkv", C.MOV: "mov", C.TS: "ts"}
"""Of a film's containers."""
VIDEO_CODECS = {
    C.MP4: (V.H264, V.H265, V.AV1, V.VP9),
    C.WEBM: (V.VP9, V.AV1),
    C.MKV: (V.H264, V.H265, V.VP9, V.AV1),
    C.MOV: (V.H264, V.H265),
    C.TS: (V.H264, V.H265),
}
"""What players accept in a container; the first is the default."""
AUDIO_CODECS = {
    C.MP4: (A.AAC, A.OPUS),
    C.WEBM: (A.OPUS,),
    C.MKV: (A.AAC, A.OPUS),
    C.MOV: (A.AAC,),
    C.TS: (A.AAC,),
}
"""As VIDEO_CODECS."""
MUXING = {
    # The index at the front: a player starts before the file is whole.
    C.MP4: ("-movflags", "+faststart", "-f", "mp4"),
    C.WEBM: ("-f", "webm"),
    C.MKV: ("-f", "matroska"),
    C.MOV: ("-movflags", "+faststart", "-f", "mov"),
    C.TS: ("-f", "mpegts"),
}
"""Options of a film's muxer."""
