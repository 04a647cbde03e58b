"""What is written only once every process is of a release that knows it: an operator says so."""

import asyncpg

GRAPHS = "graphs"
"""Jobs of several tasks. Workers of releases before would take each task for a whole job."""


class OlderWorkers(RuntimeError):
    """A worker of a release before is connected."""


async def turn(connection: asyncpg.Connection, name: str, *, on: bool) -> None:
    """Turn a switch. Raises OlderWorkers, and ValueError for a switch that the database doesn't have."""
    # Such a release does not say its version.
    older = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1"
    if on and await connection.fetchval(older, "reelmill worker"):
        raise OlderWorkers(f"{name} stays off: a worker of a release before still runs; stop it, or wait with --wait")
    if await connection.execute("UPDATE switches SET is_on = $2 WHERE name = $1", name, on) != "UPDATE 1":
        raise ValueError(f"this database has no switch {name!r}: `reelmill migrate` first")


async def is_on(connection: asyncpg.Connection, name: str) -> bool:
    """Whether a switch is on; one that the database doesn't have is not."""
    return bool(await connection.fetchval("SELECT is_on FROM switches WHERE name = $1", name))
