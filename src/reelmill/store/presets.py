"""Presets of tenants' own, in versions."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from reelmill.jobs.errors import NotFound, WrongState
from reelmill.store.database import Database
from reelmill.store.sql import queries
from reelmill.v1.media_pb2 import Preset

_SQL = queries("presets")
MOST_PRESETS = 100
"""Presets of a tenant's own."""
MOST_VERSIONS = 20
"""Versions of a preset that are kept, the newest."""
_MOST_DELETED = 1000  # deleted presets of a tenant whose numbers are not given again
_HIGHEST = 999_999_999


class PresetStore:
    """Presets of all tenants. Each call names one, and raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, tenant_id: UUID, preset: Preset) -> Preset:
        """Store a version, and answer it; the newest one where that says the same.

        Raises WrongState where the tenant has MOST_PRESETS.
        """
        spec = preset.SerializeToString(deterministic=True)
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock_presets"], tenant_id)
            newest = await connection.fetchrow(_SQL["newest_preset"], tenant_id, preset.name)
            if newest and newest["spec"] == spec:
                return _preset(newest)
            is_new = newest is None or newest["spec"] is None
            if is_new and await connection.fetchval(_SQL["count_presets"], tenant_id) >= MOST_PRESETS:
                raise WrongState(f"there are {MOST_PRESETS} presets already; delete one, or save over one")
            version = newest["version"] + 1 if newest else 1
            row = await connection.fetchrow(_SQL["insert_preset"], tenant_id, preset.name, version, spec)
            await connection.execute(_SQL["forget_versions"], tenant_id, preset.name, MOST_VERSIONS)
        return _preset(row)

    async def find(self, tenant_id: UUID, asked: Sequence[str]) -> dict[str, Preset]:
        """Presets by what was asked for, such as `mine` or `mine@3`; what there is not is left out."""
        parts = [reference(text) for text in asked]
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _SQL["get_presets"], tenant_id, [n for n, _ in parts], [v for _, v in parts], list(asked)
            )
        return {row["asked"]: _preset(row) for row in rows}

    async def all(self, tenant_id: UUID) -> list[Preset]:
        """The newest versions, in the order of their names."""
        async with self._database.connection() as connection:
            return [_preset(row) for row in await connection.fetch(_SQL["list_presets"], tenant_id)]

    async def delete(self, tenant_id: UUID, name: str) -> Preset:
        """Forget a preset, and answer its newest version. Raises NotFound."""
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock_presets"], tenant_id)
            row = await connection.fetchrow(_SQL["delete_preset"], tenant_id, name)
            if row is None:
                raise NotFound(f"there is no preset {name!r} of your own")
            await connection.execute(_SQL["forget_deleted"], tenant_id, _MOST_DELETED)
        return _preset(row)


def reference(asked: str) -> tuple[str, int]:
    """Name and version of what was asked for; 0: the newest, -1: none that may be."""
    name, at, version = asked.partition("@")
    if not at:
        return name, 0
    number = int(version) if version.isascii() and version.isdecimal() and len(version) <= len(str(_HIGHEST)) else -1
    return name, number or -1


def _preset(row: Record) -> Preset:
    preset = Preset.FromString(row["spec"])
    preset.version = row["version"]
    preset.create_time.FromDatetime(row["create_time"])
    return preset
