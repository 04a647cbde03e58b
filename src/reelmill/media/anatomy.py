"""How a file of a known kind is broken: what its parts say, held against the bytes that are there.

Runs in a warm child, on files that can't be read or that came out wrong. Reads headers alone, and of those few.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from reelmill.media import anatomy_pictures as pictures
from reelmill.media import anatomy_streams as streams
from reelmill.media import claims, flac
from reelmill.media.damage import CUT, PROTECTED, cut_off, cut_short, damaged
from reelmill.media.diagnosis import AGAIN, Diagnosis
from reelmill.media.endings import is_short
from reelmill.media.iff import ELSEWHERE, Chunk, chunks
from reelmill.media.undeclared import undeclared

_OLD_TAG_BYTES = 128
_MOST_BOXES, _DEPTH, _MOST_EDITS = 2000, 8, 100
_LOOKED_AT, _LOOK_BYTES = 32, 64  # places in a film's data, and what is read at each
_UNFINISHED = (
    f"{AGAIN}; where the recording itself broke off, repair it with the program or camera that made it, and record"
    " to Matroska or fragmented MP4 from now on, which need no end."
)
_WITHOUT_EDITS = (
    "Make a copy without its edit list (`ffmpeg -ignore_editlist 1 -i INPUT -c copy copy.mp4`), and submit that."
)


_CONVERT = "Convert it with the program that made it to WAV or FLAC, and submit that."
_AIFF_CODEC = 18
_AIFF_READ = frozenset(
    (b"NONE", b"sowt", b"twos", b"raw ", b"in24", b"in32", b"42ni", b"23ni", b"fl32", b"FL32", b"fl64", b"FL64",
     b"alaw", b"ALAW", b"ulaw", b"ULAW", b"MAC3", b"MAC6", b"ima4", b"GSM ", b"G722", b"G726", b"QDM2", b"QDMC",
     b"Qclp", b"ADP4", b"SDX2")
)  # fmt: skip
"""Compressions of AIFF-C that FFmpeg reads."""


def anatomy(file: IO[bytes], size: int) -> Diagnosis | None:
    """What is wrong with a file's structure; None where nothing is, or it is of no kind that is known here."""
    file.seek(0)
    head = file.read(65536)
    for begins, look in _LOOKS:
        if begins(head):
            try:
                return look(file, head, size) or undeclared(file)
            except (struct.error, IndexError, ValueError, OverflowError):
                return damaged("header_damaged", "a header in the file tells what can't be: it is damaged")
    return None


# --- ISO media: MP4, MOV, HEIC, AVIF -------------------------------------------------------------------------------

_TOP = frozenset(
    (b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"uuid", b"meta", b"styp", b"sidx", b"pdin",
     b"mfra", b"udta", b"pnot", b"PICT", b"emsg", b"prft", b"ssix", b"bloc", b"jumb", b"beam", b"mvhd")
)  # fmt: skip
_PARENTS = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"moof", b"traf", b"mvex"))
_SCRAMBLED = (b"encv", b"enca", b"encs", b"encm", b"drmi", b"drms", b"pssh", b"aavd", b"encu")


@dataclass(frozen=True, slots=True)
class _Box:
    name: bytes
    at: int
    inner: int
    end: int


def _boxes(file: IO[bytes], at: int, end: int) -> Iterator[_Box]:
    """Boxes from `at` on, the last of which may reach past `end`. ISO/IEC 14496-12, 4.2."""
    for _ in range(_MOST_BOXES):
        if at + 8 > end:
            return
        file.seek(at)
        head = file.read(16)
        length, name = struct.unpack(">I4s", head[:8])
        inner = at + 8
        if length == 1 and len(head) == 16:
            length, inner = struct.unpack(">Q", head[8:])[0], at + 16
        if length == 0:
            length = end - at
        if length < inner - at:
            raise ValueError("a box shorter than its head")
        yield _Box(name, at, inner, at + length)
        at += length


