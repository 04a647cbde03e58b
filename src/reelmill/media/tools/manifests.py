"""Writes the manifests of a package, out of its segments. Argument: a manifests.Order, in JSON."""

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reelmill.media.dividing import divided
from reelmill.media.encrypted import Encrypted
from reelmill.media.manifests import manifests
from reelmill.media.renditions import SHEET, Divided, Known, Order, Sheets, Tiles, Told
from reelmill.media.streams import Stream, measured, sizes
from reelmill.media.tools.kit import Refused, run

_HAIR = 1e-6
CAPTIONS_MARK = b"\xb5\x00\x31GA94\x03"
"""What they begin with in a stream's user data (ATSC A/53 part 4: country, provider, kind)."""


def main() -> None:
    """As kit.run takes it."""
    run(_work)


def _work(arguments: Sequence[str]) -> None:
    order = Order.of(json.loads(arguments[0]))
    folder = Path(order.output)
    known = []
    for told in order.streams:
        if told.kind == "text":
            continue
        try:
            stream = measured(folder / told.folder)
            count = tuple(sizes(stream.segments, folder / told.folder))
        except (ValueError, OSError, struct.error, IndexError) as error:
            raise Refused("OUTPUT_INVALID", f"{order.output}/{told.folder}: {error}") from error
        known.append(Known(told=told, stream=stream, sizes=count))
    if order.captions:
        _check_captions(order)
    if order.encrypted:
        known = _encrypted(order, order.encrypted, known)
    texts = [_words(order, told, known[0].stream) for told in order.streams if told.kind == "text"]
    whole = max(one.stream.starts[-1] / one.stream.track.scale for one in known)
    sheets = _sheets(folder / order.tiles.folder, order.tiles, whole) if order.tiles else None
    for path, text in manifests(order, known, texts, sheets).items():
        (folder / path).write_text(text, encoding="utf-8")


def _encrypted(order: Order, how: Encrypted, known: Sequence[Known]) -> list[Known]:
    """Streams with their keys' tags; whole segments are encrypted now, once all is known of them. Raises Refused."""
    # Late: few packages are encrypted, and with these every other one would wait for a third of a second more.
    from reelmill.media import protection
    from reelmill.media.ciphers import sealed
    from reelmill.media.encryption import key_file
    from reelmill.media.keys import of_file

    mine = None if how.common else of_file(Path(order.output).parent.joinpath(key_file(order.output).path).read_text())
    found = []
    for one in known:
        segments, track = one.stream.segments, one.stream.track
        clear = one.stream.clear if how.common else how.clear([segment.seconds for segment in segments])
        if clear >= len(segments):
            message = f"{one.told.folder}: clear_lead_seconds leave all of it in the clear: give fewer"
            raise Refused("OUTPUT_INVALID", message)
        key = mine.of(one.told.kind) if mine else None
        for i, segment in list(enumerate(segments))[clear:] if key else ():
            path = Path(order.output, one.told.folder, segment.name)
            path.write_bytes(sealed(key.key, how.vector(i), path.read_bytes()) if key else b"")
        named = key.key_id if key else track.protection.key_id if track.protection else b""
        try:
            tags = protection.keys(how, track.protection, named.hex()) if order.hls else ()
        except ValueError as error:
            raise Refused("KEYS_REFUSED", f"{one.told.folder}: {error}") from None
        count = tuple(sizes(segments, Path(order.output, one.told.folder)))
        found.append(replace(one, sizes=count, keys=tags, clear=clear))
    return found


def _check_captions(order: Order) -> None:
    """Captions that players are told of lie in every picture. Raises Refused."""
    for told in order.streams:
        files = sorted(Path(order.output, told.folder).iterdir()) if told.kind == "video" else []
        if files and not any(map(_holds_captions, files)):
            raise Refused("INPUT_NO_CAPTIONS", f"{told.folder}: there are no closed captions between its pictures")


def _holds_captions(path: Path) -> bool:
    with path.open("rb") as file:
        before = b""
        while data := file.read(2**20):
            if CAPTIONS_MARK in before + data:
                return True
            before = data[-len(CAPTIONS_MARK) :]
    return False


def _words(order: Order, told: Told, beside: Stream) -> Divided:
    try:
        return divided(order, told, beside)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:  # of ttconv, for what it can't read
        message = f"{told.folder}: its words can't be written: {type(error).__name__}"
        raise Refused("INPUT_UNSUPPORTED", message) from error


def _sheets(folder: Path, tiles: Tiles, seconds: float) -> Sheets:
    """Sheets of the whole; those behind its end, which show its last picture again, are removed. Raises Refused."""
    needed = max(1, math.ceil(seconds / tiles.sheet_seconds - _HAIR))
    for path in sorted(folder.iterdir()):
        if int(path.stem) > needed:
            path.unlink()
    paths = [folder / (SHEET % (i + 1)) for i in range(needed)]
    if missing := [path.name for path in paths if not path.exists()]:
        raise Refused("OUTPUT_INVALID", f"{folder.name}/{missing[0]} was not written")
    return Sheets(tiles=tiles, seconds=seconds, sizes=tuple(map(_bytes, paths)))


def _bytes(path: Path) -> int:
    return path.stat().st_size


if __name__ == "__main__":
    main()
