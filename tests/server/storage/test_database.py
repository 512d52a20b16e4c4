"""What both storages share: long work goes in steps, and the end of the log is read without a snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hinterland.contract.identity import RecordId
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import StoredRecord
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.server.storage.system import Put, Row
from hinterland.server.storage.writing import Writes
from hinterland.testing.storage_scribe import ScribeEdit, commit, opened

ROWS: dict[str, Row] = {
    "_answers": {"caller": "1", "fingerprint": "f", "status": 201, "body": b"{}", "revision": 1},
    "_mutations": {"account": "1", "content": "c", "result": b""},
}


@pytest.fixture(params=["sqlite", "postgres"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteStorage | PostgresStorage]:
    """Each storage, open."""
    postgres = request.param == "postgres"
    made = PostgresStorage(request.getfixturevalue("postgres_dsn")) if postgres else SqliteStorage(tmp_path)
    async with opened(made):
        yield made


@pytest.mark.parametrize("table", ROWS)
@pytest.mark.parametrize("count", [1_000, 2_300])
async def test_forgetting_goes_in_steps(
    storage: SqliteStorage | PostgresStorage, table: str, count: int, monkeypatch: pytest.MonkeyPatch
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


@pytest.mark.parametrize("document", [{"title": "2"}, None])
async def test_the_log_read_while_it_grows(
    storage: SqliteStorage | PostgresStorage, monkeypatch: pytest.MonkeyPatch, document: dict[str, str] | None
) -> None:
    """The end of the log is read without a snapshot; where a record of it is written again meanwhile, it is read once
    more, and each entry has the record as that change made it."""
    await commit(storage, ScribeEdit("posts", "a", {"title": "1"}))
    with monkeypatch.context() as patch:
        patch.setattr(storage, "snapshot", None)
        assert [entry.revision for entry in await storage.log(0, 10)] == [1]
        assert await storage.log(1, 10) == []
    read = storage.record

    async def overtaken(collection: str, parent: str, id: RecordId) -> StoredRecord | None:
        monkeypatch.undo()
        await commit(storage, ScribeEdit("posts", "a", document))
        return await read(collection, parent, id)

    monkeypatch.setattr(storage, "record", overtaken)
    page = await storage.log(0, 10)
    assert [entry.after and entry.after.body for entry in page] == [
        '{"title": "1"}',
        document and '{"title": "2"}',
    ]
    assert page.is_last
