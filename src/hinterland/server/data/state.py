"""The database as the next request of a group finds it: the transaction, and over it what earlier ones will write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any, Protocol

from hinterland.contract.identity import RecordId
from hinterland.contract.records import Document
from hinterland.server.data.given_ids import GivenIds
from hinterland.server.data.new_ids import NewIds
from hinterland.server.data.staged_records import StagedRecords
from hinterland.server.data.staged_rows import RowKey, StagedRows, row_key
from hinterland.server.security.sessions import Actor
from hinterland.server.storage.protocol import Change, LogEntry, Since, StoredRecord, Transaction
from hinterland.server.storage.statements import TOGETHER
from hinterland.server.storage.system import Put, Row, RowAct

RecordKey = tuple[str, str, RecordId]
RecordsByKey = Mapping[RecordKey, StoredRecord | None]
HeldValue = tuple[str, str, Any]
"""A collection, a field of it that is unique or a reference, and what the field's column holds; of a list, an item."""
Span = tuple[str, str]
"""The first and the last of the parents whose records are meant."""
UNWRITTEN = 0  # the revision of a record whose commit has not been given one yet


def is_within(key: RecordKey, parents: Span) -> bool:
    """Whether the record is below one of `parents`."""
    return parents[0] <= key[1] <= parents[1]


class Deferred(Exception):
    """The request's answer needs the result of an earlier one of the group: it goes into the next group."""


class TransactionHook(Protocol):
    """Decides which system rows change with a record that was `old` and will be `new`; None: there is none.

    `by` whom: the "system" or an administrator, the "owner" whose record it is, or any "other" caller whom the rules
    allow it. May raise a refusal.
    """

    def __call__(self, id: RecordId, old: Document | None, new: Document | None, by: Actor) -> Sequence[RowAct]:
        """The rows' changes, in the transaction of the record's."""


