"""From which picture of H.264 on a decoder shows whole ones that begins at a key frame. Pure.

Runs in the prober's child. What libav calls a key frame may be the first of many that renew a picture strip by strip
(x264's intra-refresh, cameras, broadcasts): a message beside it says how many frames that takes (ITU-T H.264, D.1.8 and
D.2.8).
"""

_MESSAGES, _RECOVERY_POINT = 6, 6
_SLICE, _WHOLE = 1, 5  # types of units: of any picture, and of one that refers to none
_MOST_UNITS, _MOST_MESSAGES, _MOST_BYTES = 32, 32, 4096
_START_CODE = b"\0\0\1"


def frames(packet: bytes, extradata: bytes) -> int:
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


def _units(packet: bytes, extradata: bytes) -> list[bytes]:
    """The beginnings of the first units, which stand behind their lengths or start codes."""
    found: list[bytes] = []
    if extradata[:1] == b"\1" and len(extradata) > 4:
        size, at = (extradata[4] & 3) + 1, 0
        while at + size < len(packet) and len(found) < _MOST_UNITS:
            length = int.from_bytes(packet[at : at + size])
            found.append(packet[at + size : at + size + min(length, _MOST_BYTES)])
            at += size + length
    else:
        at = packet.find(_START_CODE)
        while at >= 0 and len(found) < _MOST_UNITS:
            unit = packet[at + 3 : at + 3 + _MOST_BYTES]
            is_last = bool(unit) and unit[0] & 31 in (_SLICE, _WHOLE)
            at = -1 if is_last else packet.find(_START_CODE, at + 3)
            found.append(unit.partition(_START_CODE)[0])
    return [unit for unit in found if unit]


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
            bits = f"{int.from_bytes(data[at : at + 8].ljust(8, bytes(1))):064b}"
            zeros = min(bits.find("1"), 16)
            return int(bits[zeros : 2 * zeros + 1], 2) - 1 if zeros >= 0 else None
        at += size
    return None


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number that is the sum of bytes, of which all but the last are 255, and where it ends."""
    total = 0
    while at < len(data) and data[at] == 255:
        total, at = total + 255, at + 1
    return (total + data[at] if at < len(data) else total), at + 1
