"""What work took, kind by kind, for all tenants together: it names none of them, and no job."""

from collections import defaultdict
from collections.abc import Mapping

from reelmill.jobs.measures import KEPT, Bins, Kind, Measure, Rates, count, merged
from reelmill.store.database import Database
from reelmill.store.sql import queries

_SQL = queries("measures")
_MOST_READ = 1000  # rows: kinds are some fifty, each of three measures, times the builds of ffmpeg in use
_HALVED_AFTER_DAYS = 1.0  # since another build was measured: so it is the newer one's soon


class MeasureStore:
    """Histograms, by kind, measure and ffmpeg's build."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, build: str, measured: Mapping[tuple[Kind, Measure], Bins]) -> None:
        """Add to the histograms; what they had before is forgotten by as much. Raises Unavailable."""
        rows = [
            (*kind, measure.value, build, bins, KEPT / (KEPT + count(bins)))
            for (kind, measure), bins in sorted(measured.items(), key=lambda item: (item[0][0], item[0][1].value))
        ]  # sorted: two who write at once lock in the same order
        async with self._database.connection() as connection:
            await connection.executemany(_SQL["add_measurements"], rows)

    async def rates(self) -> Rates:
        """All that is known. Raises Unavailable."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["read_measurements"], _MOST_READ)
        known = {measure.value: measure for measure in Measure}
        found: dict[tuple[Kind, Measure], list[tuple[float, Bins]]] = defaultdict(list)
        for row in rows:
            if (measure := known.get(row["measure"])) is not None:
                key = Kind(row["operation"], row["codec"], row["effort"]), measure
                found[key].append((2 ** -(row["days_behind"] / _HALVED_AFTER_DAYS), row["bins"]))
        return Rates({key: merged(histograms) for key, histograms in found.items()})
