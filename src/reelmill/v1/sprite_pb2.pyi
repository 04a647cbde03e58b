from reelmill.v1 import operations_pb2 as _operations_pb2
from reelmill.v1 import rules_pb2 as _rules_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Sprite(_message.Message):
    __slots__ = ("format", "quality", "columns", "rows", "width", "height", "interval_seconds", "count", "background")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    format: _operations_pb2.Thumbnail.Format
    quality: int
    columns: int
    rows: int
    width: int
    height: int
    interval_seconds: float
    count: int
    background: str
    def __init__(self, format: _Optional[_Union[_operations_pb2.Thumbnail.Format, str]] = ..., quality: _Optional[int] = ..., columns: _Optional[int] = ..., rows: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., interval_seconds: _Optional[float] = ..., count: _Optional[int] = ..., background: _Optional[str] = ...) -> None: ...
