from reelmill.v1 import overlays_pb2 as _overlays_pb2
from reelmill.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TimeRange(_message.Message):
    __slots__ = ("start_seconds", "end_seconds")
    START_SECONDS_FIELD_NUMBER: _ClassVar[int]
    END_SECONDS_FIELD_NUMBER: _ClassVar[int]
    start_seconds: float
    end_seconds: float
    def __init__(self, start_seconds: _Optional[float] = ..., end_seconds: _Optional[float] = ...) -> None: ...

class TrackSelector(_message.Message):
    __slots__ = ("index", "language", "role", "default_track", "all")
    class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ROLE_UNSPECIFIED: _ClassVar[TrackSelector.Role]
        COMMENTARY: _ClassVar[TrackSelector.Role]
        AUDIO_DESCRIPTION: _ClassVar[TrackSelector.Role]
        HARD_OF_HEARING: _ClassVar[TrackSelector.Role]
        DUBBED: _ClassVar[TrackSelector.Role]
        ORIGINAL: _ClassVar[TrackSelector.Role]
    ROLE_UNSPECIFIED: TrackSelector.Role
    COMMENTARY: TrackSelector.Role
    AUDIO_DESCRIPTION: TrackSelector.Role
    HARD_OF_HEARING: TrackSelector.Role
    DUBBED: TrackSelector.Role
    ORIGINAL: TrackSelector.Role
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_TRACK_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    index: int
    language: str
    role: TrackSelector.Role
    default_track: bool
    all: bool
    def __init__(self, index: _Optional[int] = ..., language: _Optional[str] = ..., role: _Optional[_Union[TrackSelector.Role, str]] = ..., default_track: _Optional[bool] = ..., all: _Optional[bool] = ...) -> None: ...

