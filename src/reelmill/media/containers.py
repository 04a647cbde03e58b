"""What the streams of a package are in, and what that can't hold. Pure."""

from collections.abc import Iterator

from reelmill.jobs.errors import Violation
from reelmill.v1.encryption_pb2 import Encryption
from reelmill.v1.operations_pb2 import AudioSettings, VideoSettings
from reelmill.v1.package_pb2 import Package

V, A = VideoSettings, AudioSettings
_PICTURES = (V.CODEC_UNSPECIFIED, V.H264)
_SOUNDS = (A.CODEC_UNSPECIFIED, A.AAC)
_SCHEMES = (Encryption.SCHEME_UNSPECIFIED, Encryption.AES_128)


def violations(spec: Package, path: str) -> list[Violation]:
    """What transport streams don't go with."""
    if spec.container != Package.TS:
        return []
    return [Violation(f"{path}.{field}", f"{what}; or give FMP4 as container") for field, what in _against(spec)]


def _against(spec: Package) -> Iterator[tuple[str, str]]:
    for i, protocol in enumerate(spec.protocols):
        if protocol == Package.DASH:
            yield f"protocols[{i}]", "DASH plays no transport streams (TS): leave it out"
    if spec.byte_ranges:
        yield "byte_ranges", "has no transport streams (TS), which are a file for each segment: leave it out"
    for i, codec in enumerate(spec.codecs):
        if codec not in _PICTURES:
            yield f"codecs[{i}]", "must be H264, the only one that goes out in TS"
    for i, rung in enumerate(spec.rungs):
        if rung.codec not in _PICTURES:
            yield f"rungs[{i}].codec", "must be H264, the only one that goes out in TS"
    if spec.audio.codec not in _SOUNDS:
        yield "audio.codec", "must be AAC, the only one that goes out in TS"
    if spec.text_format == Package.IMSC:
        yield "text_format", "IMSC goes out in fragments, which who plays TS does not read: give WEBVTT"
    if spec.encryption.scheme not in _SCHEMES:
        yield "encryption.scheme", "must be AES_128, the only one of TS"
