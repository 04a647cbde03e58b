from reelmill.v1 import operations_pb2 as _operations_pb2
from reelmill.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Image(_message.Message):
    __slots__ = ("format", "width", "height", "fit", "match_orientation", "quality", "background", "crop", "first_frame")
    class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FORMAT_UNSPECIFIED: _ClassVar[Image.Format]
        JPEG: _ClassVar[Image.Format]
        PNG: _ClassVar[Image.Format]
        WEBP: _ClassVar[Image.Format]
        AVIF: _ClassVar[Image.Format]
        GIF: _ClassVar[Image.Format]
        TIFF: _ClassVar[Image.Format]
    FORMAT_UNSPECIFIED: Image.Format
    JPEG: Image.Format
    PNG: Image.Format
    WEBP: Image.Format
    AVIF: Image.Format
    GIF: Image.Format
    TIFF: Image.Format
    class Crop(_message.Message):
        __slots__ = ("left", "top", "width", "height")
        LEFT_FIELD_NUMBER: _ClassVar[int]
        TOP_FIELD_NUMBER: _ClassVar[int]
        WIDTH_FIELD_NUMBER: _ClassVar[int]
        HEIGHT_FIELD_NUMBER: _ClassVar[int]
        left: int
        top: int
        width: int
        height: int
        def __init__(self, left: _Optional[int] = ..., top: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FIT_FIELD_NUMBER: _ClassVar[int]
    MATCH_ORIENTATION_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    CROP_FIELD_NUMBER: _ClassVar[int]
    FIRST_FRAME_FIELD_NUMBER: _ClassVar[int]
    format: Image.Format
    width: int
    height: int
    fit: _operations_pb2.VideoSettings.Fit
    match_orientation: bool
    quality: int
    background: str
    crop: Image.Crop
    first_frame: bool
    def __init__(self, format: _Optional[_Union[Image.Format, str]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., fit: _Optional[_Union[_operations_pb2.VideoSettings.Fit, str]] = ..., match_orientation: _Optional[bool] = ..., quality: _Optional[int] = ..., background: _Optional[str] = ..., crop: _Optional[_Union[Image.Crop, _Mapping]] = ..., first_frame: _Optional[bool] = ...) -> None: ...
