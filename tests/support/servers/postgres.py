"""A server on which every test gets its own databases."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import asyncpg


@dataclass
class PostgresServer:
    """A server, and numbers for the names of its databases."""

    url: str
    _numbers: count[int] = field(default_factory=count)

    def database_url(self, name: str) -> str:
        return f"{self.url.rpartition('/')[0]}/{name}"

    async def create(self, name: str, template: str) -> str:
        await self._execute(f"create database {name} template {template} strategy file_copy")
        return self.database_url(name)

    async def drop(self, name: str) -> None:
        await self._execute(f"drop database {name} with (force)")

    def new_name(self) -> str:
        return f"test_{next(self._numbers)}"

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.database_url("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
