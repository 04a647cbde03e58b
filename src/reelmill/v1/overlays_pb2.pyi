from google.api import field_behavior_pb2 as _field_behavior_pb2
from reelmill.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Overlay(_message.Message):
    __slots__ = ("image", "text", "timecode", "position", "margin", "opacity", "start_seconds", "end_seconds")
    class Position(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        POSITION_UNSPECIFIED: _ClassVar[Overlay.Position]
        TOP_LEFT: _ClassVar[Overlay.Position]
        TOP: _ClassVar[Overlay.Position]
        TOP_RIGHT: _ClassVar[Overlay.Position]
        LEFT: _ClassVar[Overlay.Position]
        CENTER: _ClassVar[Overlay.Position]
        RIGHT: _ClassVar[Overlay.Position]
        BOTTOM_LEFT: _ClassVar[Overlay.Position]
        BOTTOM: _ClassVar[Overlay.Position]
        BOTTOM_RIGHT: _ClassVar[Overlay.Position]
    POSITION_UNSPECIFIED: Overlay.Position
    TOP_LEFT: Overlay.Position
    TOP: Overlay.Position
    TOP_RIGHT: Overlay.Position
    LEFT: Overlay.Position
    CENTER: Overlay.Position
    RIGHT: Overlay.Position
    BOTTOM_LEFT: Overlay.Position
    BOTTOM: Overlay.Position
    BOTTOM_RIGHT: Overlay.Position
    class Image(_message.Message):
        __slots__ = ("input", "width")
        INPUT_FIELD_NUMBER: _ClassVar[int]
        WIDTH_FIELD_NUMBER: _ClassVar[int]
        input: str
        width: float
        def __init__(self, input: _Optional[str] = ..., width: _Optional[float] = ...) -> None: ...
    class Text(_message.Message):
        __slots__ = ("text", "size", "color", "box_color")
        TEXT_FIELD_NUMBER: _ClassVar[int]
        SIZE_FIELD_NUMBER: _ClassVar[int]
        COLOR_FIELD_NUMBER: _ClassVar[int]
        BOX_COLOR_FIELD_NUMBER: _ClassVar[int]
        text: str
        size: float
        color: str
        box_color: str
        def __init__(self, text: _Optional[str] = ..., size: _Optional[float] = ..., color: _Optional[str] = ..., box_color: _Optional[str] = ...) -> None: ...
    class Timecode(_message.Message):
        __slots__ = ("start_seconds", "size", "color", "box_color")
        START_SECONDS_FIELD_NUMBER: _ClassVar[int]
        SIZE_FIELD_NUMBER: _ClassVar[int]
        COLOR_FIELD_NUMBER: _ClassVar[int]
        BOX_COLOR_FIELD_NUMBER: _ClassVar[int]
        start_seconds: float
        size: float
        color: str
        box_color: str
        def __init__(self, start_seconds: _Optional[float] = ..., size: _Optional[float] = ..., color: _Optional[str] = ..., box_color: _Optional[str] = ...) -> None: ...
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TIMECODE_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    OPACITY_FIELD_NUMBER: _ClassVar[int]
    START_SECONDS_FIELD_NUMBER: _ClassVar[int]
    END_SECONDS_FIELD_NUMBER: _ClassVar[int]
    image: Overlay.Image
    text: Overlay.Text
    timecode: Overlay.Timecode
    position: Overlay.Position
    margin: float
    opacity: float
    start_seconds: float
    end_seconds: float
    def __init__(self, image: _Optional[_Union[Overlay.Image, _Mapping]] = ..., text: _Optional[_Union[Overlay.Text, _Mapping]] = ..., timecode: _Optional[_Union[Overlay.Timecode, _Mapping]] = ..., position: _Optional[_Union[Overlay.Position, str]] = ..., margin: _Optional[float] = ..., opacity: _Optional[float] = ..., start_seconds: _Optional[float] = ..., end_seconds: _Optional[float] = ...) -> None: ...

class Soundtrack(_message.Message):
    __slots__ = ("input", "mode", "gain_db")
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MODE_UNSPECIFIED: _ClassVar[Soundtrack.Mode]
        REPLACE: _ClassVar[Soundtrack.Mode]
        MIX: _ClassVar[Soundtrack.Mode]
    MODE_UNSPECIFIED: Soundtrack.Mode
    REPLACE: Soundtrack.Mode
    MIX: Soundtrack.Mode
    INPUT_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    GAIN_DB_FIELD_NUMBER: _ClassVar[int]
    input: str
    mode: Soundtrack.Mode
    gain_db: float
    def __init__(self, input: _Optional[str] = ..., mode: _Optional[_Union[Soundtrack.Mode, str]] = ..., gain_db: _Optional[float] = ...) -> None: ...
