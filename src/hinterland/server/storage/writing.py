"""The writes that both storages share, over a driver's `execute`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, assert_never

from hinterland.contract.identity import RecordId
from hinterland.server.storage import statements
from hinterland.server.storage.protocol import Change, StoredRecord
from hinterland.server.storage.reading import Reads, pause
from hinterland.server.storage.system import SYSTEM_TABLES, Amend, Drop, Expect, LostRace, Put, Row, RowAct, Signal

_SYSTEM = {table.name: table for table in SYSTEM_TABLES}


class Writes(Reads):
    """What a transaction can write."""

    @abstractmethod
    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""

    @abstractmethod
    async def lock(self, collection: str, parent: str, id: RecordId) -> StoredRecord | None:
        """Read a record that is about to be written, so that no other writer changes it meanwhile."""

    @abstractmethod
    async def reserve(self, count: int) -> int:
        """Take `count` revisions; returns the first."""

    async def write(self, changes: Sequence[Change], commit: int, check: int, at: float) -> None:
        """Write the changes of one commit to their tables and the log; the last one's revision is `commit`."""
        revision = commit - len(changes)
        for index, change in enumerate(changes):
            revision += 1
            await self.execute(*self.tables[change.collection].statement(change))
            await self.execute(statements.INSERT_LOG, statements.log_row(change, revision, commit, check, at))
            await pause(index, len(changes))

    async def next_id(self, collection: str) -> int:
        """A new integer id; never one that was given before."""
        sql = "UPDATE _collections SET last_id = last_id + 1 WHERE name = ? RETURNING last_id"
        return int((await self.fetch(sql, (collection,)))[0][0])

    async def claim_id(self, collection: str, id: int) -> None:
        """Take a given integer id, so that `next_id` never gives it."""
        await self.execute("UPDATE _collections SET last_id = ? WHERE name = ? AND last_id < ?", (id, collection, id))

    async def act(self, acts: Sequence[RowAct]) -> None:
        """Do what is asked to system rows, in order. Raises `LostRace`."""
        for act in acts:
            match act:
                case Put(table, row):
                    await self.execute(statements.upsert(_SYSTEM[table], row), tuple(row.values()))
                case Amend(table, where, columns):
                    clause, parameters = statements.equals(where)
                    changed = ", ".join(f"{statements.quote(name)} = ?" for name in columns)
                    await self.execute(f"UPDATE {table} SET {changed}{clause}", [*columns.values(), *parameters])
                case Drop(table, where):
                    clause, parameters = statements.equals(where)
                    await self.execute(f"DELETE FROM {table}{clause}", parameters)
                case Expect():
                    await self._expect(act)
                case Signal(subject):
                    await self.signal(subject)
                case _:
                    assert_never(act)

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
            raise LostRace(f"{act.table} {act.key} changed meanwhile")
