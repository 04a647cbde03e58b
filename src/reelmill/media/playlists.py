"""What an HLS media playlist lists (RFC 8216), as far as checking what we wrote ourselves needs it. Pure."""

import re
from dataclasses import dataclass

_BEGINNING = re.compile(r"^#EXT-X-MAP:(.*)", re.MULTILINE)
_DURATION = re.compile(r"^#EXTINF:([0-9.]+)")
_RANGE = re.compile(r"^#EXT-X-BYTERANGE:([0-9]+)(?:@([0-9]+))?")


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a stream."""

    name: str
    """Of its file, beside the playlist."""
    seconds: float
    begin: int = 0
    """Where it lies in its file."""
    size: int | None = None
    """Its bytes; None: to the file's end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Playlist:
    """A stream of segments."""

    segments: tuple[Segment, ...] = ()
    beginning: Segment | None = None
    """What comes before each of them (EXT-X-MAP)."""
    ended: bool = False
    """It says that nothing more comes."""
    keys: tuple[dict[str, str], ...] = ()
    """What it tells of the key of its segments (EXT-X-KEY), once for each way to it."""
    clear: int = 0
    """Segments that come before these."""

    @property
    def names(self) -> set[str]:
        """All files that it lists."""
        return {segment.name for segment in self.segments} | ({self.beginning.name} if self.beginning else set())

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return sum(segment.seconds for segment in self.segments)


def parsed(text: str) -> Playlist:
    """Read a playlist; what it is not known to say is passed over."""
    segments: list[Segment] = []
    seconds, size, begin = 0.0, None, 0
    keys: list[dict[str, str]] = []
    clear = 0
    for line in text.splitlines():
        if told := _DURATION.match(line):
            seconds = float(told[1])
        elif told := _RANGE.match(line):
            # Without a place it follows the one before.
            size, begin = int(told[1]), int(told[2]) if told[2] else begin
        elif line.startswith("#EXT-X-KEY:"):
            clear = clear if keys else len(segments)
            keys.append(attributes(line.partition(":")[2]))
        elif line and not line.startswith("#"):
            segments.append(Segment(line, seconds, begin if size is not None else 0, size))
            size, begin = None, begin + (size or 0)
    found = _BEGINNING.search(text)
    return Playlist(
        segments=tuple(segments),
        beginning=_beginning(attributes(found[1])) if found else None,
        ended="#EXT-X-ENDLIST" in text,
        keys=tuple(keys),
        clear=clear,
    )


def attributes(text: str) -> dict[str, str]:
    """An attribute list, quotes taken off."""
    return {name: value.strip('"') for name, value in re.findall(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)', text)}


def listed(master: str) -> dict[str, str]:
    """The playlists that a master playlist tells of, and of which kind each is: picture, sound, images or iframes."""
    found, pending = {}, False
    for line in master.splitlines():
        told = attributes(line.partition(":")[2])
        if line.startswith("#EXT-X-STREAM-INF:"):
            pending = True
        elif line.startswith("#EXT-X-MEDIA:"):
            if "URI" in told:  # closed captions lie in the pictures
                found[told["URI"]] = "sound"
        elif line.startswith("#EXT-X-IMAGE-STREAM-INF:"):
            found[told.get("URI", "")] = "images"
        elif line.startswith("#EXT-X-I-FRAME-STREAM-INF:"):
            found[told.get("URI", "")] = "iframes"
        elif pending and line and not line.startswith("#"):
            found[line] = "picture"
            pending = False
    return found


def _beginning(told: dict[str, str]) -> Segment:
    size, _, begin = told.get("BYTERANGE", "").partition("@")
    return Segment(told.get("URI", ""), 0.0, int(begin or 0), int(size) if size else None)
