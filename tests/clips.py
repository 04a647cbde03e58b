"""Short real clips, made by ffmpeg."""

from pathlib import Path

import films
import imageio_ffmpeg

WIDTH, HEIGHT = 320, 180
FPS = 25
SECONDS = 4
SOUND_SECONDS = 3

_PICTURE = f"testsrc2=size={{}}x{{}}:rate={FPS}:duration={{}}"
_H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", str(FPS)]


def make_clip(
    path: Path, *, sound: bool = True, size: tuple[int, int] = (WIDTH, HEIGHT), seconds: int = SECONDS
) -> Path:
    """A moving test picture, with a tone or without sound."""
    picture = _source(_PICTURE.format(*size, seconds))
    if sound:
        return _ffmpeg(picture + _source(_tone(seconds)) + _H264 + ["-c:a", "aac", "-b:a", "96k"], path)
    return _ffmpeg(picture + _H264, path)


def make_sound(path: Path) -> Path:
    """A tone in the format that the path's ending says."""
    return _ffmpeg(_source(_tone(SOUND_SECONDS)), path)


def make_picture(path: Path) -> Path:
    """A single picture of 64×64 pixels."""
    return _ffmpeg(_source("testsrc2=size=64x64:rate=25:duration=0.04"), path)


def _tone(seconds: int) -> str:
    return f"sine=frequency=440:sample_rate=48000:duration={seconds}"


def _source(graph: str) -> list[str]:
    return ["-f", "lavfi", "-i", graph]


def _ffmpeg(arguments: list[str], path: Path) -> Path:
    films.make(Path(imageio_ffmpeg.get_ffmpeg_exe()), arguments, path)
    return path
