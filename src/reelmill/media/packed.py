"""What is packed in a file, as far as its first bytes tell: archives, and single files that were compressed. Pure."""

import bz2
import lzma
import re
import zlib
from collections.abc import Callable
from typing import Protocol

from reelmill.media.beginnings import first_of
from reelmill.media.diagnosis import Diagnosis

_UNPACKED_BYTES = 4096
_MEMORY_BYTES = 2**25
_UNPACK = "Unpack it, and submit the media file that is in it."
_ITSELF = "Give the media file itself; this one is none, whatever its name says."
_MEDIA = re.compile(
    rb"\.(mp4|m4v|mov|mkv|webm|avi|wmv|ts|mp3|m4a|wav|flac|ogg|jpe?g|png|gif|webp|heic|tiff?)$", re.IGNORECASE
)
_ENTRY = re.compile(rb"PK\x03\x04.{22}(.)(.)", re.DOTALL)
# Documents and programs that are archives (ZIP), by the names of what is in them.
_IN_ZIP: tuple[tuple[bytes, str], ...] = (
    (b"word/", "document of Word (DOCX)"), (b"xl/", "spreadsheet of Excel (XLSX)"),
    (b"ppt/", "presentation of PowerPoint (PPTX)"), (b"application/epub+zip", "book (EPUB)"),
    (b"application/vnd.oasis.opendocument", "document of LibreOffice (OpenDocument)"),
    (b"AndroidManifest.xml", "app for Android (APK)"), (b"Payload/", "app for iOS (IPA)"),
    (b"META-INF/MANIFEST.MF", "program in Java (JAR)"), (b"visio/", "drawing of Visio (VSDX)"),
    (b"Index/Document.iwa", "document of Pages, Numbers or Keynote"), (b"doc.kml", "map (KMZ)"),
    (b"mergedimage.png", "drawing with layers (OpenRaster, Krita)"), (b"data.pkl", "model of PyTorch"),
    (b"[Content_Types].xml", "document of Microsoft Office"),
)  # fmt: skip
# Storages of OLE: names of their streams, in two bytes a letter.
_IN_OLE: tuple[tuple[str, str], ...] = (
    ("WordDocument", "document of Word (DOC)"), ("Workbook", "spreadsheet of Excel (XLS)"),
    ("PowerPoint Document", "presentation of PowerPoint (PPT)"), ("__substg1.0", "message of Outlook (MSG)"),
    ("EncryptedPackage", "document of Microsoft Office that is encrypted by a password"),
    ("VisioDocument", "drawing of Visio (VSD)"),
)  # fmt: skip


_ALL_PARTS = "Unpack it with all of its parts, and submit the media file that is in it."


class _Unpacking(Protocol):
    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


_COMPRESSED: tuple[tuple[bytes, str, Callable[[], _Unpacking]], ...] = (
    (b"\x1f\x8b", "gzip", lambda: zlib.decompressobj(31)),
    (b"BZh", "bzip2", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\0", "xz", lambda: lzma.LZMADecompressor(memlimit=_MEMORY_BYTES)),
    (b"\x5d\0\0", "lzma", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MEMORY_BYTES)),
)


def packed(head: bytes, named: Callable[[bytes], str]) -> Diagnosis | None:
    """What a packed file is, and holds; `named`: what is told of bytes that are no media, as a noun."""
    if head[:4] in (b"PK\3\4", b"PK\5\6", b"PK\7\x08"):
        return _zip(head)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _ole(head)
    for mark, name, unpacker in _COMPRESSED:
        if head.startswith(mark) and (inner := _unpacked(head, unpacker)) is not None:
            tar = inner[257:262] == b"ustar"
            holds = "a tar archive" if tar else first_of(inner) or named(inner)
            held = f", which holds {holds}" if inner and holds else ""
            return _told("archive", f"the file is a packed archive ({name}){held}", _UNPACK)
    return None


def _unpacked(head: bytes, unpacker: Callable[[], _Unpacking]) -> bytes | None:
    """The first bytes that come out; None where it is no such file, and empty where it is damaged further on."""
    try:
        return unpacker().decompress(head, _UNPACKED_BYTES)
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError):
        return b"" if not head.startswith(b"\x5d") else None


def _zip(head: bytes) -> Diagnosis:
    split = head.startswith(b"PK\7\x08PK")
    head = head[4:] if split else head
    if head[6:7] and head[6] & 1:
        cause = "the file is a packed archive (ZIP) that is encrypted, protected by a password"
        return _told("encrypted", cause, "Unpack it with its password, and submit the media file that is in it.")
    if what := next((what for mark, what in _IN_ZIP if mark in head), ""):
        return _told("document", f"the file is no media but a {what}, in a ZIP", _ITSELF)
    if head.startswith(b"PK\5\6"):
        return _told("archive", "the file is a packed archive (ZIP) with nothing in it", _ITSELF)
    if split:
        return _told("archive", "the file is the first part of a packed archive (ZIP) in several", _ALL_PARTS)
    endings = {found[1].decode().lower() for name in _names(head) if (found := _MEDIA.search(name))}
    held = f", which holds media ({', '.join(sorted(endings)[:4])})" if endings else ""
    return _told("archive", f"the file is a packed archive (ZIP){held}", _UNPACK)


def _names(head: bytes) -> list[bytes]:
    """Of what is in a ZIP, as far as its first bytes tell (APPNOTE, 4.3.7)."""
    found = []
    for match in list(_ENTRY.finditer(head))[:64]:
        length = match[1][0] | match[2][0] << 8
        found.append(head[match.start() + 30 : match.start() + 30 + length])
    return found


def _ole(head: bytes) -> Diagnosis:
    any_ = "storage of parts (OLE), as a document of Microsoft Office, a message of Outlook or Thumbs.db is"
    what = next((f"{what}, in an OLE storage" for name, what in _IN_OLE if name.encode("utf-16-le") in head), any_)
    kind = "encrypted" if "encrypted" in what else "document"
    return _told(kind, f"the file is no media but a {what}", _ITSELF)


def _told(kind: str, cause: str, remedy: str) -> Diagnosis:
    return Diagnosis(kind=kind, code="INPUT_NOT_MEDIA", cause=cause, remedy=remedy)
