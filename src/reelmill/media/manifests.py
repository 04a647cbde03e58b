"""Manifests of packages: HLS (RFC 8216, and its successor's draft rfc8216bis) and MPEG-DASH (ISO/IEC 23009-1). Pure.

By ourselves, out of what was measured of each segment: packagers estimate peaks without the last segment, and so call
an average higher than its peak.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from reelmill.media.playlists import Segment
from reelmill.media.streams import Stream

MASTER, MPD = "master.m3u8", "manifest.mpd"
PLAYLIST, IFRAMES = "index.m3u8", "iframes.m3u8"
NUMBERED = "$Number%05d$"
"""How the packager names segments."""
_SOUNDS, _TEXTS, _CAPTIONS = "audio", "text", "captions"  # groups of sounds, of words and of closed captions, in HLS
WORDS = "stream.vtt"
"""All words of a rendition in one file, as DASH has them."""
_NAMESPACE = (
    'xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xsi:schemaLocation="urn:mpeg:dash:schema:mpd:2011 DASH-MPD.xsd"'
)
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

    def told(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Order":
        """What `told` made. Raises TypeError or KeyError for anything else."""
        streams = tuple(
            Told(**{**one, "roles": tuple(one["roles"]), "characteristics": tuple(one["characteristics"])})
            for one in told["streams"]
        )
        return cls(**{**told, "streams": streams, "captions": tuple(map(tuple, told["captions"]))})


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A stream, what is told of it, and its bit rates."""

    told: Told
    stream: Stream
    sizes: tuple[int, ...]
    """Bytes of each segment."""

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


def manifests(order: Order, known: Sequence[Known], texts: Sequence[Divided] = ()) -> dict[str, str]:
    """All texts by their paths below the output's folder."""
    found: dict[str, str] = {}
    if order.hls:
        seconds = target(known)
        found[MASTER] = _master(order, known, texts, seconds)
        for one in known:
            stream = one.stream
            text = _media(stream.segments, stream.beginning, seconds, independent=stream.independent)
            found[f"{one.told.folder}/{PLAYLIST}"] = text
            if order.iframes and one.told.kind == "video":
                found[f"{one.told.folder}/{IFRAMES}"] = _media(stream.keys, stream.beginning, seconds, only_keys=True)
        for words in texts:
            found[f"{words.told.folder}/{PLAYLIST}"] = _media(words.segments, None, max(seconds, _longest(words)))
    if order.dash:
        found[MPD] = _mpd(order, known, texts)
    return found


def _media(
    segments: Sequence[Segment],
    beginning: Segment | None,
    target: int,
    *,
    independent: bool = False,
    only_keys: bool = False,
) -> str:
    # EXT-X-MAP takes version 6, and 5 among key frames alone; parts of a second take 3 (RFC 8216, 7).
    version = 3 if beginning is None else 5 if only_keys else 6
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{version}", f"#EXT-X-TARGETDURATION:{target}"]
    lines += ["#EXT-X-PLAYLIST-TYPE:VOD"]
    lines += ["#EXT-X-INDEPENDENT-SEGMENTS"] if independent else []
    lines += ["#EXT-X-I-FRAMES-ONLY"] if only_keys else []
    if beginning is not None:
        part = f',BYTERANGE="{beginning.size}@{beginning.begin}"' if beginning.size is not None else ""
        lines.append(f'#EXT-X-MAP:URI="{beginning.name}"{part}')
    for one in segments:
        lines.append(f"#EXTINF:{_decimal(one.seconds)},")
        lines += [f"#EXT-X-BYTERANGE:{one.size}@{one.begin}"] if one.size is not None else []
        lines.append(one.name)
    return "\n".join((*lines, "#EXT-X-ENDLIST", ""))


def _longest(words: Divided) -> int:
    """The target duration that words would need: their first segment may begin before the picture does."""
    return int(max(segment.seconds for segment in words.segments) + 0.5)


