from reelmill.v1 import operations_pb2 as _operations_pb2
from reelmill.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Preview(_message.Message):
    __slots__ = ("format", "width", "height", "frame_rate", "seconds", "parts", "trim", "loops", "quality", "background")
    class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FORMAT_UNSPECIFIED: _ClassVar[Preview.Format]
        WEBP: _ClassVar[Preview.Format]
        GIF: _ClassVar[Preview.Format]
        MP4: _ClassVar[Preview.Format]
    FORMAT_UNSPECIFIED: Preview.Format
    WEBP: Preview.Format
    GIF: Preview.Format
    MP4: Preview.Format
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    TRIM_FIELD_NUMBER: _ClassVar[int]
    LOOPS_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    format: Preview.Format
    width: int
    height: int
    frame_rate: float
    seconds: float
    parts: int
    trim: _operations_pb2.TimeRange
    loops: int
    quality: int
    background: str
    def __init__(self, format: _Optional[_Union[Preview.Format, str]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., frame_rate: _Optional[float] = ..., seconds: _Optional[float] = ..., parts: _Optional[int] = ..., trim: _Optional[_Union[_operations_pb2.TimeRange, _Mapping]] = ..., loops: _Optional[int] = ..., quality: _Optional[int] = ..., background: _Optional[str] = ...) -> None: ...
