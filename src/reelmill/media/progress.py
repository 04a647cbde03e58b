"""Reads what ffmpeg writes for `-progress`: blocks of key=value lines. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class RunProgress:
    """How far a command is."""

    percent: float
    """0 to 100."""
    fps: float
    speed: float
    """Seconds of media written per second; 0 where ffmpeg does not know yet."""
    seconds: float = 0.0
    """Of media, that were written."""
    size_bytes: int = 0
    """Of the first file, as far as it was written."""


class ProgressParser:
    """Turns lines into a RunProgress at each block's end."""

    def __init__(self, duration_seconds: float) -> None:
        self._duration_seconds = duration_seconds
        self._block: dict[str, str] = {}
        self.position: tuple[str, str] = ("", "")
        """Time and frame last reported: while it stands still, ffmpeg makes no progress."""
        self.latest: RunProgress | None = None

    def feed(self, line: str) -> RunProgress | None:
        """Read a line; answers at the last line of a block."""
        key, separator, value = line.strip().partition("=")
        if not separator:
            return None
        self._block[key] = value.strip()
        if key != "progress":
            return None
        block, self._block = self._block, {}
        self.position = (block.get("out_time_us", ""), block.get("frame", ""))
        self.latest = self._progress(block)
        return self.latest

    def _progress(self, block: dict[str, str]) -> RunProgress:
        # ffmpeg may say N/A again later on, as was seen on a busy machine.
        done = max(_number(block.get("out_time_us", "")) / 1e6, self.latest.seconds if self.latest else 0.0)
        speed = _number(block.get("speed", "").removesuffix("x"))
        total = self._duration_seconds
        size = int(_number(block.get("total_size", "")))
        if block["progress"] == "end":
            fps = _number(block.get("fps", ""))
            return RunProgress(percent=100.0, fps=fps, speed=speed, seconds=done, size_bytes=size)
        return RunProgress(
            percent=100 * min(0.999, done / total) if total > 0 else 0.0,
            fps=_number(block.get("fps", "")),
            speed=speed,
            seconds=done,
            size_bytes=size,
        )


def _number(text: str) -> float:
    """A number, or 0 for what ffmpeg writes where it knows none (N/A) or counts from before the start."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0.0 <= value < float("inf") else 0.0
