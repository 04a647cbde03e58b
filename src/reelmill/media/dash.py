"""Manifests of packages: MPEG-DASH (ISO/IEC 23009-1). Pure."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise

from reelmill.media import protection
from reelmill.media.markup import attributes, text
from reelmill.media.renditions import NUMBERED, SHEETS, WORDS, Divided, Known, Order, Sheets, Told, decimal, meant_rate
from reelmill.media.streams import SUFFIX
from reelmill.media.text_fragments import SCALE

_COLOURS = "urn:mpeg:mpegB:cicp:"
_TILES = "http://dashif.org/guidelines/thumbnail_tile"
_NAMESPACE = (
    'xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xsi:schemaLocation="urn:mpeg:dash:schema:mpd:2011 DASH-MPD.xsd"'
)


def manifest(order: Order, known: Sequence[Known], texts: Sequence[Divided] = (), sheets: Sheets | None = None) -> str:
    """The one manifest of all streams."""
    whole = max(one.stream.starts[-1] / one.stream.track.scale for one in known)
    longest = max(segment.seconds for one in known for segment in one.stream.segments)
    single = known[0].stream.index is not None
    profile = "urn:mpeg:dash:profile:isoff-on-demand:2011" if single else "urn:mpeg:dash:profile:isoff-live:2011"
    spaces = (_NAMESPACE, *([protection.NAMESPACE] if known[0].stream.track.protection else []))
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        # What comes at the bandwidth that is told arrives in time behind one whole segment.
        f'<MPD {" ".join(spaces)} profiles="{profile}" type="static" mediaPresentationDuration="PT{decimal(whole)}S"'
        f' minBufferTime="PT{decimal(longest)}S">',
        '  <Period id="0" start="PT0S">',
    ]
    adaptations = list(_adaptations(known))
    for i, members in enumerate(adaptations):
        lines += (f"    {line}" for line in _adaptation(order, str(i), members, longest))
    for i, words in enumerate(texts, len(adaptations)):
        lines += (f"    {line}" for line in _of_words(str(i), words.of_dash or words, longest))
    if sheets:
        lines += (f"    {line}" for line in _of_sheets(str(len(adaptations) + len(texts)), sheets))
    return "\n".join((*lines, "  </Period>", "</MPD>", ""))


def _adaptations(known: Sequence[Known]) -> Iterator[list[Known]]:
    """Streams that players may change between: pictures of one codec and range. Each sound is one by itself."""
    found: dict[tuple[str, str], list[Known]] = {}
    for one in known:
        if one.told.kind == "video":
            track = one.stream.track
            found.setdefault((track.codec.partition(".")[0], track.range), []).append(one)
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
        told["maxFrameRate"] = meant_rate(max(one.stream.frame_rate for one in members))
    elif first.told.language:
        told["lang"] = first.told.language
    told[f"{prefix}Alignment"] = "true"
    if all(one.stream.independent for one in members):
        told["subsegmentStartsWithSAP" if single else "startWithSAP"] = "1"
    yield f"<AdaptationSet {attributes(told)}>"
    if first.stream.track.protection:
        yield from (f"  {line}" for line in protection.elements(first.stream.track.protection))
    if first.told.kind == "video":
        yield from _colours(first.stream.track.range)
        yield from _inside(order)
    yield from _meaning(first.told)
    for one in members:
        yield from (f"  {line}" for line in _representation(one, longest))
    yield "</AdaptationSet>"


def _of_words(number: str, words: Divided, longest: float) -> Iterator[str]:
    told = words.told
    named: dict[str, object] = {"id": number, "contentType": "text"}
    named |= {"mimeType": "application/mp4", "codecs": words.codec} if words.codec else {"mimeType": "text/vtt"}
    yield f"<AdaptationSet {attributes({**named, **({'lang': told.language} if told.language else {})})}>"
    yield from _meaning(told)
    rate = words.rates(max(1, int(longest + 0.5))).peak
    yield f"  <Representation {attributes({'id': told.folder, 'bandwidth': rate})}>"
    if words.beginning is None:
        yield f"    <BaseURL>{text(f'{told.folder}/{WORDS}')}</BaseURL>"
    else:
        yield from (f"    {line}" for line in _template(told, SCALE, words.beginning.name, words.starts))
    yield "  </Representation>"
    yield "</AdaptationSet>"


def _of_sheets(number: str, sheets: Sheets) -> Iterator[str]:
    """As DASH-IF's guidelines have them (IOP 4.3, 6.2.6)."""
    tiles = sheets.tiles
    scheme = {"schemeIdUri": _TILES, "value": f"{tiles.columns}x{tiles.rows}"}
    size = {"width": tiles.width * tiles.columns, "height": tiles.height * tiles.rows}
    template = {
        "timescale": 1000,
        "duration": round(tiles.sheet_seconds * 1000),
        "media": f"{tiles.folder}/{SHEETS}",
        "startNumber": 1,
    }
    yield f"<AdaptationSet {attributes({'id': number, 'contentType': 'image', 'mimeType': 'image/jpeg'})}>"
    yield f"  <Representation {attributes({'id': tiles.folder, 'bandwidth': sheets.bandwidth, **size})}>"
    yield f"    <EssentialProperty {attributes(scheme)}/>"
    yield f"    <SegmentTemplate {attributes(template)}/>"
    yield "  </Representation>"
    yield "</AdaptationSet>"


