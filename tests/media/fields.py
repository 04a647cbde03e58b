"""Pictures of H.264 coded as two fields each (PAFF), as broadcasts and cameras write them and no free encoder does.

Bit by bit: macroblocks are uncompressed (I_PCM). Frames carry their number as bars (media.coded), 96 × 64 pixels.
"""

from fractions import Fraction
from functools import cache
from pathlib import Path

import av

_BARS, _WIDE, _HIGH = 12, 6, 2  # macroblocks of a field
_BLACK, _WHITE = 16, 235
_LEVEL, _MAIN, _FRAME_NUMBERS, _ORDERS = 30, 77, 4, 8
_ALL_INTRA, _PCM = 7, 25
_GROUP = 25
_BYTES = [f"{value:08b}" for value in range(256)]


class Bits:
    """Numbers put together, the highest bit first."""

    def __init__(self) -> None:
        self._text = ""

    def fixed(self, value: int, bits: int) -> "Bits":
        """A number of so many bits."""
        self._text += f"{value:0{bits}b}"
        return self

    def ue(self, value: int) -> "Bits":
        """A number of Exp-Golomb (ITU-T H.264, 9.1)."""
        bits = f"{value + 1:b}"
        self._text += "0" * (len(bits) - 1) + bits
        return self

    def se(self, value: int) -> "Bits":
        """The same, with a sign."""
        return self.ue(2 * value - 1 if value > 0 else -2 * value)

    def data(self, values: bytes) -> "Bits":
        """Bytes, from the next whole one on."""
        self._text += "0" * (-len(self._text) % 8) + "".join(map(_BYTES.__getitem__, values))
        return self

    def unit(self, head: int) -> bytes:
        """All of it as a unit behind its start code."""
        text = f"{self._text}1"
        text += "0" * (-len(text) % 8)
        found, zeros = bytearray(), 0
        for value in int(text, 2).to_bytes(len(text) // 8):
            if zeros >= 2 and value <= 3:
                found.append(3)
                zeros = 0
            found.append(value)
            zeros = zeros + 1 if not value else 0
        return bytes((0, 0, 0, 1, head)) + bytes(found)


def muxed(raw: Path, path: Path, *, rate: int = 25, joined: bool = True) -> Path:
    """A raw stream in a container, the two fields of a picture as one packet or each with a time of its own."""
    with av.open(str(raw)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        data = [bytes(packet) for packet in source.demux(video=0) if packet.size]
        data = [first + second for first, second in zip(data[::2], data[1::2], strict=True)] if joined else data
        group = _GROUP if joined else 2 * _GROUP
        for number, each in enumerate(data):
            packet = av.Packet(each)
            packet.stream, packet.time_base = stream, Fraction(1, rate if joined else 2 * rate)
            packet.pts = packet.dts = number
            packet.duration, packet.is_keyframe = 1, number % group == 0
            target.mux(packet)
    return path


def film(path: Path, *, frames: int, rate: int = 25) -> Path:
    """A raw stream of so many frames."""
    path.write_bytes(_film(frames, rate))
    return path


@cache
def _film(frames: int, rate: int) -> bytes:
    parts = []
    for number in range(frames):
        if number % _GROUP == 0:
            parts += [_sequence(rate), _picture()]
        parts += [_field(number, bottom=False), _field(number, bottom=True)]
    return b"".join(parts)


def _sequence(rate: int) -> bytes:
    bits = Bits().fixed(_MAIN, 8).fixed(0, 8).fixed(_LEVEL, 8).ue(0)
    bits.ue(_FRAME_NUMBERS - 4).ue(0).ue(_ORDERS - 4)
    bits.ue(1).fixed(0, 1).ue(_WIDE - 1).ue(_HIGH - 1)  # one reference
    bits.fixed(0, 1).fixed(0, 1).fixed(1, 1).fixed(0, 1)  # fields; none by macroblocks; no cropping
    bits.fixed(1, 1).fixed(0, 4).fixed(1, 1).fixed(1, 32).fixed(2 * rate, 32).fixed(1, 1)  # how many fields a second
    bits.fixed(0, 3).fixed(1, 1).fixed(1, 1).ue(0).ue(0).ue(10).ue(10).ue(0).ue(1)  # shown as they are decoded
    return bits.unit(0x67)


def _picture() -> bytes:
    bits = Bits().ue(0).ue(0).fixed(0, 2).ue(0).ue(0).ue(0).fixed(0, 3).se(0).se(0).se(0).fixed(0, 3)
    return bits.unit(0x68)


def _field(number: int, *, bottom: bool) -> bytes:
    """The first field of a group refers to nothing, nor do the others, but they don't say so."""
    first = number % _GROUP == 0 and not bottom
    counted = number % _GROUP
    bits = Bits().ue(0).ue(_ALL_INTRA).ue(0).fixed(counted % 2**_FRAME_NUMBERS, _FRAME_NUMBERS)
    bits.fixed(1, 1).fixed(bottom, 1)
    if first:
        bits.ue(number // _GROUP % 2)
    bits.fixed((2 * counted + bottom) % 2**_ORDERS, _ORDERS).fixed(0, 2 if first else 1).se(0)
    row = [_WHITE if number >> (_BARS - 1 - x * _BARS // (16 * _WIDE)) & 1 else _BLACK for x in range(16 * _WIDE)]
    for block in range(_WIDE * _HIGH):
        left = 16 * (block % _WIDE)
        bits.ue(_PCM).data(bytes(row[left : left + 16]) * 16 + bytes([128]) * 128)
    return bits.unit(0x65 if first else 0x61)
