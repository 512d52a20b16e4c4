"""The reads that both storages share, over a driver's `fetch`."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.server.storage import statements
from hinterland.server.storage.protocol import PAGE_BYTES, Head, LogEntry, LogKey, LogPage, Since, StoredRecord, Texts
from hinterland.server.storage.statements import LOG_AFTER, LOG_TEXTS, RECORD_TEXTS, TOGETHER, CollectionTable, padded
from hinterland.server.storage.system import TABLE_OF, Row, SystemTable

_LAST = 2**62
_RecordKey = tuple[str, str, RecordId]
_AT_ONCE = 20  # steps of a long work, about a millisecond, before others get their turn on the loop


async def pause(index: int, count: int) -> None:
    """Let others have their turn after some steps of a long work, and after its last; a lone step goes straight on."""
    if count > 1 and (index % _AT_ONCE == _AT_ONCE - 1 or index == count - 1):
        await asyncio.sleep(0)


class Reads(ABC):
    """What a snapshot and a transaction can read. `tables` are the declared collections' tables."""

    tables: Mapping[str, CollectionTable]

    @abstractmethod
    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Sequence[Any]]:
        """The rows of one SELECT; parameters stand as `?`."""

    @abstractmethod
    async def fetch_some(
        self, sql: str, parameters: Sequence[Any], texts: Texts | None
    ) -> tuple[list[Sequence[Any]], bool]:
        """The first rows of one SELECT, and whether there are more."""

    def table(self, collection: str) -> CollectionTable:
        """The table of a declared collection. Raises the `unknown_collection` refusal."""
        table = self.tables.get(collection)
        if table is None:
            raise Refusal("unknown_collection", f"there is no collection {collection!r}")
        return table

    async def record(self, collection: str, parent: str, id: RecordId) -> StoredRecord | None:
        """One record by its key."""
        rows = await self.fetch(self.table(collection).get, (parent, id))
        return StoredRecord(*rows[0]) if rows else None

    async def row(self, table: str, key: Row) -> Row | None:
        """One system row by its key."""
        found = await self.rows(table, key)
        return found[0] if found else None

    async def rows_of(self, table: str, keys: Sequence[Row]) -> list[Row]:
        """The system rows with these keys."""
        found = [await self.row(table, key) for key in keys]
        return [row for row in found if row is not None]

    async def rows(self, table: str, where: Row) -> list[Row]:
        """The system rows whose columns equal `where`, in the order of their keys."""
        known = TABLE_OF[table]
        clause, parameters = statements.equals(where)
        columns = ", ".join(map(statements.quote, known.columns))
        order = ", ".join(map(statements.quote, known.key))
        found = await self.fetch(f"SELECT {columns} FROM {table}{clause} ORDER BY {order}", parameters)
        return [system_row(known, values) for values in found]

    async def head(self) -> Head:
        """The end of the log."""
        last = await self.fetch(statements.HEAD)
        if not last:
            return Head(0, 0, 0)
        oldest = await self.fetch(statements.OLDEST)
        return Head(last[0][0], last[0][1], oldest[0][0] - 1)

    async def generation(self) -> int:
        """The number of the declaration, where other processes may make one."""
        return 0

    async def check_at(self, revision: int) -> int | None:
        """The check value of the commit that ended at `revision`; None where the log has no such commit end."""
        if revision == 0:
            return 0 if (await self.head()).retention_floor == 0 else None
        rows = await self.fetch(statements.CHECK_AT, (revision,))
        return rows[0][0] if rows else None

    async def log(
        self, after: int, limit: int, through: int | None = None, collections: Container[str] | None = None
    ) -> LogPage:
        """Changes beyond revision `after`, ending at a commit's end; those of other `collections` without records."""
        end = _LAST if through is None else through
        while True:
            rows, is_cut = await self.fetch_some(LOG_AFTER, (after, end, limit), LOG_TEXTS)
            is_last = not is_cut and len(rows) < limit
            if not is_last and rows[-1][0] != rows[-1][1]:
                rows += await self.fetch(LOG_AFTER, (rows[-1][0], rows[-1][1], _LAST))
            page = await self._page(rows, collections, is_last=is_last, reaches_head=is_last and through is None)
            if page or is_last:
                return page
            after = rows[-1][0]  # all were of collections that are no longer declared: this is not the end

    async def log_of(self, collections: AbstractSet[str], after: int, through: int, limit: int) -> LogPage:
        """Changes of some collections beyond revision `after`."""
        sql = statements.LOG_OF.format(", ".join("?" * len(collections)))
        rows, is_cut = await self.fetch_some(sql, (after, through, *sorted(collections), limit), LOG_TEXTS)
        return await self._page(rows, collections, is_last=not is_cut and len(rows) < limit, reaches_head=False)

    async def _page(
        self, rows: Sequence[Sequence[Any]], collections: Container[str] | None, *, is_last: bool, reaches_head: bool
    ) -> LogPage:
        entries = [self._entry(row) for row in rows if row[6] in self.tables]
        wanted = self.tables if collections is None else collections
        whole = await self._with_records(entries, wanted, reaches_head=reaches_head)
        return LogPage(whole, is_last=is_last and len(whole) == len(entries))

    async def _head_page(self, after: int, limit: int, collections: Container[str] | None) -> LogPage | None:
        """`log` to its end, without a snapshot; None where the end is farther, or where it moved meanwhile."""
        rows, is_cut = await self.fetch_some(LOG_AFTER, (after, _LAST, limit), LOG_TEXTS)
        if is_cut or len(rows) == limit:
            return None
        page = await self._page(rows, collections, is_last=True, reaches_head=True)
        # What a record is now was made by its last change, unless it was written again since the log was read.
        is_stale = any(
            later is None and entry.kind != "delete" and (entry.after is None or entry.after.revision != entry.revision)
            for entry, later in _with_later(page)
            if collections is None or entry.collection in collections
        )
        return None if is_stale else page

    async def history(self, collection: str, parent: str, id: RecordId, after: int) -> LogPage:
        """The first changes of one record beyond revision `after`, in order."""
        parameters = (collection, parent, str(id), after, LOG_TEXTS.rows)
        rows, is_cut = await self.fetch_some(statements.LOG_OF_RECORD, parameters, LOG_TEXTS)
        entries = [self._entry(row) for row in rows]
        whole = [entry._replace(after=await self._after(entry, later)) for entry, later in _with_later(entries)]
        return LogPage(whole, is_last=not is_cut and len(rows) < LOG_TEXTS.rows)

    async def changed(self, collection: str, revision: int, after: LogKey | None, limit: int) -> list[LogKey]:
        """The keys of the records that were changed beyond `revision` and are there, in order from `after` on."""
        table = self.table(collection)
        if after is None:
            rows = await self.fetch(table.changed, (revision, collection, limit))
        else:
            rows = await self.fetch(table.changed_after, (revision, collection, *after, limit))
        return [(parent, id) for parent, id in rows]

    async def since(self, collection: str, parent: str, id: RecordId, after: int, origin: str) -> Since:
        """Whose the changes of one record beyond revision `after` are."""
        [(newest, own)] = await self.fetch(statements.SINCE, (origin, origin, collection, parent, str(id), after))
        return Since(newest, own > 0)

    def _entry(self, row: Sequence[Any]) -> LogEntry:
        is_integer = self.tables[row[6]].is_integer
        return statements.log_entry(row, statements.record_id(row[8], is_integer=is_integer))

    async def _with_records(
        self, entries: list[LogEntry], collections: Container[str], *, reaches_head: bool
    ) -> list[LogEntry]:
        """The first entries, each with its `after`, up to the end of the commit in which they become large.

        `reaches_head`: there are no changes after these, so that a record's last one made it what it is now."""
        whole: list[LogEntry] = []
        size = 0
        current: dict[_RecordKey, StoredRecord] = {}
        for index, (entry, later) in enumerate(pairs := [*_with_later(entries)]):
            await pause(index, len(entries))
            if index % TOGETHER == 0:
                current = await self._current(
                    [
                        _key(e)
                        for e, other in pairs[index : index + TOGETHER]
                        if other is None and e.kind != "delete" and e.collection in collections
                    ]
                )
            if entry.collection in collections:
                record = current.get(_key(entry)) if later is None else None
                if record is not None and record.revision == entry.revision:
                    after: StoredRecord | None = record
                elif reaches_head and later is None and entry.kind != "delete":
                    after = await self.record(entry.collection, entry.parent, entry.id)
                else:
                    after = await self._after(entry, later)
                size += 0 if after is None else after.size
                whole.append(entry._replace(after=after))
            else:
                whole.append(entry._replace(before=None))
            if size > PAGE_BYTES and entry.revision == entry.commit:
                break
        return whole

    async def _current(self, keys: Sequence[_RecordKey]) -> dict[_RecordKey, StoredRecord]:
        """Records as they are now, by one statement for all of a parent; of those that are large only the first, and
        none that is alone."""
        found: dict[_RecordKey, StoredRecord] = {}
        size = 0
        groups: dict[tuple[str, str], list[RecordId]] = {}
        for collection, parent, id in keys:
            groups.setdefault((collection, parent), []).append(id)
        for (collection, parent), ids in groups.items():
            if len(ids) == 1 or size > PAGE_BYTES:
                continue
            rows, _ = await self.fetch_some(self.table(collection).several, (parent, *padded(ids)), RECORD_TEXTS)
            for row in rows:
                record = StoredRecord(*row)
                found[collection, parent, record.id] = record
                size += record.size
        return found

    async def _after(self, entry: LogEntry, later: LogEntry | None) -> StoredRecord | None:
        """The record after a change: the before of its `later` change, or what the database holds."""
        if entry.kind == "delete":
            return None
        if later is not None:
            return later.before
        return await self.record_at(entry.collection, entry.parent, entry.id, entry.revision)

    async def record_at(self, collection: str, parent: str, id: RecordId, revision: int) -> StoredRecord | None:
        """One record as it was right after `revision`: before its next change, or as it is now."""
        later = await self.fetch(statements.NEXT_BEFORE, (collection, parent, str(id), revision))
        if later:
            return None if later[0][0] is None else StoredRecord(parent, id, *later[0])
        return await self.record(collection, parent, id)


def _key(entry: LogEntry) -> _RecordKey:
    return entry.collection, entry.parent, entry.id


def _with_later(entries: Sequence[LogEntry]) -> Iterator[tuple[LogEntry, LogEntry | None]]:
    """Each entry with the next one of the same record."""
    seen: dict[tuple[str, str, RecordId], LogEntry] = {}
    later: list[LogEntry | None] = []
    for entry in reversed(entries):
        key = (entry.collection, entry.parent, entry.id)
        later.append(seen.get(key))
        seen[key] = entry
    return zip(entries, reversed(later), strict=True)


def system_row(table: SystemTable, values: Sequence[Any]) -> Row:
    """The row of a system table from the values of its columns."""
    row = dict(zip(table.columns, values, strict=True))
    for name, kind in table.columns.items():
        if kind == "boolean" and row[name] is not None:
            row[name] = bool(row[name])
    return row
