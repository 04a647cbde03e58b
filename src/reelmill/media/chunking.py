"""Where a long video is divided into chunks. Pure."""

from reelmill.media.contract import Division
from reelmill.media.pieces import HAIR, MOST_CHUNKS
from reelmill.media.timeline import MOST_LOOKS, SECOND, Track, micros

LEAST_SECONDS = 10.0
"""Of a chunk, where nobody asked for shorter ones: each begins with a key frame."""
CHUNKS_A_SLOT = 4
"""At the least, so that no slot waits long for the last of them."""
_LEAST_CPU_SECONDS = 10.0  # of a chunk: to start one and look into it takes about half of one
_SHORTEST_SECONDS = 0.5  # whatever was asked for


def chunk_seconds(division: Division, cpu_seconds: float, *, slots: int, longest_seconds: float) -> float:
    """How long chunks are to be; 0 where a video had better be made whole.

    `cpu_seconds`: what it is reckoned to take; `slots`: of all workers; `longest_seconds`: of a chunk, where nobody
    asked for longer ones. Chunks are whole intervals of key frames, so that these stay where they were.
    """
    length = (division.end - division.start) / SECOND
    wanted = division.chunk_seconds
    if not wanted:
        even = length / (CHUNKS_A_SLOT * max(1, slots))
        wanted = max(
            min(max(even, LEAST_SECONDS), longest_seconds), _LEAST_CPU_SECONDS * length / max(cpu_seconds, 0.1)
        )
    wanted = max(wanted, _SHORTEST_SECONDS, length / (MOST_CHUNKS if division.measured else MOST_LOOKS))
    if interval := division.keyframe_interval_seconds:
        wanted = -(-wanted // interval) * interval
    return wanted if length >= 2 * wanted else 0.0


def targets(division: Division, seconds: float) -> tuple[int, ...]:
    """When chunks of so many seconds would begin but for the first, if there were a frame, on the input's clock."""
    step = micros(seconds)
    return tuple(range(division.shown + step, division.end - step // 2, step))


def edges(division: Division, track: Track, seconds: float) -> tuple[int, ...]:
    """Where chunks begin, and where the last one ends: each with the first frame of its time, as far as it is known."""
    found = [division.start]
    for target in targets(division, seconds):
        frame = track.frame_from(target - HAIR)
        if frame is not None and found[-1] < frame < division.end:
            found.append(frame)
    return (*found, division.end)


def looks(division: Division, track: Track, seconds: float) -> tuple[float, ...]:
    """Seconds of the input whose frames must be known for that; none where they are."""
    wanted = targets(division, seconds)
    if all(track.frame_from(at - HAIR) is not None for at in wanted):
        return ()
    return tuple(at / SECOND for at in wanted)[:MOST_LOOKS]
