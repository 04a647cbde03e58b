from reelmill.v1 import operations_pb2 as _operations_pb2
from reelmill.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Transcribe(_message.Message):
    __slots__ = ("format", "language", "audio_track", "no_word_times")
    class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FORMAT_UNSPECIFIED: _ClassVar[Transcribe.Format]
        WEBVTT: _ClassVar[Transcribe.Format]
        SRT: _ClassVar[Transcribe.Format]
        JSON: _ClassVar[Transcribe.Format]
    FORMAT_UNSPECIFIED: Transcribe.Format
    WEBVTT: Transcribe.Format
    SRT: Transcribe.Format
    JSON: Transcribe.Format
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    AUDIO_TRACK_FIELD_NUMBER: _ClassVar[int]
    NO_WORD_TIMES_FIELD_NUMBER: _ClassVar[int]
    format: Transcribe.Format
    language: str
    audio_track: _operations_pb2.TrackSelector
    no_word_times: bool
    def __init__(self, format: _Optional[_Union[Transcribe.Format, str]] = ..., language: _Optional[str] = ..., audio_track: _Optional[_Union[_operations_pb2.TrackSelector, _Mapping]] = ..., no_word_times: _Optional[bool] = ...) -> None: ...
