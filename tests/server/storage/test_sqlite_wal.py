"""SQLite's write-ahead log stays bounded, whatever reads meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hinterland.server.storage import sqlite_reading, sqlite_wal
from hinterland.server.storage.sqlite import FILE_NAME, SqliteStorage
from hinterland.testing.storage_scribe import ScribeEdit, commit, opened

LIMIT = 200_000  # bytes, here
TEXT = "x" * 3_000


@pytest.fixture
async def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqliteStorage]:
    """A storage whose log is short and which waits for no snapshot for long."""
    for module in (sqlite_reading, sqlite_wal):
        monkeypatch.setattr(module, "WAL_BYTES", LIMIT)
    monkeypatch.setattr(sqlite_wal, "_PAGES", 10)
    made = SqliteStorage(tmp_path)
    async with opened(made):
        yield made


def size(storage: SqliteStorage) -> int:
    """The size of the log's file."""
    return storage.path.with_name(f"{FILE_NAME}-wal").stat().st_size


async def write(storage: SqliteStorage, count: int) -> int:
    """Write some commits; the largest size of the log meanwhile."""
    largest = 0
    for number in range(count):
        await commit(storage, ScribeEdit("posts", f"p{number % 10}", {"title": f"{number} {TEXT}"}))
        largest = max(largest, size(storage))
    return largest


async def test_snapshots_that_overlap(storage: SqliteStorage) -> None:
    """Where at every moment some snapshot is open, the log is begun anew all the same, and each snapshot sees one
    state."""
    is_over = False

    async def read(next_one: asyncio.Event, begin: asyncio.Event) -> None:
        while not is_over:
            await begin.wait()
            begin.clear()
            async with storage.snapshot() as snapshot:
                revision = (await snapshot.head()).revision
                next_one.set()
                for _ in range(5):
                    await asyncio.sleep(0)
                    assert (await snapshot.head()).revision == revision

    turns = [asyncio.Event() for _ in range(3)]
    readers = [asyncio.create_task(read(turns[n - 1], turns[n])) for n in range(3)]
    turns[0].set()
    largest = await write(storage, 300)  # of 3 pages and more each: three megabytes in all
    is_over = True
    for reader in readers:
        reader.cancel()
    await asyncio.wait(readers)
    assert largest < 2 * LIMIT


async def test_a_snapshot_that_stays(storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot that stays open stops no writer and sees its state to the end; once it is closed, the log is begun
    anew and its file is cut."""
    monkeypatch.setattr(sqlite_wal, "_WAIT_SECONDS", 0.0)
    await commit(storage, ScribeEdit("posts", "a", {"title": "old"}))
    async with storage.snapshot() as snapshot:
        assert (await snapshot.head()).revision == 1
        largest = await write(storage, 100)
        assert (await snapshot.head()).revision == 1
    assert largest > 3 * LIMIT
    await write(storage, 100)
    assert size(storage) <= LIMIT
    await storage.close()
    async with opened(SqliteStorage(storage.folder)) as again:
        assert (await again.head()).revision == 201