def _master(order: Order, known: Sequence[Known], texts: Sequence[Divided], seconds: int) -> str:
    sounds = [one for one in known if one.told.kind == "audio"]
    beside = _most(one.rates(seconds) for one in sounds) + _most(one.rates(seconds) for one in texts)
    # Services of CEA-708 take version 7 (RFC 8216, 7).
    services = any(channel.startswith("SERVICE") for channel, _, _ in order.captions)
    lines = ["#EXTM3U", *(["#EXT-X-VERSION:7"] if services else [])]
    lines += ["#EXT-X-INDEPENDENT-SEGMENTS"] if all(one.stream.independent for one in known) else []
    for i, one in enumerate(sounds):
        lines.append(f"#EXT-X-MEDIA:{_attributes(_sound(one, first=not i))}")
    alike = set[tuple[object, ...]]()
    for words in texts:
        key = (words.told.language, words.told.forced, words.told.characteristics)
        lines.append(f"#EXT-X-MEDIA:{_attributes(_words(words.told, chosen=key not in alike))}")
        alike.add(key)
    lines += (f"#EXT-X-MEDIA:{_attributes(_closed(*one))}" for one in order.captions)
    pictures = [one for one in known if one.told.kind == "video"]
    for one in pictures:
        codecs = dict.fromkeys((one.stream.track.codec, *(sound.stream.track.codec for sound in sounds)))
        told = {
            **_bandwidth(one.rates(seconds) + beside),
            "CODECS": f'"{",".join(codecs)}"',
            "RESOLUTION": f"{one.told.width}x{one.told.height}",
            "FRAME-RATE": f"{float(_meant(one.stream.frame_rate)):.3f}",
            "VIDEO-RANGE": one.stream.track.range,
            **({"AUDIO": f'"{_SOUNDS}"'} if sounds else {}),
            **({"SUBTITLES": f'"{_TEXTS}"'} if texts else {}),
            "CLOSED-CAPTIONS": f'"{_CAPTIONS}"' if order.captions else "NONE",
        }
        lines += (f"#EXT-X-STREAM-INF:{_attributes(told)}", f"{one.told.folder}/{PLAYLIST}")
    for one in pictures if order.iframes else ():
        stream = one.stream
        keys = rates([key.size or 0 for key in stream.keys], [key.seconds for key in stream.keys], seconds)
        told = {
            **_bandwidth(keys),
            "CODECS": f'"{stream.track.codec}"',
            "RESOLUTION": f"{one.told.width}x{one.told.height}",
            "VIDEO-RANGE": stream.track.range,
            "URI": f'"{one.told.folder}/{IFRAMES}"',
        }
        lines.append(f"#EXT-X-I-FRAME-STREAM-INF:{_attributes(told)}")
    return "\n".join((*lines, ""))


def _sound(one: Known, *, first: bool) -> dict[str, str]:
    told = one.told
    return {
        "TYPE": "AUDIO",
        "GROUP-ID": f'"{_SOUNDS}"',
        "NAME": f'"{told.name}"',
        **({"LANGUAGE": f'"{told.language}"'} if told.language else {}),
        "DEFAULT": "YES" if first else "NO",
        "AUTOSELECT": "YES",
        **({"CHARACTERISTICS": f'"{",".join(told.characteristics)}"'} if told.characteristics else {}),
        "CHANNELS": f'"{one.stream.track.channels}"',
        "URI": f'"{told.folder}/{PLAYLIST}"',
    }


def _words(told: Told, *, chosen: bool) -> dict[str, str]:
    """`chosen`: whether a player may take them by itself, as it may one of those that are alike."""
    return {
        "TYPE": "SUBTITLES",
        "GROUP-ID": f'"{_TEXTS}"',
        "NAME": f'"{told.name}"',
        **({"LANGUAGE": f'"{told.language}"'} if told.language else {}),
        "DEFAULT": "YES" if told.default else "NO",
        "AUTOSELECT": "YES" if chosen or told.default else "NO",
        **({"FORCED": "YES"} if told.forced else {}),
        **({"CHARACTERISTICS": f'"{",".join(told.characteristics)}"'} if told.characteristics else {}),
        "URI": f'"{told.folder}/{PLAYLIST}"',
    }


