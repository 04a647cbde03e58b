"""Secrets at rest: sealed by AES-256-GCM (NIST SP 800-38D) with keys of the operator's, and keys derived from these."""

import base64
import binascii
import hashlib
import hmac
import logging
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)
KEY_BYTES = 32
_LOOK_SECONDS = 1.0  # between two looks at a file
_NONCE_BYTES, _ID_BYTES = 12, 4
_FORM = b"\x01"
_FILE = "secrets.key"
_HINT = (
    "REELMILL_SECRETS_KEY: must be 32 bytes in base64 (openssl rand -base64 32), or several such with commas between"
)


class Unsealable(ValueError):
    """No key of ours opens it: it was sealed with another one, for another purpose, or is damaged."""


class Keys:
    """The operator's keys. The first one seals, all open: so a key is replaced by putting a new one before it."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys`: of KEY_BYTES each, one at least."""
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(_HINT)
        self._held = {_name(key): key for key in keys}

    @property
    def _keys(self) -> dict[bytes, bytes]:
        """By their names, the first of which is the one to use now."""
        return self._held

    @classmethod
    def parse(cls, text: str) -> "Keys":
        """Out of a setting: base64 with commas between. Raises ValueError, which names the setting and no key."""
        try:
            return cls([base64.b64decode(part.strip(), validate=True) for part in text.split(",")])
        except (binascii.Error, ValueError):
            raise ValueError(_HINT) from None

    @classmethod
    def of(cls, text: str, folder: Path | None, file: Path | None = None, *, make: bool = True) -> "Keys | None":
        """The keys of a setting; where it is empty the one in a folder's file, which is made unless `make` is false.

        `file`: where the setting stands, which is looked at again. None without either. Raises ValueError, and OSError
        where the file can't be read or made.
        """
        if text and file:
            return FileKeys(cls.parse(text), file)
        if text:
            return cls.parse(text)
        if folder is None or not (make or (folder / _FILE).exists()):
            return None
        return cls([_kept(folder / _FILE)])

    def __repr__(self) -> str:
        return f"Keys({len(self._keys)})"

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """What only a holder of the key can open, and only for the same purpose."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # late: who seals nothing does not load it

        name, key = next(iter(self._keys.items()))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORM + name + nonce + AESGCM(key).encrypt(nonce, secret, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """What was sealed. Raises Unsealable."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        name, nonce, rest = sealed[1:5], sealed[5:17], sealed[17:]
        key = self._keys.get(name) if sealed[:1] == _FORM else None
        if key is None:
            raise Unsealable("it was sealed with a key that REELMILL_SECRETS_KEY does not have any more")
        try:
            return AESGCM(key).decrypt(nonce, rest, purpose.encode())
        except (InvalidTag, ValueError):
            raise Unsealable("it is damaged, or was sealed for something else") from None

    def derived(self, purpose: str) -> dict[str, bytes]:
        """A key of each one, for another purpose, by an id that may be told; the first is the one to use now."""
        about = f"reelmill {purpose}".encode()
        return {name.hex(): hmac.digest(key, about, "sha256") for name, key in self._keys.items()}


class FileKeys(Keys):
    """Keys that stand in a file, read again when that changes; while it can't be used, those before hold."""

    def __init__(self, first: Keys, file: Path) -> None:
        self._held = first._held
        self._file = file
        self._looked = time.monotonic()
        self._state = _state(file)

    @property
    def _keys(self) -> dict[bytes, bytes]:
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._look()
        return self._held

    def _look(self) -> None:
        try:
            state = _state(self._file)
            if state != self._state:
                self._held, self._state = Keys.parse(self._file.read_text().strip())._held, state
        except (OSError, ValueError) as error:
            log.warning("new keys can't be used; those before go on: %s", error)


def _state(file: Path) -> tuple[int, int, int]:
    """What changes when a file does, links that are led elsewhere included, as Kubernetes does it."""
    found = file.stat()
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def _name(key: bytes) -> bytes:
    return hashlib.sha256(b"reelmill key name" + key).digest()[:_ID_BYTES]


def _kept(file: Path) -> bytes:
    """The key in a file, which is made where it is missing: readable by its owner alone."""
    with suppress(FileNotFoundError):
        return file.read_bytes()
    made = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as writing:
            writing.write(secrets.token_bytes(KEY_BYTES))
            writing.flush()
            os.fsync(writing.fileno())
        with suppress(FileExistsError):  # another process was first: its key holds
            file.hardlink_to(made)
    finally:
        made.unlink()
    return file.read_bytes()
