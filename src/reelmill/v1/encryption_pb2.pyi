from reelmill.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Encryption(_message.Message):
    __slots__ = ("scheme", "keys", "key_server", "key_uri", "key_format", "pssh", "iv", "clear_lead_seconds")
    class Scheme(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SCHEME_UNSPECIFIED: _ClassVar[Encryption.Scheme]
        AES_128: _ClassVar[Encryption.Scheme]
        SAMPLE_AES: _ClassVar[Encryption.Scheme]
        CENC: _ClassVar[Encryption.Scheme]
        CBCS: _ClassVar[Encryption.Scheme]
    SCHEME_UNSPECIFIED: Encryption.Scheme
    AES_128: Encryption.Scheme
    SAMPLE_AES: Encryption.Scheme
    CENC: Encryption.Scheme
    CBCS: Encryption.Scheme
    class Tracks(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TRACKS_UNSPECIFIED: _ClassVar[Encryption.Tracks]
        VIDEO: _ClassVar[Encryption.Tracks]
        AUDIO: _ClassVar[Encryption.Tracks]
    TRACKS_UNSPECIFIED: Encryption.Tracks
    VIDEO: Encryption.Tracks
    AUDIO: Encryption.Tracks
    class KeyFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KEY_FORMAT_UNSPECIFIED: _ClassVar[Encryption.KeyFormat]
        IDENTITY: _ClassVar[Encryption.KeyFormat]
        CLEAR_KEY: _ClassVar[Encryption.KeyFormat]
        FAIRPLAY: _ClassVar[Encryption.KeyFormat]
    KEY_FORMAT_UNSPECIFIED: Encryption.KeyFormat
    IDENTITY: Encryption.KeyFormat
    CLEAR_KEY: Encryption.KeyFormat
    FAIRPLAY: Encryption.KeyFormat
    class Key(_message.Message):
        __slots__ = ("key_id", "key", "tracks")
        KEY_ID_FIELD_NUMBER: _ClassVar[int]
        KEY_FIELD_NUMBER: _ClassVar[int]
        TRACKS_FIELD_NUMBER: _ClassVar[int]
        key_id: str
        key: str
        tracks: Encryption.Tracks
        def __init__(self, key_id: _Optional[str] = ..., key: _Optional[str] = ..., tracks: _Optional[_Union[Encryption.Tracks, str]] = ...) -> None: ...
    class KeyServer(_message.Message):
        __slots__ = ("url", "headers", "key_id")
        class HeadersEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: str
            def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
        URL_FIELD_NUMBER: _ClassVar[int]
        HEADERS_FIELD_NUMBER: _ClassVar[int]
        KEY_ID_FIELD_NUMBER: _ClassVar[int]
        url: str
        headers: _containers.ScalarMap[str, str]
        key_id: str
        def __init__(self, url: _Optional[str] = ..., headers: _Optional[_Mapping[str, str]] = ..., key_id: _Optional[str] = ...) -> None: ...
    SCHEME_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    KEY_SERVER_FIELD_NUMBER: _ClassVar[int]
    KEY_URI_FIELD_NUMBER: _ClassVar[int]
    KEY_FORMAT_FIELD_NUMBER: _ClassVar[int]
    PSSH_FIELD_NUMBER: _ClassVar[int]
    IV_FIELD_NUMBER: _ClassVar[int]
    CLEAR_LEAD_SECONDS_FIELD_NUMBER: _ClassVar[int]
    scheme: Encryption.Scheme
    keys: _containers.RepeatedCompositeFieldContainer[Encryption.Key]
    key_server: Encryption.KeyServer
    key_uri: str
    key_format: Encryption.KeyFormat
    pssh: _containers.RepeatedScalarFieldContainer[str]
    iv: str
    clear_lead_seconds: float
    def __init__(self, scheme: _Optional[_Union[Encryption.Scheme, str]] = ..., keys: _Optional[_Iterable[_Union[Encryption.Key, _Mapping]]] = ..., key_server: _Optional[_Union[Encryption.KeyServer, _Mapping]] = ..., key_uri: _Optional[str] = ..., key_format: _Optional[_Union[Encryption.KeyFormat, str]] = ..., pssh: _Optional[_Iterable[str]] = ..., iv: _Optional[str] = ..., clear_lead_seconds: _Optional[float] = ...) -> None: ...