def _closed(channel: str, language: str, name: str) -> dict[str, str]:
    return {
        "TYPE": "CLOSED-CAPTIONS",
        "GROUP-ID": f'"{_CAPTIONS}"',
        "NAME": f'"{name}"',
        **({"LANGUAGE": f'"{language}"'} if language else {}),
        "DEFAULT": "NO",
        "AUTOSELECT": "YES",
        "INSTREAM-ID": f'"{channel}"',
    }


def _most(found: Iterable[Rates]) -> Rates:
    """Of several of which one is played."""
    each = list(found)
    return Rates(peak=max((one.peak for one in each), default=0), average=max((one.average for one in each), default=0))


def _bandwidth(one: Rates) -> dict[str, str]:
    return {"BANDWIDTH": str(one.peak), "AVERAGE-BANDWIDTH": str(one.average)}


def _attributes(told: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in told.items())


def _mpd(order: Order, known: Sequence[Known], texts: Sequence[Divided]) -> str:
    whole = max(one.stream.starts[-1] / one.stream.track.scale for one in known)
    longest = max(segment.seconds for one in known for segment in one.stream.segments)
    single = known[0].stream.index is not None
    profile = "urn:mpeg:dash:profile:isoff-on-demand:2011" if single else "urn:mpeg:dash:profile:isoff-live:2011"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        # What comes at the bandwidth that is told arrives in time behind one whole segment.
        f'<MPD {_NAMESPACE} profiles="{profile}" type="static" mediaPresentationDuration="PT{_decimal(whole)}S"'
        f' minBufferTime="PT{_decimal(longest)}S">',
        '  <Period id="0" start="PT0S">',
    ]
    adaptations = list(_adaptations(known))
    for i, members in enumerate(adaptations):
        lines += (f"    {line}" for line in _adaptation(order, str(i), members, longest))
    for i, words in enumerate(texts, len(adaptations)):
        lines += (f"    {line}" for line in _of_words(str(i), words, longest))
    return "\n".join((*lines, "  </Period>", "</MPD>", ""))


def _adaptations(known: Sequence[Known]) -> Iterator[list[Known]]:
    """Streams that players may change between: pictures of one codec. Each sound is one by itself."""
    found: dict[str, list[Known]] = {}
    for one in known:
        if one.told.kind == "video":
            found.setdefault(one.stream.track.codec.partition(".")[0], []).append(one)
    yield from found.values()
    yield from ([one] for one in known if one.told.kind == "audio")


def _adaptation(order: Order, number: str, members: Sequence[Known], longest: float) -> Iterator[str]:
    first = members[0]
    single = first.stream.index is not None
    prefix = "subsegment" if single else "segment"
    told: dict[str, object] = {"id": number, "contentType": first.told.kind}
    if first.told.kind == "video":
        width, height = first.told.width, first.told.height
        told |= {"par": f"{Fraction(width, height).numerator}:{Fraction(width, height).denominator}"}
        told |= {
            "maxWidth": max(one.told.width for one in members),
            "maxHeight": max(one.told.height for one in members),
        }
        told["maxFrameRate"] = _meant(max(one.stream.frame_rate for one in members))
    elif first.told.language:
        told["lang"] = first.told.language
    told[f"{prefix}Alignment"] = "true"
    if all(one.stream.independent for one in members):
        told["subsegmentStartsWithSAP" if single else "startWithSAP"] = "1"
    yield f"<AdaptationSet {_xml(told)}>"
    if first.told.kind == "video":
        yield from _inside(order)
    yield from _meaning(first.told)
    for one in members:
        yield from (f"  {line}" for line in _representation(one, longest))
    yield "</AdaptationSet>"


def _of_words(number: str, words: Divided, longest: float) -> Iterator[str]:
    told = words.told
    named = {"id": number, "contentType": "text", "mimeType": "text/vtt"}
    yield f"<AdaptationSet {_xml({**named, **({'lang': told.language} if told.language else {})})}>"
    yield from _meaning(told)
    rate = words.rates(max(1, int(longest + 0.5))).peak
    yield f"  <Representation {_xml({'id': told.folder, 'bandwidth': rate})}>"
    yield f"    <BaseURL>{escape(f'{told.folder}/{WORDS}')}</BaseURL>"
    yield "  </Representation>"
    yield "</AdaptationSet>"


