from reelmill.v1 import operations_pb2 as _operations_pb2
from reelmill.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Captions(_message.Message):
    __slots__ = ("format", "shift_seconds", "trim", "track", "closed_captions")
    class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FORMAT_UNSPECIFIED: _ClassVar[Captions.Format]
        WEBVTT: _ClassVar[Captions.Format]
        SRT: _ClassVar[Captions.Format]
        TTML: _ClassVar[Captions.Format]
        ASS: _ClassVar[Captions.Format]
    FORMAT_UNSPECIFIED: Captions.Format
    WEBVTT: Captions.Format
    SRT: Captions.Format
    TTML: Captions.Format
    ASS: Captions.Format
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    SHIFT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TRIM_FIELD_NUMBER: _ClassVar[int]
    TRACK_FIELD_NUMBER: _ClassVar[int]
    CLOSED_CAPTIONS_FIELD_NUMBER: _ClassVar[int]
    format: Captions.Format
    shift_seconds: float
    trim: _operations_pb2.TimeRange
    track: _operations_pb2.TrackSelector
    closed_captions: str
    def __init__(self, format: _Optional[_Union[Captions.Format, str]] = ..., shift_seconds: _Optional[float] = ..., trim: _Optional[_Union[_operations_pb2.TimeRange, _Mapping]] = ..., track: _Optional[_Union[_operations_pb2.TrackSelector, _Mapping]] = ..., closed_captions: _Optional[str] = ...) -> None: ...
