"""What is told of encrypted streams; nothing of it is secret. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

AES_128, CENC, CBCS = "aes-128", "cenc", "cbcs"
"""What is done, as plans tell it."""
_BLOCK = 16

Opening = Callable[[int, bytes], bytes]
"""The segment of this number in the clear, the first being 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Encrypted:
    """What is told of an encrypted stream, or of all of a package; nothing of it is secret."""

    scheme: str
    """aes-128, cenc or cbcs."""
    uri: str = ""
    """Where HLS players find the key."""
    key_format: str = "identity"
    """How they come from there to the key."""
    iv: str = ""
    """In hex, of aes-128; empty: each segment's number."""
    clear_seconds: float = 0.0
    """What is left in the clear at the beginning, made up to whole segments."""

    @property
    def common(self) -> bool:
        """Whether samples are encrypted, not segments."""
        return self.scheme != AES_128

    def vector(self, number: int) -> bytes:
        """Of a whole segment, the first being 0."""
        return bytes.fromhex(self.iv) if self.iv else number.to_bytes(_BLOCK, "big")

    def clear(self, seconds: Sequence[float]) -> int:
        """How many segments of these lengths are left in the clear."""
        count, begin = 0, 0.0
        for one in seconds:
            if begin >= self.clear_seconds:
                break
            count, begin = count + 1, begin + one
        return count
