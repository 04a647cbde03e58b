"""Checks what ffmpeg wrote: an exit code of 0 is no success."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from reelmill.abreast import abreast
from reelmill.jobs.errors import AttemptFailed
from reelmill.media import languages
from reelmill.media.contract import Expected, PlannedFile
from reelmill.media.leftovers import leftovers
from reelmill.media.probe import Prober
from reelmill.v1.media_pb2 import MediaInfo

FILES_AT_ONCE = 3
"""Files of one attempt that are looked at together: one less than there are probers, so that another's has its turn."""


async def verify(
    files: Sequence[PlannedFile], folder: Path, prober: Prober, *, input_damaged: bool = False
) -> list[MediaInfo]:
    """What each file contains, in order; several are looked at together.

    Raises AttemptFailed OUTPUT_INVALID where a file is missing, unreadable or not what was planned,
    and INPUT_CORRUPT where ffmpeg had complained of the input.
    """
    for file in files:
        if not (folder / file.path).exists():
            missing = "INPUT_CORRUPT" if input_damaged else file.if_missing
            message = f"{file.path}: ffmpeg ended well without writing it; the input has no picture or sound there"
            raise AttemptFailed(missing, message, output=file.output)
    code = "INPUT_CORRUPT" if input_damaged else "OUTPUT_INVALID"
    return await abreast(lambda file: _verify(file, folder, prober, code), files, at_once=FILES_AT_ONCE)


async def _verify(file: PlannedFile, folder: Path, prober: Prober, code: str) -> MediaInfo:
    try:
        info = (await prober.probe(folder / file.path)).info
    except AttemptFailed as error:
        raise AttemptFailed(code, f"{file.path}: {error.failure.message}", output=file.output) from error
    if found := problems(info, file.expected):
        raise AttemptFailed(code, f"{file.path}: {'; '.join(found)}", output=file.output)
    if private := await asyncio.to_thread(leftovers, folder / file.path):
        message = f"{file.path}: it has more than picture and sound, which may be private: {', '.join(private)}"
        raise AttemptFailed("OUTPUT_INVALID", message, output=file.output)
    return info


def problems(info: MediaInfo, expected: Expected) -> list[str]:
    """How a file differs from what was planned. Pure."""
    video = next((s for s in info.streams if s.kind == MediaInfo.Stream.VIDEO), None)
    audio = next((s for s in info.streams if s.kind == MediaInfo.Stream.AUDIO), None)
    found = [
        f"its {what} is {(stream.codec or 'unknown') if stream else 'missing'} instead of {codec}"
        for what, stream, codec in (("picture", video, expected.video_codec), ("sound", audio, expected.audio_codec))
        if codec and (stream is None or stream.codec != codec)
    ]
    heard = tuple(languages.code(s.language) for s in info.streams if s.kind == MediaInfo.Stream.AUDIO)
    if heard and heard != expected.languages:
        found.append(f"its sounds are {_listed(heard)} instead of {_listed(expected.languages)}")
    if video and expected.width and (video.width, video.height) != (expected.width, expected.height):
        found.append(f"it has {video.width} × {video.height} pixels instead of {expected.width} × {expected.height}")
    wanted = expected.duration_seconds
    if wanted is not None and abs(info.duration_seconds - wanted) > expected.duration_tolerance_seconds:
        found.append(f"it lasts {info.duration_seconds:.3f} s instead of {wanted:.3f} s")
    return found


def _listed(sounds: tuple[str, ...]) -> str:
    return ", ".join(language or "of no language" for language in sounds)
