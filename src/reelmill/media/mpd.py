"""What a DASH manifest lists (ISO/IEC 23009-1), as far as checking what we wrote ourselves needs it. Pure."""

import math
import re
import xml.etree.ElementTree as ET
from pathlib import PurePosixPath

from reelmill.media.playlists import Playlist, Segment

_MPD = "{urn:mpeg:dash:schema:mpd:2011}"
_KEY_ID = "{urn:mpeg:cenc:2013}default_KID"
_NUMBER = re.compile(r"\$Number(?:%0(\d+)d)?\$")
_DURATION = re.compile(r"PT([0-9.]+)S")
_MOST_SEGMENTS = 200_000  # of a stream: two days in seconds


def streams(text: str) -> dict[str, Playlist]:
    """Its streams by their folders; one of a single file is one segment. Raises ValueError for what is none."""
    try:
        root = ET.fromstring(text)  # noqa: S314 - see above
    except ET.ParseError as error:
        raise ValueError(f"it is no XML: {error}") from error
    found = {}
    whole = _seconds(root.get("mediaPresentationDuration", ""))
    for one in root.iter(f"{_MPD}Representation"):
        base, template = one.find(f"{_MPD}BaseURL"), one.find(f"{_MPD}SegmentTemplate")
        if base is not None and base.text:
            path = PurePosixPath(base.text)
            found[str(path.parent)] = Playlist(segments=(Segment(path.name, 0.0),), ended=True)
        elif template is not None:
            found[str(PurePosixPath(template.get("media", "")).parent)] = _numbered(template, whole)
        else:
            raise ValueError("it has a representation without segments")
    return found


def _seconds(duration: str) -> float:
    found = _DURATION.fullmatch(duration)
    return float(found[1]) if found else 0.0


def key_ids(text: str) -> dict[str, str]:
    """Names of its streams' keys, in hex by their folders; none of one that is not encrypted. Raises as `streams`."""
    root = ET.fromstring(text)  # noqa: S314 - see above
    found: dict[str, str] = {}
    for adaptation in root.iter(f"{_MPD}AdaptationSet"):
        named = (one.get(_KEY_ID, "") for one in adaptation.findall(f"{_MPD}ContentProtection"))
        key_id = next(filter(None, named), "").replace("-", "")
        found |= {one.get("id", ""): key_id for one in adaptation.iter(f"{_MPD}Representation") if key_id}
    return found


def _numbered(template: ET.Element, whole: float) -> Playlist:
    scale, number = int(template.get("timescale", "1")), int(template.get("startNumber", "1"))
    pattern = PurePosixPath(template.get("media", "")).name
    digits = _NUMBER.search(pattern)
    width = int(digits[1] or 0) if digits else 0
    segments: list[Segment] = []
    if even := int(template.get("duration", "0")) / scale:  # all but the last one last as long
        count = min(_MOST_SEGMENTS, max(1, math.ceil(whole / even - 1e-6)))
        lasts = [even] * (count - 1) + [whole - even * (count - 1)]
        names = [
            _NUMBER.sub(str(number + i).zfill(int(digits[1] or 0) if digits else 0), pattern) for i in range(count)
        ]
        return Playlist(segments=tuple(map(Segment, names, lasts)), ended=True)
    for entry in template.iter(f"{_MPD}S"):
        for _ in range(int(entry.get("r", "0")) + 1):
            name = _NUMBER.sub(str(number).zfill(width), pattern)
            segments.append(Segment(name, int(entry.get("d", "0")) / scale))
            number += 1
            if len(segments) > _MOST_SEGMENTS:
                raise ValueError(f"it has more than {_MOST_SEGMENTS} segments")
    beginning = PurePosixPath(template.get("initialization", "")).name
    return Playlist(segments=tuple(segments), beginning=Segment(beginning, 0.0), ended=True)
