from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Receipt(_message.Message):
    __slots__ = ("outputs", "release", "engine", "inputs", "runs", "pieces", "reused_from", "reused_output")
    class Input(_message.Message):
        __slots__ = ("name", "path", "size_bytes", "sha256")
        NAME_FIELD_NUMBER: _ClassVar[int]
        PATH_FIELD_NUMBER: _ClassVar[int]
        SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
        SHA256_FIELD_NUMBER: _ClassVar[int]
        name: str
        path: str
        size_bytes: int
        sha256: str
        def __init__(self, name: _Optional[str] = ..., path: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...
    class Text(_message.Message):
        __slots__ = ("path", "text")
        PATH_FIELD_NUMBER: _ClassVar[int]
        TEXT_FIELD_NUMBER: _ClassVar[int]
        path: str
        text: str
        def __init__(self, path: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...
    class Run(_message.Message):
        __slots__ = ("program", "argv", "digest", "outputs", "warm", "texts")
        PROGRAM_FIELD_NUMBER: _ClassVar[int]
        ARGV_FIELD_NUMBER: _ClassVar[int]
        DIGEST_FIELD_NUMBER: _ClassVar[int]
        OUTPUTS_FIELD_NUMBER: _ClassVar[int]
        WARM_FIELD_NUMBER: _ClassVar[int]
        TEXTS_FIELD_NUMBER: _ClassVar[int]
        program: str
        argv: _containers.RepeatedScalarFieldContainer[str]
        digest: str
        outputs: _containers.RepeatedScalarFieldContainer[str]
        warm: bool
        texts: _containers.RepeatedCompositeFieldContainer[Receipt.Text]
        def __init__(self, program: _Optional[str] = ..., argv: _Optional[_Iterable[str]] = ..., digest: _Optional[str] = ..., outputs: _Optional[_Iterable[str]] = ..., warm: _Optional[bool] = ..., texts: _Optional[_Iterable[_Union[Receipt.Text, _Mapping]]] = ...) -> None: ...
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    REUSED_FROM_FIELD_NUMBER: _ClassVar[int]
    REUSED_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    outputs: _containers.RepeatedScalarFieldContainer[str]
    release: str
    engine: str
    inputs: _containers.RepeatedCompositeFieldContainer[Receipt.Input]
    runs: _containers.RepeatedCompositeFieldContainer[Receipt.Run]
    pieces: int
    reused_from: str
    reused_output: str
    def __init__(self, outputs: _Optional[_Iterable[str]] = ..., release: _Optional[str] = ..., engine: _Optional[str] = ..., inputs: _Optional[_Iterable[_Union[Receipt.Input, _Mapping]]] = ..., runs: _Optional[_Iterable[_Union[Receipt.Run, _Mapping]]] = ..., pieces: _Optional[int] = ..., reused_from: _Optional[str] = ..., reused_output: _Optional[str] = ...) -> None: ...
