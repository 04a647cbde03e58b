"""Films with closed captions of CEA-608 between their pictures, made of what is to be shown when."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from media.kit import make

from reelmill.media.tools.manifests import CAPTIONS_MARK

RATE = 30_000 / 1001
NOTHING = b"\x80\x80"
_CONTROL = {"CC1": 0x14, "CC2": 0x1C, "CC3": 0x15, "CC4": 0x1D}

Shown = Sequence[tuple[float, float, str]]
"""From when to when, in seconds, what is shown."""
SHOWN: Shown = ((2.0, 3.0, "Hello there."), (4.0, 5.5, "And again"))


def odd(*values: int) -> bytes:
    """Seven bits each, with their parity."""
    return bytes(value if value.bit_count() % 2 else value | 0x80 for value in values)


def letters(text: str) -> list[bytes]:
    """Pairs of them."""
    padded = text + "\0" * (len(text) % 2)
    return [odd(ord(a), ord(b)) for a, b in zip(padded[::2], padded[1::2], strict=True)]


def loaded(text: str, channel: str = "CC1") -> list[bytes]:
    """Pairs that load a caption and show it (pop-on); codes are sent twice."""
    control = _CONTROL[channel]
    row = odd(0x1C if control & 8 else 0x14, 0x70)
    codes = {"load": odd(control, 0x20), "clear": odd(control, 0x2E), "show": odd(control, 0x2F)}
    twice = [codes["load"]] * 2 + [codes["clear"]] * 2 + [row] * 2
    return [*twice, *letters(text), *[codes["show"]] * 2]


def erased(channel: str = "CC1") -> list[bytes]:
    """Pairs that take it away."""
    return [odd(_CONTROL[channel], 0x2C)] * 2


def pairs(shown: Shown, channel: str = "CC1") -> dict[int, bytes]:
    """By their frames; a caption is there with the first of the two codes that show it."""
    made: dict[int, bytes] = {}
    for begin, end, text in shown:
        words = loaded(text, channel)
        first = round(begin * RATE) - len(words) + 2
        made |= {first + i: word for i, word in enumerate(words)}
        made |= {round(end * RATE) + i: word for i, word in enumerate(erased(channel))}
    return made


def triples(frame: int, first: Mapping[int, bytes], second: Mapping[int, bytes]) -> bytes:
    """Of both fields."""
    return b"\xfc" + first.get(frame, NOTHING) + b"\xfd" + second.get(frame, NOTHING)


def captioned(path: Path, seconds: float, first: Mapping[int, bytes], second: Mapping[int, bytes]) -> Path:
    """A film of H.264 at 29.97 frames a second, whose pictures carry pairs of the first and the second field."""
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=64x48:rate=30000/1001:duration={seconds}")
    x264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-x264-params", "slices=1")
    plain = make(path.with_suffix(".plain.h264"), *picture, *x264, "-f", "h264")
    made, frame = bytearray(), 0
    for unit in plain.read_bytes().replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]:
        if unit[0] & 31 in (1, 5):
            data = CAPTIONS_MARK + b"\x42\xff" + triples(frame, first, second) + b"\xff"
            made += b"\0\0\0\1\x06\x04" + bytes([len(data)]) + data + b"\x80"
            frame += 1
        made += b"\0\0\0\1" + unit
    stream = path.with_suffix(".h264")
    stream.write_bytes(made)
    return make(path, "-framerate", "30000/1001", "-f", "h264", "-i", str(stream), "-c", "copy")


def lines_of(srt: str) -> list[tuple[float, float, str]]:
    """What an SRT shows, times in tenths of a second."""
    made = []
    for block in srt.strip().split("\n\n"):
        _, times, *text = block.split("\n")
        begin, end = (_seconds(time) for time in times.split(" --> "))
        made.append((round(begin, 1), round(end, 1), "\n".join(text)))
    return made


def _seconds(time: str) -> float:
    hours, minutes, seconds = time.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
