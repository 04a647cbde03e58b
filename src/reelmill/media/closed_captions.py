"""Captions that lie between the pictures of a stream (CEA-608, CEA-708): who keeps them. Pure."""

from reelmill.jobs.errors import Violation
from reelmill.media import languages
from reelmill.v1.operations_pb2 import VideoSettings
from reelmill.v1.package_pb2 import Package


def violations(spec: Package, path: str) -> list[Violation]:
    """What contradicts itself."""
    if not spec.closed_captions:
        return []
    found = []
    for i, one in enumerate(spec.closed_captions):
        if one.language and not languages.code(one.language):
            at = f"{path}.closed_captions[{i}].language"
            found.append(Violation(at, f"{one.language[:16]!r} is no code of ISO 639, such as fra"))
    usual = (VideoSettings.CODEC_UNSPECIFIED, VideoSettings.H264)
    names = [f"{path}.rungs[{i}].codec" for i, rung in enumerate(spec.rungs) if rung.codec not in usual]
    names += [f"{path}.codecs[{i}]" for i, codec in enumerate(spec.codecs) if codec not in usual]
    found += [Violation(name, "must be H264, which alone keeps closed_captions") for name in names]
    for i, rung in enumerate(spec.rungs):
        timed = {"frame_rate": bool(rung.frame_rate), "deinterlace": rung.deinterlace == VideoSettings.TELECINE}
        for field in (name for name, given in timed.items() if given):
            message = "leaves frames out, and with them closed_captions: leave one of the two out"
            found.append(Violation(f"{path}.rungs[{i}].{field}", message))
    return found


def told(spec: Package) -> tuple[tuple[str, str, str], ...]:
    """Channel, language as a tag of RFC 5646, and name of each."""
    made: list[tuple[str, str, str]] = []
    for one in spec.closed_captions:
        code = languages.code(one.language)
        wanted = one.name or languages.name(code) or one.channel
        made.append((one.channel, languages.tag(code), languages.once(wanted, [name for *_, name in made], " ")))
    return tuple(made)