class VideoSettings(_message.Message):
    __slots__ = ("codec", "width", "height", "fit", "crf", "bitrate_bps", "frame_rate", "effort", "match_orientation", "background", "keyframe_interval_seconds", "short_side", "crop", "rotate_degrees", "flip", "deinterlace", "denoise", "sharpen", "max_bitrate_bps", "buffer_seconds", "two_pass", "b_frames", "profile", "level", "bit_depth", "hdr", "copy", "target_vmaf")
    class Codec(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CODEC_UNSPECIFIED: _ClassVar[VideoSettings.Codec]
        H264: _ClassVar[VideoSettings.Codec]
        H265: _ClassVar[VideoSettings.Codec]
        VP9: _ClassVar[VideoSettings.Codec]
        AV1: _ClassVar[VideoSettings.Codec]
    CODEC_UNSPECIFIED: VideoSettings.Codec
    H264: VideoSettings.Codec
    H265: VideoSettings.Codec
    VP9: VideoSettings.Codec
    AV1: VideoSettings.Codec
    class Fit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FIT_UNSPECIFIED: _ClassVar[VideoSettings.Fit]
        CONTAIN: _ClassVar[VideoSettings.Fit]
        PAD: _ClassVar[VideoSettings.Fit]
        CROP: _ClassVar[VideoSettings.Fit]
        STRETCH: _ClassVar[VideoSettings.Fit]
        SHRINK: _ClassVar[VideoSettings.Fit]
    FIT_UNSPECIFIED: VideoSettings.Fit
    CONTAIN: VideoSettings.Fit
    PAD: VideoSettings.Fit
    CROP: VideoSettings.Fit
    STRETCH: VideoSettings.Fit
    SHRINK: VideoSettings.Fit
    class Effort(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        EFFORT_UNSPECIFIED: _ClassVar[VideoSettings.Effort]
        FAST: _ClassVar[VideoSettings.Effort]
        MEDIUM: _ClassVar[VideoSettings.Effort]
        SLOW: _ClassVar[VideoSettings.Effort]
    EFFORT_UNSPECIFIED: VideoSettings.Effort
    FAST: VideoSettings.Effort
    MEDIUM: VideoSettings.Effort
    SLOW: VideoSettings.Effort
    class Copy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        COPY_UNSPECIFIED: _ClassVar[VideoSettings.Copy]
        NEVER: _ClassVar[VideoSettings.Copy]
        WHEN_POSSIBLE: _ClassVar[VideoSettings.Copy]
        REQUIRED: _ClassVar[VideoSettings.Copy]
    COPY_UNSPECIFIED: VideoSettings.Copy
    NEVER: VideoSettings.Copy
    WHEN_POSSIBLE: VideoSettings.Copy
    REQUIRED: VideoSettings.Copy
    class Flip(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FLIP_UNSPECIFIED: _ClassVar[VideoSettings.Flip]
        HORIZONTAL: _ClassVar[VideoSettings.Flip]
        VERTICAL: _ClassVar[VideoSettings.Flip]
    FLIP_UNSPECIFIED: VideoSettings.Flip
    HORIZONTAL: VideoSettings.Flip
    VERTICAL: VideoSettings.Flip
    class Deinterlace(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DEINTERLACE_UNSPECIFIED: _ClassVar[VideoSettings.Deinterlace]
        AUTO: _ClassVar[VideoSettings.Deinterlace]
        OFF: _ClassVar[VideoSettings.Deinterlace]
        ALWAYS: _ClassVar[VideoSettings.Deinterlace]
        TELECINE: _ClassVar[VideoSettings.Deinterlace]
    DEINTERLACE_UNSPECIFIED: VideoSettings.Deinterlace
    AUTO: VideoSettings.Deinterlace
    OFF: VideoSettings.Deinterlace
    ALWAYS: VideoSettings.Deinterlace
    TELECINE: VideoSettings.Deinterlace
    class Strength(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STRENGTH_UNSPECIFIED: _ClassVar[VideoSettings.Strength]
        LIGHT: _ClassVar[VideoSettings.Strength]
        MODERATE: _ClassVar[VideoSettings.Strength]
        STRONG: _ClassVar[VideoSettings.Strength]
    STRENGTH_UNSPECIFIED: VideoSettings.Strength
    LIGHT: VideoSettings.Strength
    MODERATE: VideoSettings.Strength
    STRONG: VideoSettings.Strength
    class Hdr(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        HDR_UNSPECIFIED: _ClassVar[VideoSettings.Hdr]
        SDR: _ClassVar[VideoSettings.Hdr]
        KEEP: _ClassVar[VideoSettings.Hdr]
    HDR_UNSPECIFIED: VideoSettings.Hdr
    SDR: VideoSettings.Hdr
    KEEP: VideoSettings.Hdr
    class Rectangle(_message.Message):
        __slots__ = ("left", "top", "width", "height")
        LEFT_FIELD_NUMBER: _ClassVar[int]
        TOP_FIELD_NUMBER: _ClassVar[int]
        WIDTH_FIELD_NUMBER: _ClassVar[int]
        HEIGHT_FIELD_NUMBER: _ClassVar[int]
        left: int
        top: int
        width: int
        height: int
        def __init__(self, left: _Optional[int] = ..., top: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...
    CODEC_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FIT_FIELD_NUMBER: _ClassVar[int]
    CRF_FIELD_NUMBER: _ClassVar[int]
    BITRATE_BPS_FIELD_NUMBER: _ClassVar[int]
    FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
    EFFORT_FIELD_NUMBER: _ClassVar[int]
    MATCH_ORIENTATION_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    KEYFRAME_INTERVAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SHORT_SIDE_FIELD_NUMBER: _ClassVar[int]
    CROP_FIELD_NUMBER: _ClassVar[int]
    ROTATE_DEGREES_FIELD_NUMBER: _ClassVar[int]
    FLIP_FIELD_NUMBER: _ClassVar[int]
    DEINTERLACE_FIELD_NUMBER: _ClassVar[int]
    DENOISE_FIELD_NUMBER: _ClassVar[int]
    SHARPEN_FIELD_NUMBER: _ClassVar[int]
    MAX_BITRATE_BPS_FIELD_NUMBER: _ClassVar[int]
    BUFFER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TWO_PASS_FIELD_NUMBER: _ClassVar[int]
    B_FRAMES_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    BIT_DEPTH_FIELD_NUMBER: _ClassVar[int]
    HDR_FIELD_NUMBER: _ClassVar[int]
    COPY_FIELD_NUMBER: _ClassVar[int]
    TARGET_VMAF_FIELD_NUMBER: _ClassVar[int]
    codec: VideoSettings.Codec
    width: int
    height: int
    fit: VideoSettings.Fit
    crf: float
    bitrate_bps: int
    frame_rate: float
    effort: VideoSettings.Effort
    match_orientation: bool
    background: str
    keyframe_interval_seconds: float
    short_side: int
    crop: VideoSettings.Rectangle
    rotate_degrees: int
    flip: VideoSettings.Flip
    deinterlace: VideoSettings.Deinterlace
    denoise: VideoSettings.Strength
    sharpen: VideoSettings.Strength
    max_bitrate_bps: int
    buffer_seconds: float
    two_pass: bool
    b_frames: int
    profile: str
    level: str
    bit_depth: int
    hdr: VideoSettings.Hdr
    copy: VideoSettings.Copy
    target_vmaf: float
    def __init__(self, codec: _Optional[_Union[VideoSettings.Codec, str]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., fit: _Optional[_Union[VideoSettings.Fit, str]] = ..., crf: _Optional[float] = ..., bitrate_bps: _Optional[int] = ..., frame_rate: _Optional[float] = ..., effort: _Optional[_Union[VideoSettings.Effort, str]] = ..., match_orientation: _Optional[bool] = ..., background: _Optional[str] = ..., keyframe_interval_seconds: _Optional[float] = ..., short_side: _Optional[int] = ..., crop: _Optional[_Union[VideoSettings.Rectangle, _Mapping]] = ..., rotate_degrees: _Optional[int] = ..., flip: _Optional[_Union[VideoSettings.Flip, str]] = ..., deinterlace: _Optional[_Union[VideoSettings.Deinterlace, str]] = ..., denoise: _Optional[_Union[VideoSettings.Strength, str]] = ..., sharpen: _Optional[_Union[VideoSettings.Strength, str]] = ..., max_bitrate_bps: _Optional[int] = ..., buffer_seconds: _Optional[float] = ..., two_pass: _Optional[bool] = ..., b_frames: _Optional[int] = ..., profile: _Optional[str] = ..., level: _Optional[str] = ..., bit_depth: _Optional[int] = ..., hdr: _Optional[_Union[VideoSettings.Hdr, str]] = ..., copy: _Optional[_Union[VideoSettings.Copy, str]] = ..., target_vmaf: _Optional[float] = ...) -> None: ...

class AudioSettings(_message.Message):
    __slots__ = ("codec", "bitrate_bps", "sample_rate_hz", "channels", "copy")
    class Codec(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CODEC_UNSPECIFIED: _ClassVar[AudioSettings.Codec]
        AAC: _ClassVar[AudioSettings.Codec]
        OPUS: _ClassVar[AudioSettings.Codec]
    CODEC_UNSPECIFIED: AudioSettings.Codec
    AAC: AudioSettings.Codec
    OPUS: AudioSettings.Codec
    CODEC_FIELD_NUMBER: _ClassVar[int]
    BITRATE_BPS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    COPY_FIELD_NUMBER: _ClassVar[int]
    codec: AudioSettings.Codec
    bitrate_bps: int
    sample_rate_hz: int
    channels: int
    copy: VideoSettings.Copy
    def __init__(self, codec: _Optional[_Union[AudioSettings.Codec, str]] = ..., bitrate_bps: _Optional[int] = ..., sample_rate_hz: _Optional[int] = ..., channels: _Optional[int] = ..., copy: _Optional[_Union[VideoSettings.Copy, str]] = ...) -> None: ...

class Subtitles(_message.Message):
    __slots__ = ("input", "track", "language", "burn_in")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    TRACK_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    BURN_IN_FIELD_NUMBER: _ClassVar[int]
    input: str
    track: TrackSelector
    language: str
    burn_in: bool
    def __init__(self, input: _Optional[str] = ..., track: _Optional[_Union[TrackSelector, _Mapping]] = ..., language: _Optional[str] = ..., burn_in: _Optional[bool] = ...) -> None: ...

class Transcode(_message.Message):
    __slots__ = ("container", "video", "audio", "mute", "trim", "audio_tracks", "chunk_seconds", "no_video", "speed", "fade_in_seconds", "fade_out_seconds", "overlays", "soundtrack", "keep", "subtitles")
    class Container(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CONTAINER_UNSPECIFIED: _ClassVar[Transcode.Container]
        MP4: _ClassVar[Transcode.Container]
        WEBM: _ClassVar[Transcode.Container]
        MKV: _ClassVar[Transcode.Container]
        MOV: _ClassVar[Transcode.Container]
        TS: _ClassVar[Transcode.Container]
    CONTAINER_UNSPECIFIED: Transcode.Container
    MP4: Transcode.Container
    WEBM: Transcode.Container
    MKV: Transcode.Container
    MOV: Transcode.Container
    TS: Transcode.Container
    class Kept(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KEPT_UNSPECIFIED: _ClassVar[Transcode.Kept]
        TITLE: _ClassVar[Transcode.Kept]
        CHAPTERS: _ClassVar[Transcode.Kept]
    KEPT_UNSPECIFIED: Transcode.Kept
    TITLE: Transcode.Kept
    CHAPTERS: Transcode.Kept
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    MUTE_FIELD_NUMBER: _ClassVar[int]
    TRIM_FIELD_NUMBER: _ClassVar[int]
    AUDIO_TRACKS_FIELD_NUMBER: _ClassVar[int]
    CHUNK_SECONDS_FIELD_NUMBER: _ClassVar[int]
    NO_VIDEO_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    FADE_IN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FADE_OUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    OVERLAYS_FIELD_NUMBER: _ClassVar[int]
    SOUNDTRACK_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    SUBTITLES_FIELD_NUMBER: _ClassVar[int]
    container: Transcode.Container
    video: VideoSettings
    audio: AudioSettings
    mute: bool
    trim: TimeRange
    audio_tracks: _containers.RepeatedCompositeFieldContainer[TrackSelector]
    chunk_seconds: float
    no_video: bool
    speed: float
    fade_in_seconds: float
    fade_out_seconds: float
    overlays: _containers.RepeatedCompositeFieldContainer[_overlays_pb2.Overlay]
    soundtrack: _overlays_pb2.Soundtrack
    keep: _containers.RepeatedScalarFieldContainer[Transcode.Kept]
    subtitles: _containers.RepeatedCompositeFieldContainer[Subtitles]
    def __init__(self, container: _Optional[_Union[Transcode.Container, str]] = ..., video: _Optional[_Union[VideoSettings, _Mapping]] = ..., audio: _Optional[_Union[AudioSettings, _Mapping]] = ..., mute: _Optional[bool] = ..., trim: _Optional[_Union[TimeRange, _Mapping]] = ..., audio_tracks: _Optional[_Iterable[_Union[TrackSelector, _Mapping]]] = ..., chunk_seconds: _Optional[float] = ..., no_video: _Optional[bool] = ..., speed: _Optional[float] = ..., fade_in_seconds: _Optional[float] = ..., fade_out_seconds: _Optional[float] = ..., overlays: _Optional[_Iterable[_Union[_overlays_pb2.Overlay, _Mapping]]] = ..., soundtrack: _Optional[_Union[_overlays_pb2.Soundtrack, _Mapping]] = ..., keep: _Optional[_Iterable[_Union[Transcode.Kept, str]]] = ..., subtitles: _Optional[_Iterable[_Union[Subtitles, _Mapping]]] = ...) -> None: ...

class Thumbnail(_message.Message):
    __slots__ = ("count", "times_seconds", "width", "height", "format", "quality", "background", "interval_seconds", "scene_changes", "best")
    class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FORMAT_UNSPECIFIED: _ClassVar[Thumbnail.Format]
        JPEG: _ClassVar[Thumbnail.Format]
        PNG: _ClassVar[Thumbnail.Format]
        WEBP: _ClassVar[Thumbnail.Format]
    FORMAT_UNSPECIFIED: Thumbnail.Format
    JPEG: Thumbnail.Format
    PNG: Thumbnail.Format
    WEBP: Thumbnail.Format
    COUNT_FIELD_NUMBER: _ClassVar[int]
    TIMES_SECONDS_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SCENE_CHANGES_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    count: int
    times_seconds: _containers.RepeatedScalarFieldContainer[float]
    width: int
    height: int
    format: Thumbnail.Format
    quality: int
    background: str
    interval_seconds: float
    scene_changes: bool
    best: bool
    def __init__(self, count: _Optional[int] = ..., times_seconds: _Optional[_Iterable[float]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., format: _Optional[_Union[Thumbnail.Format, str]] = ..., quality: _Optional[int] = ..., background: _Optional[str] = ..., interval_seconds: _Optional[float] = ..., scene_changes: _Optional[bool] = ..., best: _Optional[bool] = ...) -> None: ...

class AudioExtract(_message.Message):
    __slots__ = ("format", "bitrate_bps", "sample_rate_hz", "channels", "trim", "audio_track", "loudness_lufs", "true_peak_dbtp", "remove_silence", "fade_in_seconds", "fade_out_seconds")
    class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FORMAT_UNSPECIFIED: _ClassVar[AudioExtract.Format]
        MP3: _ClassVar[AudioExtract.Format]
        M4A: _ClassVar[AudioExtract.Format]
        OPUS: _ClassVar[AudioExtract.Format]
        FLAC: _ClassVar[AudioExtract.Format]
        WAV: _ClassVar[AudioExtract.Format]
        AC3: _ClassVar[AudioExtract.Format]
        EAC3: _ClassVar[AudioExtract.Format]
    FORMAT_UNSPECIFIED: AudioExtract.Format
    MP3: AudioExtract.Format
    M4A: AudioExtract.Format
    OPUS: AudioExtract.Format
    FLAC: AudioExtract.Format
    WAV: AudioExtract.Format
    AC3: AudioExtract.Format
    EAC3: AudioExtract.Format
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    BITRATE_BPS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    TRIM_FIELD_NUMBER: _ClassVar[int]
    AUDIO_TRACK_FIELD_NUMBER: _ClassVar[int]
    LOUDNESS_LUFS_FIELD_NUMBER: _ClassVar[int]
    TRUE_PEAK_DBTP_FIELD_NUMBER: _ClassVar[int]
    REMOVE_SILENCE_FIELD_NUMBER: _ClassVar[int]
    FADE_IN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FADE_OUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    format: AudioExtract.Format
    bitrate_bps: int
    sample_rate_hz: int
    channels: int
    trim: TimeRange
    audio_track: TrackSelector
    loudness_lufs: float
    true_peak_dbtp: float
    remove_silence: RemoveSilence
    fade_in_seconds: float
    fade_out_seconds: float
    def __init__(self, format: _Optional[_Union[AudioExtract.Format, str]] = ..., bitrate_bps: _Optional[int] = ..., sample_rate_hz: _Optional[int] = ..., channels: _Optional[int] = ..., trim: _Optional[_Union[TimeRange, _Mapping]] = ..., audio_track: _Optional[_Union[TrackSelector, _Mapping]] = ..., loudness_lufs: _Optional[float] = ..., true_peak_dbtp: _Optional[float] = ..., remove_silence: _Optional[_Union[RemoveSilence, _Mapping]] = ..., fade_in_seconds: _Optional[float] = ..., fade_out_seconds: _Optional[float] = ...) -> None: ...

class RemoveSilence(_message.Message):
    __slots__ = ("threshold_dbfs", "min_seconds", "keep_seconds", "inside")
    THRESHOLD_DBFS_FIELD_NUMBER: _ClassVar[int]
    MIN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    KEEP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    INSIDE_FIELD_NUMBER: _ClassVar[int]
    threshold_dbfs: float
    min_seconds: float
    keep_seconds: float
    inside: bool
    def __init__(self, threshold_dbfs: _Optional[float] = ..., min_seconds: _Optional[float] = ..., keep_seconds: _Optional[float] = ..., inside: _Optional[bool] = ...) -> None: ...
