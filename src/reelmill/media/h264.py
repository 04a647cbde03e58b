"""What H.264's own headers tell of its pictures that libav does not. Pure; runs in the prober's child.

What libav calls a key frame may be the first of many that renew a picture strip by strip (x264's intra-refresh,
cameras, broadcasts): a message beside it says how many frames that takes (ITU-T H.264, D.1.8 and D.2.8). And a picture
may be coded as two fields, which libav's readers hand out one by one where a container does not hold them together.
"""

from collections.abc import Iterator
from dataclasses import dataclass

_SLICE, _WHOLE, _MESSAGES, _SEQUENCE = 1, 5, 6, 7  # types of units; a whole picture refers to none
_RECOVERY_POINT = 6
_SCALED = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
"""Profiles whose sequences have matrices (7.3.2.1.1)."""
_MOST_UNITS, _MOST_MESSAGES, _MOST_BYTES, _MOST_CYCLE = 32, 32, 4096, 255
_HEAD_BYTES = 24  # of a slice, as far as it is looked at
_START_CODE = b"\0\0\1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sequence:
    """What is told of all pictures."""

    fields: bool
    """Whether some may be coded as fields."""
    number_bits: int
    planes: bool
    """Whether each colour is coded as a picture of its own."""


@dataclass(frozen=True, slots=True)
class Field:
    """A picture that is one field."""

    number: int
    bottom: bool

    def completes(self, other: "Field | None") -> bool:
        """Whether it is the second one of the frame that `other` began."""
        return other is not None and other.number == self.number and other.bottom != self.bottom


def recovery(packet: bytes, extradata: bytes) -> int:
    """How many frames follow a key frame's packet until pictures are whole; 0: it is whole itself."""
    for unit in _units(packet, extradata):
        kind = unit[0] & 31
        if kind in (_SLICE, _WHOLE):
            return 0
        if kind == _MESSAGES and (found := _recovery(unit)) is not None:
            return found
    return 0


def is_counted(packet: bytes, extradata: bytes) -> bool:
    """Whether others may refer to a picture: such alone are counted."""
    return any(unit[0] >> 5 & 3 for unit in _units(packet, extradata) if unit[0] & 31 in (_SLICE, _WHOLE))


def sequence(packet: bytes, extradata: bytes) -> Sequence | None:
    """The first one that a packet or what stands before all of them tells of."""
    if extradata[:1] == b"\1":
        length = int.from_bytes(extradata[6:8])
        units: Iterator[bytes] = iter([extradata[8 : 8 + min(length, _MOST_BYTES)]])
    else:
        units = _units(packet + extradata, b"")
    unit = next((unit for unit in units if unit and unit[0] & 31 == _SEQUENCE), None)
    try:
        return _sequence(_Bits(unit[1:])) if unit is not None else None
    except EOFError:
        return None


def field(packet: bytes, extradata: bytes, sequence: Sequence) -> Field | None:
    """What a packet's picture is, where it is one field."""
    unit = next((unit for unit in _units(packet, extradata) if unit[0] & 31 in (_SLICE, _WHOLE)), b"")
    bits = _Bits(unit[1:_HEAD_BYTES])
    try:
        for _ in range(3):
            bits.ue()
        bits.take(2 * sequence.planes)
        number = bits.take(sequence.number_bits)
        return Field(number, bool(bits.take(1))) if bits.take(1) else None
    except EOFError:
        return None


class _Bits:
    """Numbers that are read one after the other. Raises EOFError past the end."""

    def __init__(self, data: bytes) -> None:
        data = data.replace(b"\0\0\3", b"\0\0")
        self._left = 8 * len(data)
        self._value = int.from_bytes(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise EOFError
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def ue(self) -> int:
        """Exp-Golomb (9.1)."""
        rest = self._value & ((1 << self._left) - 1)
        zeros = self._left - rest.bit_length()
        self.take(zeros)
        return self.take(zeros + 1) - 1


def _sequence(bits: _Bits) -> Sequence:
    profile = bits.take(24) >> 16
    bits.ue()
    planes = False
    if profile in _SCALED:
        chroma = bits.ue()
        planes = chroma == 3 and bool(bits.take(1))
        bits.ue(), bits.ue(), bits.take(1)
        if bits.take(1):
            for i in range(12 if chroma == 3 else 8):
                if bits.take(1):
                    _skip_matrix(bits, 16 if i < 6 else 64)
    number_bits = bits.ue() + 4
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.take(1), bits.ue(), bits.ue()
        for _ in range(min(bits.ue(), _MOST_CYCLE)):
            bits.ue()
    bits.ue(), bits.take(1), bits.ue(), bits.ue()
    return Sequence(fields=not bits.take(1), number_bits=min(number_bits, 16), planes=planes)


def _skip_matrix(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            number = bits.ue()
            following = (last + ((number + 1) // 2 if number % 2 else -(number // 2))) % 256
        last = following or last


def _units(packet: bytes, extradata: bytes) -> Iterator[bytes]:
    """The beginnings of the first units, which stand behind their lengths or start codes, up to a picture's first."""
    if extradata[:1] == b"\1" and len(extradata) > 4:
        size, at = (extradata[4] & 3) + 1, 0
        for _ in range(_MOST_UNITS):
            length = int.from_bytes(packet[at : at + size])
            if unit := packet[at + size : at + size + min(length, _MOST_BYTES)]:
                yield unit
            at += size + length
        return
    at = packet.find(_START_CODE)
    for _ in range(_MOST_UNITS):
        if at < 0:
            return
        if unit := packet[at + 3 : at + 3 + _MOST_BYTES].partition(_START_CODE)[0]:
            yield unit
        at = packet.find(_START_CODE, at + 3)


def _recovery(unit: bytes) -> int | None:
    """What the message of a recovery point in a unit of messages says, if there is one."""
    data = unit[1:].replace(b"\0\0\3", b"\0\0")
    at = 0
    for _ in range(_MOST_MESSAGES):
        kind, at = _number(data, at)
        size, at = _number(data, at)
        if at >= len(data):
            return None
        if kind == _RECOVERY_POINT:
            try:
                return _Bits(data[at : at + size]).ue()
            except EOFError:
                return None
        at += size
    return None


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number that is the sum of bytes, of which all but the last are 255, and where it ends."""
    total = 0
    while at < len(data) and data[at] == 255:
        total, at = total + 255, at + 1
    return (total + data[at] if at < len(data) else total), at + 1
