"""The writes that both storages share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.server.storage.writing import Writes
from hinterland.testing.storage_scribe import ScribeEdit, commit, opened


@pytest.mark.parametrize(("length", "count", "parts"), [(1, 120, [50, 50, 20]), (400_000, 5, [3, 2])])
async def test_a_large_commit_is_written_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, count: int, parts: list[int]
) -> None:
    """Between two turns of the loop at most 50 changes are written, and few where the records are large."""
    write, written = Writes._write_batch, list[int]()

    async def watched(transaction: Writes, sql: str, rows: Sequence[Any], logged: Sequence[Any]) -> None:
        written.append(len(logged))
        await write(transaction, sql, rows, logged)

    monkeypatch.setattr(Writes, "_write_batch", watched)
    async with opened(SqliteStorage(tmp_path)) as storage:
        await commit(storage, *[ScribeEdit("posts", f"{n}", {"title": "x" * length}) for n in range(count)])
        assert len(await storage.log(0, 500)) == count
    assert [size for size in written if size] == parts
