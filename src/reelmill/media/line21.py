"""Captions of CEA-608, as line 21 of a picture carried them: pairs of bytes of one channel, written as SCC. Pure.

A triple is what ATSC A/53 part 4 (6.2.3) puts between pictures: a byte that says of which field a pair is, and the
pair, seven bits and odd parity each. Two channels share a field, and with them pages of text and data about programs:
a code says whose the letters behind it are (CEA-608-E, 8.4 and annex B).
"""

from collections.abc import Iterator

CHANNELS = ("CC1", "CC2", "CC3", "CC4")
_RATE = 30_000 / 1001  # pairs of a field a second, and frames of SCC
_VALID, _FIELDS = 0xFC, (0xFC, 0xFD)
_OTHER = 0x08  # in a code's first byte: of a field's second channel
_CONTROLS, _CONTROL, _SECOND_FIELD = range(0x20, 0x30), 0x14, 0x15
_CAPTIONS = frozenset({0x20, 0x25, 0x26, 0x27, 0x29, 0x2F})  # they are loaded, rolled up, painted or shown
_PAGES = frozenset({0x2A, 0x2B})
_ERASE = "942c"
HEAD = "Scenarist_SCC V1.0\n"


class Channel:
    """Takes the captions of one channel out of all pairs that pass, in their order."""

    def __init__(self, name: str) -> None:
        """`name`: one of CHANNELS."""
        place = CHANNELS.index(name)
        self.others: set[str] = set()
        """Channels besides it that have captions too."""
        self.words: list[tuple[int, str]] = []
        """Frames of SCC, rising, and the pair in each, in hex, as if it were of the first channel."""
        self._field, self._second = place // 2, bool(place % 2)
        self._speaking: list[bool | None] = [None, None]  # of each field, whether its second channel does
        self._captions: set[tuple[int, bool]] = set()  # fields and channels that are in captions, not in a page

    def take(self, seconds: float, triples: bytes) -> None:
        """What lies before the picture that is shown at `seconds`."""
        for at in range(0, len(triples) - 2, 3):
            kind, *pair = triples[at : at + 3]
            if kind | 0xF8 not in _FIELDS or not all(byte.bit_count() % 2 for byte in pair):
                continue  # of CEA-708, padding, or damaged
            field = _FIELDS.index(kind | 0xF8)
            if word := self._word(field, pair[0] & 0x7F, pair[1] & 0x7F):
                frame = round(max(0.0, seconds) * _RATE)
                self.words.append((max(frame, self.words[-1][0] + 1) if self.words else frame, word))

    def _word(self, field: int, first: int, second: int) -> str:
        """A pair as SCC has it; empty for what is of another channel, or nothing."""
        if 0 < first < 0x10:  # data about programs, until a code comes
            self._speaking[field] = None
        elif first in range(0x10, 0x20):
            self._speaking[field] = bool(first & _OTHER)
            first &= ~_OTHER
            if first in (_CONTROL, _SECOND_FIELD) and second in _CONTROLS:
                first = _CONTROL
                self._changed(field, second)
        spoken = self._speaking[field]
        if not (first or second) or spoken is None or (field, spoken) not in self._captions:
            return ""
        if (field, spoken) != (self._field, self._second):
            self.others.add(CHANNELS[2 * field + spoken])
            return ""
        return f"{_odd(first):02x}{_odd(second):02x}"

    def _changed(self, field: int, control: int) -> None:
        one = (field, bool(self._speaking[field]))
        if control in _CAPTIONS:
            self._captions.add(one)
        elif control in _PAGES:
            self._captions.discard(one)

    def scc(self, end: float) -> Iterator[str]:
        """Lines of the file; `end`: seconds, when what is still shown goes."""
        yield HEAD
        last, words = -2, list[str]()
        for frame, word in (*self.words, (max(round(end * _RATE), self._last + 1), _ERASE)):
            if words and frame != last + 1:
                yield _line(last - len(words) + 1, words)
                words = []
            words.append(word)
            last = frame
        yield _line(last - len(words) + 1, words)

    @property
    def _last(self) -> int:
        return self.words[-1][0] if self.words else -1


def _odd(byte: int) -> int:
    return byte if byte.bit_count() % 2 else byte | 0x80


def _line(frame: int, words: list[str]) -> str:
    """As frames are counted where none is dropped."""
    seconds, frames = divmod(frame, 30)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"\n{hours:02}:{minutes:02}:{seconds:02}:{frames:02}\t{' '.join(words)}\n"
