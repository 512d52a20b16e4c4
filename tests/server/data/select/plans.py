"""How databases go about statements."""

from __future__ import annotations

import apsw
import asyncpg

from hinterland.server.data.select.compiler import Statement
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.postgres_reading import numbered
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage


async def plan_of(storage: Storage, statement: Statement) -> str:
    """How the database goes about a statement, with whole scans as the last resort."""
    if isinstance(storage, SqliteStorage):
        connection = apsw.Connection(str(storage.path))
        found = connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters).fetchall()
        connection.close()
        return "\n".join(str(row[3]) for row in found)
    assert isinstance(storage, PostgresStorage)
    asked = await asyncpg.connect(storage.dsn)
    await asked.execute("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off")
    found = await asked.fetch(f"EXPLAIN {numbered(statement.sql)}", *statement.parameters)
    await asked.close()
    return "\n".join(row[0] for row in found)
