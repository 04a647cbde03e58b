"""Keys of packages: out of a spec or a key server's answer, and as programs read them. Pure.

They come in when a step runs, and stand in nothing that is kept: no plan, argument, receipt or log.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reelmill.v1.encryption_pb2 import Encryption

KEY_BYTES = 16
NAMELESS = "0" * 32
"""The name of a key that needs none."""
MOST_ANSWER_BYTES = 2**16
"""Of a key server."""
_MOST_BOXES = 8
_NAMES = {"": Encryption.TRACKS_UNSPECIFIED, "VIDEO": Encryption.VIDEO, "AUDIO": Encryption.AUDIO}
_KINDS = {"video": Encryption.VIDEO, "audio": Encryption.AUDIO}


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """One, and which streams it is for."""

    key_id: bytes
    key: bytes = field(repr=False)
    tracks: int = Encryption.TRACKS_UNSPECIFIED


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """Those of an output."""

    keys: tuple[Key, ...]
    pssh: tuple[bytes, ...] = ()
    """Boxes that the key server gave."""

    def of(self, kind: str) -> Key:
        """That of a stream of this kind: video or audio. Raises ValueError where there is none."""
        for tracks in (_KINDS[kind], Encryption.TRACKS_UNSPECIFIED):
            for one in self.keys:
                if one.tracks == tracks:
                    return one
        raise ValueError(f"there is no key for {kind}")

    @property
    def told(self) -> str:
        """As our own tools read them: JSON."""
        return json.dumps(
            {kind: {"key_id": self.of(kind).key_id.hex(), "key": self.of(kind).key.hex()} for kind in _KINDS}
        )


def of_file(text: str) -> Keys:
    """What `Keys.told` made."""
    told = json.loads(text)
    return Keys(
        keys=tuple(
            Key(key_id=bytes.fromhex(one["key_id"]), key=bytes.fromhex(one["key"]), tracks=_KINDS[kind])
            for kind, one in told.items()
        )
    )


def given(spec: Encryption) -> Keys:
    """Those that a spec holds, opened. Raises ValueError."""
    return Keys(keys=tuple(_key(one.key_id, one.key, one.tracks) for one in spec.keys))


def answered(spec: Encryption, data: bytes) -> Keys:
    """Those of a key server's answer. Raises ValueError, which tells nothing of what the answer says."""
    if len(data) == KEY_BYTES:
        named = spec.key_server.key_id
        if not named and spec.scheme != Encryption.AES_128:
            raise ValueError("it answers with a key alone: give the key's name in key_server.key_id")
        return Keys(keys=(_key(named, data.hex(), Encryption.TRACKS_UNSPECIFIED),))
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("its answer is neither a key's 16 bytes nor JSON") from None
    if not isinstance(told, dict) or not isinstance(found := told.get("keys"), list) or not 1 <= len(found) <= 2:
        raise ValueError('its answer has no list "keys" of one key or two')
    keys = tuple(map(_of_answer, found))
    if len({one.tracks for one in keys}) < len(keys):
        raise ValueError("its answer has two keys for the same tracks")
    made = Keys(keys=keys, pssh=boxes(_texts(told.get("pssh", []))))
    for kind in _KINDS:
        made.of(kind)
    return made


def boxes(texts: Sequence[str]) -> tuple[bytes, ...]:
    """Boxes for protection systems, out of base64. Raises ValueError where one is none."""
    found = []
    for text in texts:
        try:
            box = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise ValueError("is not base64") from None
        if len(box) < 32 or box[4:8] != b"pssh" or int.from_bytes(box[:4], "big") != len(box):
            raise ValueError("is no single pssh box")
        found.append(box)
    return tuple(found)


def flags(key: Key, iv: bytes, pssh: Sequence[bytes]) -> str:
    """A file of flags for the packager, of a process that encrypts one stream."""
    lines = [
        "--enable_raw_key_encryption",
        f"--keys=label=:key_id={key.key_id.hex()}:key={key.key.hex()}",
        f"--iv={iv.hex()}",
        *([f"--pssh={b''.join(pssh).hex()}"] if pssh else []),
    ]
    return "\n".join((*lines, ""))


def vector(key: Key, name: str, digest: bytes, size: int) -> bytes:
    """The initialization vector of a stream: the same for the same content, and no other's under the same key.

    `name`: of the stream; `digest`: of the file that it comes out of. So packages are the same each time, and no two
    streams share a key stream of counter mode.
    """
    return hmac.new(key.key, b"reelmill iv\0" + name.encode() + b"\0" + digest, hashlib.sha256).digest()[:size]


def _of_answer(told: Any) -> Key:
    if not isinstance(told, Mapping) or not isinstance(tracks := told.get("tracks", ""), str) or tracks not in _NAMES:
        raise ValueError("a key of its answer is no object with key_id, key and, at most, tracks VIDEO or AUDIO")
    key_id, key = told.get("key_id"), told.get("key")
    if not isinstance(key_id, str) or not isinstance(key, str):
        raise ValueError("a key of its answer has no key_id or key")
    return _key(key_id, key, _NAMES[tracks])


def _texts(told: Any) -> list[str]:
    if not isinstance(told, list) or len(told) > _MOST_BOXES or not all(isinstance(one, str) for one in told):
        raise ValueError('its answer\'s "pssh" is no list of a few texts')
    return told


def _key(key_id: str, key: str, tracks: int) -> Key:
    try:
        made = Key(key_id=bytes.fromhex(key_id.replace("-", "") or NAMELESS), key=bytes.fromhex(key), tracks=tracks)
    except ValueError:
        raise ValueError("a key or its name is not in hex") from None
    if len(made.key) != KEY_BYTES or len(made.key_id) != KEY_BYTES:
        raise ValueError("a key and its name have 16 bytes each")
    return made
