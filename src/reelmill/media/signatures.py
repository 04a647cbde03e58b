"""What a file is by its signature, as the library puremagic lists them: some 1,000 formats. Pure but for its table.

Asked for what neither libav nor our own table (foreign.py) knows. Signatures that chance may have are left out.
"""

from dataclasses import dataclass

from puremagic.main import magic_header_array

from reelmill.media.diagnosis import Diagnosis

_LEAST_BYTES, _LEAST_DIFFERENT = 4, 3
_FARTHEST = 2**16
_FRAMES = frozenset({b"RIFF", b"RIFX", b"FORM", b"PK\3\4"})
"""How files of many formats begin, each of which the table takes for one."""
_OF_MEDIA = ("video/", "audio/", "image/")
_REMEDY = "Give the media file itself; this one is none, whatever its name says."
_CONVERT = "Convert it with the program that made it to a usual format (MP4, MP3, PNG), and submit that."


@dataclass(frozen=True, slots=True)
class _Signature:
    mark: bytes
    at: int
    name: str
    media: bool


def _read() -> tuple[_Signature, ...]:
    """The longest first."""
    known = (
        _Signature(one.byte_match, one.offset, one.name.strip(), one.mime_type.startswith(_OF_MEDIA))
        for one in magic_header_array
        if len(one.byte_match) >= _LEAST_BYTES
        and len(set(one.byte_match)) >= _LEAST_DIFFERENT
        and 0 <= one.offset < _FARTHEST
        and one.byte_match not in _FRAMES
    )
    return tuple(sorted(known, key=lambda one: len(one.mark), reverse=True))


_SIGNATURES = _read()


def name_of(head: bytes) -> str:
    """What a file is that begins so; empty where none is known."""
    found = _found(head)
    return found.name if found else ""


def by_signature(head: bytes) -> Diagnosis | None:
    """What is told of a file that begins so."""
    found = _found(head)
    if found is None:
        return None
    if found.media:
        cause = f"the file is of a format that is not read here: {found.name}"
        return Diagnosis(kind="format_unsupported", code="INPUT_UNSUPPORTED", cause=cause, remedy=_CONVERT)
    cause = f"the file is no media but, by its first bytes, this: {found.name}"
    return Diagnosis(kind="data", code="INPUT_NOT_MEDIA", cause=cause, remedy=_REMEDY)


def _found(head: bytes) -> _Signature | None:
    return next((one for one in _SIGNATURES if head.startswith(one.mark, one.at)), None)
