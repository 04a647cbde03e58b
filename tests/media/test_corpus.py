"""Hundreds of files of all kinds: what comes out of each is what is in it, or it fails for its own fault."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av.error
import pytest
from effort import SEED, short_or_long
from media.coded import heard, shown, still
from media.corpus import Case, Truth, cases, truth
from media.kit import Studio, decode

from reelmill.jobs.codes import CODES, Category
from reelmill.jobs.errors import AttemptFailed

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(short_or_long(300, 7200))]

_LEAST = 300
_NEAR_SECONDS, _TICK_SECONDS = 0.1, 0.06
_HEARD_SECONDS = 0.03  # a packet of sound
_DAMAGED_SECONDS = 0.2  # what can't be decoded is not the same for all decoders
# One of each kind of which something wrong came out, or that failed as if it were our fault.
_WRONG_ONCE = (
    "mp4-part",  # an edit list that hides the key frame
    "m2v-two",  # a raw stream of MPEG-2, whose reader reckons times
    "ts-late-sound",  # a file of sound that began with it
    "flv-late-picture",  # where a seek goes too far
    "mp4-av1-hole",  # MP4 tells a hole as the length of a packet of Opus
    "webp-two",  # nothing can seek in it
    "nut-cut",  # reading ends with an error
    "sound-wv-cut",
    "ogv-scratched",  # a decoder that can't be opened
    "mkv-scratched",  # a reader that ends well in the middle
    "webm-cut",  # a part of what is there of a file that is cut off
    "mxf-cut",  # a seek without the index that was at the end
    "mp4-fragments-scratched",  # a hole that a muxer counts otherwise
    "ogv-copied",  # times that are none
    "mp4-fragments-sound",  # a short hole behind a sound's first packet
    "mp4-edits-skip",  # parts of a film, between which a seek goes astray
    "nut-tail",  # a length that was reckoned because reading ended with an error
    "webp-cut",
    "avi-b",  # a seek before the first key frame
    "ps-dvd",  # a seek in packs that hold many pictures
    "mkv-picture-late",  # a part that begins before the picture
    "webp-uneven",
    "ivf-slow-part",  # a part that ends between two ticks of the clock
    "mov-alac-hole",
    "mono-pair-late",
    "avi-h264",  # a container that tells when frames are decoded, and a decoder that puts them off
    "mxf-h264-ntsc",
    "mp4-refresh",  # key frames that are not whole
    "ts-refresh-midway",
    "ts-midway",  # a recorder that was switched on between two key frames
    "asf-sound",  # a decoder that swallows its first packets
    "ogv-flac",  # a seek after which a page's times are wrong
    "fields-ts",
    "fields-avi-apart",  # whose pictures have the time of their second field
    "ps-one",  # ffmpeg's count, where it finds no beginning
    "mp4-frame-fragments",  # a sound whose packets' times overlap
    "mpg-ahead",  # a picture before a jump that is reckoned to be shown after it
)

# Fragments of single frames say nothing of how long the last one lasts, so stills may be spread over a frame more.
_ENDLESS = ("mp4-frame-fragments",)


async def test_there_are_enough_of_them() -> None:
    names = [case.name for case in cases()]
    assert len(names) == len(set(names)) >= _LEAST


async def test_each_file_comes_out_as_it_is_or_fails_for_its_own_fault(studio: Studio, tmp_path: Path) -> None:
    every = {case.name: case for case in cases()}
    names = random.Random(SEED).sample(sorted(every), short_or_long(3, len(every)))
    chosen = [every[name] for name in dict.fromkeys((*_WRONG_ONCE, *names))]
    places = asyncio.Semaphore(2)

    async def one(case: Case) -> list[str]:
        async with places:
            folder = tmp_path / case.name
            (folder / "studio").mkdir(parents=True)
            try:
                faults = await _faults(replace(studio, folder=folder / "studio"), case)
            except Exception as error:
                faults = [f"can't be made or decoded: {error!r}"]
            return [f"{case.name}: {fault}" for fault in faults]

    found = [fault for faults in await asyncio.gather(*map(one, chosen)) for fault in faults]
    assert not found, f"seed {SEED}, {len(chosen)} files\n" + "\n".join(found)


async def _faults(studio: Studio, case: Case) -> list[str]:
    """What is wrong of what is made of a file."""
    path = await asyncio.to_thread(case.build, studio.folder.parent)
    try:
        # What joined files hold is what they were joined of; a clock that jumps tells nothing.
        known = await asyncio.to_thread(_twice if case.joined else truth, path)
        known = known.counted(case.rate) if case.rate else known
    except (av.error.FFmpegError, IndexError):  # nobody decodes it
        case, known = replace(case, broken=True), None
    found: list[str] = []
    for what, output, times in _wanted(case, known):
        try:
            made = await studio.make(path, output | {"name": what})
        except AttemptFailed as error:
            found += _failure(case, what, error)
            continue
        if known is None:
            found.append(f"{what} came out of what can't be read")
            continue
        try:
            faults = await asyncio.to_thread(_compared, case, made, known, times)
            found += [f"{what}: {fault}" for fault in faults]
        except Exception as error:
            found.append(f"{what}: its output can't be looked at: {error!r}")
    return found


def _wanted(case: Case, known: Truth | None) -> Iterator[tuple[str, dict, tuple[float, ...]]]:
    """Outputs by name, and the times of their stills, or from when to when they last."""
    if known is None or (case.picture and not known.seen):
        yield "transcode" if case.picture else "audio", {"transcode": {}} if case.picture else {"audio": {}}, (0.0, 0.0)
        return
    begin, end = round(0.31 * known.seconds, 6), round(0.83 * known.seconds, 6)
    part = {"trim": {"start_seconds": begin, "end_seconds": end}}
    if case.picture:
        first, last = known.seen[0][0], known.seen[-1][0]
        times = sorted({first, first + (known.seconds - first) / 2, last})
        yield "stills", {"thumbnail": {"format": "PNG", "times_seconds": times}}, tuple(times)
        step = (known.picture_seconds - first) / 3
        middles = tuple(first + (i + 0.5) * step for i in range(3))
        if case.name not in _ENDLESS:
            yield "spread", {"thumbnail": {"format": "PNG", "count": 3}}, middles
        yield "transcode", {"transcode": {}}, (0.0, known.seconds)
        if known.seconds > 1.5:
            yield "trim", {"transcode": part}, (begin, end)
    if case.sound:
        yield "audio", {"audio": {"format": "WAV"}}, (0.0, known.sound_seconds)
        if known.sound_seconds > end:
            yield "part", {"audio": {"format": "WAV"} | part}, (begin, end)


def _failure(case: Case, what: str, error: AttemptFailed) -> list[str]:
    code = CODES[error.code]
    if case.broken and code.category == Category.INPUT and not code.retryable:
        return []
    return [f"{what} failed: {str(error)[:160]}"]


def _twice(path: Path) -> Truth:
    data = path.read_bytes()
    half = path.with_stem(path.stem + "-half")
    half.write_bytes(data[: len(data) // 2])  # of -ahead files both are as long, but for a few bytes
    one = truth(half)
    again = tuple((time + one.seconds, which) for time, which in one.seen)
    return Truth(
        seen=one.seen + again,
        seconds=2 * one.seconds,
        picture_seconds=one.seconds + one.picture_seconds,
        sound_seconds=one.seconds + one.sound_seconds,
    )


def _compared(case: Case, made: list[Path], known: Truth, times: tuple[float, ...]) -> list[str]:
    """How files differ from their source."""
    near = _near(case)
    if made[0].suffix == ".png":
        seen = [still(path) for path in made]
        right = len(seen) == len(times) and all(
            a in known.at(b, near=near) or (case.broken and not known.is_sure(b))
            for a, b in zip(seen, times, strict=True)
        )
        return [] if right else [f"{seen} instead of {[sorted(known.at(time)) for time in times]} at {times}"]
    begin, end = times
    seconds = decode(made[0]).duration_seconds
    found = []
    if abs(seconds - (end - begin)) > _NEAR_SECONDS:
        found.append(f"lasts {seconds:.3f} s instead of {end - begin:.3f} s")
    if made[0].suffix != ".wav":
        found += _pictures(case, shown(made[0], from_zero=True), known, begin, end)
    if known.beeps and not case.joined:
        found += _sounds(heard(made[0]), known, begin, end, near=_NEAR_SECONDS if case.broken else _HEARD_SECONDS)
    return found


def _near(case: Case) -> float:
    """How far apart frames may lie; where files were joined, readers put them a frame apart."""
    return _DAMAGED_SECONDS if case.broken else _TICK_SECONDS if case.joined else 0.003


def _pictures(case: Case, part: list[tuple[float, int]], known: Truth, begin: float, end: float) -> list[str]:
    late = max(0.0, known.seen[0][0] - begin)
    near = _near(case)
    if not part or part[0][0] > late + max(near, _TICK_SECONDS):
        return [f"its picture begins at {part[0][0] if part else None} instead of {late:.3f} s"]
    found = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        time = max(late, share * (end - begin) - (0.0025 if share == 1.0 else 0.0))
        number = next((which for when, which in reversed(part) if when <= time + 0.003), part[0][1])
        other = next((which for when, which in reversed(part) if when <= time - 0.003), part[0][1])
        right = known.at(begin + time, near=near)
        if not right & {number, other} and (not case.broken or known.is_sure(begin + time)):
            found.append(f"shows {number} at {time:.3f} s instead of {right}")
    return found


def _sounds(found: list[float], known: Truth, begin: float, end: float, *, near: float) -> list[str]:
    # What begins near an edge may be heard or not.
    right = [time - begin for time in known.beeps if begin + _NEAR_SECONDS < time < end - _NEAR_SECONDS]
    inside = [time for time in found if _NEAR_SECONDS < time < end - begin - 2 * _NEAR_SECONDS]
    lost = [time for time in right if all(abs(time - other) > near for other in found)]
    more = [time for time in inside if all(abs(time + begin - other) > near for other in known.beeps)]
    return [f"beeps at {found} instead of {right}"] if lost or more else []
