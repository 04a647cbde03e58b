"""What this worker's tasks took: gathered in memory, and written some seconds apart."""

import asyncio
from collections.abc import Sequence

from reelmill.jobs.errors import Unavailable
from reelmill.jobs.measures import BINS, Kind, Measure, Rates, bin_of
from reelmill.media.estimating import TASK, ratio_beside
from reelmill.media.reckoning import Work
from reelmill.store.measures import MeasureStore
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_WRITE_SECONDS = 10.0  # apart: a thousand small tasks in them are one write


class History:
    """Tells what is known of kinds of work, and adds what was measured here."""

    def __init__(self, store: MeasureStore, build: str) -> None:
        """`build`: of the ffmpeg that works are measured with."""
        self._store = store
        self._build = build
        self._measured: dict[tuple[Kind, Measure], list[float]] = {}
        self._some = asyncio.Event()
        self.rates = Rates()
        """As they were at the last write."""

    async def run(self) -> None:
        """Read once, then write while there is something to write, until cancelled."""
        while True:
            try:
                self.rates = await self._store.rates()
                break
            except Unavailable:
                await asyncio.sleep(_WRITE_SECONDS)
        while True:
            await self._some.wait()
            await asyncio.sleep(_WRITE_SECONDS)
            await self.write()

    async def write(self) -> None:
        """Write what was measured, and read what all have. What PostgreSQL can't take now is kept."""
        measured, self._measured = self._measured, {}
        self._some.clear()
        if not measured:
            return
        try:
            await self._store.add(self._build, measured)
            self.rates = await self._store.rates()
        except Unavailable as error:
            log.warning("can't write what tasks took", reason=str(error))
            for key, bins in measured.items():
                newer = self._measured.get(key, [0.0] * BINS)
                self._measured[key] = [a + b for a, b in zip(bins, newer, strict=True)]
            self._some.set()

    def step(self, works: Sequence[Work], *, cpu_seconds: float, wall_seconds: float, threads: int) -> None:
        """A process did these; `cpu_seconds` is 0 where that is not known."""
        reckoned = sum(work.cpu for work in works)
        if reckoned <= 0:
            return
        for work in works:
            share = work.cpu / reckoned
            self._add(work.kind, Measure.CPU, cpu_seconds / reckoned, share)
            self._add(work.kind, Measure.WALL, wall_seconds * max(1, threads) / reckoned, share)

    def written(self, works: Sequence[Work], size_bytes: int) -> None:
        """The works of one output came to so many bytes."""
        reckoned = sum(work.bytes for work in works)
        if reckoned > 0:
            for work in works:
                self._add(work.kind, Measure.BYTES, size_bytes / reckoned, work.bytes / reckoned)

    def beside(self, kind: Kind, seconds: float) -> None:
        """A task took so long BEFORE or AFTER its steps."""
        self._add(kind, Measure.WALL, ratio_beside(kind, seconds), 1.0)

    def task(self, seconds: float) -> None:
        """A task was held for so long."""
        self._add(TASK, Measure.WALL, seconds, 1.0)

    def _add(self, kind: Kind, measure: Measure, ratio: float, weight: float) -> None:
        place = bin_of(ratio)
        if place is None or weight <= 0:
            return
        self._measured.setdefault((kind, measure), [0.0] * BINS)[place] += weight
        self._some.set()
