"""How a picture gets into an output's filters: a stream as it is, or what HEIC and AVIF compose of several. Pure."""

from reelmill.media import profiles
from reelmill.v1.media_pb2 import MediaInfo

_TRANSFERS = {"gamma22": "bt470m", "gamma28": "bt470bg"}  # as setparams calls them


def maps(
    composition: MediaInfo.Composition | None, index: int, graph: str, label: str, place: int = 0
) -> tuple[str, ...]:
    """Options that take a picture of input `place` into an output: stream `index`, or its composition and filters."""
    if composition is None:
        return ("-map", f"{place}:{index}")
    return ("-filter_complex", f"{_composed(composition, place)},{graph}[{label}]", "-map", f"[{label}]")


def filtered(composition: MediaInfo.Composition | None, graph: str) -> tuple[str, ...]:
    """The option that filters a picture; none where `maps` does."""
    return ("-filter:v", graph) if composition is None else ()


def _composed(made: MediaInfo.Composition, place: int) -> str:
    """Filters that make one picture of several streams."""
    steps = [_layer(made.picture, place)]
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
        opacity = f"{_layer(made.alpha, place)},scale={size}:out_range=full,format=gray"
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


def _layer(layer: MediaInfo.Composition.Layer, place: int) -> str:
    streams = "".join(f"[{place}:{index}]" for index in layer.streams)
    count = len(layer.streams)
    # A coded picture may be larger than its item says: by filling up to whole blocks.
    crop = f"crop=min(iw\\,{layer.width}):min(ih\\,{layer.height}):0:0:exact=1"
    if count == 1:
        return f"{streams}{crop}"
    return f"{streams}xstack=inputs={count}:grid={layer.columns}x{count // layer.columns},{crop}"
