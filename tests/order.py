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
    **{"fault/test_workers.py": 160, "fault/test_graphs.py": 130, "migrations/test_rolling_upgrade.py": 100},
    **{"fault/test_chaos.py": 70, "e2e/test_full_way.py": 114, "fault/test_idle.py": 79},
    **{"fault/test_restore.py": 40, "fault/test_api_and_scheduler.py": 75, "fault/test_postgresql.py": 68},
    **{"fault/test_kafka.py": 85, "fault/test_redis.py": 50, "fault/test_disk_and_storage.py": 52},
    **{"fault/test_reuse.py": 41, "fault/test_checker.py": 38},
    **{"fault/test_lossy_queue.py": 25, "e2e/test_data.py": 25, "e2e/test_parts.py": 25},
    **{"media/test_chunks.py": 180, "worker/test_worker_media.py": 140},
    **{"gateway/test_contract.py": 130, "media/test_times.py": 164, "pages/test_pages.py": 146},
    **{"gateway/test_costs.py": 130, "media/test_players.py": 70, "deploy/test_servers.py": 113},
    **{"monitoring/test_live.py": 108, "deploy/test_chart.py": 68, "contract/test_queue.py": 59},
    **{"media/test_preset_kinds.py": 59, "media/test_inputs.py": 59, "store/test_store_leases.py": 58},
    **{"scheduler/test_webhooks.py": 57, "cli/test_run.py": 56, "media/test_corpus.py": 50},
    **{"contract/test_kafka.py": 50, "media/test_encryption.py": 48, "cli/test_ends.py": 47},
    **{"media/test_confinement.py": 45, "media/test_packages.py": 42, "logs/test_secrets.py": 42},
    **{"api/test_server.py": 40, "media/test_presets.py": 39, "telemetry/test_traces.py": 33},
}
"""Of files that take long, as the end of a run in CI shows them; others count as `SHORT_SECONDS`."""
SHORT_SECONDS = 8.0


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
