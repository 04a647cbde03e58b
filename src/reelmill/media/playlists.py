"""What an HLS media playlist lists (RFC 8216), as far as checking what we wrote ourselves needs it. Pure."""

import re
from dataclasses import dataclass

_BEGINNING = re.compile(r'^#EXT-X-MAP:.*?URI="([^"]*)"', re.MULTILINE)
_DURATION = re.compile(r"^#EXTINF:([0-9.]+)")


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a stream."""

    name: str
    """Of its file, beside the playlist."""
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Playlist:
    """A stream of segments."""

    segments: tuple[Segment, ...] = ()
    beginning: str = ""
    """The file that comes before each of them (EXT-X-MAP); empty for none."""
    ended: bool = False
    """It says that nothing more comes."""

    @property
    def names(self) -> set[str]:
        """All files that it lists."""
        return {segment.name for segment in self.segments} | ({self.beginning} if self.beginning else set())

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return sum(segment.seconds for segment in self.segments)


def parsed(text: str) -> Playlist:
    """Read a playlist; what it is not known to say is passed over."""
    segments, seconds = [], 0.0
    for line in text.splitlines():
        if told := _DURATION.match(line):
            seconds = float(told[1])
        elif line and not line.startswith("#"):
            segments.append(Segment(line, seconds))
    beginning = _BEGINNING.search(text)
    return Playlist(
        segments=tuple(segments),
        beginning=beginning[1] if beginning else "",
        ended="#EXT-X-ENDLIST" in text,
    )
