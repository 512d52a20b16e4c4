"""The reads that both storages share."""

from __future__ import annotations

import pytest

from hinterland.contract.identity import RecordId
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import StoredRecord
from hinterland.server.storage.reading import Reads
from hinterland.testing.storage_scribe import ScribeEdit, commit, opened


async def test_what_a_page_of_the_log_costs(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The records of a page are read together, not one by one, be it the last page or not."""
    alone = list[RecordId]()
    record, record_at = Reads.record, Reads.record_at

    async def counted(self: Reads, collection: str, parent: str, id: RecordId) -> StoredRecord | None:
        alone.append(id)
        return await record(self, collection, parent, id)

    async def counted_at(self: Reads, collection: str, parent: str, id: RecordId, revision: int) -> StoredRecord | None:
        alone.append(id)
        return await record_at(self, collection, parent, id, revision)

    monkeypatch.setattr(Reads, "record", counted)
    monkeypatch.setattr(Reads, "record_at", counted_at)
    async with opened(PostgresStorage(postgres_dsn)) as storage:
        await commit(storage, *[ScribeEdit("posts", f"p{n}", {"title": str(n)}) for n in range(120)])
        await commit(storage, *[ScribeEdit("tasks", n, {"name": str(n)}) for n in range(70)])
        for limit in (100, 500):
            page = await storage.log(0, limit)
            assert all(entry.after is not None for entry in page)
            assert len(page) >= 120
        assert alone == []
