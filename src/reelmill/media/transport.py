"""Segments of MPEG transport streams (ISO/IEC 13818-1): what they hold, and when it is shown. Pure.

Of files that a packager of ours wrote: one picture (H.264) or one sound (AAC in ADTS, ISO/IEC 13818-7) in each.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from reelmill.media.fragments import Track

SCALE = 90_000
"""Ticks a second."""
OFFSET = 10 * SCALE
"""When what begins at 0 is shown: decoding begins earlier, and there are no times below 0."""
_PACKET, _SYNC = 188, b"\x47"
_WRAP = 2**33
_BEGINS = re.compile(rb"[\x40-\x7f]")  # the second byte of a packet with which something begins
_PICTURE, _SOUND = 0x1B, 0x0F  # stream_type of what is in the clear
_PARAMETERS, _KEY = 7, 5  # kinds of H.264's units
_FRAME = 1024  # samples of AAC
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


@dataclass(frozen=True, kw_only=True, slots=True)
class Portion:
    """What a segment holds; times in ticks."""

    shown: int
    """When the first of its samples is shown."""
    last: int
    """When the last one is."""
    count: int
    """Of its frames, or packets."""
    key: bool
    """Whether its first sample can be decoded alone."""
    first_end: int
    """Where its first sample ends, which begins with the segment."""
    codec: str
    """As CODECS has it; empty where the first sample does not tell."""
    channels: int = 0
    sample_rate_hz: int = 0

    @property
    def ticks(self) -> int:
        """How long a sound lasts; 0 of a picture, whose frames don't say."""
        return self.count * _FRAME * SCALE // self.sample_rate_hz if self.sample_rate_hz else 0

    @property
    def track(self) -> Track:
        """What it tells of its stream."""
        return Track(
            scale=SCALE,
            hidden=OFFSET,
            codec=self.codec,
            channels=self.channels,
            sample_rate_hz=self.sample_rate_hz,
            range="" if self.channels else "SDR",  # H.264 goes out in nothing else
        )


def portion(data: bytes, near: int = OFFSET) -> Portion:
    """A segment; `near`: a time that is less than half a day away. Raises ValueError, struct.error or IndexError."""
    count = len(data) // _PACKET
    if not count or len(data) % _PACKET or data[::_PACKET] != _SYNC * count:
        raise ValueError("it is no transport stream")
    begun = [_PACKET * found.start() for found in _BEGINS.finditer(data[1::_PACKET])]
    kind, pid = _program(data, begun)
    begins = [at for at in begun if _pid(data, at) == pid]
    if not begins:
        raise ValueError("a segment of no samples")
    first_end = begins[1] if len(begins) > 1 else len(data)
    times = [_unwrapped(_shown(data, at), near) for at in begins]
    shown, last = min(times), max(times)
    if kind == _SOUND:
        sound = b"".join(_payload(data, at) for at in begins for at in _packets(data, at, pid))
        frames, rate, channels, codec = _sound(sound)
        return Portion(
            shown=shown,
            last=last,
            count=frames,
            key=True,
            first_end=first_end,
            codec=codec,
            channels=channels,
            sample_rate_hz=rate,
        )
    units = list(_units(b"".join(_payload(data, at) for at in _packets(data, begins[0], pid))))
    codec = next((f"avc1.{unit[1:4].hex()}" for unit in units if unit[0] & 31 == _PARAMETERS), "")
    key = any(unit[0] & 31 == _KEY for unit in units)
    return Portion(shown=shown, last=last, count=len(begins), key=key, first_end=first_end, codec=codec)


def _program(data: bytes, begun: list[int]) -> tuple[int, int]:
    """Kind and number of the only stream."""
    table = next((_section(data, at) for at in begun if _pid(data, at) == 0), b"")
    number = struct.unpack_from(">H", table, 10)[0] & 0x1FFF
    program = next((_section(data, at) for at in begun if _pid(data, at) == number), b"")
    at = 12 + (struct.unpack_from(">H", program, 10)[0] & 0xFFF)
    kind, pid = struct.unpack_from(">BH", program, at)
    if kind not in (_PICTURE, _SOUND):
        raise ValueError(f"a stream of kind {kind:#x}")
    return kind, pid & 0x1FFF


def _section(data: bytes, at: int) -> bytes:
    payload = _payload(data, at)
    return payload[1 + payload[0] :]


def _pid(data: bytes, at: int) -> int:
    return int(struct.unpack_from(">H", data, at + 1)[0]) & 0x1FFF


def _head(data: bytes, at: int) -> int:
    """Bytes of a packet before what it carries."""
    fields = data[at + 3] >> 4 & 3
    return _PACKET if not fields & 1 else 4 + (1 + data[at + 4] if fields & 2 else 0)


def _payload(data: bytes, at: int) -> bytes:
    """What a packet carries, without the head of what begins in it (PES)."""
    begin, end = at + _head(data, at), at + _PACKET
    if data[at + 1] & 0x40 and data[begin : begin + 3] == b"\0\0\1":
        begin += 9 + data[begin + 8]
    return data[begin:end]


def _packets(data: bytes, at: int, pid: int) -> Iterator[int]:
    """Of what begins with a packet."""
    yield at
    for after in range(at + _PACKET, len(data), _PACKET):
        if _pid(data, after) == pid:
            if data[after + 1] & 0x40:
                return
            yield after


def _shown(data: bytes, at: int) -> int:
    """When what begins with a packet is."""
    at += _head(data, at)
    if data[at : at + 3] != b"\0\0\1" or not data[at + 7] & 0x80:
        raise ValueError("a sample without a time")
    high, middle, low = struct.unpack_from(">BHH", data, at + 9)
    return int((high >> 1 & 7) << 30 | middle >> 1 << 15 | low >> 1)


def _unwrapped(time: int, near: int) -> int:
    """Clocks of 33 bits begin anew each 26.5 hours."""
    return near + (time - near + _WRAP // 2) % _WRAP - _WRAP // 2


def _units(data: bytes) -> Iterator[bytes]:
    """The beginnings of H.264's units (annex B)."""
    yield from (data[found.end() : found.end() + 4] for found in re.finditer(rb"\x00\x00\x01(?=.)", data, re.DOTALL))


def _channels(told: int) -> int:
    """By the number that a frame's head has for their order."""
    return 8 if told == 7 else told


def _sound(data: bytes) -> tuple[int, int, int, str]:
    """Packets, samples a second, channels and the name of the codec."""
    at, count, rate, channels, codec = 0, 0, 0, 0, ""
    while at < len(data):
        if data[at] != 0xFF or data[at + 1] & 0xF0 != 0xF0:
            raise ValueError("a sound without frames of ADTS")
        rate, channels = _RATES[data[at + 2] >> 2 & 15], _channels((data[at + 2] & 1) << 2 | data[at + 3] >> 6)
        codec = f"mp4a.40.{(data[at + 2] >> 6) + 1}"
        count += 1
        at += (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    return count, rate, channels, codec
