"""The form of a key's token: `rm_<id>_<secret><checksum>`. Pure, but for the dice.

The id finds the key, the secret proves it, and the checksum tells a token that was mistyped or cut from one that is
refused, without asking anybody: six hexadecimal digits of SHA-256, which shells and Helm's templates can reckon too.
190 random bits need no slow hash: nobody guesses them, so what is stored is the SHA-256 of the whole.
"""

import hashlib
import re
import secrets
import string
from dataclasses import dataclass

_LETTERS = string.ascii_letters + string.digits
_ID, _SECRET, _CHECKSUM = 12, 32, 6  # letters
_TOKEN = re.compile(r"rm_([0-9A-Za-z]{4,32})_([0-9A-Za-z]{38,128})", re.ASCII)
PREFIX = "rm_"


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the right form. `id` is no secret."""

    id: str
    text: str

    @property
    def hash(self) -> bytes:
        """What is stored of it: 32 bytes."""
        return hashlib.sha256(self.text.encode()).digest()

    def __repr__(self) -> str:
        return f"Token({self.id})"


def new_token() -> Token:
    """A token that nobody has."""
    made = _random(_ID)
    head = f"{PREFIX}{made}_{_random(_SECRET)}"
    return Token(made, head + checksum(head))


def parse(text: str) -> Token | None:
    """The token, or None where the text is none."""
    match = _TOKEN.fullmatch(text)
    if match is None or checksum(text[:-_CHECKSUM]) != text[-_CHECKSUM:]:
        return None
    return Token(match[1], text)


def checksum(head: str) -> str:
    """The checksum of all that stands before it."""
    return hashlib.sha256(head.encode()).hexdigest()[:_CHECKSUM]


def _random(letters: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(letters))
