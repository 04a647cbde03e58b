"""Workers on the test's own database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from waiting import patient
from worker.kit import Rig

from reelmill.store.database import Database


@pytest.fixture
async def rig(database: Database) -> AsyncIterator[Rig]:
    """Workers on the test's own database. No task outlives them."""
    before = asyncio.all_tasks()
    made = Rig(database)
    yield made
    await made.stop()
    with suppress(TimeoutError):
        async with patient():
            while asyncio.all_tasks() - before - {asyncio.current_task()}:
                await asyncio.sleep(0.01)
    assert asyncio.all_tasks() - before - {asyncio.current_task()} == set(), "tasks leak"
