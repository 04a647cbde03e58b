"""Manifests of packages, in each protocol that is asked for. Pure.

By ourselves, out of what was measured of each segment: packagers estimate peaks without the last segment, and so call
an average higher than its peak.
"""

from collections.abc import Sequence

from reelmill.media import dash, hls
from reelmill.media.renditions import MPD, Divided, Known, Order, Sheets


def manifests(
    order: Order, known: Sequence[Known], texts: Sequence[Divided] = (), sheets: Sheets | None = None
) -> dict[str, str]:
    """All texts by their paths below the output's folder."""
    found = hls.playlists(order, known, texts, sheets) if order.hls else {}
    if order.dash:
        found[MPD] = dash.manifest(order, known, texts, sheets)
    return found