def _colours(high: str) -> Iterator[str]:
    """Those of a high range, by the numbers of ITU-T H.273: who can't show them leaves the streams alone.

    HLG may be shown as if its curve were that of BT.2020 (14).
    """
    for kind, name, value in {
        "PQ": (
            ("Essential", "ColourPrimaries", 9),
            ("Essential", "MatrixCoefficients", 9),
            ("Essential", "TransferCharacteristics", 16),
        ),
        "HLG": (
            ("Essential", "ColourPrimaries", 9),
            ("Essential", "MatrixCoefficients", 9),
            ("Essential", "TransferCharacteristics", 14),
            ("Supplemental", "TransferCharacteristics", 18),
        ),
    }.get(high, ()):
        yield f"  <{kind}Property {attributes({'schemeIdUri': f'{_COLOURS}{name}', 'value': value})}/>"


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
            scheme = f"urn:scte:dash:cc:cea-{kind}:2015"
            yield f"  <Accessibility {attributes({'schemeIdUri': scheme, 'value': value})}/>"


def _meaning(told: Told) -> Iterator[str]:
    """For whom and what a stream is."""
    if told.purpose:
        purpose = {"schemeIdUri": "urn:tva:metadata:cs:AudioPurposeCS:2007", "value": told.purpose}
        yield f"  <Accessibility {attributes(purpose)}/>"
    for role in told.roles:
        yield f"  <Role {attributes({'schemeIdUri': 'urn:mpeg:dash:role:2011', 'value': role})}/>"
    if told.name:
        yield f"  <Label>{text(told.name)}</Label>"


def _representation(one: Known, longest: float) -> Iterator[str]:
    told, stream, beginning = one.told, one.stream, one.stream.beginning
    assert beginning is not None, "transport streams are of HLS alone"
    peak = one.rates(max(1, int(longest + 0.5))).peak
    named: dict[str, object] = {"id": told.folder, "bandwidth": peak, "codecs": stream.track.codec}
    named["mimeType"] = f"{told.kind}/mp4"
    if told.kind == "video":
        named |= {"width": told.width, "height": told.height, "sar": "1:1", "frameRate": meant_rate(stream.frame_rate)}
    else:
        named["audioSamplingRate"] = stream.track.sample_rate_hz
    yield f"<Representation {attributes(named)}>"
    if told.kind == "audio":
        scheme = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"
        yield f"  <AudioChannelConfiguration {attributes({'schemeIdUri': scheme, 'value': stream.track.channels})}/>"
    if stream.index is not None:
        begin, end = stream.index
        yield f"  <BaseURL>{text(f'{told.folder}/{beginning.name}')}</BaseURL>"
        yield f'  <SegmentBase timescale="{stream.track.scale}" indexRange="{begin}-{end - 1}">'
        yield f'    <Initialization range="{beginning.begin}-{(beginning.size or 0) - 1}"/>'
        yield "  </SegmentBase>"
    else:
        yield from (f"  {line}" for line in _template(told, stream.track.scale, beginning.name, stream.starts))
    yield "</Representation>"


def _template(told: Told, scale: int, beginning: str, starts: Sequence[int]) -> Iterator[str]:
    """Of a file for each segment."""
    template = {
        "timescale": scale,
        "initialization": f"{told.folder}/{beginning}",
        "media": f"{told.folder}/{NUMBERED}{SUFFIX}",
        "startNumber": 1,
    }
    yield f"<SegmentTemplate {attributes(template)}>"
    yield "  <SegmentTimeline>"
    yield from (f"    {line}" for line in _timeline(starts))
    yield "  </SegmentTimeline>"
    yield "</SegmentTemplate>"


def _timeline(starts: Sequence[int]) -> Iterator[str]:
    """Segments that last as long as the one before are counted."""
    at = starts[0]
    for length, group in groupby(b - a for a, b in pairwise(starts)):
        again = len(list(group)) - 1
        yield f'<S t="{at}" d="{length}"' + (f' r="{again}"' if again else "") + "/>"
        at += length * (again + 1)