def _is_iso(head: bytes) -> bool:
    return (
        head[4:8] in _TOP and len(head) >= 8 and head[8:12] != b"crx "
    )  # a camera's raw photo, which is none of these


def _of_iso(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    found: list[_Box] = []
    try:
        for box in _boxes(file, 0, size):
            found.append(box)
    except ValueError:
        return damaged("structure_damaged", f"the file is damaged: behind byte {found[-1].end if found else 0} its"
                        " boxes end, and something else follows")  # fmt: skip
    names = [box.name for box in found]
    last = found[-1]
    cut = last if last.end > size else None
    index = next((box for box in found if box.name in (b"moov", b"meta")), None)
    if cut is not None and cut.name not in _TOP:
        return damaged("structure_damaged", f"the file is damaged: at byte {cut.at} no box of MP4 begins")
    if index is None:
        return _without_index(found, cut, size)
    if cut is index:
        return damaged("cut_off", f"the file is damaged or cut off within its index: {size - cut.at} of"
                        f" {cut.end - cut.at} bytes of it are there", CUT)  # fmt: skip
    if cut is None and index.name == b"moov" and b"mdat" not in names and b"moof" not in names:
        return damaged("no_data", "the file has an index and nothing that it leads to: picture and sound (mdat) are"
                        " missing, or lie in another file", CUT)  # fmt: skip
    if (problem := _in_index(file, index, size)) is not None:
        return problem
    if cut is not None:
        return cut_off(size, cut.end)
    strange = next((box for box in found if box.name not in _TOP), None)
    if strange is not None:
        return _strange(strange)
    return _zeros(file, [box for box in found if box.name == b"mdat"])


def _zeros(file: IO[bytes], data: list[_Box]) -> Diagnosis | None:
    """Whether picture and sound were never filled in, as far as some places in them tell."""
    largest = max(data, key=lambda box: box.end - box.inner, default=None)
    if largest is None or largest.end - largest.inner < _LOOKED_AT * _LOOK_BYTES:
        return None
    step, empty = (largest.end - largest.inner - _LOOK_BYTES) // (_LOOKED_AT - 1), 0
    for i in range(_LOOKED_AT):
        file.seek(largest.inner + i * step)
        empty += not any(file.read(_LOOK_BYTES))
    if empty < _LOOKED_AT // 4:
        return None
    share = "all" if empty == _LOOKED_AT else f"about {100 * empty // _LOOKED_AT} %"
    return damaged("no_data", f"{share} of the file's picture and sound are zeros: it was reserved and not filled, as"
                    " by a transfer that did not end", CUT)  # fmt: skip


def _strange(box: _Box) -> Diagnosis:
    if not any(box.name):
        told = (
            f"the file is nothing but zeros from byte {box.at} on, as of a download that did not end: it was reserved"
        )
        return damaged("no_data", told, CUT)
    name = box.name.decode("latin-1")
    return damaged("structure_damaged", f"the file is damaged: the box {name!r} at byte {box.at} is none of MP4's")


def _without_index(found: list[_Box], cut: _Box | None, size: int) -> Diagnosis:
    names = [box.name for box in found]
    if b"moof" in names or b"sidx" in names or b"styp" in names:
        remedy = "Put the stream's initialization segment before it (`cat init.mp4 segment.m4s > whole.mp4`)."
        return damaged(
            "no_beginning", "the file is a segment of a stream without the stream's beginning (moov)", remedy
        )
    if cut is not None:
        return damaged("cut_off", "the file is damaged or cut off before its index (moov), without which nothing"
                        f" can be read: {size} of at least {cut.end} bytes are there", _UNFINISHED)  # fmt: skip
    strange = next((box for box in found if box.name not in _TOP), None)
    if strange is not None and not any(strange.name):
        return _strange(strange)
    if strange is not None:
        return damaged("no_index", f"the file is damaged: it has no index (moov), but a box"
                        f" {strange.name.decode('latin-1')!r} that no player knows", _UNFINISHED)  # fmt: skip
    return damaged("no_index", "the file is damaged or cut off: it has no index (moov), which is written when a"
                    " recording ends", _UNFINISHED)  # fmt: skip


def _in_index(file: IO[bytes], index: _Box, size: int) -> Diagnosis | None:
    """What is wrong within an index: sizes that do not fit, protection, places past the end of the file."""
    if index.name != b"moov":
        empty = all(not _within_meta(file, index, name) for name in (b"iloc", b"iinf"))
        told = "the file has the header of a photo (HEIC, AVIF) and no picture in it: its list of parts is empty"
        return damaged("no_data", told, CUT) if empty else None
    waiting, tracks, farthest = [(index, 0)], 0, 0
    left = _MOST_BOXES
    while waiting:
        parent, depth = waiting.pop()
        try:
            for box in _boxes(file, parent.inner, min(parent.end, size)):
                left -= 1
                if left < 0:
                    return None
                if box.end > parent.end or not _is_name(box.name):
                    return _indexdamaged(box.at)
                tracks += box.name == b"trak"
                if box.name in _PARENTS and depth < _DEPTH:
                    waiting.append((box, depth + 1))
                if box.name == b"stsd" and (problem := _described(file, box)) is not None:
                    return problem
                if box.name in (b"stco", b"co64"):
                    farthest = max(farthest, _last_place(file, box))
        except ValueError:
            return _indexdamaged(parent.at)
    if not tracks:
        return damaged("no_streams", "the file's index tells of no picture, sound or text at all")
    if farthest >= size:
        return cut_off(size, farthest)
    return None if _has_fragments(file, index) else _in_tracks(file, index)


def _has_fragments(file: IO[bytes], index: _Box) -> bool:
    return next(_within(file, index, b"mvex"), None) is not None


def _in_tracks(file: IO[bytes], index: _Box) -> Diagnosis | None:
    """Whether its tracks hold anything, and show anything of it."""
    tracks = list(_within(file, index, b"trak"))
    sizes = [table for track in tracks for table in _within(file, track, b"mdia", b"minf", b"stbl", b"stsz")]
    if sizes and not any(_number(file, table.inner + 8) for table in sizes):
        return damaged("no_data", "the file's index tells of no single picture or sound: its tables are empty", CUT)
    if tracks and all(_shows_nothing(file, track) for track in tracks):
        told = "the file's index says that nothing is shown: its edit lists begin where picture and sound have ended"
        return damaged("index_damaged", told, _WITHOUT_EDITS)
    return None


def _shows_nothing(file: IO[bytes], track: _Box) -> bool:
    """Whether all of its edits begin behind its end. ISO/IEC 14496-12, 8.4.2 and 8.6.6, in their first version."""
    header = next(_within(file, track, b"mdia", b"mdhd"), None)
    edits = next(_within(file, track, b"edts", b"elst"), None)
    if header is None or edits is None or _number(file, header.inner) >> 24 or _number(file, edits.inner) >> 24:
        return False
    length, count = _number(file, header.inner + 16), _number(file, edits.inner + 4)
    begins = [_number(file, edits.inner + 12 + 12 * i) for i in range(min(count, _MOST_EDITS))]
    begins = [begin for begin in begins if begin != 0xFFFF_FFFF]  # that one is a pause
    return bool(length and begins) and all(begin >= length for begin in begins)


def _within(file: IO[bytes], box: _Box, name: bytes, *further: bytes) -> Iterator[_Box]:
    """Boxes of a name in a box, or of the last of several names, each in one of that before."""
    found = [inner for inner in _boxes(file, box.inner, box.end) if inner.name == name]
    for inner in found:
        if further:
            yield from _within(file, inner, *further)
        else:
            yield inner


def _within_meta(file: IO[bytes], box: _Box, name: bytes) -> bool:
    """Whether there is one in a list of a picture's parts, before which its version stands."""
    return any(inner.name == name for inner in _boxes(file, box.inner + 4, box.end))


def _number(file: IO[bytes], at: int) -> int:
    file.seek(at)
    return int.from_bytes(file.read(4))


def _indexdamaged(at: int) -> Diagnosis:
    return damaged("index_damaged", f"the file's index is damaged, at byte {at} or before: the parts in it don't fit")


def _is_name(name: bytes) -> bool:
    return all(32 <= byte < 127 or byte in (0xA9, 0) for byte in name)


def _described(file: IO[bytes], box: _Box) -> Diagnosis | None:
    file.seek(box.inner)
    told = file.read(min(box.end - box.inner, 4096))
    if any(told[12:16] == name or name in told for name in _SCRAMBLED):
        return damaged("encrypted", "the file's picture or sound is encrypted (DRM)", PROTECTED,
                        code="INPUT_UNSUPPORTED")  # fmt: skip
    return None


def _last_place(file: IO[bytes], box: _Box) -> int:
    width = 4 if box.name == b"stco" else 8
    file.seek(box.inner + 4)
    count = int.from_bytes(file.read(4), "big")
    if not count or box.inner + 8 + count * width > box.end:
        return 0
    file.seek(box.inner + 8 + (count - 1) * width)
    return int.from_bytes(file.read(width), "big")


# --- Matroska -------------------------------------------------------------------------------------------------------

_CLUSTER, _ENCRYPTION, _TRACKS = b"\x1f\x43\xb6\x75", b"\x50\x35", b"\x16\x54\xae\x6b"
_SEARCHED = 2**22


def _of_matroska(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    at = head.find(b"\x18\x53\x80\x67")
    if at < 0:
        return damaged("header_damaged", "the file begins as Matroska or WebM, and its segment does not follow: it is"
                        " damaged or cut off")  # fmt: skip
    first = head[at + 4]
    if first == 0:
        raise ValueError("a length that is none")
    width = 9 - first.bit_length()
    length = int.from_bytes(head[at + 4 : at + 4 + width]) & ((1 << 7 * width) - 1)
    end = at + 4 + width + length
    file.seek(0)
    searched = file.read(_SEARCHED)
    if b"\x6d\x80" in searched and _ENCRYPTION in searched[: max(0, searched.find(_CLUSTER))]:
        return damaged("encrypted", "the file's picture or sound is encrypted", PROTECTED, code="INPUT_UNSUPPORTED")
    if _CLUSTER in searched and _TRACKS not in searched[: searched.find(_CLUSTER)]:
        return damaged("no_streams", "the file does not tell of its picture or sound: its list of tracks is missing")
    known = length != (1 << 7 * width) - 1
    if known and end > size:
        return cut_off(size, end)
    if _CLUSTER not in searched:
        return damaged(
            "no_data", "the file has the header of Matroska or WebM and no pictures or sounds behind it", CUT
        )
    return None


# --- RIFF: AVI, WAV, WebP -------------------------------------------------------------------------------------------


def _of_riff(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    length, what = struct.unpack("<I", head[4:8])[0], head[8:12]
    if what not in (b"AVI ", b"WAVE", b"WEBP", b"AVIX"):
        return None
    names: list[bytes] = []
    for chunk in chunks(file, 12, size):
        if not _is_name(chunk.name):
            return _no_part(chunk, what.decode().strip())
        names.append(chunk.name)
        if chunk.end > size and chunk.end - chunk.inner != ELSEWHERE:
            return cut_off(size, chunk.end)
    if what == b"WAVE" and head[12:16] == b"fmt " and not all(struct.unpack("<HI", head[22:28])):
        return damaged("header_damaged", "the file is a WAV whose header tells of no channels, or of a rate of 0")
    if what == b"WAVE" and b"fmt " not in names:
        return damaged("header_damaged", "the file is a WAV without the part (fmt) that tells what its sound is")
    if b"data" not in names and what == b"WAVE":
        return damaged("no_data", "the file is a WAV with no sound in it", CUT)
    if length + 8 > size + 1 and length != 0xFFFFFFFF:
        return cut_off(size, length + 8)
    if what == b"AVI " and head[20:24] == b"hdrl" and b"strl" not in head:
        return damaged("no_streams", "the file is an AVI that tells of no picture or sound")
    return None


def _no_part(chunk: Chunk, format: str) -> Diagnosis:
    return damaged("structure_damaged", f"the file is damaged: at byte {chunk.inner - 8} no part of {format} begins")


def _by_claim(demuxer: str, file: IO[bytes], size: int) -> Diagnosis | None:
    promised = claims.missing(file, demuxer, size)
    return None if promised is None else cut_off(size, promised)


# --- Sounds -----------------------------------------------------------------------------------------------------------


def _of_flac(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    told, there, begins = flac.reach(file, size)
    if begins >= size:
        return damaged("no_data", "the file has the header of FLAC and no sound behind it", CUT)
    if is_short(told, there):
        return cut_short(there, told)
    return None


def _of_aiff(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    for chunk in chunks(file, 12, size, order=">"):
        if not _is_name(chunk.name):
            return _no_part(chunk, "AIFF")
        if chunk.end > size:
            return cut_off(size, chunk.end)
        if chunk.name == b"COMM" and head[8:12] == b"AIFC":
            file.seek(chunk.inner + _AIFF_CODEC)
            codec = file.read(4)
            if codec not in _AIFF_READ and _is_name(codec):
                told = f"the sound is in a codec ({codec.decode('latin-1')}) that can't be decoded in AIFF"
                return damaged("codec_unsupported", told, _CONVERT, code="INPUT_UNSUPPORTED")
    return None


def _is_mp3(head: bytes) -> bool:
    if head[:3] == b"TAG":  # of a file that has nothing else
        return len(head) == _OLD_TAG_BYTES
    return head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] in (b"\xfb", b"\xfa", b"\xf3", b"\xf2", b"\xe3"))


def _of_mp3(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    if head[:3] == b"TAG" or (head[:3] == b"ID3" and claims.behind_tag(head) >= size):
        return damaged("no_data", "the file has a tag (ID3) and no sound behind it", CUT)
    return _by_claim("mp3", file, size)


_LOOKS: tuple[tuple[Callable[[bytes], bool], Callable[[IO[bytes], bytes, int], Diagnosis | None]], ...] = (
    (lambda head: head[:4] == b"\x1aE\xdf\xa3", _of_matroska),
    (lambda head: head[:4] == b"RIFF", _of_riff),
    (lambda head: head[:4] in (b"RF64", b"BW64"), lambda file, head, size: _by_claim("wav", file, size)),
    (lambda head: head[:4] == b"caff", lambda file, head, size: _by_claim("caf", file, size)),
    (_is_mp3, _of_mp3),
    (lambda head: head[:8] == b"\x89PNG\r\n\x1a\n", pictures.of_png),
    (lambda head: head[:3] == b"\xff\xd8\xff", pictures.of_jpeg),
    (lambda head: head[:4] == b"GIF8", pictures.of_gif),
    (lambda head: head[:2] == b"BM" and head[6:10] == b"\0\0\0\0", pictures.of_bmp),
    (lambda head: head[:4] in (b"II*\0", b"MM\0*"), pictures.of_tiff),
    (lambda head: head[:4] == b"OggS", streams.of_ogg),
    (lambda head: head[:4] == b"FLV\x01", streams.of_flv),
    (lambda head: head[:4] == b"fLaC", _of_flac),
    (lambda head: head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"), _of_aiff),
    (lambda head: head[:8] == b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", streams.of_asf),
    (streams.is_ts, streams.of_ts),
    (streams.is_disc_stream, streams.of_disc_stream),
    (lambda head: head[:4] == b"\0\0\1\xba", streams.of_ps),
    (streams.is_elementary, streams.of_elementary),
    (_is_iso, _of_iso),
)
