"""How a picture gets into an output's filters: a stream as it is, or what HEIC and AVIF compose of several. Pure."""

from reelmill.media import profiles
from reelmill.media.steps import Taken
from reelmill.v1.media_pb2 import MediaInfo

FILTERS = frozenset(
    {"xstack", "crop", "setparams", "scale", "format", "alphamerge", "unpremultiply", "hflip", "vflip", "transpose"}
)
"""FFmpeg's filters that may stand in what is made here."""

_TRANSFERS = {"gamma22": "bt470m", "gamma28": "bt470bg"}  # as setparams calls them


def taken(composition: MediaInfo.Composition | None, index: int, graph: str, reading: int = 0) -> Taken:
    """A picture of one of a step's readings, with its filters: stream `index`, or its composition."""
    if composition is None:
        return Taken(streams=(index,), filters=graph, reading=reading)
    streams = (*composition.picture.streams, *composition.alpha.streams)
    whole = f"{_composed(composition)},{graph}"
    return Taken(streams=streams, filters=whole.removeprefix("[s0]") if len(streams) == 1 else whole, reading=reading)


def _composed(made: MediaInfo.Composition) -> str:
    """Filters that make one picture of several streams."""
    steps = [_layer(made.picture, 0)]
    told = {
        "colorspace": made.color_space,
        "color_trc": _TRANSFERS.get(made.color_transfer, made.color_transfer),
        "color_primaries": "" if made.color_primaries == profiles.ADOBE_RGB else made.color_primaries,
        "range": "full" if made.full_range else "",
    }
    if known := ":".join(f"{name}={value}" for name, value in told.items() if value):
        steps.append(f"setparams={known}")
    if made.HasField("alpha"):
        size = f"{made.picture.width}:{made.picture.height}"
        opacity = f"{_layer(made.alpha, len(made.picture.streams))},scale={size}:out_range=full,format=gray"
        steps[-1] += "[colours]"
        steps = [";".join((",".join(steps), f"{opacity}[opacity]", "[colours][opacity]alphamerge"))]
        if made.premultiplied:
            steps += ["format=gbrap16le", "setparams=alpha_mode=premultiplied", "unpremultiply=inplace=1"]
    if (made.width, made.height) != (made.picture.width, made.picture.height):
        steps.append(f"crop={made.width}:{made.height}:{made.left}:{made.top}:exact=1")
    if made.mirrored:
        steps.append("hflip")
    steps += {90: ["transpose=clock"], 180: ["hflip", "vflip"], 270: ["transpose=cclock"]}.get(
        made.rotation_degrees, []
    )
    return ",".join(steps)


def _layer(layer: MediaInfo.Composition.Layer, first: int) -> str:
    """Filters of a layer whose streams are taken from place `first` on."""
    count = len(layer.streams)
    streams = "".join(f"[s{place}]" for place in range(first, first + count))
    # A coded picture may be larger than its item says: by filling up to whole blocks.
    crop = f"crop=min(iw\\,{layer.width}):min(ih\\,{layer.height}):0:0:exact=1"
    if count == 1:
        return f"{streams}{crop}"
    return f"{streams}xstack=inputs={count}:grid={layer.columns}x{count // layer.columns},{crop}"
