"""Writes the manifests of a package, out of its segments. Argument: a manifests.Order, in JSON."""

import json
import struct
from collections.abc import Sequence
from pathlib import Path

from reelmill.media.manifests import Known, Order, manifests
from reelmill.media.streams import measured, sizes
from reelmill.media.tools.kit import Refused, run


def main() -> None:
    """As kit.run takes it."""
    run(_work)


def _work(arguments: Sequence[str]) -> None:
    order = Order.of(json.loads(arguments[0]))
    folder = Path(order.output)
    known = []
    for told in order.streams:
        try:
            stream = measured(folder / told.folder)
            count = tuple(sizes(stream.segments, folder / told.folder))
        except (ValueError, OSError, struct.error, IndexError) as error:
            raise Refused("OUTPUT_INVALID", f"{order.output}/{told.folder}: {error}") from error
        known.append(Known(told=told, stream=stream, sizes=count))
    for path, text in manifests(order, known).items():
        (folder / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
