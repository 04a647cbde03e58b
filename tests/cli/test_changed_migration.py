"""Every command that opens a database tells, in a line, of a migration that was changed after it was applied."""

import asyncio
import dataclasses

import pytest
from cli.conftest import Cli
from services.databases import Databases

from reelmill.store.migrate import migrations


def test_a_migration_that_was_changed_is_told_in_a_line(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    url, [first, *others] = asyncio.run(databases.create()), migrations()
    changed = dataclasses.replace(first, sql=f"{first.sql}-- changed")
    monkeypatch.setattr("reelmill.store.migrate.migrations", lambda: [changed, *others])
    for command in ("migrate", "doctor", "up", "api", "worker", "scheduler"):
        told = cli(command, database_url=url, grpc_port=0, http_port=0, health_port=0)
        assert told.exit_code == 1, told.output
        assert "0001_initial.sql was changed after this database applied it" in told.output
