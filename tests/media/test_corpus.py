"""Hundreds of files of all kinds: what comes out of each is what is in it, or it fails for its own fault."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import av.error
import pytest
from effort import SEED, short_or_long
from media.coded import shown, still
from media.corpus import Case, Truth, cases, truth
from media.kit import Studio, decode

from reelmill.jobs.errors import CODES, AttemptFailed, Category

pytestmark = pytest.mark.asyncio(loop_scope="session")

_LEAST = 300
_NEAR_SECONDS = 0.1
# One of each kind of which something wrong came out, or that failed as if it were our fault.
_WRONG_ONCE = (
    "mp4-part",  # an edit list that hides the key frame
    "m2v-two",  # a raw stream of MPEG-2, whose reader reckons times
    "ts-late-sound",  # a file of sound that began with it
    "ogv-late-sound",
    "flv-late-picture",  # where a seek goes too far
    "mp4-av1-hole",  # MP4 tells a hole as the length of a packet of Opus
    "webp-two",  # nothing can seek in it
    "nut-cut",  # reading ends with an error
    "sound-wv-cut",
    "ogv-scratched",  # a decoder that can't be opened
)


async def test_there_are_enough_of_them() -> None:
    names = [case.name for case in cases()]
    assert len(names) == len(set(names)) >= _LEAST


async def test_each_file_comes_out_as_it_is_or_fails_for_its_own_fault(studio: Studio, tmp_path: Path) -> None:
    every = {case.name: case for case in cases()}
    names = random.Random(SEED).sample(sorted(every), short_or_long(5, len(every)))
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
    # What joined files hold is what they were joined of; a clock that jumps tells nothing.
    try:
        known = await asyncio.to_thread(_twice if case.joined else _nothing if case.broken else truth, path)
    except av.error.FFmpegError:  # nobody decodes it
        case, known = replace(case, broken=True), _nothing(path)
    found: list[str] = []
    middle = known.seen[0][0] + (known.seconds - known.seen[0][0]) / 2 if known.seen else 0.0
    times = sorted({known.seen[0][0], middle, known.seen[-1][0]}) if known.seen else []
    wanted: list[tuple[str, dict]] = []
    if case.picture:
        wanted += [("transcode", {"transcode": {}})]
        wanted += [("stills", {"thumbnail": {"format": "PNG", "times_seconds": times or [0.0]}})]
        wanted += [("spread", {"thumbnail": {"format": "PNG", "count": 3}})]
    if case.picture and known.seconds > 1.5 and not case.broken:
        trim = {"start_seconds": 0.31 * known.seconds, "end_seconds": 0.83 * known.seconds}
        wanted += [("trim", {"transcode": {"trim": trim}})]
    if case.sound:
        wanted += [("audio", {"audio": {"format": "WAV"}})]
    for what, output in wanted:
        try:
            made = await studio.make(path, output | {"name": what})
        except AttemptFailed as error:
            found += _failure(case, what, error)
            continue
        try:
            faults = await asyncio.to_thread(_compared, case, what, made, known, times)
            found += [f"{what}: {fault}" for fault in faults]
        except Exception as error:
            found.append(f"{what}: its output can't be looked at: {error!r}")
    return found


def _failure(case: Case, what: str, error: AttemptFailed) -> list[str]:
    code = CODES[error.code]
    if case.broken and code.category == Category.INPUT and not code.retryable:
        return []
    return [f"{what} failed: {str(error)[:160]}"]


def _nothing(_: Path) -> Truth:
    return Truth(seen=(), seconds=0.0, picture_seconds=0.0, sound_seconds=0.0)


def _twice(path: Path) -> Truth:
    data = path.read_bytes()
    half = path.with_stem(path.stem + "-half")
    half.write_bytes(data[: len(data) // 2])
    one = truth(half)
    again = tuple((time + one.seconds, which) for time, which in one.seen)
    return Truth(
        seen=one.seen + again,
        seconds=2 * one.seconds,
        picture_seconds=one.seconds + one.picture_seconds,
        sound_seconds=one.seconds + one.sound_seconds,
    )


def _compared(case: Case, what: str, made: list[Path], known: Truth, times: list[float]) -> list[str]:
    """How files differ from their source."""
    found = []
    if what == "audio":
        seconds = decode(made[0]).duration_seconds
        if not case.broken and abs(seconds - known.sound_seconds) > _NEAR_SECONDS:
            found.append(f"lasts {seconds:.3f} s instead of {known.sound_seconds:.3f} s")
    elif case.broken:
        for path in made:
            decode(path)
    elif what in ("stills", "spread"):
        if what == "spread":
            first = known.seen[0][0]
            last = known.picture_seconds
            times = [first + (i + 0.5) / 3 * (last - first) for i in range(3)]
        seen = [still(path) for path in made]
        if len(seen) != len(times) or not all(a in known.at(b) for a, b in zip(seen, times, strict=True)):
            found.append(f"{seen} instead of {[sorted(known.at(time)) for time in times]} at {times}")
    else:
        begin, end = (0.31 * known.seconds, 0.83 * known.seconds) if what == "trim" else (0.0, known.seconds)
        seconds = decode(made[0]).duration_seconds
        if abs(seconds - (end - begin)) > _NEAR_SECONDS:
            found.append(f"lasts {seconds:.3f} s instead of {end - begin:.3f} s")
        part = shown(made[0], from_zero=True)
        late = max(0.0, known.seen[0][0] - begin)
        right = known.at(begin)
        if part[0][1] not in right and part[0][0] < late + 0.003:
            found.append(f"begins with {part[0]} instead of {right}")
        right = known.at(end - 0.0025)
        if part[-1][1] not in right:
            found.append(f"ends with {part[-1]} instead of {right}")
        middle = (end - begin) / 2
        number = next((which for time, which in reversed(part) if time <= middle), part[0][1])
        if late < 0.003 and number not in known.at(begin + middle):
            found.append(f"shows {number} at {middle:.3f} s instead of {known.at(begin + middle)}")
    return found
