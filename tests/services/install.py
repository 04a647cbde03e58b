"""Put in place beforehand what tests would else fetch or build at its first use."""

import os
from collections.abc import Callable, Sequence

from gateway import browser

from services import charts, clock, elasticsearch, filebeat, image, kafka, prometheus, redis
from services.process import MissingError

PARTS: dict[str, Callable[[], object]] = {
    "clock": clock.library,
    "prometheus": prometheus.programs,
    "charts": charts.folder,
    "redis": redis.executable,
    "kafka": kafka.first,
    "chromium": browser.executable,
    "image": image.ready,
    "elasticsearch": elasticsearch.install,
    "filebeat": filebeat.install,
}
"""All but the first six are for one long test alone."""
USUAL = tuple(PARTS)[:6]
_OURS = {"redis": "REELMILL_TEST_REDIS_URL", "kafka": "REELMILL_TEST_KAFKA_URL"}


def install(names: Sequence[str] = USUAL) -> list[str]:
    """Install what is missing of some parts; answers what could not be, each with its remedy.

    Quick when all is there. A server that is named by a REELMILL_TEST_* variable is not needed.
    """
    problems = []
    for name in names:
        if os.environ.get(_OURS.get(name, "")):
            continue
        try:
            PARTS[name]()
        except MissingError as error:
            problems.append(f"{name}: {error}")
    return problems
