"""Streams of a package as players are told of them: what each is, and its bit rates. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from reelmill.media.encrypted import Encrypted
from reelmill.media.playlists import Segment
from reelmill.media.streams import Stream

MASTER, MPD = "master.m3u8", "manifest.mpd"
PLAYLIST, IFRAMES = "index.m3u8", "iframes.m3u8"
NUMBERED = "$Number%05d$"
"""How the packager names segments."""
WORDS = "stream.vtt"
"""All words of a rendition in one file, as DASH has them."""
SHEET, SHEETS = "%04d.jpg", "$Number%04d$.jpg"
"""Names of sheets of small pictures, as ffmpeg and as DASH number them."""
CUES = "index.vtt"
"""Which part of which sheet shows what is on the screen when."""
_SAME_SECONDS = Fraction(1, 200_000)  # by which frames may last longer than they should: clocks are rounded


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What is told of a stream beside what is measured."""

    folder: str
    kind: str
    """video, audio or text."""
    width: int = 0
    height: int = 0
    name: str = ""
    language: str = ""
    """A tag of RFC 5646; empty where it is not known."""
    roles: tuple[str, ...] = ()
    """DASH's."""
    characteristics: tuple[str, ...] = ()
    """HLS's."""
    purpose: str = ""
    """What DASH calls the audience that it is made for (urn:tva:metadata:cs:AudioPurposeCS:2007)."""
    default: bool = False
    """Of words: they are shown where nobody asks for others."""
    forced: bool = False
    """Of words: they are shown to who asked for none."""
    text: str = ""
    """Of words: where they are written down as WebVTT, beside the output's folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tiles:
    """Small pictures on sheets of so many, one each interval; the first one is shown at 0."""

    folder: str
    columns: int
    rows: int
    width: int
    height: int
    """Of one, in pixels."""
    interval_seconds: float

    @property
    def sheet_seconds(self) -> float:
        """What a sheet shows."""
        return self.columns * self.rows * self.interval_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheets:
    """Sheets as they were written."""

    tiles: Tiles
    seconds: float
    """How long the whole is that they show."""
    sizes: tuple[int, ...]
    """Bytes of each."""

    @property
    def bandwidth(self) -> int:
        """Bits per second: of the largest one, while it lasts."""
        lasts = min(self.seconds, self.tiles.sheet_seconds)
        return max(1, -int(-max(self.sizes) * 8 / lasts // 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What manifests are to be written of."""

    output: str
    """The folder that all lies in."""
    hls: bool
    dash: bool
    iframes: bool
    streams: tuple[Told, ...]
    """Pictures first, then sounds, of which the first is the default, then words."""
    captions: tuple[tuple[str, str, str], ...] = ()
    """Closed captions of all pictures: channel, language and name."""
    tiles: Tiles | None = None
    sound_alone: bool = False
    """Whether HLS offers the default sound without a picture; it does where there is none."""
    encrypted: Encrypted | None = None
    """How pictures and sounds are encrypted."""
    fragments: str = ""
    """What words are in fragments, by its name in CODECS; empty: WebVTT as it is."""

    def told(self) -> dict[str, Any]:
        """As JSON takes it."""
        told = asdict(self)
        return {name: one for name, one in told.items() if one or name not in ("encrypted", "fragments")}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Order":
        """What `told` made. Raises TypeError or KeyError for anything else."""
        streams = tuple(
            Told(**{**one, "roles": tuple(one["roles"]), "characteristics": tuple(one["characteristics"])})
            for one in told["streams"]
        )
        tiles = Tiles(**told["tiles"]) if told["tiles"] else None
        encrypted = Encrypted(**one) if (one := told.get("encrypted")) else None
        captions = tuple(map(tuple, told["captions"]))
        further = {"captions": captions, "tiles": tiles, "encrypted": encrypted}
        return cls(**{**told, "streams": streams, **further})


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A stream, what is told of it, and its bit rates."""

    told: Told
    stream: Stream
    sizes: tuple[int, ...]
    """Bytes of each segment."""
    keys: tuple[str, ...] = ()
    """HLS's tags of its key."""
    clear: int = 0
    """Segments at its beginning that are not encrypted, where it has a key."""

    def rates(self, target: int) -> "Rates":
        """Of its segments."""
        return rates(self.sizes, [one.seconds for one in self.stream.segments], target)


@dataclass(frozen=True, kw_only=True, slots=True)
class Divided:
    """Words in segments, and what is told of them."""

    told: Told
    segments: tuple[Segment, ...]
    sizes: tuple[int, ...]
    """Bytes of each segment."""
    beginning: Segment | None = None
    """Of fragments: what comes before each segment."""
    codec: str = ""
    """Of fragments, as CODECS has it."""
    starts: tuple[int, ...] = ()
    """Of fragments: when each segment begins, in milliseconds, and when the last one ends."""
    of_dash: "Divided | None" = None
    """The same words as DASH has them, where it has other files."""

    def rates(self, target: int) -> "Rates":
        """Of its segments."""
        return rates(self.sizes, [one.seconds for one in self.segments], target)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """Bits per second of a stream."""

    peak: int
    average: int

    def __add__(self, other: "Rates") -> "Rates":
        return Rates(peak=self.peak + other.peak, average=self.average + other.average)


def rates(sizes: Sequence[int], seconds: Sequence[float], target: int) -> Rates:
    """Of segments of so many bytes, by a target duration in seconds; rounded up.

    The peak is the highest rate of segments in a row that last between a half and one and a half of the target
    together (rfc8216bis, "peak segment bit rate"), and no less than the average.
    """
    peak = 0.0
    for i in range(len(sizes)):
        count, length = 0, 0.0
        for size, last in zip(sizes[i:], seconds[i:], strict=True):
            count, length = count + size, length + last
            if length > 1.5 * target:
                break
            if length >= 0.5 * target:
                peak = max(peak, count * 8 / length)
    whole = sum(sizes) * 8 / max(sum(seconds), 1e-9)
    return Rates(peak=-int(-max(peak, whole) // 1), average=-int(-whole // 1))


def target(known: Sequence[Known]) -> int:
    """The target duration in seconds, which all playlists share: the longest segment's, rounded to the nearest."""
    longest = max(segment.seconds for one in known for segment in one.stream.segments)
    return max(1, int(longest + 0.5))


def meant_rate(rate: Fraction) -> Fraction:
    """What is meant by frames a second that were measured on a clock that is rounded: 25, 30000/1001, …"""
    for unit in (Fraction(1), Fraction(1000, 1001)):
        meant = round(rate / unit) * unit
        if meant and abs(1 / rate - 1 / meant) < _SAME_SECONDS:
            return meant
    return rate.limit_denominator(1000)


def decimal(seconds: float) -> str:
    """With no more digits than it takes."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".")
