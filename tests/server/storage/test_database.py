"""What both storages share: long work goes in steps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hinterland.server.storage.database import Database
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.server.storage.system import Put, Row
from hinterland.server.storage.writing import Writes
from hinterland.testing.storage_scribe import opened

ROWS: dict[str, Row] = {
    "_answers": {"caller": "1", "fingerprint": "f", "status": 201, "body": b"{}", "revision": 1},
    "_mutations": {"account": "1", "content": "c", "result": b""},
}


@pytest.fixture(params=["sqlite", "postgres"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Each storage, open."""
    postgres = request.param == "postgres"
    made = PostgresStorage(request.getfixturevalue("postgres_dsn")) if postgres else SqliteStorage(tmp_path)
    async with opened(made):
        yield made


@pytest.mark.parametrize("table", ROWS)
@pytest.mark.parametrize("count", [1_000, 2_300])
async def test_forgetting_goes_in_steps(
    storage: Database, table: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many answers, and outcomes of mutations, are forgotten in transactions of 1,000 rows at most, so that writers
    get their turn."""
    name = "key" if table == "_answers" else "id"
    async with storage.transaction() as transaction:
        await transaction.act([Put(table, {**ROWS[table], name: str(n), "at": 15.0}) for n in range(count)])
    left: list[int] = []
    begin = storage.transaction

    @asynccontextmanager
    async def counted() -> AsyncIterator[Writes]:
        async with begin() as transaction:
            yield transaction
        left.append(len(await storage.rows(table, {})))

    monkeypatch.setattr(storage, "transaction", counted)
    await (storage.forget_answers if table == "_answers" else storage.prune)(20)
    assert left == [max(count - 1_000 * step, 0) for step in range(1, count // 1_000 + 2)]
