import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from reelmill.v1 import analysis_pb2 as _analysis_pb2
from reelmill.v1 import captions_pb2 as _captions_pb2
from reelmill.v1 import concat_pb2 as _concat_pb2
from reelmill.v1 import image_pb2 as _image_pb2
from reelmill.v1 import operations_pb2 as _operations_pb2
from reelmill.v1 import package_pb2 as _package_pb2
from reelmill.v1 import preview_pb2 as _preview_pb2
from reelmill.v1 import rules_pb2 as _rules_pb2
from reelmill.v1 import speech_pb2 as _speech_pb2
from reelmill.v1 import sprite_pb2 as _sprite_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProbeMediaRequest(_message.Message):
    __slots__ = ("uri",)
    URI_FIELD_NUMBER: _ClassVar[int]
    uri: str
    def __init__(self, uri: _Optional[str] = ...) -> None: ...

class MediaInfo(_message.Message):
    __slots__ = ("format", "duration_seconds", "size_bytes", "bitrate_bps", "streams", "composition", "title", "chapters")
    class Stream(_message.Message):
        __slots__ = ("index", "kind", "codec", "duration_seconds", "bitrate_bps", "width", "height", "frame_rate", "pixel_format", "rotation_degrees", "sample_rate_hz", "channels", "language", "cover", "frames", "pixel_aspect_ratio", "color_space", "color_transfer", "interlaced", "color_primaries", "roles", "default_track", "channel_layout", "empty", "alpha", "shapes")
        class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            KIND_UNSPECIFIED: _ClassVar[MediaInfo.Stream.Kind]
            VIDEO: _ClassVar[MediaInfo.Stream.Kind]
            AUDIO: _ClassVar[MediaInfo.Stream.Kind]
            SUBTITLE: _ClassVar[MediaInfo.Stream.Kind]
        KIND_UNSPECIFIED: MediaInfo.Stream.Kind
        VIDEO: MediaInfo.Stream.Kind
        AUDIO: MediaInfo.Stream.Kind
        SUBTITLE: MediaInfo.Stream.Kind
        class Shape(_message.Message):
            __slots__ = ("start_seconds", "width", "height", "pixel_aspect_ratio")
            START_SECONDS_FIELD_NUMBER: _ClassVar[int]
            WIDTH_FIELD_NUMBER: _ClassVar[int]
            HEIGHT_FIELD_NUMBER: _ClassVar[int]
            PIXEL_ASPECT_RATIO_FIELD_NUMBER: _ClassVar[int]
            start_seconds: float
            width: int
            height: int
            pixel_aspect_ratio: float
            def __init__(self, start_seconds: _Optional[float] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., pixel_aspect_ratio: _Optional[float] = ...) -> None: ...
        INDEX_FIELD_NUMBER: _ClassVar[int]
        KIND_FIELD_NUMBER: _ClassVar[int]
        CODEC_FIELD_NUMBER: _ClassVar[int]
        DURATION_SECONDS_FIELD_NUMBER: _ClassVar[int]
        BITRATE_BPS_FIELD_NUMBER: _ClassVar[int]
        WIDTH_FIELD_NUMBER: _ClassVar[int]
        HEIGHT_FIELD_NUMBER: _ClassVar[int]
        FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
        PIXEL_FORMAT_FIELD_NUMBER: _ClassVar[int]
        ROTATION_DEGREES_FIELD_NUMBER: _ClassVar[int]
        SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
        CHANNELS_FIELD_NUMBER: _ClassVar[int]
        LANGUAGE_FIELD_NUMBER: _ClassVar[int]
        COVER_FIELD_NUMBER: _ClassVar[int]
        FRAMES_FIELD_NUMBER: _ClassVar[int]
        PIXEL_ASPECT_RATIO_FIELD_NUMBER: _ClassVar[int]
        COLOR_SPACE_FIELD_NUMBER: _ClassVar[int]
        COLOR_TRANSFER_FIELD_NUMBER: _ClassVar[int]
        INTERLACED_FIELD_NUMBER: _ClassVar[int]
        COLOR_PRIMARIES_FIELD_NUMBER: _ClassVar[int]
        ROLES_FIELD_NUMBER: _ClassVar[int]
        DEFAULT_TRACK_FIELD_NUMBER: _ClassVar[int]
        CHANNEL_LAYOUT_FIELD_NUMBER: _ClassVar[int]
        EMPTY_FIELD_NUMBER: _ClassVar[int]
        ALPHA_FIELD_NUMBER: _ClassVar[int]
        SHAPES_FIELD_NUMBER: _ClassVar[int]
        index: int
        kind: MediaInfo.Stream.Kind
        codec: str
        duration_seconds: float
        bitrate_bps: int
        width: int
        height: int
        frame_rate: float
        pixel_format: str
        rotation_degrees: int
        sample_rate_hz: int
        channels: int
        language: str
        cover: bool
        frames: int
        pixel_aspect_ratio: float
        color_space: str
        color_transfer: str
        interlaced: bool
        color_primaries: str
        roles: _containers.RepeatedScalarFieldContainer[_operations_pb2.TrackSelector.Role]
        default_track: bool
        channel_layout: str
        empty: bool
        alpha: bool
        shapes: _containers.RepeatedCompositeFieldContainer[MediaInfo.Stream.Shape]
        def __init__(self, index: _Optional[int] = ..., kind: _Optional[_Union[MediaInfo.Stream.Kind, str]] = ..., codec: _Optional[str] = ..., duration_seconds: _Optional[float] = ..., bitrate_bps: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., frame_rate: _Optional[float] = ..., pixel_format: _Optional[str] = ..., rotation_degrees: _Optional[int] = ..., sample_rate_hz: _Optional[int] = ..., channels: _Optional[int] = ..., language: _Optional[str] = ..., cover: _Optional[bool] = ..., frames: _Optional[int] = ..., pixel_aspect_ratio: _Optional[float] = ..., color_space: _Optional[str] = ..., color_transfer: _Optional[str] = ..., interlaced: _Optional[bool] = ..., color_primaries: _Optional[str] = ..., roles: _Optional[_Iterable[_Union[_operations_pb2.TrackSelector.Role, str]]] = ..., default_track: _Optional[bool] = ..., channel_layout: _Optional[str] = ..., empty: _Optional[bool] = ..., alpha: _Optional[bool] = ..., shapes: _Optional[_Iterable[_Union[MediaInfo.Stream.Shape, _Mapping]]] = ...) -> None: ...
    class Composition(_message.Message):
        __slots__ = ("picture", "alpha", "premultiplied", "left", "top", "width", "height", "mirrored", "rotation_degrees", "color_space", "color_transfer", "color_primaries", "full_range", "still")
        class Layer(_message.Message):
            __slots__ = ("streams", "columns", "width", "height")
            STREAMS_FIELD_NUMBER: _ClassVar[int]
            COLUMNS_FIELD_NUMBER: _ClassVar[int]
            WIDTH_FIELD_NUMBER: _ClassVar[int]
            HEIGHT_FIELD_NUMBER: _ClassVar[int]
            streams: _containers.RepeatedScalarFieldContainer[int]
            columns: int
            width: int
            height: int
            def __init__(self, streams: _Optional[_Iterable[int]] = ..., columns: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...
        PICTURE_FIELD_NUMBER: _ClassVar[int]
        ALPHA_FIELD_NUMBER: _ClassVar[int]
        PREMULTIPLIED_FIELD_NUMBER: _ClassVar[int]
        LEFT_FIELD_NUMBER: _ClassVar[int]
        TOP_FIELD_NUMBER: _ClassVar[int]
        WIDTH_FIELD_NUMBER: _ClassVar[int]
        HEIGHT_FIELD_NUMBER: _ClassVar[int]
        MIRRORED_FIELD_NUMBER: _ClassVar[int]
        ROTATION_DEGREES_FIELD_NUMBER: _ClassVar[int]
        COLOR_SPACE_FIELD_NUMBER: _ClassVar[int]
        COLOR_TRANSFER_FIELD_NUMBER: _ClassVar[int]
        COLOR_PRIMARIES_FIELD_NUMBER: _ClassVar[int]
        FULL_RANGE_FIELD_NUMBER: _ClassVar[int]
        STILL_FIELD_NUMBER: _ClassVar[int]
        picture: MediaInfo.Composition.Layer
        alpha: MediaInfo.Composition.Layer
        premultiplied: bool
        left: int
        top: int
        width: int
        height: int
        mirrored: bool
        rotation_degrees: int
        color_space: str
        color_transfer: str
        color_primaries: str
        full_range: bool
        still: bool
        def __init__(self, picture: _Optional[_Union[MediaInfo.Composition.Layer, _Mapping]] = ..., alpha: _Optional[_Union[MediaInfo.Composition.Layer, _Mapping]] = ..., premultiplied: _Optional[bool] = ..., left: _Optional[int] = ..., top: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., mirrored: _Optional[bool] = ..., rotation_degrees: _Optional[int] = ..., color_space: _Optional[str] = ..., color_transfer: _Optional[str] = ..., color_primaries: _Optional[str] = ..., full_range: _Optional[bool] = ..., still: _Optional[bool] = ...) -> None: ...
    class Chapter(_message.Message):
        __slots__ = ("start_seconds", "end_seconds", "title")
        START_SECONDS_FIELD_NUMBER: _ClassVar[int]
        END_SECONDS_FIELD_NUMBER: _ClassVar[int]
        TITLE_FIELD_NUMBER: _ClassVar[int]
        start_seconds: float
        end_seconds: float
        title: str
        def __init__(self, start_seconds: _Optional[float] = ..., end_seconds: _Optional[float] = ..., title: _Optional[str] = ...) -> None: ...
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DURATION_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    BITRATE_BPS_FIELD_NUMBER: _ClassVar[int]
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    COMPOSITION_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    CHAPTERS_FIELD_NUMBER: _ClassVar[int]
    format: str
    duration_seconds: float
    size_bytes: int
    bitrate_bps: int
    streams: _containers.RepeatedCompositeFieldContainer[MediaInfo.Stream]
    composition: MediaInfo.Composition
    title: str
    chapters: _containers.RepeatedCompositeFieldContainer[MediaInfo.Chapter]
    def __init__(self, format: _Optional[str] = ..., duration_seconds: _Optional[float] = ..., size_bytes: _Optional[int] = ..., bitrate_bps: _Optional[int] = ..., streams: _Optional[_Iterable[_Union[MediaInfo.Stream, _Mapping]]] = ..., composition: _Optional[_Union[MediaInfo.Composition, _Mapping]] = ..., title: _Optional[str] = ..., chapters: _Optional[_Iterable[_Union[MediaInfo.Chapter, _Mapping]]] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("name", "description", "extensions", "parameters", "example")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    EXTENSIONS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    extensions: _containers.RepeatedScalarFieldContainer[str]
    parameters: _containers.RepeatedCompositeFieldContainer[Parameter]
    example: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., extensions: _Optional[_Iterable[str]] = ..., parameters: _Optional[_Iterable[_Union[Parameter, _Mapping]]] = ..., example: _Optional[str] = ...) -> None: ...

class Parameter(_message.Message):
    __slots__ = ("path", "type", "description", "required", "repeated", "min", "max", "max_length", "max_items", "pattern", "default", "values")
    class Value(_message.Message):
        __slots__ = ("name", "description")
        NAME_FIELD_NUMBER: _ClassVar[int]
        DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
        name: str
        description: str
        def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...
    PATH_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    REPEATED_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MAX_ITEMS_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    path: str
    type: str
    description: str
    required: bool
    repeated: bool
    min: float
    max: float
    max_length: int
    max_items: int
    pattern: str
    default: str
    values: _containers.RepeatedCompositeFieldContainer[Parameter.Value]
    def __init__(self, path: _Optional[str] = ..., type: _Optional[str] = ..., description: _Optional[str] = ..., required: _Optional[bool] = ..., repeated: _Optional[bool] = ..., min: _Optional[float] = ..., max: _Optional[float] = ..., max_length: _Optional[int] = ..., max_items: _Optional[int] = ..., pattern: _Optional[str] = ..., default: _Optional[str] = ..., values: _Optional[_Iterable[_Union[Parameter.Value, _Mapping]]] = ...) -> None: ...

class Preset(_message.Message):
    __slots__ = ("name", "description", "transcode", "thumbnail", "audio", "package", "sprite", "preview", "waveform", "analyze", "compare", "image", "captions", "concat", "transcribe", "contract", "outputs", "version", "create_time")
    class Part(_message.Message):
        __slots__ = ("part", "transcode", "thumbnail", "audio", "package", "sprite", "preview", "waveform", "analyze", "compare", "image", "captions", "concat", "transcribe", "optional", "contract")
        PART_FIELD_NUMBER: _ClassVar[int]
        TRANSCODE_FIELD_NUMBER: _ClassVar[int]
        THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
        AUDIO_FIELD_NUMBER: _ClassVar[int]
        PACKAGE_FIELD_NUMBER: _ClassVar[int]
        SPRITE_FIELD_NUMBER: _ClassVar[int]
        PREVIEW_FIELD_NUMBER: _ClassVar[int]
        WAVEFORM_FIELD_NUMBER: _ClassVar[int]
        ANALYZE_FIELD_NUMBER: _ClassVar[int]
        COMPARE_FIELD_NUMBER: _ClassVar[int]
        IMAGE_FIELD_NUMBER: _ClassVar[int]
        CAPTIONS_FIELD_NUMBER: _ClassVar[int]
        CONCAT_FIELD_NUMBER: _ClassVar[int]
        TRANSCRIBE_FIELD_NUMBER: _ClassVar[int]
        OPTIONAL_FIELD_NUMBER: _ClassVar[int]
        CONTRACT_FIELD_NUMBER: _ClassVar[int]
        part: str
        transcode: _operations_pb2.Transcode
        thumbnail: _operations_pb2.Thumbnail
        audio: _operations_pb2.AudioExtract
        package: _package_pb2.Package
        sprite: _sprite_pb2.Sprite
        preview: _preview_pb2.Preview
        waveform: _analysis_pb2.Waveform
        analyze: _analysis_pb2.Analyze
        compare: _analysis_pb2.Compare
        image: _image_pb2.Image
        captions: _captions_pb2.Captions
        concat: _concat_pb2.Concat
        transcribe: _speech_pb2.Transcribe
        optional: bool
        contract: _analysis_pb2.Contract
        def __init__(self, part: _Optional[str] = ..., transcode: _Optional[_Union[_operations_pb2.Transcode, _Mapping]] = ..., thumbnail: _Optional[_Union[_operations_pb2.Thumbnail, _Mapping]] = ..., audio: _Optional[_Union[_operations_pb2.AudioExtract, _Mapping]] = ..., package: _Optional[_Union[_package_pb2.Package, _Mapping]] = ..., sprite: _Optional[_Union[_sprite_pb2.Sprite, _Mapping]] = ..., preview: _Optional[_Union[_preview_pb2.Preview, _Mapping]] = ..., waveform: _Optional[_Union[_analysis_pb2.Waveform, _Mapping]] = ..., analyze: _Optional[_Union[_analysis_pb2.Analyze, _Mapping]] = ..., compare: _Optional[_Union[_analysis_pb2.Compare, _Mapping]] = ..., image: _Optional[_Union[_image_pb2.Image, _Mapping]] = ..., captions: _Optional[_Union[_captions_pb2.Captions, _Mapping]] = ..., concat: _Optional[_Union[_concat_pb2.Concat, _Mapping]] = ..., transcribe: _Optional[_Union[_speech_pb2.Transcribe, _Mapping]] = ..., optional: _Optional[bool] = ..., contract: _Optional[_Union[_analysis_pb2.Contract, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TRANSCODE_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    SPRITE_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    WAVEFORM_FIELD_NUMBER: _ClassVar[int]
    ANALYZE_FIELD_NUMBER: _ClassVar[int]
    COMPARE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    CAPTIONS_FIELD_NUMBER: _ClassVar[int]
    CONCAT_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIBE_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    transcode: _operations_pb2.Transcode
    thumbnail: _operations_pb2.Thumbnail
    audio: _operations_pb2.AudioExtract
    package: _package_pb2.Package
    sprite: _sprite_pb2.Sprite
    preview: _preview_pb2.Preview
    waveform: _analysis_pb2.Waveform
    analyze: _analysis_pb2.Analyze
    compare: _analysis_pb2.Compare
    image: _image_pb2.Image
    captions: _captions_pb2.Captions
    concat: _concat_pb2.Concat
    transcribe: _speech_pb2.Transcribe
    contract: _analysis_pb2.Contract
    outputs: _containers.RepeatedCompositeFieldContainer[Preset.Part]
    version: int
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., transcode: _Optional[_Union[_operations_pb2.Transcode, _Mapping]] = ..., thumbnail: _Optional[_Union[_operations_pb2.Thumbnail, _Mapping]] = ..., audio: _Optional[_Union[_operations_pb2.AudioExtract, _Mapping]] = ..., package: _Optional[_Union[_package_pb2.Package, _Mapping]] = ..., sprite: _Optional[_Union[_sprite_pb2.Sprite, _Mapping]] = ..., preview: _Optional[_Union[_preview_pb2.Preview, _Mapping]] = ..., waveform: _Optional[_Union[_analysis_pb2.Waveform, _Mapping]] = ..., analyze: _Optional[_Union[_analysis_pb2.Analyze, _Mapping]] = ..., compare: _Optional[_Union[_analysis_pb2.Compare, _Mapping]] = ..., image: _Optional[_Union[_image_pb2.Image, _Mapping]] = ..., captions: _Optional[_Union[_captions_pb2.Captions, _Mapping]] = ..., concat: _Optional[_Union[_concat_pb2.Concat, _Mapping]] = ..., transcribe: _Optional[_Union[_speech_pb2.Transcribe, _Mapping]] = ..., contract: _Optional[_Union[_analysis_pb2.Contract, _Mapping]] = ..., outputs: _Optional[_Iterable[_Union[Preset.Part, _Mapping]]] = ..., version: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListOperationsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListOperationsResponse(_message.Message):
    __slots__ = ("operations",)
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedCompositeFieldContainer[Operation]
    def __init__(self, operations: _Optional[_Iterable[_Union[Operation, _Mapping]]] = ...) -> None: ...

class ListPresetsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPresetsResponse(_message.Message):
    __slots__ = ("presets",)
    PRESETS_FIELD_NUMBER: _ClassVar[int]
    presets: _containers.RepeatedCompositeFieldContainer[Preset]
    def __init__(self, presets: _Optional[_Iterable[_Union[Preset, _Mapping]]] = ...) -> None: ...

class GetPresetRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class SavePresetRequest(_message.Message):
    __slots__ = ("preset",)
    PRESET_FIELD_NUMBER: _ClassVar[int]
    preset: Preset
    def __init__(self, preset: _Optional[_Union[Preset, _Mapping]] = ...) -> None: ...

class DeletePresetRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...
