"""What a call leaves behind on a connection of the pool."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from reelmill.jobs.errors import Unavailable
from reelmill.store.database import Database, check_url


@pytest.fixture
async def alone(database_url: str) -> AsyncIterator[Database]:
    """A pool of one connection."""
    opened = Database(database_url, pool_size=1, publish_events=False, application="test")
    await opened.start()
    yield opened
    await opened.stop()


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@[::1]:5433,one:5432,two/name", "postgres:///name", "postgresql://u@/name"]
)
def test_one_host_several_and_none_are_taken(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *("mysql://u:secret@one/name", "postgresql://u:se/cret@one/name", "postgresql://u:secret@one,two:5432:1/name"),
        *("postgresql://u:se[cret@one/name", "postgresql://u:s\u2100cret@one/name"),
    ],
)
def test_another_url_is_told_by_its_setting_and_not_by_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"^REELMILL_DATABASE_URL: must be postgresql://") as caught:
        check_url(url)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("failure", [KeyError, asyncio.CancelledError])
async def test_a_transaction_that_was_left_is_rolled_back(alone: Database, failure: type[BaseException]) -> None:
    with pytest.raises(failure):
        async with alone.transaction() as connection:
            await connection.execute("CREATE TABLE left_behind ()")
            raise failure
    assert await value(alone, "SELECT to_regclass('left_behind')") is None


async def test_even_one_that_nobody_has_ended(alone: Database) -> None:
    async with alone.connection() as connection:
        await connection.execute("BEGIN; CREATE TABLE left_behind ()")
    assert await value(alone, "SELECT to_regclass('left_behind')") is None
    assert await value(alone, "SELECT pg_current_xact_id_if_assigned()") is None


async def test_a_connection_goes_back_without_a_query(alone: Database, database: Database) -> None:
    pid = await value(alone, "SELECT pg_backend_pid()")
    last = await value(database, f"SELECT query FROM pg_stat_activity WHERE pid = {pid}")
    assert last == "SELECT pg_backend_pid()"


async def test_a_refused_login_is_a_wrong_setting_at_the_start_and_an_outage_later(
    database_url: str, database: Database
) -> None:
    role = f"rotated_{uuid4().hex}"
    opened = Database(
        database_url.replace("//reelmill@", f"//{role}@"), pool_size=2, publish_events=False, application="test"
    )
    await value(database, f"CREATE ROLE {role} NOLOGIN")
    try:
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await opened.start()
        await value(database, f"ALTER ROLE {role} LOGIN")
        await opened.start()
        await value(database, f"ALTER ROLE {role} NOLOGIN")
        await value(database, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{role}'")
        with pytest.raises(Unavailable, match="not permitted to log in"):
            await opened.check()
        await value(database, f"ALTER ROLE {role} LOGIN")
        await opened.check()
    finally:
        await opened.stop()
        await value(database, f"DROP ROLE {role}")


async def value(database: Database, query: str) -> object:
    """The one value that a query gives."""
    async with database.connection() as connection:
        return await connection.fetchval(query)
