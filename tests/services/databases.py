"""Databases on one server: empty ones, and quick clones of one that was migrated."""

import secrets
from urllib.parse import urlsplit

import asyncpg

from reelmill.store.migrate import migrate


class Databases:
    """Makes databases and drops them."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._made: list[str] = []
        self._template = ""

    async def create(self, *, migrated: bool = True) -> str:
        """A new database; answers its URL."""
        if migrated and not self._template:
            url = await self._create("template1")
            await migrate(url)
            self._template = _name(url)
        return await self._create(self._template if migrated else "template1")

    async def copy(self, url: str) -> str:
        """A copy of a database that nobody is connected to; answers its URL."""
        return await self._create(_name(url))

    async def drop(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        await self._execute(f'DROP DATABASE "{_name(url)}" WITH (FORCE)')
        self._made.remove(url)

    async def drop_all(self) -> None:
        """Drop those that are left, and the template."""
        for url in list(self._made):
            await self.drop(url)

    async def _create(self, template: str) -> str:
        name = f"reelmill_test_{secrets.token_hex(6)}"
        # By copying files: a third less work than by the log, page by page.
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        url = urlsplit(self._server_url)._replace(path=f"/{name}").geturl()
        self._made.append(url)
        return url

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._server_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")
