"""The writes that both storages share, over a driver's `execute`."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from itertools import count, groupby
from typing import Any, assert_never

from hinterland.contract.identity import RecordId
from hinterland.server.storage import statements
from hinterland.server.storage.protocol import Change, CommitChanges, StoredRecord
from hinterland.server.storage.reading import Reads
from hinterland.server.storage.statements import RECORD_TEXTS, padded
from hinterland.server.storage.system import (
    TABLE_OF,
    Amend,
    Drop,
    Expect,
    Insert,
    Invalidation,
    PreconditionFailed,
    Put,
    Row,
    RowAct,
)
from hinterland.server.storage.table_writes import merged_writes


def _insertion(act: RowAct) -> str:
    """The statement of an `Insert`; "" for what is none."""
    return statements.insertion(act.table, tuple(act.row)) if isinstance(act, Insert) else ""


_BATCH = 50  # changes that are written between two turns of others
_BATCH_TEXT = 1024 * 1024  # characters of their records


def _size(change: Change) -> int:
    """The characters of a change's records."""
    size = 0
    for record in (change.before, change.after):
        if record is not None:
            size += len(record.body) + (len(record.private) if record.private else 0)
    return size


class Writes(Reads):
    """What a transaction can write. `locking` ends a SELECT of what is about to be written, `sharing` one of what must
    not be deleted meanwhile, and `sealing` one of what others may not even share."""

    locking = sharing = sealing = ""  # on SQLite there is no other writer

    @abstractmethod
    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""

    @abstractmethod
    async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each of `rows`."""

    @abstractmethod
    async def reserve(self, count: int) -> int:
        """Take `count` revisions; returns the first."""

    async def lock(
        self,
        collection: str,
        parent: str,
        id: RecordId,
        seen: tuple[str, Sequence[Any]] | None = None,
        *,
        is_shared: bool = False,
    ) -> StoredRecord | None:
        """Read a record that is about to be written, so that no other writer changes it meanwhile; by the statement and
        the further parameters of those that are `seen`, where given. What `is_shared` is only kept from deletion."""
        sql, given = (self.table(collection).get, ()) if seen is None else seen
        rows = await self.fetch(sql + (self.sharing if is_shared else self.locking), (parent, id, *given))
        return StoredRecord(*rows[0]) if rows else None

    async def lock_several(
        self, collection: str, parent: str, ids: Sequence[RecordId], seen: tuple[str, Sequence[Any]] | None = None
    ) -> tuple[list[StoredRecord], bool]:
        """`lock` of at most `TOGETHER` records below one parent."""
        sql, given = (self.table(collection).several, ()) if seen is None else seen
        parameters = (parent, *padded(ids), *given)
        rows, is_cut = await self.fetch_some(f"{sql} ORDER BY id{self.locking}", parameters, RECORD_TEXTS)
        return [StoredRecord(*row) for row in rows], is_cut

    async def share_several(
        self, collection: str, ids: Sequence[RecordId], seen: tuple[str, Sequence[Any]] | None = None
    ) -> list[RecordId]:
        """Keep at most `TOGETHER` records without a parent from deletion; returns the ids of those that are there."""
        sql, given = (self.table(collection).several_ids, ()) if seen is None else seen
        rows = await self.fetch(f"{sql} ORDER BY id{self.sharing}", ("", *padded(ids), *given))
        return [row[0] for row in rows]

    async def seal(self, collection: str, parent: str, id: RecordId) -> None:
        """Wait for other writers that share a record, and let no further ones share it."""
        if self.sealing:
            await self.fetch(self.table(collection).get + self.sealing, (parent, id))

    async def lock_below(
        self, collection: str, parents: tuple[str, str], after: StoredRecord | None
    ) -> tuple[list[StoredRecord], bool]:
        """`lock` of the first records behind `after` whose parent is between the two `parents`."""
        table = self.table(collection)
        start = (parents[0], 0 if table.is_integer else "") if after is None else after[:2]
        limit = RECORD_TEXTS.rows
        parameters = (parents[1], *start, limit)
        rows, is_cut = await self.fetch_some(table.below + self.locking, parameters, RECORD_TEXTS)
        return [StoredRecord(*row) for row in rows], is_cut or len(rows) == limit

    async def lock_holding(
        self, collection: str, field: str, id: RecordId, after: StoredRecord | None
    ) -> tuple[list[StoredRecord], bool]:
        """`lock` of the first records behind `after` that refer to `id` in a field."""
        table = self.table(collection)
        start = (0 if table.is_integer else "", "") if after is None else (after.id, after.parent)
        limit = RECORD_TEXTS.rows
        sql = table.holding(field) + self.locking
        rows, is_cut = await self.fetch_some(sql, (id, *start, limit), RECORD_TEXTS)
        return [StoredRecord(*row) for row in rows], is_cut or len(rows) == limit

    async def write(self, commits: Sequence[CommitChanges], at: float) -> None:
        """Write the changes of some commits to their tables and the log: those of a group of requests by few
        statements, each sent once for many rows."""
        if len(commits) == 1 and len(commits[0].changes) == 1:
            [(changes, last, check)] = commits
            await self.execute(*self.tables[changes[0].collection].statement(changes[0]))
            await self.execute(statements.INSERT_LOG, statements.log_row(changes[0], last, last, check, at))
            return
        sql, rows, logged, size = "", list[Sequence[Any]](), list[Sequence[Any]](), 0
        merged = merged_writes([change for changes, _, _ in commits for change in changes], self.tables)
        places = count()
        for changes, last, check in commits:
            for revision, change in enumerate(changes, last - len(changes) + 1):
                write = merged.get(next(places), change)
                if write is not None:
                    statement, parameters = self.tables[change.collection].statement(write)
                    if statement is not sql and rows:
                        await self.execute_many(sql, rows)
                        rows = []
                    sql = statement
                    rows.append(parameters)
                logged.append(statements.log_row(change, revision, last, check, at))
                size += _size(change)
                if len(logged) == _BATCH or size > _BATCH_TEXT:
                    await self._write_batch(sql, rows, logged)
                    rows, logged, size = [], [], 0
        await self._write_batch(sql, rows, logged)

    async def _write_batch(self, sql: str, rows: Sequence[Sequence[Any]], logged: Sequence[Sequence[Any]]) -> None:
        """Write records and the log; then others get their turn on the loop."""
        if rows:
            await self.execute_many(sql, rows)
        if logged:
            await self.execute_many(statements.INSERT_LOG, logged)
        await asyncio.sleep(0)

    async def next_ids(self, collection: str, count: int) -> range:
        """`count` new integer ids; never one that was given before."""
        sql = "UPDATE _collections SET last_id = last_id + ? WHERE name = ? RETURNING last_id"
        last = int((await self.fetch(sql, (count, collection)))[0][0])
        return range(last - count + 1, last + 1)

    async def claim_id(self, collection: str, id: int) -> None:
        """Take a given integer id, so that `next_ids` never gives it."""
        await self.execute("UPDATE _collections SET last_id = ? WHERE name = ? AND last_id < ?", (id, collection, id))

    async def act(self, acts: Sequence[RowAct]) -> None:
        """Do what is asked to system rows, in order. Raises `PreconditionFailed`."""
        for insertion, run in groupby(acts, _insertion):
            if insertion:
                await self.execute_many(insertion, [tuple(act.row.values()) for act in run if isinstance(act, Insert)])
            else:
                await self._act([act for act in run if not isinstance(act, Insert)])

    async def _act(self, acts: Sequence[Put | Amend | Drop | Expect | Invalidation]) -> None:
        for act in acts:
            match act:
                case Put(table, row):
                    await self.execute(statements.upsert(TABLE_OF[table], row), tuple(row.values()))
                case Amend(table, where, columns):
                    clause, parameters = statements.equals(where)
                    changed = ", ".join(f"{statements.quote(name)} = ?" for name in columns)
                    await self.execute(f"UPDATE {table} SET {changed}{clause}", [*columns.values(), *parameters])
                case Drop(table, where, until):
                    clause, parameters = statements.equals(where)
                    clause += "".join(f" AND {statements.quote(name)} <= ?" for name in until)
                    parameters += until.values()
                    await self.execute(f"DELETE FROM {table}{clause}", parameters)
                case Expect():
                    await self._expect(act)
                case Invalidation(subject):
                    await self.signal(subject)
                case _:
                    assert_never(act)

    async def redeclare(self) -> None:
        """Let other processes read the declarations again, once the transaction is durable; there are none."""

    async def signal(self, subject: str) -> None:
        """Send `subject` to the other processes on this database, once the transaction is durable."""

    async def hold(self, act: Expect) -> Row | None:
        """The row that an `Expect` names, or its absence, which no other writer changes until this transaction ends."""
        return await self.row(act.table, act.key)

    async def _expect(self, act: Expect) -> None:
        row = await self.hold(act)
        wanted = act.columns
        holds = row is None if wanted is None else row is not None and all(row[k] == v for k, v in wanted.items())
        if not holds:
            raise PreconditionFailed(f"{act.table} {act.key} changed meanwhile")
