from reelmill.v1 import operations_pb2 as _operations_pb2
from reelmill.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Waveform(_message.Message):
    __slots__ = ("format", "width", "height", "color", "background", "split_channels", "samples_per_pixel", "bits", "audio_track")
    class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FORMAT_UNSPECIFIED: _ClassVar[Waveform.Format]
        PNG: _ClassVar[Waveform.Format]
        JSON: _ClassVar[Waveform.Format]
    FORMAT_UNSPECIFIED: Waveform.Format
    PNG: Waveform.Format
    JSON: Waveform.Format
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    SPLIT_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_PER_PIXEL_FIELD_NUMBER: _ClassVar[int]
    BITS_FIELD_NUMBER: _ClassVar[int]
    AUDIO_TRACK_FIELD_NUMBER: _ClassVar[int]
    format: Waveform.Format
    width: int
    height: int
    color: str
    background: str
    split_channels: bool
    samples_per_pixel: int
    bits: int
    audio_track: _operations_pb2.TrackSelector
    def __init__(self, format: _Optional[_Union[Waveform.Format, str]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., color: _Optional[str] = ..., background: _Optional[str] = ..., split_channels: _Optional[bool] = ..., samples_per_pixel: _Optional[int] = ..., bits: _Optional[int] = ..., audio_track: _Optional[_Union[_operations_pb2.TrackSelector, _Mapping]] = ...) -> None: ...

class Analyze(_message.Message):
    __slots__ = ("looks", "black_seconds", "freeze_seconds", "silence_seconds", "silence_dbfs", "scene_threshold", "audio_track")
    class Look(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        LOOK_UNSPECIFIED: _ClassVar[Analyze.Look]
        BLACK: _ClassVar[Analyze.Look]
        FREEZE: _ClassVar[Analyze.Look]
        SILENCE: _ClassVar[Analyze.Look]
        SCENES: _ClassVar[Analyze.Look]
        LOUDNESS: _ClassVar[Analyze.Look]
        CROP: _ClassVar[Analyze.Look]
        BLUR: _ClassVar[Analyze.Look]
        INTERLACING: _ClassVar[Analyze.Look]
        SIGNAL_RANGE: _ClassVar[Analyze.Look]
    LOOK_UNSPECIFIED: Analyze.Look
    BLACK: Analyze.Look
    FREEZE: Analyze.Look
    SILENCE: Analyze.Look
    SCENES: Analyze.Look
    LOUDNESS: Analyze.Look
    CROP: Analyze.Look
    BLUR: Analyze.Look
    INTERLACING: Analyze.Look
    SIGNAL_RANGE: Analyze.Look
    LOOKS_FIELD_NUMBER: _ClassVar[int]
    BLACK_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FREEZE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SILENCE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SILENCE_DBFS_FIELD_NUMBER: _ClassVar[int]
    SCENE_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    AUDIO_TRACK_FIELD_NUMBER: _ClassVar[int]
    looks: _containers.RepeatedScalarFieldContainer[Analyze.Look]
    black_seconds: float
    freeze_seconds: float
    silence_seconds: float
    silence_dbfs: float
    scene_threshold: float
    audio_track: _operations_pb2.TrackSelector
    def __init__(self, looks: _Optional[_Iterable[_Union[Analyze.Look, str]]] = ..., black_seconds: _Optional[float] = ..., freeze_seconds: _Optional[float] = ..., silence_seconds: _Optional[float] = ..., silence_dbfs: _Optional[float] = ..., scene_threshold: _Optional[float] = ..., audio_track: _Optional[_Union[_operations_pb2.TrackSelector, _Mapping]] = ...) -> None: ...

class Compare(_message.Message):
    __slots__ = ("reference", "metrics")
    class Metric(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        METRIC_UNSPECIFIED: _ClassVar[Compare.Metric]
        VMAF: _ClassVar[Compare.Metric]
        VMAF_NEG: _ClassVar[Compare.Metric]
        PSNR: _ClassVar[Compare.Metric]
        SSIM: _ClassVar[Compare.Metric]
        XPSNR: _ClassVar[Compare.Metric]
    METRIC_UNSPECIFIED: Compare.Metric
    VMAF: Compare.Metric
    VMAF_NEG: Compare.Metric
    PSNR: Compare.Metric
    SSIM: Compare.Metric
    XPSNR: Compare.Metric
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    reference: str
    metrics: _containers.RepeatedScalarFieldContainer[Compare.Metric]
    def __init__(self, reference: _Optional[str] = ..., metrics: _Optional[_Iterable[_Union[Compare.Metric, str]]] = ...) -> None: ...

class Contract(_message.Message):
    __slots__ = ("miss", "min_duration_seconds", "max_duration_seconds", "min_width", "max_width", "min_height", "max_height", "min_frame_rate", "max_frame_rate", "video_streams", "audio_streams", "codecs", "min_lufs", "max_lufs", "max_true_peak_dbtp", "min_vmaf", "max_black_seconds", "max_freeze_seconds", "max_silence_seconds", "max_size_ratio", "max_peak_bitrate_bps", "text_streams", "caption_languages")
    class Miss(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MISS_UNSPECIFIED: _ClassVar[Contract.Miss]
        FAIL: _ClassVar[Contract.Miss]
        WARN: _ClassVar[Contract.Miss]
    MISS_UNSPECIFIED: Contract.Miss
    FAIL: Contract.Miss
    WARN: Contract.Miss
    MISS_FIELD_NUMBER: _ClassVar[int]
    MIN_DURATION_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_DURATION_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MIN_WIDTH_FIELD_NUMBER: _ClassVar[int]
    MAX_WIDTH_FIELD_NUMBER: _ClassVar[int]
    MIN_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    MAX_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    MIN_FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
    MAX_FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
    VIDEO_STREAMS_FIELD_NUMBER: _ClassVar[int]
    AUDIO_STREAMS_FIELD_NUMBER: _ClassVar[int]
    CODECS_FIELD_NUMBER: _ClassVar[int]
    MIN_LUFS_FIELD_NUMBER: _ClassVar[int]
    MAX_LUFS_FIELD_NUMBER: _ClassVar[int]
    MAX_TRUE_PEAK_DBTP_FIELD_NUMBER: _ClassVar[int]
    MIN_VMAF_FIELD_NUMBER: _ClassVar[int]
    MAX_BLACK_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_FREEZE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_SILENCE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_SIZE_RATIO_FIELD_NUMBER: _ClassVar[int]
    MAX_PEAK_BITRATE_BPS_FIELD_NUMBER: _ClassVar[int]
    TEXT_STREAMS_FIELD_NUMBER: _ClassVar[int]
    CAPTION_LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    miss: Contract.Miss
    min_duration_seconds: float
    max_duration_seconds: float
    min_width: int
    max_width: int
    min_height: int
    max_height: int
    min_frame_rate: float
    max_frame_rate: float
    video_streams: int
    audio_streams: int
    codecs: _containers.RepeatedScalarFieldContainer[str]
    min_lufs: float
    max_lufs: float
    max_true_peak_dbtp: float
    min_vmaf: float
    max_black_seconds: float
    max_freeze_seconds: float
    max_silence_seconds: float
    max_size_ratio: float
    max_peak_bitrate_bps: int
    text_streams: int
    caption_languages: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, miss: _Optional[_Union[Contract.Miss, str]] = ..., min_duration_seconds: _Optional[float] = ..., max_duration_seconds: _Optional[float] = ..., min_width: _Optional[int] = ..., max_width: _Optional[int] = ..., min_height: _Optional[int] = ..., max_height: _Optional[int] = ..., min_frame_rate: _Optional[float] = ..., max_frame_rate: _Optional[float] = ..., video_streams: _Optional[int] = ..., audio_streams: _Optional[int] = ..., codecs: _Optional[_Iterable[str]] = ..., min_lufs: _Optional[float] = ..., max_lufs: _Optional[float] = ..., max_true_peak_dbtp: _Optional[float] = ..., min_vmaf: _Optional[float] = ..., max_black_seconds: _Optional[float] = ..., max_freeze_seconds: _Optional[float] = ..., max_silence_seconds: _Optional[float] = ..., max_size_ratio: _Optional[float] = ..., max_peak_bitrate_bps: _Optional[int] = ..., text_streams: _Optional[int] = ..., caption_languages: _Optional[_Iterable[str]] = ...) -> None: ...

class Stretch(_message.Message):
    __slots__ = ("start_seconds", "end_seconds")
    START_SECONDS_FIELD_NUMBER: _ClassVar[int]
    END_SECONDS_FIELD_NUMBER: _ClassVar[int]
    start_seconds: float
    end_seconds: float
    def __init__(self, start_seconds: _Optional[float] = ..., end_seconds: _Optional[float] = ...) -> None: ...

class Levels(_message.Message):
    __slots__ = ("integrated_lufs", "range_lu", "true_peak_dbtp")
    INTEGRATED_LUFS_FIELD_NUMBER: _ClassVar[int]
    RANGE_LU_FIELD_NUMBER: _ClassVar[int]
    TRUE_PEAK_DBTP_FIELD_NUMBER: _ClassVar[int]
    integrated_lufs: float
    range_lu: float
    true_peak_dbtp: float
    def __init__(self, integrated_lufs: _Optional[float] = ..., range_lu: _Optional[float] = ..., true_peak_dbtp: _Optional[float] = ...) -> None: ...

class Analysis(_message.Message):
    __slots__ = ("black", "freeze", "silence", "scenes", "loudness", "crop", "blur", "interlacing", "signal_range", "black_count", "freeze_count", "silence_count", "scene_count", "missing")
    class Scene(_message.Message):
        __slots__ = ("time_seconds", "score")
        TIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
        SCORE_FIELD_NUMBER: _ClassVar[int]
        time_seconds: float
        score: float
        def __init__(self, time_seconds: _Optional[float] = ..., score: _Optional[float] = ...) -> None: ...
    class Crop(_message.Message):
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
    class Blur(_message.Message):
        __slots__ = ("mean", "most")
        MEAN_FIELD_NUMBER: _ClassVar[int]
        MOST_FIELD_NUMBER: _ClassVar[int]
        mean: float
        most: float
        def __init__(self, mean: _Optional[float] = ..., most: _Optional[float] = ...) -> None: ...
    class Interlacing(_message.Message):
        __slots__ = ("progressive", "top_first", "bottom_first", "undetermined", "interlaced")
        PROGRESSIVE_FIELD_NUMBER: _ClassVar[int]
        TOP_FIRST_FIELD_NUMBER: _ClassVar[int]
        BOTTOM_FIRST_FIELD_NUMBER: _ClassVar[int]
        UNDETERMINED_FIELD_NUMBER: _ClassVar[int]
        INTERLACED_FIELD_NUMBER: _ClassVar[int]
        progressive: int
        top_first: int
        bottom_first: int
        undetermined: int
        interlaced: bool
        def __init__(self, progressive: _Optional[int] = ..., top_first: _Optional[int] = ..., bottom_first: _Optional[int] = ..., undetermined: _Optional[int] = ..., interlaced: _Optional[bool] = ...) -> None: ...
    class SignalRange(_message.Message):
        __slots__ = ("lowest", "highest", "bits", "beyond_limits")
        LOWEST_FIELD_NUMBER: _ClassVar[int]
        HIGHEST_FIELD_NUMBER: _ClassVar[int]
        BITS_FIELD_NUMBER: _ClassVar[int]
        BEYOND_LIMITS_FIELD_NUMBER: _ClassVar[int]
        lowest: float
        highest: float
        bits: int
        beyond_limits: bool
        def __init__(self, lowest: _Optional[float] = ..., highest: _Optional[float] = ..., bits: _Optional[int] = ..., beyond_limits: _Optional[bool] = ...) -> None: ...
    BLACK_FIELD_NUMBER: _ClassVar[int]
    FREEZE_FIELD_NUMBER: _ClassVar[int]
    SILENCE_FIELD_NUMBER: _ClassVar[int]
    SCENES_FIELD_NUMBER: _ClassVar[int]
    LOUDNESS_FIELD_NUMBER: _ClassVar[int]
    CROP_FIELD_NUMBER: _ClassVar[int]
    BLUR_FIELD_NUMBER: _ClassVar[int]
    INTERLACING_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_RANGE_FIELD_NUMBER: _ClassVar[int]
    BLACK_COUNT_FIELD_NUMBER: _ClassVar[int]
    FREEZE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SILENCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SCENE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    black: _containers.RepeatedCompositeFieldContainer[Stretch]
    freeze: _containers.RepeatedCompositeFieldContainer[Stretch]
    silence: _containers.RepeatedCompositeFieldContainer[Stretch]
    scenes: _containers.RepeatedCompositeFieldContainer[Analysis.Scene]
    loudness: Levels
    crop: Analysis.Crop
    blur: Analysis.Blur
    interlacing: Analysis.Interlacing
    signal_range: Analysis.SignalRange
    black_count: int
    freeze_count: int
    silence_count: int
    scene_count: int
    missing: _containers.RepeatedScalarFieldContainer[Analyze.Look]
    def __init__(self, black: _Optional[_Iterable[_Union[Stretch, _Mapping]]] = ..., freeze: _Optional[_Iterable[_Union[Stretch, _Mapping]]] = ..., silence: _Optional[_Iterable[_Union[Stretch, _Mapping]]] = ..., scenes: _Optional[_Iterable[_Union[Analysis.Scene, _Mapping]]] = ..., loudness: _Optional[_Union[Levels, _Mapping]] = ..., crop: _Optional[_Union[Analysis.Crop, _Mapping]] = ..., blur: _Optional[_Union[Analysis.Blur, _Mapping]] = ..., interlacing: _Optional[_Union[Analysis.Interlacing, _Mapping]] = ..., signal_range: _Optional[_Union[Analysis.SignalRange, _Mapping]] = ..., black_count: _Optional[int] = ..., freeze_count: _Optional[int] = ..., silence_count: _Optional[int] = ..., scene_count: _Optional[int] = ..., missing: _Optional[_Iterable[_Union[Analyze.Look, str]]] = ...) -> None: ...

class Comparison(_message.Message):
    __slots__ = ("scores", "frames")
    class Score(_message.Message):
        __slots__ = ("metric", "mean", "harmonic_mean", "percentile_1", "percentile_5", "lowest", "lowest_seconds")
        METRIC_FIELD_NUMBER: _ClassVar[int]
        MEAN_FIELD_NUMBER: _ClassVar[int]
        HARMONIC_MEAN_FIELD_NUMBER: _ClassVar[int]
        PERCENTILE_1_FIELD_NUMBER: _ClassVar[int]
        PERCENTILE_5_FIELD_NUMBER: _ClassVar[int]
        LOWEST_FIELD_NUMBER: _ClassVar[int]
        LOWEST_SECONDS_FIELD_NUMBER: _ClassVar[int]
        metric: Compare.Metric
        mean: float
        harmonic_mean: float
        percentile_1: float
        percentile_5: float
        lowest: float
        lowest_seconds: float
        def __init__(self, metric: _Optional[_Union[Compare.Metric, str]] = ..., mean: _Optional[float] = ..., harmonic_mean: _Optional[float] = ..., percentile_1: _Optional[float] = ..., percentile_5: _Optional[float] = ..., lowest: _Optional[float] = ..., lowest_seconds: _Optional[float] = ...) -> None: ...
    SCORES_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    scores: _containers.RepeatedCompositeFieldContainer[Comparison.Score]
    frames: int
    def __init__(self, scores: _Optional[_Iterable[_Union[Comparison.Score, _Mapping]]] = ..., frames: _Optional[int] = ...) -> None: ...

class Transcript(_message.Message):
    __slots__ = ("language", "language_probability", "segments", "words")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    language: str
    language_probability: float
    segments: int
    words: int
    def __init__(self, language: _Optional[str] = ..., language_probability: _Optional[float] = ..., segments: _Optional[int] = ..., words: _Optional[int] = ...) -> None: ...

class OutputResult(_message.Message):
    __slots__ = ("analysis", "comparison", "transcript")
    ANALYSIS_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    analysis: Analysis
    comparison: Comparison
    transcript: Transcript
    def __init__(self, analysis: _Optional[_Union[Analysis, _Mapping]] = ..., comparison: _Optional[_Union[Comparison, _Mapping]] = ..., transcript: _Optional[_Union[Transcript, _Mapping]] = ...) -> None: ...

class Measured(_message.Message):
    __slots__ = ("input_loudness", "gain_db", "loudness", "vmaf", "longest_black_seconds", "longest_freeze_seconds", "longest_silence_seconds", "size_ratio", "peak_bitrate_bps", "duration_seconds", "width", "height", "frame_rate", "video_streams", "audio_streams", "codecs", "misses", "text_streams", "caption_languages", "rungs")
    class Miss(_message.Message):
        __slots__ = ("field", "wanted", "found")
        FIELD_FIELD_NUMBER: _ClassVar[int]
        WANTED_FIELD_NUMBER: _ClassVar[int]
        FOUND_FIELD_NUMBER: _ClassVar[int]
        field: str
        wanted: str
        found: str
        def __init__(self, field: _Optional[str] = ..., wanted: _Optional[str] = ..., found: _Optional[str] = ...) -> None: ...
    class Rung(_message.Message):
        __slots__ = ("name", "vmaf", "average_bps")
        NAME_FIELD_NUMBER: _ClassVar[int]
        VMAF_FIELD_NUMBER: _ClassVar[int]
        AVERAGE_BPS_FIELD_NUMBER: _ClassVar[int]
        name: str
        vmaf: float
        average_bps: int
        def __init__(self, name: _Optional[str] = ..., vmaf: _Optional[float] = ..., average_bps: _Optional[int] = ...) -> None: ...
    INPUT_LOUDNESS_FIELD_NUMBER: _ClassVar[int]
    GAIN_DB_FIELD_NUMBER: _ClassVar[int]
    LOUDNESS_FIELD_NUMBER: _ClassVar[int]
    VMAF_FIELD_NUMBER: _ClassVar[int]
    LONGEST_BLACK_SECONDS_FIELD_NUMBER: _ClassVar[int]
    LONGEST_FREEZE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    LONGEST_SILENCE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SIZE_RATIO_FIELD_NUMBER: _ClassVar[int]
    PEAK_BITRATE_BPS_FIELD_NUMBER: _ClassVar[int]
    DURATION_SECONDS_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
    VIDEO_STREAMS_FIELD_NUMBER: _ClassVar[int]
    AUDIO_STREAMS_FIELD_NUMBER: _ClassVar[int]
    CODECS_FIELD_NUMBER: _ClassVar[int]
    MISSES_FIELD_NUMBER: _ClassVar[int]
    TEXT_STREAMS_FIELD_NUMBER: _ClassVar[int]
    CAPTION_LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    RUNGS_FIELD_NUMBER: _ClassVar[int]
    input_loudness: Levels
    gain_db: float
    loudness: Levels
    vmaf: float
    longest_black_seconds: float
    longest_freeze_seconds: float
    longest_silence_seconds: float
    size_ratio: float
    peak_bitrate_bps: int
    duration_seconds: float
    width: int
    height: int
    frame_rate: float
    video_streams: int
    audio_streams: int
    codecs: _containers.RepeatedScalarFieldContainer[str]
    misses: _containers.RepeatedCompositeFieldContainer[Measured.Miss]
    text_streams: int
    caption_languages: _containers.RepeatedScalarFieldContainer[str]
    rungs: _containers.RepeatedCompositeFieldContainer[Measured.Rung]
    def __init__(self, input_loudness: _Optional[_Union[Levels, _Mapping]] = ..., gain_db: _Optional[float] = ..., loudness: _Optional[_Union[Levels, _Mapping]] = ..., vmaf: _Optional[float] = ..., longest_black_seconds: _Optional[float] = ..., longest_freeze_seconds: _Optional[float] = ..., longest_silence_seconds: _Optional[float] = ..., size_ratio: _Optional[float] = ..., peak_bitrate_bps: _Optional[int] = ..., duration_seconds: _Optional[float] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., frame_rate: _Optional[float] = ..., video_streams: _Optional[int] = ..., audio_streams: _Optional[int] = ..., codecs: _Optional[_Iterable[str]] = ..., misses: _Optional[_Iterable[_Union[Measured.Miss, _Mapping]]] = ..., text_streams: _Optional[int] = ..., caption_languages: _Optional[_Iterable[str]] = ..., rungs: _Optional[_Iterable[_Union[Measured.Rung, _Mapping]]] = ...) -> None: ...
