"""What PostgreSQL's catalog holds of our schema, and what processes of the release before would miss in another."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg

_OURS = "n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = {oid} AND d.deptype = 'e')"
_QUERIES = {
    "columns": f"""
        SELECT c.relname, a.attname,
               jsonb_build_array(format_type(a.atttypid, a.atttypmod), a.attnotnull,
                                 a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = '')::text
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS.format(oid="c.oid")} AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped""",
    "checks": f"""
        SELECT c.relname, k.conname, pg_get_constraintdef(k.oid)
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS.format(oid="c.oid")} AND k.contype IN ('c', 'f', 'x')""",
    "keys": f"""
        SELECT c.relname, i.relname, pg_get_indexdef(i.oid)
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS.format(oid="c.oid")} AND x.indisunique""",
    "triggers": f"""
        SELECT c.relname, t.tgname, ''
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS.format(oid="c.oid")} AND NOT t.tgisinternal""",
    "labels": f"""
        SELECT t.typname, e.enumlabel, ''
        FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace
        WHERE {_OURS.format(oid="t.oid")}""",
    "functions": f"""
        SELECT 'functions', p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
               pg_get_function_result(p.oid)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE {_OURS.format(oid="p.oid")}""",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalog:
    """By kind, (table or type, name): how it is defined."""

    kinds: dict[str, dict[tuple[str, str], str]]

    def owners(self, kind: str) -> set[str]:
        """The tables, or types, that have any of a kind."""
        return {owner for owner, _ in self.kinds[kind]}


async def read(connection: asyncpg.Connection) -> Catalog:
    """The catalog of a database."""
    kinds: dict[str, Any] = {}
    for kind, query in _QUERIES.items():
        kinds[kind] = {(row[0], row[1]): row[2] for row in await connection.fetch(query)}
    return Catalog(kinds=kinds)


def missed(before: Catalog, after: Catalog) -> Iterator[str]:
    """What code made for `before` would not find in `after`, or would be refused."""
    for kind in ("triggers", "labels", "functions", "keys"):
        for owner, name in sorted(before.kinds[kind].keys() - after.kinds[kind].keys()):
            yield f"{kind}: {owner} has no {name}"
    tables = before.owners("columns")
    for kind in ("checks", "keys"):
        for (owner, name), what in after.kinds[kind].items():
            if owner in tables and before.kinds[kind].get((owner, name)) != what:
                yield f"{kind}: {owner} has the new {name}, {what}"
    for (owner, name), result in before.kinds["functions"].items():
        if after.kinds["functions"].get((owner, name), result) != result:
            yield f"functions: {name} answers another type"
    yield from _columns(before.kinds["columns"], after.kinds["columns"], tables)


def _columns(before: dict[tuple[str, str], str], after: dict[tuple[str, str], str], tables: set[str]) -> Iterator[str]:
    for table, name in sorted(before.keys() - after.keys()):
        yield f"columns: {table} has no {name}"
    for (table, name), what in after.items():
        known = before.get((table, name))
        if known is not None and known != what:
            yield f"columns: {table}.{name} was {known} and is {what} (type, not null, must be given)"
        elif known is None and table in tables and what.endswith("true]"):
            yield f"columns: the new {table}.{name} must be given"
