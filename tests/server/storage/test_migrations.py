"""The system's own schema: the same by every way to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import asyncpg
import pytest

from hinterland.server.storage import migrations, statements
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import DialectName, Storage
from hinterland.server.storage.sqlite import FILE_NAME, SqliteStorage
from hinterland.server.storage.system import ANSWERS, MUTATIONS, SYSTEM_TABLES, Put, SystemTable
from hinterland.testing.storage_scribe import opened
from tests.support.postgres import PostgresCluster

Make = Callable[[], Storage]
_FOUND: dict[DialectName, str] = {
    "sqlite": "SELECT name, tbl_name, sql FROM sqlite_schema ORDER BY name",
    "postgres": "SELECT indexname, tablename, indexdef FROM pg_indexes WHERE schemaname = current_schema() UNION ALL "
    "SELECT table_name, column_name, data_type FROM information_schema.columns "
    "WHERE table_schema = current_schema() ORDER BY 1, 2",
}
ANSWER = {"caller": "1", "key": "k", "fingerprint": "f", "status": 201, "body": b"{}", "revision": 1, "at": 1.0}


@pytest.fixture(params=["sqlite", "postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes a storage on one database."""
    if request.param == "sqlite":
        return lambda: SqliteStorage(tmp_path)
    dsn = request.getfixturevalue("postgres_dsn")
    return lambda: PostgresStorage(dsn)


async def empty(storage: Storage) -> None:
    """Delete all that a closed storage kept."""
    if isinstance(storage, SqliteStorage):
        for file in storage.folder.iterdir():
            file.unlink()
    else:
        connection = await asyncpg.connect(storage.dsn)  # type: ignore[attr-defined]
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await connection.close()


async def _schema(storage: Storage) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await storage.fetch(_FOUND[storage.dialect])]


FIRST_WHOLE = Path(__file__).parents[2] / "journeys" / "first_whole"
_SYSTEM: dict[DialectName, tuple[str, str]] = {
    "sqlite": (
        'SELECT t.name, c.name, c.type, c."notnull", c.dflt_value, c.pk FROM sqlite_schema t, '
        "pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name LIKE '$_%' ESCAPE '$' ORDER BY t.name, c.cid",
        "SELECT i.tbl_name, i.name, c.seqno, c.name FROM sqlite_schema i, pragma_index_info(i.name) c "
        "WHERE i.type = 'index' AND i.tbl_name LIKE '$_%' ESCAPE '$' ORDER BY i.name, c.seqno",
    ),
    "postgres": (
        "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name "
        "FROM information_schema.columns WHERE table_schema = current_schema() AND table_name LIKE '$_%' ESCAPE '$' "
        "ORDER BY table_name, ordinal_position",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() "
        "AND tablename LIKE '$_%' ESCAPE '$' ORDER BY indexname",
    ),
}


async def _system(storage: Storage) -> list[list[tuple[object, ...]]]:
    """The columns and the indexes of the system's tables."""
    return [[tuple(row) for row in await storage.fetch(sql)] for sql in _SYSTEM[storage.dialect]]


async def test_an_older_database(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of every earlier version has the schema of a fresh one once it is opened, and what was in it."""
    async with opened(make(), []) as fresh:
        expected = await _system(fresh)
    all_steps = migrations.steps(fresh.dialect)
    for number in range(1, len(all_steps)):
        await empty(fresh)
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "steps", lambda dialect, number=number: all_steps[:number])
            async with opened(make(), []) as old:
                rest = [statement for step in all_steps[number:] for statement in step]
                assert (await _system(old) == expected) is all(text.startswith("UPDATE") for text in rest)
                async with old.transaction() as transaction:
                    await transaction.act([Put("_answers", ANSWER)])
        for _ in range(2):
            async with opened(make(), []) as storage:
                assert await _system(storage) == expected
                assert await storage.rows("_answers", {}) == [ANSWER]


def _first_whole(fresh: Storage, request: pytest.FixtureRequest, folder: Path) -> Storage:
    """A database that the first whole version wrote, not opened yet."""
    text = (FIRST_WHOLE / f"{fresh.dialect}.sql").read_text()
    if fresh.dialect == "sqlite":
        folder.mkdir()
        connection = apsw.Connection(str(folder / FILE_NAME))
        connection.execute(text)
        connection.close()
        return SqliteStorage(folder)
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create()
    cluster.execute(text, database=name)
    return PostgresStorage(cluster.dsn(name))


async def test_a_database_of_the_first_whole(make: Make, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A database that the first whole version wrote has, once it is opened, the system tables of a fresh one: columns
    with types, defaults and order, keys and indexes."""
    async with opened(make(), []) as fresh:
        expected = await _system(fresh)
    assert {row[0] for row in expected[0]} >= {table.name for table in SYSTEM_TABLES} | {"_log"}
    async with opened(_first_whole(fresh, request, tmp_path / "first"), []) as upgraded:
        assert await _system(upgraded) == expected


_COLUMNS = {
    "sqlite": "SELECT name, type FROM pragma_table_info(?) ORDER BY cid",
    "postgres": "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = ? "
    "ORDER BY ordinal_position",
}
_KEYS = {
    "sqlite": "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk",
    "postgres": "SELECT attname FROM pg_index, unnest(indkey::int[]) WITH ORDINALITY AS k (number, place), "
    "pg_attribute WHERE indrelid = ?::text::regclass AND indisprimary AND attrelid = indrelid AND attnum = number "
    "ORDER BY place",
}
_TYPES: dict[DialectName, dict[str, str]] = {
    "sqlite": {"text": "TEXT", "integer": "INTEGER", "real": "REAL", "boolean": "INTEGER", "blob": "BLOB"},
    "postgres": {
        "text": "text", "integer": "bigint", "real": "double precision", "boolean": "boolean", "blob": "bytea",
    },
}  # fmt: skip


@pytest.mark.parametrize("table", SYSTEM_TABLES, ids=lambda table: table.name)
async def test_what_the_steps_make(make: Make, table: SystemTable) -> None:
    """The steps make each system table as `system.py` says that it is: columns with their types, key and indexes."""
    async with opened(make(), []) as storage:
        types = _TYPES[storage.dialect]
        found = [tuple(row) for row in await storage.fetch(_COLUMNS[storage.dialect], (table.name,))]
        assert found == [(name, types[kind]) for name, kind in table.columns.items()]
        keys = await storage.fetch(_KEYS[storage.dialect], (table.name,))
        assert tuple(row[0] for row in keys) == table.key
        indexes = {row[0]: str(row[2]) for row in await _schema(storage) if row[1] == table.name and row[2]}
        assert not [name for name in table.index if "UNIQUE" in indexes[f"{table.name}_{name}"]]


@pytest.mark.parametrize("table", [ANSWERS, MUTATIONS], ids=lambda table: table.name)
async def test_what_is_forgotten_is_found_by_an_index(tmp_path: Path, table: SystemTable) -> None:
    """What is too old is found by an index over the time, and deleted by the key: nothing else is read."""
    async with opened(SqliteStorage(tmp_path), []) as storage:
        plan = await storage.fetch(f"EXPLAIN QUERY PLAN {statements.forget(table)}", (1.0, 10))
        steps = [row[3] for row in plan if "SUBQUERY" not in row[3]]
        assert [" USING " in step for step in steps] == [True] * len(steps)
        assert any(f"INDEX {table.name}_at (at<?)" in step for step in steps), steps
