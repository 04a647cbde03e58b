"""The PostgreSQL that embedded mode brings along."""

from pathlib import Path

import asyncpg

from reelmill.embedded import EmbeddedPostgres


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


async def test_it_starts_stops_twice_and_keeps_its_data(tmp_path: Path) -> None:
    embedded = EmbeddedPostgres(tmp_path / "postgres")
    url = await embedded.start()
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    await connection.close()
    await embedded.stop()
    await embedded.stop()
    assert not await _answers(url)
    url = await embedded.start()
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT answer FROM kept") == 42
    await connection.close()
    await embedded.stop()
