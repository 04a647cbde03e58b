"""Copies of files that an earlier job made, for another job of the same tenant to have as its own.

Each job owns its copy: none loses a file to another's deletion. Where both lie in folders of ours a copy is a hard
link, which costs no bytes and is whole or not at all; in one bucket the store copies by itself; else bytes are read
and written.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import obstore

from reelmill.storage.folders import HashedFile
from reelmill.storage.inputs import ERRORS
from reelmill.storage.objects import Objects, write_failure
from reelmill.storage.uris import file_path, s3_location, scheme_of

_PIECE_BYTES = 2**22
_MOST_COPIED_BYTES = 5 * 2**30  # of an object that S3 copies by itself


async def take(
    objects: Objects,
    source: str,
    target: str,
    content_type: str,
    wanted: tuple[int, str],
    *,
    ours: str,
    make_room: Callable[[Path, int], None],
) -> bool:
    """Have a file below `ours`, our own folder, at another place too. False where it is not as it was stored.

    `wanted`: its bytes and their SHA-256. `make_room`: for so many bytes in a folder. Raises AttemptFailed.
    """
    if not source.startswith(ours):
        return False
    links = target.startswith(ours)  # not where a client could change it
    try:
        found = await _bring(objects, source, target, content_type, links, lambda folder: make_room(folder, wanted[0]))
    except FileNotFoundError:
        return False
    except ERRORS as error:
        raise write_failure(error, target) from error
    return found in (wanted, (wanted[0], ""))


async def _bring(
    objects: Objects, source: str, target: str, content_type: str, links: bool, make_room: Callable[[Path], None]
) -> tuple[int, str]:
    """The bytes that are there then, and their SHA-256; without that where a store copied by itself.

    A store answers for what it has. Raises FileNotFoundError, and what obstore raises.
    """
    if scheme_of(target) == "file":
        await asyncio.to_thread(make_room, file_path(target).parent)
        if links and scheme_of(source) == "file" and await _linked(file_path(source), file_path(target)):
            return await sha256_of(file_path(target))  # disks rot
    return await _copied(objects, source, target, content_type)


async def sha256_of(path: Path) -> tuple[int, str]:
    """Bytes of a file, and their SHA-256 in hex. Raises OSError."""
    file = await asyncio.to_thread(HashedFile, path)
    try:
        while await asyncio.to_thread(file.read, _PIECE_BYTES):
            pass
        return file.size_bytes, file.sha256
    finally:
        file.close()


async def _linked(source: Path, target: Path) -> bool:
    """Give a file another name; False where the disk can't. Raises FileNotFoundError."""
    try:
        await asyncio.to_thread(os.link, source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, a file system without links, or too many of them
        return False
    return True


async def _copied(objects: Objects, source: str, target: str, content_type: str) -> tuple[int, str]:
    store, key = objects.locate(source)
    size = (await obstore.head_async(store, key))["size"]
    in_buckets = scheme_of(source) == scheme_of(target) == "s3"
    if in_buckets and size <= _MOST_COPIED_BYTES and s3_location(source).bucket == s3_location(target).bucket:
        there = s3_location(target).key
        await obstore.copy_async(store, key, there)
        return (await obstore.head_async(store, there))["size"], ""
    digest, count = hashlib.sha256(), 0
    answer = await obstore.get_async(store, key)

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal count
        async for piece in answer.stream(_PIECE_BYTES):
            data = bytes(piece)
            digest.update(data)
            count += len(data)
            yield data

    to, name = objects.locate(target, writing=True)
    attributes = {"Content-Type": content_type} if scheme_of(target) == "s3" else None
    await obstore.put_async(to, name, pieces(), attributes=attributes)
    return count, digest.hexdigest()
