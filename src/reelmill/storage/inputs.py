"""Inputs in folders, which are read where they lie, and in buckets, from which they are brought to this machine."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import obstore

from reelmill.abreast import abreast
from reelmill.jobs.errors import AttemptFailed
from reelmill.jobs.validators import Validator
from reelmill.storage.fetch import Fetched, HttpLimits, check_unchanged, disk_full, paced, save, too_large
from reelmill.storage.objects import Objects, read_failure
from reelmill.storage.space import Room
from reelmill.storage.uris import EXAMPLES

if TYPE_CHECKING:
    from obstore import ObjectMeta  # in its stubs only

ERRORS = (OSError, obstore.exceptions.BaseError)
"""What obstore raises: its own errors derive from Exception alone, some from OSError."""
_EXTENTS_AT_ONCE = 4  # of one file
_PIECE_BYTES = 2**16  # of what comes from a bucket: a larger one would hide how slowly it comes


def local_input(path: Path, uri: str, *, max_bytes: int, expected: Validator | None) -> Fetched:
    """An input that is here already. Raises AttemptFailed."""
    try:
        path.stat()
        if not path.is_file():
            raise AttemptFailed("INPUT_NOT_MEDIA", f"{uri} is no file")
        with path.open("rb") as file:
            told = os.fstat(file.fileno())  # once it is open: NFS may tell old things before
    except OSError as error:
        raise read_failure(error, uri) from error
    size = told.st_size
    if path in EXAMPLES.values():  # each machine has installed its own at another time
        found = Validator(size_bytes=size, etag=path.name)
    else:
        # No inode, for some mounts count those by themselves; not all digits of the time, for some tell fewer.
        found = Validator(size_bytes=size, modified=str(told.st_mtime_ns // 1000))
    _check(found, uri, max_bytes, expected)
    return Fetched(path=path, size_bytes=size, validator=found)


async def look_object(
    objects: Objects, resolved: str, uri: str, *, max_bytes: int, expected: Validator | None
) -> Validator:
    """What an object in a bucket is now. Raises AttemptFailed."""
    try:
        store, path = objects.locate(resolved)
        found = _validator(await obstore.head_async(store, path))
    except ERRORS as error:
        raise read_failure(error, uri) from error
    _check(found, uri, max_bytes, expected)
    return found


async def fetch_object(
    objects: Objects,
    resolved: str,
    target: Path,
    uri: str,
    *,
    limits: HttpLimits,
    max_bytes: int,
    room: Room,
    expected: Validator | None,
) -> Fetched:
    """Bring an object of a bucket to `target`. Raises AttemptFailed."""
    try:
        store, path = objects.locate(resolved)
        answer = await obstore.get_async(store, path)
        found = _validator(answer.meta)
        _check(found, uri, max_bytes, expected)
        # Where the connection breaks, object_store reads on by a range, and gives up on another ETag.
        pieces = paced(answer.stream(_PIECE_BYTES), limits.least_bytes_per_second, limits.timeout_seconds, uri)
        came = await save(pieces, target, room=room)
    except ERRORS as error:
        raise read_failure(error, uri) from error
    if came != found.size_bytes:
        raise AttemptFailed("INPUT_UNAVAILABLE", f"{uri} ended after {came} of {found.size_bytes} bytes")
    return Fetched(path=target, size_bytes=came, validator=found)


async def fetch_extents(
    objects: Objects,
    resolved: str,
    target: Path,
    uri: str,
    extents: Sequence[tuple[int, int]],
    *,
    limits: HttpLimits,
    max_bytes: int,
    room: Room,
    expected: Validator | None,
) -> Fetched:
    """Bring some of an object's bytes to their places in `target`, which is as large. Raises AttemptFailed.

    Extents are in order, apart from each other, and inside the object. All answers are of one state of it.
    """
    found = await look_object(objects, resolved, uri, max_bytes=max_bytes, expected=expected)
    store, path = objects.locate(resolved)
    speed, window = limits.least_bytes_per_second, limits.timeout_seconds
    try:
        with target.open("wb") as file:
            file.truncate(found.size_bytes)
    except OSError as error:
        raise disk_full(error) from error

    async def bring(extent: tuple[int, int]) -> None:
        begin, end = extent
        try:
            answer = await obstore.get_async(store, path, options={"range": (begin, end)})
            _check(_validator(answer.meta), uri, max_bytes, found)
            came = await save(paced(answer.stream(_PIECE_BYTES), speed, window, uri), target, room=room, at=begin)
        except ERRORS as error:
            raise read_failure(error, uri) from error
        if came != end - begin or answer.range != (begin, end):
            raise AttemptFailed("INPUT_UNAVAILABLE", f"{uri} answered {came} bytes of {begin} to {end}")

    await abreast(bring, extents, at_once=_EXTENTS_AT_ONCE)
    lacking = found.size_bytes - sum(end - begin for begin, end in extents)
    return Fetched(path=target, size_bytes=found.size_bytes, validator=found, lacking_bytes=lacking)


def _validator(meta: "ObjectMeta") -> Validator:
    return Validator.of_answer(size_bytes=meta["size"], etag=meta["e_tag"], modified=meta["last_modified"].isoformat())


def _check(found: Validator, uri: str, max_bytes: int, expected: Validator | None) -> None:
    check_unchanged(expected, found, uri)
    if found.size_bytes == 0:
        raise AttemptFailed("INPUT_EMPTY", f"{uri} has no bytes")
    if found.size_bytes > max_bytes:
        raise too_large(uri, max_bytes)
