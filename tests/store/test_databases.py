"""A database that another test gave back is as new, or is not lent."""

import asyncpg
import pytest
from services.databases import Databases

NEW_TENANT = "INSERT INTO tenants (id, name) VALUES (gen_random_uuid(), 'another')"
MANY_TENANTS = "INSERT INTO tenants (id, name) SELECT gen_random_uuid(), n FROM generate_series(1, 9999) n"


async def contents(url: str) -> dict[str, list[str]]:
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("SELECT relname FROM pg_stat_user_tables ORDER BY relname")
        rows = {name: await connection.fetch(f"SELECT t::text FROM {name} t ORDER BY 1") for (name,) in tables}
        rows["sequences"] = await connection.fetch("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")
        return {name: [str(row) for row in found] for name, found in rows.items()}
    finally:
        await connection.close()


async def test_a_database_that_was_used_is_lent_as_new(databases: Databases) -> None:
    new = await contents(url := await databases.create())
    await databases.drop(url)
    for _ in range(5):
        used = await databases.lend()
        connection = await asyncpg.connect(used)
        await connection.execute(NEW_TENANT)
        await connection.execute("DELETE FROM switches; SELECT nextval('outbox_id_seq')")
        assert await contents(used) != new
        await databases.give_back(used)
        assert connection.is_closed() or await closed(connection)
        again = await databases.lend()
        assert await contents(again) == new
        await databases.give_back(again)
        if again == used:
            break  # else autovacuum came between, and analyzed it
    else:
        raise AssertionError("none was lent twice")


async def closed(connection: asyncpg.Connection) -> bool:
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.execute("SELECT 1")
    return True


@pytest.mark.parametrize(
    "change",
    [
        "CREATE INDEX more ON jobs (state)",
        "DROP INDEX jobs_by_tenant",
        "ALTER TABLE jobs DROP CONSTRAINT jobs_pkey CASCADE",
        "ALTER TABLE tasks DISABLE TRIGGER USER",
        "ANALYZE tenants",
        MANY_TENANTS,
    ],
)
async def test_one_of_which_more_than_some_rows_were_changed_is_not(databases: Databases, change: str) -> None:
    used = await databases.lend()
    connection = await asyncpg.connect(used)
    await connection.execute(change)
    await connection.close()
    await databases.give_back(used)
    again = await databases.lend()
    assert again != used
    await databases.give_back(again)
