"""What the prober tells of HEIC and AVIF files: their structure in terms of FFmpeg's streams. Runs in the child."""

import struct
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, BinaryIO

from reelmill.media import colours, cropping, heif, profiles
from reelmill.v1.media_pb2 import MediaInfo


def composition(file: BinaryIO, streams: Iterable[Any]) -> MediaInfo.Composition | None:
    """What players show of a file whose container has these streams (PyAV's); None where it is no such file.

    Raises heif.Unsupported, and struct.error, IndexError or KeyError for a damaged one.
    """
    head = file.read(256)
    if not heif.is_heif(head):
        return None
    # Items are streams of one second in one picture; tracks may have the same numbers.
    known = list(streams)
    items = {s.id: s.index for s in reversed(known) if s.time_base == Fraction(1, 1) and s.frames == 1}
    tracks = {s.id: s for s in known if s.type == "video" and s.index not in items.values()}
    if heif.is_film(head):
        alphas = heif.alpha_tracks(file)
        if tracks.keys() - alphas.values():
            return _film(tracks, alphas, cropping.views(file, "mov", tracks.values()))
    found = heif.picture(file)
    return _still(found, items) if found else None


def _film(tracks: dict[int, Any], alphas: dict[int, int], views: dict[int, cropping.View]) -> MediaInfo.Composition:
    """A film beside a still of it; its opacity may be a track of its own."""
    number, picture = next((n, s) for n, s in tracks.items() if n not in alphas.values())
    shown = views.get(picture.index) or picture  # ffmpeg cuts tracks itself
    made = MediaInfo.Composition(width=shown.width, height=shown.height)
    made.picture.CopyFrom(_layer((picture.index,), 1, shown.width, shown.height))
    if (opacity := tracks.get(alphas.get(number, 0))) is not None:
        clear = views.get(opacity.index) or opacity
        made.alpha.CopyFrom(_layer((opacity.index,), 1, clear.width, clear.height))
    return made


def _still(found: heif.Picture, items: dict[int, int]) -> MediaInfo.Composition:
    view = found.view
    made = MediaInfo.Composition(
        premultiplied=found.premultiplied,
        left=view.left,
        top=view.top,
        width=view.width,
        height=view.height,
        mirrored=view.mirrored,
        rotation_degrees=view.quarters * 90,
        still=True,
    )
    made.picture.CopyFrom(_of(found.layer, items))
    if found.alpha:
        made.alpha.CopyFrom(_of(found.alpha, items))
    if found.colours:
        primaries, transfer, matrix, made.full_range = found.colours
        made.color_primaries = colours.PRIMARIES.get(primaries, "")
        made.color_transfer = colours.TRANSFERS.get(transfer, "")
        made.color_space = colours.SPACES.get(matrix, "")
    try:
        made.color_primaries = profiles.meaning(found.profile) or made.color_primaries
    except struct.error:
        return made
    return made


def _of(layer: heif.Layer, items: dict[int, int]) -> MediaInfo.Composition.Layer:
    if not set(layer.items) <= items.keys():
        raise heif.Unsupported("the picture is coded in a way that ffmpeg does not read")
    return _layer(tuple(items[item] for item in layer.items), layer.columns, layer.width, layer.height)


def _layer(streams: tuple[int, ...], columns: int, width: int, height: int) -> MediaInfo.Composition.Layer:
    return MediaInfo.Composition.Layer(streams=streams, columns=columns, width=width, height=height)