class State:
    """The database as the next request of the group will find it. `transaction_hooks`: what else changes with the
    records of a collection, by its name; `asked`: the collections that rules ask."""

    def __init__(
        self,
        transaction: Transaction,
        transaction_hooks: Mapping[str, TransactionHook],
        new_ids: NewIds,
        asked: AbstractSet[str] = frozenset(),
    ) -> None:
        self.transaction = transaction
        self.new_ids = new_ids
        self.transaction_hooks = transaction_hooks
        self.given_ids = GivenIds(transaction)
        self._records: dict[RecordKey, StoredRecord | None] = {}
        self._shared: dict[RecordKey, StoredRecord | None] = {}
        self._changes: dict[RecordKey, list[Change]] = {}
        self._staged = {name: StagedRecords(is_of_group=True) for name in asked}
        self._created: dict[str, list[RecordKey]] = {}
        self._holders: dict[HeldValue, list[RecordKey]] = {}
        self._rows: dict[RowKey, Row | None] = {}
        self._staged_rows = StagedRows()

    async def record(
        self, collection: str, parent: str, id: RecordId, *, is_shared: bool = False
    ) -> StoredRecord | None:
        """A record, locked for this transaction; one that `is_shared` only against deletion."""
        key = (collection, parent, id)
        if is_shared and key not in self._records:
            if key not in self._shared:
                self._shared[key] = await self.transaction.lock(collection, parent, id, is_shared=True)
            return self._shared[key]
        if key not in self._records:
            self._records[key] = await self.transaction.lock(collection, parent, id)
        return self._records[key]

    async def load_records(
        self,
        collection: str,
        parent: str,
        ids: Iterable[RecordId],
        seen: tuple[str, Sequence[Any]] | None = None,
    ) -> list[RecordKey]:
        """Read records that will be asked for, locked as by `record`, by few statements: those that are `seen`, where
        given. Returns the keys of those that were not found, as far as that is known."""
        wanted = [id for id in dict.fromkeys(ids) if (collection, parent, id) not in self._records]
        missing: list[RecordKey] = []
        for start in range(0, len(wanted), TOGETHER):
            part = wanted[start : start + TOGETHER]
            records, is_cut = await self.transaction.lock_several(collection, parent, part, seen)
            found = {(collection, parent, record.id): record for record in records}
            self._records.update(found)
            missing += [] if is_cut else [key for id in part if (key := (collection, parent, id)) not in found]
            await asyncio.sleep(0)
        if seen is None:
            self._records.update(dict.fromkeys(missing))
        return missing

    async def seen(
        self, key: RecordKey, statement: str, parameters: Sequence[Any], *, is_shared: bool = False
    ) -> StoredRecord | None:
        """A record that the group has not read yet, locked as by `record`, if the `statement` finds it."""
        record = await self.transaction.lock(*key, (statement, parameters), is_shared=is_shared)
        if record is not None:
            (self._shared if is_shared else self._records)[key] = record
        return record

    def knows(self, key: RecordKey, *, is_shared: bool = False) -> bool:
        """Whether the record is known already, locked so or better."""
        return key in self._records or (is_shared and key in self._shared)

    async def seal(self, key: RecordKey) -> None:
        """Wait for writers of other processes that refer to the record, and let none refer to it anew."""
        await self.transaction.seal(*key)

    async def row(self, table: str, key: Row) -> Row | None:
        """A system row by its table's key."""
        name = row_key(table, key)
        if name not in self._rows:
            self._rows[name] = await self.transaction.row(table, key)
        return self._staged_rows.over(name, self._rows[name])

    async def load(self, keys: Iterable[tuple[str, Row]]) -> None:
        """Read system rows that will be asked for, those of a table together."""
        wanted: dict[str, dict[RowKey, Row]] = {}
        for table, key in keys:
            wanted.setdefault(table, {})[row_key(table, key)] = key
        for table, names in wanted.items():
            self._rows.update(dict.fromkeys(names))
            found = await self.transaction.rows_of(table, [*names.values()])
            self._rows.update((row_key(table, row), row) for row in found)

    async def below(self, collection: str, parents: Span) -> AsyncGenerator[RecordsByKey, None]:
        """The records of a collection below `parents`, each locked for this transaction: those of the database, page by
        page, and those that the group is about to create. Others get their turn on the loop between pages."""
        last, is_cut = None, True
        while is_cut:
            page, is_cut = await self.transaction.lock_below(collection, parents, last)
            keys = [(collection, record.parent, record.id) for record in page]
            yield {key: self._records.get(key, record) for key, record in zip(keys, page, strict=True)}
            last = page[-1] if page else None
            await asyncio.sleep(0)
        yield {key: self._records[key] for key in self._created.get(collection, ()) if is_within(key, parents)}

    async def referring(self, collection: str, field: str, id: RecordId) -> AsyncGenerator[RecordsByKey, None]:
        """The records of a collection that refer to `id` in a field, or did in the database, each locked for this
        transaction, as the group has left them: pages as those of `below`."""
        last, is_cut = None, True
        while is_cut:
            page, is_cut = await self.transaction.lock_holding(collection, field, id, last)
            keys = [(collection, record.parent, record.id) for record in page]
            yield {key: self._records.get(key, record) for key, record in zip(keys, page, strict=True)}
            last = page[-1] if page else None
            await asyncio.sleep(0)
        yield {key: self._records[key] for key in self._holders.get((collection, field, id), ())}

    async def since(self, key: RecordKey, after: int, origin: str) -> Since:
        """Whose a record's changes beyond revision `after` are: those of the log, and those about to be written."""
        newest, has_own = await self.transaction.since(*key, after, origin)
        changes = self._changes.get(key, ())
        timestamps = [change.timestamp for change in changes if change.origin != origin]
        timestamps += [] if newest is None else [newest]
        return Since(max(timestamps, default=None), has_own or any(change.origin == origin for change in changes))

    async def history(self, key: RecordKey, after: int) -> AsyncIterator[Sequence[LogEntry | Change]]:
        """A record's changes beyond revision `after`, in order: those of the log, page by page, and those about to be
        written. Others get their turn on the loop between pages."""
        is_last = False
        while not is_last:
            page = await self.transaction.history(*key, after)
            yield page
            is_last = page.is_last
            after = page[-1].revision if page else after
            await asyncio.sleep(0)
        yield self._changes.get(key, ())

    def staged(self, collection: str) -> StagedRecords | None:
        """The records of a collection that rules ask, and that the group is about to write."""
        staged = self._staged.get(collection)
        return staged if staged is not None and staged.records else None

    def holders(self, value: HeldValue) -> Sequence[RecordKey]:
        """The records to which the group is about to give the value of a field, or gave it for a while."""
        return self._holders.get(value, ())

    def stage(
        self,
        records: RecordsByKey,
        changes: Sequence[Change],
        acts: Sequence[RowAct],
        holders: Mapping[HeldValue, Sequence[RecordKey]] = MappingProxyType({}),
    ) -> None:
        """Show later requests what this one is about to write."""
        self._records.update(records)
        for value, keys in holders.items():
            self._holders.setdefault(value, []).extend(keys)
        for change in changes:
            key = key_of(change)
            self._changes.setdefault(key, []).append(change)
            if change.collection in self._staged:
                self._staged[change.collection].add(key[1:], change.after, is_new=change.kind == "create")
            if change.kind == "create":
                self._created.setdefault(change.collection, []).append(key)
        for act in acts:
            if isinstance(act, Put) and act.table == "_stand_ins":
                self.given_ids.stage(act.row)
            else:
                self._staged_rows.stage(act)


def key_of(change: Change) -> RecordKey:
    """The key of the record that a change is of."""
    record = change.after or change.before
    assert record is not None
    return change.collection, record.parent, record.id
