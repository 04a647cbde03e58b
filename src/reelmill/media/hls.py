"""Playlists of packages: HLS (RFC 8216, and its successor's draft rfc8216bis). Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence

from reelmill.media import protection
from reelmill.media.playlists import Segment
from reelmill.media.renditions import (
    CUES,
    IFRAMES,
    MASTER,
    PLAYLIST,
    SHEET,
    Divided,
    Known,
    Order,
    Rates,
    Sheets,
    Told,
    decimal,
    meant_rate,
    rates,
    target,
)
from reelmill.media.webvtt import Cue, Text, written

_HAIR = 1e-6
_SOUNDS, _TEXTS, _CAPTIONS = "audio", "text", "captions"  # groups of sounds, of words and of closed captions


def playlists(
    order: Order, known: Sequence[Known], texts: Sequence[Divided] = (), sheets: Sheets | None = None
) -> dict[str, str]:
    """All playlists by their paths below the output's folder."""
    seconds = target(known)
    found = {MASTER: _master(order, known, texts, seconds) + (_images(sheets) if sheets else "")}
    if sheets:
        found[f"{sheets.tiles.folder}/{PLAYLIST}"] = _sheets(sheets)
        found[f"{sheets.tiles.folder}/{CUES}"] = _cues(sheets)
    for one in known:
        stream = one.stream
        text = _media(stream.segments, stream.beginning, seconds, independent=stream.independent, of=one)
        found[f"{one.told.folder}/{PLAYLIST}"] = text
        if order.iframes and one.told.kind == "video":
            text = _media(stream.keys, stream.beginning, seconds, only_keys=True, of=one)
            found[f"{one.told.folder}/{IFRAMES}"] = text
    for words in texts:
        text = _media(words.segments, words.beginning, max(seconds, _longest(words)))
        found[f"{words.told.folder}/{PLAYLIST}"] = text
    return found


def _media(
    segments: Sequence[Segment],
    beginning: Segment | None,
    target: int,
    *,
    independent: bool = False,
    only_keys: bool = False,
    of: Known | None = None,
) -> str:
    """`of`: whose segments they are, which may be encrypted."""
    # EXT-X-MAP takes version 6, and 5 among key frames alone; ranges, and key frames alone, 4; parts of a second 3 (RFC
    # 8216, 7).
    least = (4 if only_keys else 3) if beginning is None else 5 if only_keys else 6
    version = max(least, protection.version(of.keys if of else ()))
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{version}", f"#EXT-X-TARGETDURATION:{target}"]
    lines += ["#EXT-X-PLAYLIST-TYPE:VOD"]
    lines += ["#EXT-X-INDEPENDENT-SEGMENTS"] if independent else []
    lines += ["#EXT-X-I-FRAMES-ONLY"] if only_keys else []
    if beginning is not None:
        part = f',BYTERANGE="{beginning.size}@{beginning.begin}"' if beginning.size is not None else ""
        lines.append(f'#EXT-X-MAP:URI="{beginning.name}"{part}')
    for i, one in enumerate(segments):
        lines += of.keys if of and i == of.clear else ()  # behind EXT-X-MAP: what that names is in the clear
        lines.append(f"#EXTINF:{decimal(one.seconds)},")
        lines += [f"#EXT-X-BYTERANGE:{one.size}@{one.begin}"] if one.size is not None else []
        lines.append(one.name)
    return "\n".join((*lines, "#EXT-X-ENDLIST", ""))


def _images(sheets: Sheets) -> str:
    """Of no standard, but of what Roku and shaka-player read; others pass it over."""
    tiles = sheets.tiles
    told = {
        "BANDWIDTH": str(sheets.bandwidth),
        "RESOLUTION": f"{tiles.width}x{tiles.height}",
        "CODECS": '"jpeg"',
        "URI": f'"{tiles.folder}/{PLAYLIST}"',
    }
    return f"#EXT-X-IMAGE-STREAM-INF:{_attributes(told)}\n"


def _sheets(sheets: Sheets) -> str:
    tiles = sheets.tiles
    told = {
        "RESOLUTION": f"{tiles.width}x{tiles.height}",
        "LAYOUT": f"{tiles.columns}x{tiles.rows}",
        "DURATION": decimal(tiles.interval_seconds),
    }
    lasts = [min(tiles.sheet_seconds, sheets.seconds - i * tiles.sheet_seconds) for i in range(len(sheets.sizes))]
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{max(1, int(max(lasts) + 0.5))}"]
    lines += ["#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-IMAGES-ONLY"]
    for i, seconds in enumerate(lasts):
        lines += (f"#EXTINF:{decimal(seconds)},", f"#EXT-X-TILES:{_attributes(told)}", SHEET % (i + 1))
    return "\n".join((*lines, "#EXT-X-ENDLIST", ""))


def _cues(sheets: Sheets) -> str:
    """For players that read neither."""
    tiles, cues = sheets.tiles, []
    for cell in range(max(1, math.ceil(sheets.seconds / tiles.interval_seconds - _HAIR))):
        sheet, inside = divmod(cell, tiles.columns * tiles.rows)
        row, column = divmod(inside, tiles.columns)
        begin = cell * tiles.interval_seconds
        end = min(sheets.seconds, begin + tiles.interval_seconds)
        place = f"{column * tiles.width},{row * tiles.height},{tiles.width},{tiles.height}"
        cues.append(Cue(round(begin * 1000), round(end * 1000), (f"{SHEET % (sheet + 1)}#xywh={place}",)))
    return written(Text(tuple(cues)))


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
    further = [*(one.stream.track.codec for one in sounds), *(one.codec for one in texts if one.codec)]
    for one in pictures:
        codecs = dict.fromkeys((one.stream.track.codec, *further))
        told = {
            **_bandwidth(one.rates(seconds) + beside),
            "CODECS": f'"{",".join(codecs)}"',
            "RESOLUTION": f"{one.told.width}x{one.told.height}",
            "FRAME-RATE": f"{float(meant_rate(one.stream.frame_rate)):.3f}",
            "VIDEO-RANGE": one.stream.track.range,
            **({"AUDIO": f'"{_SOUNDS}"'} if sounds else {}),
            **({"SUBTITLES": f'"{_TEXTS}"'} if texts else {}),
            "CLOSED-CAPTIONS": f'"{_CAPTIONS}"' if order.captions else "NONE",
        }
        lines += (f"#EXT-X-STREAM-INF:{_attributes(told)}", f"{one.told.folder}/{PLAYLIST}")
    if sounds and (order.sound_alone or not pictures):
        told = {
            **_bandwidth(beside),
            "CODECS": f'"{",".join(dict.fromkeys(further))}"',
            "AUDIO": f'"{_SOUNDS}"',
            **({"SUBTITLES": f'"{_TEXTS}"'} if texts else {}),
        }
        lines += (f"#EXT-X-STREAM-INF:{_attributes(told)}", f"{sounds[0].told.folder}/{PLAYLIST}")
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
