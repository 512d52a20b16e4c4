"""Which texts databases look at, asked of the databases themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import apsw
import asyncpg

from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.postgres_reading import numbered
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage

WatchedStatement = tuple[str, list[Any]]


@asynccontextmanager
async def asking(storage: Storage) -> AsyncIterator[Callable[[WatchedStatement], Any]]:
    """Asks the database on a connection of the test's own, whose `contains` notes every text that it looks at; answers
    these texts."""
    if isinstance(storage, PostgresStorage):
        async with _asking_postgres(storage.dsn) as ask:
            yield ask
        return
    assert isinstance(storage, SqliteStorage)
    async with _asking_sqlite(storage) as ask:
        yield ask


@asynccontextmanager
async def _asking_sqlite(storage: SqliteStorage) -> AsyncIterator[Callable[[WatchedStatement], Any]]:
    connection = apsw.Connection(str(storage.path))
    seen: list[Any] = []

    def instr(*given: Any) -> int:
        text, part = given
        seen.append(text)
        return int(part in text)

    async def ask(statement: WatchedStatement) -> list[Any]:
        connection.execute(*statement).fetchall()
        return seen

    connection.create_scalar_function("instr", instr, 2, deterministic=True)  # as the real one is
    try:
        yield ask
    finally:
        connection.close()


@asynccontextmanager
async def _asking_postgres(dsn: str) -> AsyncIterator[Callable[[WatchedStatement], Any]]:
    connection = await asyncpg.connect(dsn)
    # As cheap as can be: the planner would call it before every other test of a row. Immutable, as the real one is.
    await connection.execute(
        "SET search_path = public, pg_catalog; CREATE OR REPLACE FUNCTION public.strpos(text, text) RETURNS int "
        "LANGUAGE plpgsql IMMUTABLE COST 0.0001 AS $$ BEGIN RAISE NOTICE '%', $1; RETURN position($2 in $1); END $$"
    )
    seen: list[Any] = []
    connection.add_log_listener(lambda _, message: seen.append(message.message))

    async def ask(statement: WatchedStatement) -> list[Any]:
        await connection.fetch(numbered(statement[0]), *statement[1])
        await connection.fetch("SELECT 1")  # whose answer comes behind all notices
        await asyncio.sleep(0)  # in which they are handed to the listener
        return seen

    try:
        yield ask
    finally:
        await connection.close()
