"""Brings the pieces of videos to the task that joins them, and tells of those that a task made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.abreast import abreast
from reelmill.jobs.errors import AttemptFailed
from reelmill.media.pieces import Join, Made, film_in, joined, made_of, result
from reelmill.media.verify import FILES_AT_ONCE, Verified
from reelmill.storage.storage import Storage
from reelmill.store.leases import MadeFile


@dataclass(frozen=True, kw_only=True, slots=True)
class Brought:
    """Pieces on this machine."""

    join: Join
    """With what they told."""
    paths: dict[str, str]
    """By what the join's step calls them."""
    engine: str
    """The build that made them; empty where that is not known."""


async def bring(join: Join, results: Iterable[bytes], storage: Storage, folder: Path, *, max_bytes: int) -> Brought:
    """Fetch all pieces, or find them where they lie.

    Raises AttemptFailed OUTPUT_TOO_LARGE where they are more than `max_bytes` together, and OUTPUT_UNAVAILABLE where
    one is not to be had. OUTPUT_INVALID where they come from encoders of several builds: these need not look alike.
    """
    made = [one for result in results for one in made_of(result)]
    if len({one.engine for one in made}) > 1:
        raise AttemptFailed("OUTPUT_INVALID", "the pieces come from several builds of ffmpeg")
    if (total := sum(one.size_bytes for one in made)) > max_bytes:
        message = (
            f"the outputs' pieces have {total} bytes, and at most {max_bytes} are allowed (setting input_max_bytes)"
        )
        raise AttemptFailed("OUTPUT_TOO_LARGE", message)

    async def fetch(place: tuple[int, Made]) -> tuple[str, str]:
        i, one = place
        try:
            fetched = await storage.fetch(one.uri, folder / f"piece-{i}", made=True)
        except AttemptFailed as error:
            raise AttemptFailed("OUTPUT_UNAVAILABLE", f"a piece can't be read: {error.failure.message}") from error
        if fetched.size_bytes != one.size_bytes:
            message = f"{one.uri} has {fetched.size_bytes} bytes instead of {one.size_bytes}"
            raise AttemptFailed("OUTPUT_UNAVAILABLE", message)
        return one.file, str(fetched.path)

    paths = dict(await abreast(fetch, list(enumerate(made)), at_once=FILES_AT_ONCE))
    return Brought(join=joined(join, made), paths=paths, engine=made[0].engine if made else "")


def told(piece: str, verified: Sequence[Verified], stored: Sequence[MadeFile], engine: str) -> bytes:
    """What a task that made a piece, with such a build of ffmpeg, tells the one that joins it."""
    return result(
        Made(
            output=film_in(file.path, piece),
            piece=piece,
            uri=one.file.uri,
            size_bytes=one.file.size_bytes,
            times=file.times,
            engine=engine,
        )
        for file, one in zip(verified, stored, strict=True)
    )
