from reelmill.v1 import operations_pb2 as _operations_pb2
from reelmill.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Concat(_message.Message):
    __slots__ = ("parts", "container", "video", "audio", "mute", "crossfade_seconds")
    class Part(_message.Message):
        __slots__ = ("input", "trim")
        INPUT_FIELD_NUMBER: _ClassVar[int]
        TRIM_FIELD_NUMBER: _ClassVar[int]
        input: str
        trim: _operations_pb2.TimeRange
        def __init__(self, input: _Optional[str] = ..., trim: _Optional[_Union[_operations_pb2.TimeRange, _Mapping]] = ...) -> None: ...
    PARTS_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    MUTE_FIELD_NUMBER: _ClassVar[int]
    CROSSFADE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    parts: _containers.RepeatedCompositeFieldContainer[Concat.Part]
    container: _operations_pb2.Transcode.Container
    video: _operations_pb2.VideoSettings
    audio: _operations_pb2.AudioSettings
    mute: bool
    crossfade_seconds: float
    def __init__(self, parts: _Optional[_Iterable[_Union[Concat.Part, _Mapping]]] = ..., container: _Optional[_Union[_operations_pb2.Transcode.Container, str]] = ..., video: _Optional[_Union[_operations_pb2.VideoSettings, _Mapping]] = ..., audio: _Optional[_Union[_operations_pb2.AudioSettings, _Mapping]] = ..., mute: _Optional[bool] = ..., crossfade_seconds: _Optional[float] = ...) -> None: ...
