from reelmill.v1 import encryption_pb2 as _encryption_pb2
from reelmill.v1 import operations_pb2 as _operations_pb2
from reelmill.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Package(_message.Message):
    __slots__ = ("protocols", "byte_ranges", "segment_seconds", "codecs", "max_short_side", "effort", "rungs", "audio", "sounds", "mute", "trim", "iframe_playlists", "chunk_seconds", "texts", "closed_captions", "thumbnails", "sound_alone", "container", "text_format", "target_vmaf", "encryption")
    class Protocol(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PROTOCOL_UNSPECIFIED: _ClassVar[Package.Protocol]
        HLS: _ClassVar[Package.Protocol]
        DASH: _ClassVar[Package.Protocol]
    PROTOCOL_UNSPECIFIED: Package.Protocol
    HLS: Package.Protocol
    DASH: Package.Protocol
    class Container(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CONTAINER_UNSPECIFIED: _ClassVar[Package.Container]
        FMP4: _ClassVar[Package.Container]
        TS: _ClassVar[Package.Container]
    CONTAINER_UNSPECIFIED: Package.Container
    FMP4: Package.Container
    TS: Package.Container
    class TextFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TEXT_FORMAT_UNSPECIFIED: _ClassVar[Package.TextFormat]
        WEBVTT: _ClassVar[Package.TextFormat]
        WVTT: _ClassVar[Package.TextFormat]
        IMSC: _ClassVar[Package.TextFormat]
    TEXT_FORMAT_UNSPECIFIED: Package.TextFormat
    WEBVTT: Package.TextFormat
    WVTT: Package.TextFormat
    IMSC: Package.TextFormat
    class Sound(_message.Message):
        __slots__ = ("track", "name")
        TRACK_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        track: _operations_pb2.TrackSelector
        name: str
        def __init__(self, track: _Optional[_Union[_operations_pb2.TrackSelector, _Mapping]] = ..., name: _Optional[str] = ...) -> None: ...
    class Text(_message.Message):
        __slots__ = ("input", "track", "language", "name", "default_track", "forced", "role")
        INPUT_FIELD_NUMBER: _ClassVar[int]
        TRACK_FIELD_NUMBER: _ClassVar[int]
        LANGUAGE_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        DEFAULT_TRACK_FIELD_NUMBER: _ClassVar[int]
        FORCED_FIELD_NUMBER: _ClassVar[int]
        ROLE_FIELD_NUMBER: _ClassVar[int]
        input: str
        track: _operations_pb2.TrackSelector
        language: str
        name: str
        default_track: bool
        forced: bool
        role: _operations_pb2.TrackSelector.Role
        def __init__(self, input: _Optional[str] = ..., track: _Optional[_Union[_operations_pb2.TrackSelector, _Mapping]] = ..., language: _Optional[str] = ..., name: _Optional[str] = ..., default_track: _Optional[bool] = ..., forced: _Optional[bool] = ..., role: _Optional[_Union[_operations_pb2.TrackSelector.Role, str]] = ...) -> None: ...
    class ClosedCaptions(_message.Message):
        __slots__ = ("channel", "language", "name")
        CHANNEL_FIELD_NUMBER: _ClassVar[int]
        LANGUAGE_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        channel: str
        language: str
        name: str
        def __init__(self, channel: _Optional[str] = ..., language: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...
    class Thumbnails(_message.Message):
        __slots__ = ("width", "height", "interval_seconds", "columns", "rows", "quality")
        WIDTH_FIELD_NUMBER: _ClassVar[int]
        HEIGHT_FIELD_NUMBER: _ClassVar[int]
        INTERVAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
        COLUMNS_FIELD_NUMBER: _ClassVar[int]
        ROWS_FIELD_NUMBER: _ClassVar[int]
        QUALITY_FIELD_NUMBER: _ClassVar[int]
        width: int
        height: int
        interval_seconds: float
        columns: int
        rows: int
        quality: int
        def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ..., interval_seconds: _Optional[float] = ..., columns: _Optional[int] = ..., rows: _Optional[int] = ..., quality: _Optional[int] = ...) -> None: ...
    PROTOCOLS_FIELD_NUMBER: _ClassVar[int]
    BYTE_RANGES_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CODECS_FIELD_NUMBER: _ClassVar[int]
    MAX_SHORT_SIDE_FIELD_NUMBER: _ClassVar[int]
    EFFORT_FIELD_NUMBER: _ClassVar[int]
    RUNGS_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    SOUNDS_FIELD_NUMBER: _ClassVar[int]
    MUTE_FIELD_NUMBER: _ClassVar[int]
    TRIM_FIELD_NUMBER: _ClassVar[int]
    IFRAME_PLAYLISTS_FIELD_NUMBER: _ClassVar[int]
    CHUNK_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    CLOSED_CAPTIONS_FIELD_NUMBER: _ClassVar[int]
    THUMBNAILS_FIELD_NUMBER: _ClassVar[int]
    SOUND_ALONE_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FORMAT_FIELD_NUMBER: _ClassVar[int]
    TARGET_VMAF_FIELD_NUMBER: _ClassVar[int]
    ENCRYPTION_FIELD_NUMBER: _ClassVar[int]
    protocols: _containers.RepeatedScalarFieldContainer[Package.Protocol]
    byte_ranges: bool
    segment_seconds: float
    codecs: _containers.RepeatedScalarFieldContainer[_operations_pb2.VideoSettings.Codec]
    max_short_side: int
    effort: _operations_pb2.VideoSettings.Effort
    rungs: _containers.RepeatedCompositeFieldContainer[_operations_pb2.VideoSettings]
    audio: _operations_pb2.AudioSettings
    sounds: _containers.RepeatedCompositeFieldContainer[Package.Sound]
    mute: bool
    trim: _operations_pb2.TimeRange
    iframe_playlists: bool
    chunk_seconds: float
    texts: _containers.RepeatedCompositeFieldContainer[Package.Text]
    closed_captions: _containers.RepeatedCompositeFieldContainer[Package.ClosedCaptions]
    thumbnails: Package.Thumbnails
    sound_alone: bool
    container: Package.Container
    text_format: Package.TextFormat
    target_vmaf: float
    encryption: _encryption_pb2.Encryption
    def __init__(self, protocols: _Optional[_Iterable[_Union[Package.Protocol, str]]] = ..., byte_ranges: _Optional[bool] = ..., segment_seconds: _Optional[float] = ..., codecs: _Optional[_Iterable[_Union[_operations_pb2.VideoSettings.Codec, str]]] = ..., max_short_side: _Optional[int] = ..., effort: _Optional[_Union[_operations_pb2.VideoSettings.Effort, str]] = ..., rungs: _Optional[_Iterable[_Union[_operations_pb2.VideoSettings, _Mapping]]] = ..., audio: _Optional[_Union[_operations_pb2.AudioSettings, _Mapping]] = ..., sounds: _Optional[_Iterable[_Union[Package.Sound, _Mapping]]] = ..., mute: _Optional[bool] = ..., trim: _Optional[_Union[_operations_pb2.TimeRange, _Mapping]] = ..., iframe_playlists: _Optional[bool] = ..., chunk_seconds: _Optional[float] = ..., texts: _Optional[_Iterable[_Union[Package.Text, _Mapping]]] = ..., closed_captions: _Optional[_Iterable[_Union[Package.ClosedCaptions, _Mapping]]] = ..., thumbnails: _Optional[_Union[Package.Thumbnails, _Mapping]] = ..., sound_alone: _Optional[bool] = ..., container: _Optional[_Union[Package.Container, str]] = ..., text_format: _Optional[_Union[Package.TextFormat, str]] = ..., target_vmaf: _Optional[float] = ..., encryption: _Optional[_Union[_encryption_pb2.Encryption, _Mapping]] = ...) -> None: ...
