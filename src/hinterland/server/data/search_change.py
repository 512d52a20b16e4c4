"""Stored records on the way to other searched fields: their words are made anew, and the index of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hinterland.contract.records import Collection
from hinterland.server.storage import statements
from hinterland.server.storage.protocol import DialectName, Snapshot
from hinterland.server.storage.searching import SearchIndex, is_renewed, take_steps
from hinterland.server.storage.writing import Writes

MOST_AT_ONCE = 50_000
"""Records whose words are made when a server starts, or while it runs; more are a migration's work."""
Report = Callable[[str, int, int], None]
"""Called with what is done, for how many records it was done, and how many there are."""


class SearchChange:
    """What a collection's change from `old` to `new` means for searches."""

    def __init__(self, old: Collection, new: Collection, dialect: DialectName) -> None:
        self.name = new.name
        self.old = SearchIndex(old, dialect)
        self.new = SearchIndex(new, dialect)
        self.is_needed = is_renewed(self.old, self.new)
        self.dialect: DialectName = dialect

    async def count(self, storage: Snapshot) -> int:
        """How many records there are."""
        return int((await storage.fetch(self.new.counting))[0][0])

    async def steps(self, storage: Snapshot) -> list[str]:
        """What happens, in words."""
        if not self.is_needed:
            return []
        if not self.new:
            return [f"drop the words of {self.name}"]
        count, names = await self.count(storage), ", ".join([name for name, _ in self.new.fields])
        return [f"index the words of {'1 record' if count == 1 else f'{count:,} records'} of {self.name} ({names})"]

    async def _columns(self, transaction: Writes) -> list[str]:
        return [row[0] for row in await transaction.fetch(statements.COLUMNS[self.dialect], (self.name,))]

    async def prepare(self, transaction: Writes) -> None:
        """Let records be written with their words: without the old index, with the new columns."""
        for statement in (*self.old.drop_ddl(), *self.new.columns_ddl(await self._columns(transaction))):
            await transaction.execute(statement)

    async def make(self, transaction: Writes, report: Report) -> None:
        """Make the words of all records, and the index."""
        total, done = await self.count(transaction), 0

        async def execute_many(sql: str, rows: Sequence[Sequence[Any]]) -> None:
            nonlocal done
            await transaction.execute_many(sql, rows)
            done += len(rows)
            report(f"index the words of {self.name}", done, total)

        steps = self.new.renewal(self.old, await self._columns(transaction))
        await take_steps(steps, transaction.fetch, execute_many)


async def too_many(
    storage: Snapshot, dialect: DialectName, old: dict[str, Collection], new: Sequence[Collection]
) -> list[str]:
    """The collections with more records than `MOST_AT_ONCE` whose searched fields changed, in words."""
    reasons = []
    for change in (SearchChange(old[each.name], each, dialect) for each in new if each.name in old):
        count = await change.count(storage) if change.is_needed else 0
        if count > MOST_AT_ONCE:
            reasons.append(f"{change.name} is searched by other fields: the words of {count:,} records are to be made")
    return reasons
