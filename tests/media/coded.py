"""Films whose frames carry their number as a bar code: 12 bars from side to side, the highest bit first, white is 1.

Their sound beeps each half second.
"""

from pathlib import Path

import av
import av.error

SIZE = "size=96x64"
_BITS = 12
_PAUSE_SECONDS = 0.15
# Of unsigned samples of 8 bits: whether they are a tenth as loud as can be. A millisecond of them is looked at at once.
_LOUD = bytes(abs(value - 128) >= 13 for value in range(256))
_BARS = f"geq=lum='if(mod(floor(N/pow(2,{_BITS - 1}-X)),2),235,16)':cb=128:cr=128"
# A pixel for each bar is reckoned, and then enlarged: of what each pixel costs, a two hundredth part.
_LARGE = f"scale={SIZE.removeprefix('size=')}:flags=neighbor,setsar=1"


def frames(rate: float = 25, seconds: float = 8, *, then: str = "") -> tuple[str, ...]:
    """Arguments for ffmpeg: an input of numbered frames; `then`: filters behind them."""
    graph = f"color=black:size={_BITS}x2:rate={rate}:duration={seconds},format=yuv420p,{_BARS},{_LARGE}"
    return ("-f", "lavfi", "-i", f"{graph},{then}" if then else graph)


def beeps(seconds: float, *, rate: int = 48_000, then: str = "") -> tuple[str, ...]:
    """Arguments for ffmpeg: a tenth of a second of 880 Hz at 0, 0.5, 1, …; `then`: filters behind it."""
    graph = f"aevalsrc='if(lt(mod(t,0.5),0.1),sin(2*PI*880*t)*0.7,0)':s={rate}:d={seconds}"
    return ("-f", "lavfi", "-i", f"{graph},{then}" if then else graph)


def heard(path: Path, *, begin: float | None = 0.0) -> list[float]:
    """When the first sound of a file begins to beep, as its times say, less `begin` (None: the file's own)."""
    found: list[float] = []
    with av.open(str(path)) as container:
        begin = (container.start_time or 0) / 1e6 if begin is None else begin
        resampler = av.AudioResampler(format="u8", layout="mono")
        quiet, now = _PAUSE_SECONDS, 0.0
        for packet in container.demux(*container.streams.audio[:1]):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in frames:
                time = float(frame.pts * frame.time_base) - begin if frame.pts is not None else now
                quiet += max(0.0, time - now)
                frame.pts = None
                for made in resampler.resample(frame):
                    loud = bytes(made.planes[0])[: made.samples].translate(_LOUD)
                    steps = range(0, made.samples, made.sample_rate // 1000)
                    if 1 not in loud:  # as most are
                        quiet += 0.001 * len(steps)
                        continue
                    for i in steps:
                        if 1 not in loud[i : i + steps.step]:
                            quiet += 0.001
                            continue
                        if quiet >= _PAUSE_SECONDS:
                            found.append(time + i / made.sample_rate)
                        quiet = 0.0
                now = time + frame.samples / frame.sample_rate
    return found


def number(frame: av.VideoFrame) -> int:
    """The number that a frame carries, at any size."""
    # Most frames have their luma as it is wanted; to convert one takes twenty times what it takes to decode it.
    luma = frame.format.name.startswith(("yuv", "gray")) and frame.format.components[0].bits == 8
    grey = frame if luma else frame.reformat(format="gray")
    plane = grey.planes[0]
    row, begin = memoryview(plane), grey.height // 2 * plane.line_size
    bits = (row[begin + (2 * i + 1) * grey.width // (2 * _BITS)] > 128 for i in range(_BITS))
    return int("".join("01"[bit] for bit in bits), 2)


def shown(path: Path, *, from_zero: bool = False) -> list[tuple[float, int]]:
    """When each frame of a film is shown, from its earliest track's beginning or as it says, and its number."""
    with av.open(str(path)) as container:
        begin = None if container.start_time is None else container.start_time / 1e6  # known before all is read, or not
        seen = [(float(f.pts * f.time_base), number(f)) for f in container.decode(video=0)]
    begin = 0.0 if from_zero else seen[0][0] if begin is None else begin
    return [(time - begin, which) for time, which in seen]


def still(path: Path) -> int:
    """The number in a still picture."""
    with av.open(str(path)) as container:
        return number(next(container.decode(video=0)))
