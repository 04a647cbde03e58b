"""Brings the pieces of videos to the task that joins them, and tells of those that a task made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.abreast import abreast
from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.media.pieces import Join, Made, failed_of, film_in, joined, made_of, result
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
    failed: tuple[Failure, ...]
    """Why some optional outputs are not made: a piece of them failed."""


async def bring(join: Join, results: Iterable[bytes], storage: Storage, folder: Path, *, max_bytes: int) -> Brought:
    """Fetch all pieces, or find them where they lie.

    Raises AttemptFailed OUTPUT_TOO_LARGE where they are more than `max_bytes` together, and OUTPUT_UNAVAILABLE where
    one is not to be had. OUTPUT_INVALID where they come from encoders of several builds: these need not look alike.
    """
    told = tuple(results)
    failed = {failure.output: failure for result in told for failure in failed_of(result)}
    made = [one for result in told for one in made_of(result) if one.output.partition("/")[0] not in failed]
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
    engine = made[0].engine if made else ""
    return Brought(join=joined(join, made), paths=paths, engine=engine, failed=tuple(failed.values()))


def told(
    piece: str, verified: Sequence[Verified], stored: Sequence[MadeFile], engine: str, failed: Iterable[Failure]
) -> bytes:
    """What a task that made a piece, with such a build of ffmpeg, tells the one that joins it.

    `failed`: why there is no piece of some outputs.
    """
    made = (
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
    return result(made, failed)
