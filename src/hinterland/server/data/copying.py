"""Copies a whole database to an empty one, of the same kind or the other, and compares both.

Ids, revisions, times, the log, accounts, sessions, keys and the database's own id come along, so that devices go on
with their cursors. The copy goes page by page, each in a transaction with the place that it has reached: stopped at any
moment, it goes on from there. Until it is finished and compared, the target is opened by nobody else.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from hinterland.contract.identity import RecordId
from hinterland.server.data.documents import document_of
from hinterland.server.storage import statements
from hinterland.server.storage.copied_parts import CopyPart, parts_of
from hinterland.server.storage.database import Database
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.protocol import Change, StoredRecord
from hinterland.server.storage.reading import system_row
from hinterland.server.storage.system import COPY, META, Drop, Put

CopyReport = Callable[[str, int, int], None]
"""Called with a part's name, and how many of how many rows of all parts are done."""
_RAISE_HEAD = "UPDATE _head SET revision = ?"


class Comparison(NamedTuple):
    """A part in both databases: how many rows each has, a checksum of each, and the key of the first row that is not
    the same."""

    name: str
    counts: tuple[int, int]
    checksums: tuple[str, str]
    differs_at: list[Any] | None

    @property
    def is_equal(self) -> bool:
        """Whether both have the same."""
        return self.differs_at is None


class CopyPlace(msgspec.Struct):
    """How far a copy is: from which database in which state, how many parts are done, and the last key of the next."""

    source: str
    revision: int
    done: int = 0
    after: list[RecordId] | None = None


async def _pages(database: Database, part: CopyPart, after: list[Any] | None) -> AsyncIterator[list[tuple[Any, ...]]]:
    """The rows of a part after a key, some at a time."""
    while True:
        sql = part.select(is_first=after is None)
        found, is_cut = await database.fetch_some(sql, after or (), part.texts)
        rows = [_row(part, values) for values in found]
        if rows:
            yield rows
            after = part.place(rows[-1])
        if not is_cut and len(rows) < part.rows:
            return


def _row(part: CopyPart, values: Sequence[Any]) -> tuple[Any, ...]:
    if part.system is None:
        return tuple(values)
    return tuple(system_row(part.system, values).values())


async def copy(source: Database, target: Database, report: CopyReport) -> list[Comparison]:
    """Copy `source` to `target`, which is empty or has an unfinished copy of it, and compare them. Both are open.

    Raises `StorageError` where the target has something else, or where the source was written to meanwhile.
    """
    declared = await source.declared()
    source.adopt(declared)
    place = await _begin(source, target)
    await target.declare(declared.collections)
    parts = parts_of(source)
    counts = [(await source.fetch(part.counting))[0][0] for part in parts]
    for number, part in enumerate(parts):
        before = sum(counts[:number])
        if number >= place.done:
            await _copy_part(source, target, part, place, partial(_report, report, part.name, before, sum(counts)))
            place.done, place.after = number + 1, None
    report("comparing", sum(counts), sum(counts))
    compared = [await compare(source, target, part) for part in parts]
    if all(part.is_equal for part in compared):
        await _finish(source, target)
    return compared


def _report(report: CopyReport, name: str, before: int, total: int, done: int) -> None:
    report(name, before + done, total)


async def _begin(source: Database, target: Database) -> CopyPlace:
    """The place from which to go on: the beginning in an empty target."""
    head = await source.head()
    kept = await target.row(META.name, {"name": COPY})
    if kept is not None:
        place = msgspec.json.decode(kept["value"], type=CopyPlace)
        if place.source != source.database_id:
            raise StorageError("the target has an unfinished copy of another database; give an empty one")
        if place.revision != head.revision:
            raise StorageError("the source was written to since the copy began; empty the target, then begin again")
        return place
    for part in parts_of(target):
        if await target.fetch(part.first):
            raise StorageError("the target is not empty; give a new folder or an empty PostgreSQL database")
    place = CopyPlace(source.database_id, head.revision)
    async with target.transaction() as transaction:
        await transaction.act([_kept(place)])
    return place


def _kept(place: CopyPlace) -> Put:
    return Put(META.name, {"name": COPY, "value": msgspec.json.encode(place).decode()})


async def _copy_part(
    source: Database, target: Database, part: CopyPart, place: CopyPlace, report: Callable[[int], None]
) -> None:
    done = 0
    async for rows in _pages(source, part, place.after):
        done += len(rows)
        place.after = part.place(rows[-1])
        async with target.transaction() as transaction:
            await transaction.execute_many(*_insertion(target, part, rows))
            await transaction.act([_kept(place)])
        report(done)
    following = CopyPlace(place.source, place.revision, place.done + 1)
    async with target.transaction() as transaction:
        await transaction.act([_kept(following)])


def _insertion(target: Database, part: CopyPart, rows: list[tuple[Any, ...]]) -> tuple[str, list[tuple[Any, ...]]]:
    """The statement that inserts rows of a part, and its parameters."""
    if part.system is not None:
        return statements.upsert(part.system, part.system.columns), rows
    if part.collection is None:
        return statements.INSERT_LOG, rows
    table = target.tables[part.name]
    records = [StoredRecord(*row) for row in rows]
    changes = [Change(part.name, "create", None, each, table.columns(document_of(each)), 0.0) for each in records]
    made = [table.statement(change) for change in changes]
    return made[0][0], [tuple(parameters) for _, parameters in made]


async def _finish(source: Database, target: Database) -> None:
    """Let the target be opened, as the database that the source was."""
    head = await source.head()
    async with target.transaction() as transaction:
        if target.dialect == "postgres":
            await transaction.execute(_RAISE_HEAD, (head.revision,))
        identity = Put(META.name, {"name": "database_id", "value": source.database_id})
        await transaction.act([identity, Drop(META.name, {"name": COPY})])


async def compare(source: Database, target: Database, part: CopyPart) -> Comparison:
    """A part of both databases, row by row in the order of its key."""
    digests, counts = (hashlib.sha256(), hashlib.sha256()), [0, 0]
    sides = [_rows(database, part) for database in (source, target)]
    differs_at: list[Any] | None = None
    while True:
        rows = [await anext(side, None) for side in sides]
        if rows == [None, None]:
            break
        for side, row in enumerate(rows):
            if row is not None:
                counts[side] += 1
                digests[side].update(repr(row).encode("utf-8", "surrogatepass"))
        if differs_at is None and rows[0] != rows[1]:
            differs_at = min(part.place(row) for row in rows if row is not None)
    first, second = (digest.hexdigest() for digest in digests)
    return Comparison(part.name, (counts[0], counts[1]), (first, second), differs_at)


async def _rows(database: Database, part: CopyPart) -> AsyncIterator[tuple[Any, ...]]:
    async for page in _pages(database, part, None):
        for row in page:
            yield row
