"""Films whose frames carry their number as a bar code: 12 bars from side to side, the highest bit first, white is 1."""

from pathlib import Path

import av

SIZE = "size=96x64"
_BITS = 12
_BARS = f"geq=lum='if(mod(floor(N/pow(2,{_BITS - 1}-floor(X*{_BITS}/W))),2),235,16)':cb=128:cr=128"


def frames(rate: float = 25, seconds: float = 8, *, then: str = "") -> tuple[str, ...]:
    """Arguments for ffmpeg: an input of numbered frames; `then`: filters behind them."""
    graph = f"color=black:{SIZE}:rate={rate}:duration={seconds},format=yuv420p,{_BARS}"
    return ("-f", "lavfi", "-i", f"{graph},{then}" if then else graph)


def number(frame: av.VideoFrame) -> int:
    """The number that a frame carries, at any size."""
    grey = frame.reformat(format="gray")
    plane = grey.planes[0]
    row = bytes(plane)[grey.height // 2 * plane.line_size :][: grey.width]
    bits = (row[(2 * i + 1) * grey.width // (2 * _BITS)] > 128 for i in range(_BITS))
    return int("".join("01"[bit] for bit in bits), 2)


def shown(path: Path, *, from_zero: bool = False) -> list[tuple[float, int]]:
    """When each frame of a film is shown, from its earliest track's beginning or as it says, and its number."""
    with av.open(str(path)) as container:
        begin = 0.0 if from_zero else (container.start_time or 0) / 1e6
        return [(float(f.pts * f.time_base) - begin, number(f)) for f in container.decode(video=0)]


def still(path: Path) -> int:
    """The number in a still picture."""
    with av.open(str(path)) as container:
        return number(next(container.decode(video=0)))
