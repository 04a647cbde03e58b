"""In which order test files begin: so that no process waits for the last one, nor the machine for tests that wait.

Processes of xdist take one file after the other. A long one that is taken last keeps one process busy while the others
have nothing to do; and what waits for leases and restarts leaves time to what computes, where they run side by side.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
WAITING = frozenset({"fault", "migrations", "e2e"})
"""Rooms whose tests mostly wait: for leases, restarts, silence."""
SECONDS: Mapping[str, float] = {
    **{"fault/test_graphs.py": 295, "fault/test_workers.py": 221, "fault/test_chaos.py": 93},
    **{"migrations/test_rolling_upgrade.py": 87, "fault/test_random_moments.py": 69, "fault/test_restore.py": 67},
    **{"fault/test_api_and_scheduler.py": 64, "fault/test_idle.py": 63, "fault/test_postgresql.py": 61},
    **{"fault/test_kafka.py": 53, "e2e/test_full_way.py": 53, "fault/test_disk_and_storage.py": 43},
    **{"fault/test_checker.py": 42, "fault/test_redis.py": 41, "fault/test_reuse.py": 30},
    **{"fault/test_lossy_queue.py": 25, "e2e/test_data.py": 25, "e2e/test_parts.py": 25},
    **{"gateway/test_costs.py": 140, "media/test_chunks.py": 130, "deploy/test_image.py": 116},
    **{"worker/test_worker_media.py": 93, "monitoring/test_live.py": 76, "api/test_server.py": 62},
    **{"gateway/test_contract.py": 61, "cli/test_ends.py": 48, "logs/test_secrets.py": 47, "cli/test_run.py": 47},
    **{"media/test_corpus.py": 39, "media/test_times.py": 35, "deploy/test_servers.py": 34},
    **{"telemetry/test_traces.py": 33, "contract/test_kafka.py": 30},
    **{"media/test_preset_kinds.py": 40, "media/test_packages.py": 25, "media/test_players.py": 25},
}
"""Of files that take long, as the end of a run in CI shows them; others count as `SHORT_SECONDS`."""
SHORT_SECONDS = 4.0


def arrange(items: list[pytest.Item]) -> None:
    """Sort tests in place: in two ways side by side, of what waits and of what computes, the longest files first."""
    files = list(dict.fromkeys(item.path for item in items))
    places = sorted((place, path) for way in _ways(files) for path, place in way)
    order = {path: i for i, (_, path) in enumerate(places)}
    items.sort(key=lambda item: order[item.path])


def _ways(files: Sequence[Path]) -> Iterable[Iterable[tuple[Path, float]]]:
    """Each file and its place from 0 to 1: the share of its way's time that is over as it begins."""
    for waits in (True, False):
        way = sorted((f for f in files if (f.parent.name in WAITING) is waits), key=_seconds, reverse=True)
        ends = list(accumulate(map(_seconds, way)))
        yield ((path, (end - _seconds(path)) / ends[-1]) for path, end in zip(way, ends, strict=True))


def _seconds(path: Path) -> float:
    return SECONDS.get(str(path.relative_to(ROOT)), SHORT_SECONDS) if path.is_relative_to(ROOT) else 0.0