def _inside(order: Order) -> Iterator[str]:
    """Closed captions of pictures, as SCTE 214-1 has them."""
    kinds = {"608": "CC", "708": "SERVICE"}
    for kind, begins in kinds.items():
        found = [(channel, language) for channel, language, _ in order.captions if channel.startswith(begins)]
        if kind == "608":
            value = ";".join(f"{channel}={language or 'und'}" for channel, language in found)
        else:
            value = ";".join(f"{channel.removeprefix(begins)}=lang:{language or 'und'}" for channel, language in found)
        if found:
            yield f"  <Accessibility {_xml({'schemeIdUri': f'urn:scte:dash:cc:cea-{kind}:2015', 'value': value})}/>"


def _meaning(told: Told) -> Iterator[str]:
    """For whom and what a stream is."""
    if told.purpose:
        purpose = {"schemeIdUri": "urn:tva:metadata:cs:AudioPurposeCS:2007", "value": told.purpose}
        yield f"  <Accessibility {_xml(purpose)}/>"
    for role in told.roles:
        yield f"  <Role {_xml({'schemeIdUri': 'urn:mpeg:dash:role:2011', 'value': role})}/>"
    if told.name:
        yield f"  <Label>{escape(told.name)}</Label>"


def _representation(one: Known, longest: float) -> Iterator[str]:
    told, stream = one.told, one.stream
    peak = one.rates(max(1, int(longest + 0.5))).peak
    named: dict[str, object] = {"id": told.folder, "bandwidth": peak, "codecs": stream.track.codec}
    named["mimeType"] = f"{told.kind}/mp4"
    if told.kind == "video":
        named |= {"width": told.width, "height": told.height, "sar": "1:1", "frameRate": _meant(stream.frame_rate)}
    else:
        named["audioSamplingRate"] = stream.track.sample_rate_hz
    yield f"<Representation {_xml(named)}>"
    if told.kind == "audio":
        scheme = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"
        yield f"  <AudioChannelConfiguration {_xml({'schemeIdUri': scheme, 'value': stream.track.channels})}/>"
    if stream.index is not None:
        begin, end = stream.index
        yield f"  <BaseURL>{escape(f'{told.folder}/{stream.beginning.name}')}</BaseURL>"
        yield f'  <SegmentBase timescale="{stream.track.scale}" indexRange="{begin}-{end - 1}">'
        yield f'    <Initialization range="{stream.beginning.begin}-{(stream.beginning.size or 0) - 1}"/>'
        yield "  </SegmentBase>"
    else:
        template = {
            "timescale": stream.track.scale,
            "initialization": f"{told.folder}/{stream.beginning.name}",
            "media": f"{told.folder}/{NUMBERED}.m4s",
            "startNumber": 1,
        }
        yield f"  <SegmentTemplate {_xml(template)}>"
        yield "    <SegmentTimeline>"
        yield from (f"      {line}" for line in _timeline(stream.starts))
        yield "    </SegmentTimeline>"
        yield "  </SegmentTemplate>"
    yield "</Representation>"


def _timeline(starts: Sequence[int]) -> Iterator[str]:
    """Segments that last as long as the one before are counted."""
    at = starts[0]
    for length, group in groupby(b - a for a, b in pairwise(starts)):
        again = len(list(group)) - 1
        yield f'<S t="{at}" d="{length}"' + (f' r="{again}"' if again else "") + "/>"
        at += length * (again + 1)


def _meant(rate: Fraction) -> Fraction:
    """What is meant by frames a second that were measured on a clock that is rounded: 25, 30000/1001, …"""
    for unit in (Fraction(1), Fraction(1000, 1001)):
        meant = round(rate / unit) * unit
        if meant and abs(1 / rate - 1 / meant) < _SAME_SECONDS:
            return meant
    return rate.limit_denominator(1000)


def _decimal(seconds: float) -> str:
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


def _xml(told: Mapping[str, object]) -> str:
    return " ".join(f"{name}={quoteattr(str(value))}" for name, value in told.items())
