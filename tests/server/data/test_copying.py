"""Copies of databases: what is compared, and which sources and targets are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hinterland.server.data.copying import Comparison, compare, copy
from hinterland.server.storage.copied_parts import CopyPart, parts_of
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.server.storage.system import Put
from hinterland.testing.storage_scribe import COLLECTIONS, ScribeEdit, commit, opened

COUNT = 600  # more than two pages


def report(name: str, done: int, total: int) -> None:
    """Nobody looks."""


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[SqliteStorage]:
    """A database with some records."""
    storage = SqliteStorage(tmp_path / "source")
    async with opened(storage, COLLECTIONS):
        await commit(storage, *(ScribeEdit("posts", f"p{n:04}", {"title": f"{n}"}) for n in range(COUNT)))
        yield storage


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[SqliteStorage]:
    """An empty one."""
    storage = SqliteStorage(tmp_path / "target")
    storage.is_target = True
    await storage.open()
    yield storage
    await storage.close()


def part(storage: SqliteStorage, name: str) -> CopyPart:
    """One part of a database."""
    return next(part for part in parts_of(storage) if part.name == name)


async def test_the_copy_is_whole(source: SqliteStorage, target: SqliteStorage) -> None:
    """All rows of all pages come along, with the log and the database's id."""
    seen: list[int] = []
    compared = await copy(source, target, lambda name, done, total: seen.append(done))
    counts = {each.name: each.counts for each in compared}
    assert counts["posts"] == counts["_log"] == (COUNT, COUNT)
    assert all(each.is_equal and each.checksums[0] == each.checksums[1] for each in compared)
    assert seen == sorted(seen)
    assert await target.head() == await source.head()
    assert await target.fetch("SELECT value FROM _meta WHERE name = 'database_id'") == [(source.database_id,)]
    assert (await target.declared()).collections == (await source.declared()).collections


@pytest.mark.parametrize(
    ("statement", "counts", "place"),
    [
        ("UPDATE posts SET _body = '{}' WHERE id = 'p0300'", (COUNT, COUNT), "p0300"),
        ("DELETE FROM posts WHERE id = 'p0599'", (COUNT, COUNT - 1), "p0599"),
        ("UPDATE posts SET id = 'p' WHERE id = 'p0001'", (COUNT, COUNT), "p"),
    ],
)
async def test_differences(
    source: SqliteStorage, target: SqliteStorage, statement: str, counts: tuple[int, int], place: str
) -> None:
    """A row that was changed, is missing or is too many is found, with the first key that is not the same."""
    await copy(source, target, report)
    async with target.transaction() as transaction:
        await transaction.execute(statement)
    found: Comparison = await compare(source, target, part(source, "posts"))
    assert (found.is_equal, found.counts, found.differs_at) == (False, counts, [place, ""])
    assert found.checksums[0] != found.checksums[1]


async def test_a_source_that_went_on(source: SqliteStorage, target: SqliteStorage) -> None:
    """A copy does not go on where the source was written to since it began, nor from another database."""
    for place, said in (
        (f'{{"source":"{source.database_id}","revision":1}}', "written to since the copy began"),
        (f'{{"source":"another","revision":{COUNT}}}', "unfinished copy of another database"),
    ):
        async with target.transaction() as transaction:
            await transaction.act([Put("_meta", {"name": "copy", "value": place})])
        with pytest.raises(StorageError, match=said):
            await copy(source, target, report)


async def test_a_target_in_use(source: SqliteStorage, target: SqliteStorage) -> None:
    """A database that has anything is no target, and a finished copy is none for another."""
    await copy(source, target, report)
    with pytest.raises(StorageError, match="not empty"):
        await copy(source, target, report)
