"""What workers' heartbeats cost the database that they share."""

import time

from store.kit import TENANT
from worker.kit import Rig, until_stopped

from reelmill.cache.port import CANCELS

BEATS = (
    "CREATE TABLE beats (time timestamptz)",
    """
    CREATE FUNCTION count_beat() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO beats VALUES (clock_timestamp()); RETURN NULL; END $$
    """,
    """
    CREATE TRIGGER count_beat AFTER UPDATE OF lease_until ON tasks
    FOR EACH ROW WHEN (NEW.lease_until IS NOT NULL) EXECUTE FUNCTION count_beat()
    """,
)


async def test_cancellations_of_others_jobs_that_come_together_share_a_heartbeat(rig: Rig) -> None:
    script = rig.start(until_stopped, heartbeat_seconds=600)
    new = await rig.submit()
    await script.next()
    for statement in BEATS:
        await rig.store.rows(statement)
    began = time.monotonic()
    for _ in range(50):
        await rig.cache.notify(CANCELS)
        await rig.store.value("SELECT count(*) FROM beats")
    await rig.store.jobs.cancel(TENANT, new.id, "")
    await rig.cache.notify(CANCELS)
    await rig.until(new, "CANCELLED")
    beats = await rig.store.value("SELECT count(*) FROM beats")
    assert beats <= 2 + time.monotonic() - began  # the first at once, then one a second
