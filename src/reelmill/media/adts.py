"""How long frames of AAC last in ADTS, whose rate may change on the way. Pure.

libav reckons all of a file by the first frame's rate; its decoder does not.
"""

from collections.abc import Sequence

# Samples a second by their number in a frame's head (ISO/IEC 14496-3, table 1.18).
_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)


class Pace:
    """Takes frames in file order."""

    def __init__(self) -> None:
        self._first = 0

    def lasts(self, head: Sequence[int], duration: int) -> int:
        """What a frame that begins with `head` lasts, where it would last `duration` at the first one's rate."""
        rate = _rate(head)
        self._first = self._first or rate
        return duration * self._first // rate if rate else duration


def _rate(head: Sequence[int]) -> int:
    """0 where no frame begins."""
    if len(head) < 3 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    number = head[2] >> 2 & 0xF
    return _RATES[number] if number < len(_RATES) else 0
