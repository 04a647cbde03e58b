from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Step(_message.Message):
    __slots__ = ("program", "outputs", "reads", "writes", "command", "digest", "memory_bytes", "media_seconds", "after")
    class Reading(_message.Message):
        __slots__ = ("input", "path", "demuxer", "seek_seconds")
        INPUT_FIELD_NUMBER: _ClassVar[int]
        PATH_FIELD_NUMBER: _ClassVar[int]
        DEMUXER_FIELD_NUMBER: _ClassVar[int]
        SEEK_SECONDS_FIELD_NUMBER: _ClassVar[int]
        input: str
        path: str
        demuxer: str
        seek_seconds: float
        def __init__(self, input: _Optional[str] = ..., path: _Optional[str] = ..., demuxer: _Optional[str] = ..., seek_seconds: _Optional[float] = ...) -> None: ...
    class Stream(_message.Message):
        __slots__ = ("kind", "reading", "streams", "filters", "encoder", "options", "threads", "readings")
        KIND_FIELD_NUMBER: _ClassVar[int]
        READING_FIELD_NUMBER: _ClassVar[int]
        STREAMS_FIELD_NUMBER: _ClassVar[int]
        FILTERS_FIELD_NUMBER: _ClassVar[int]
        ENCODER_FIELD_NUMBER: _ClassVar[int]
        OPTIONS_FIELD_NUMBER: _ClassVar[int]
        THREADS_FIELD_NUMBER: _ClassVar[int]
        READINGS_FIELD_NUMBER: _ClassVar[int]
        kind: str
        reading: int
        streams: _containers.RepeatedScalarFieldContainer[int]
        filters: str
        encoder: str
        options: _containers.RepeatedScalarFieldContainer[str]
        threads: int
        readings: _containers.RepeatedScalarFieldContainer[int]
        def __init__(self, kind: _Optional[str] = ..., reading: _Optional[int] = ..., streams: _Optional[_Iterable[int]] = ..., filters: _Optional[str] = ..., encoder: _Optional[str] = ..., options: _Optional[_Iterable[str]] = ..., threads: _Optional[int] = ..., readings: _Optional[_Iterable[int]] = ...) -> None: ...
    class Writing(_message.Message):
        __slots__ = ("path", "streams")
        PATH_FIELD_NUMBER: _ClassVar[int]
        STREAMS_FIELD_NUMBER: _ClassVar[int]
        path: str
        streams: _containers.RepeatedCompositeFieldContainer[Step.Stream]
        def __init__(self, path: _Optional[str] = ..., streams: _Optional[_Iterable[_Union[Step.Stream, _Mapping]]] = ...) -> None: ...
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    READS_FIELD_NUMBER: _ClassVar[int]
    WRITES_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEDIA_SECONDS_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    program: str
    outputs: _containers.RepeatedScalarFieldContainer[str]
    reads: _containers.RepeatedCompositeFieldContainer[Step.Reading]
    writes: _containers.RepeatedCompositeFieldContainer[Step.Writing]
    command: str
    digest: str
    memory_bytes: int
    media_seconds: float
    after: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, program: _Optional[str] = ..., outputs: _Optional[_Iterable[str]] = ..., reads: _Optional[_Iterable[_Union[Step.Reading, _Mapping]]] = ..., writes: _Optional[_Iterable[_Union[Step.Writing, _Mapping]]] = ..., command: _Optional[str] = ..., digest: _Optional[str] = ..., memory_bytes: _Optional[int] = ..., media_seconds: _Optional[float] = ..., after: _Optional[_Iterable[int]] = ...) -> None: ...
