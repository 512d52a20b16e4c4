"""What both storages share above their snapshots and transactions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Container, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from hinterland.contract.identity import RecordId
from hinterland.contract.records import Collection, read_collection
from hinterland.kit.fair_turns import FairTurns, TooManyWaiting
from hinterland.server.storage import failures, statements
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.protocol import DeclaredSchema, DialectName, Head, LogPage, StoredRecord
from hinterland.server.storage.reading import Reads
from hinterland.server.storage.statements import CollectionTable
from hinterland.server.storage.system import ANSWERS, COLLECTIONS, COPY, ERASURES, META, MUTATIONS, Drop, SystemTable
from hinterland.server.storage.writing import Writes

_PRUNED_AT_ONCE = 1_000


class Database(Reads):
    """Reads of several statements see one state here too; pruning goes in small steps, and writers get their turn."""

    dialect: DialectName
    database_id: str
    tables: dict[str, CollectionTable]
    _asides: FairTurns
    """The places of reads that may cost much."""

    is_target = False
    """Whether it is opened to copy another database to it."""

    async def _demand_whole(self) -> None:
        """Raises `StorageError` where a copy to this database was not finished, unless it goes on now."""
        if not self.is_target and await self.row(META.name, {"name": COPY}) is not None:
            raise StorageError(
                "this database has an unfinished copy of another one; finish it: run the same hinterland migrate "
                "--from … --to … again"
            )

    @abstractmethod
    def snapshot(self) -> AbstractAsyncContextManager[Reads]:
        """Reads that all see the same state."""

    @abstractmethod
    def transaction(self) -> AbstractAsyncContextManager[Writes]:
        """A write transaction."""

    @abstractmethod
    async def declare(self, collections: Sequence[Collection]) -> None:
        """Make tables, columns and indexes for `collections` where they are missing."""

    @asynccontextmanager
    async def costly_turn(self, asker: str) -> AsyncIterator[None]:
        """A place for reads that may cost much."""
        try:
            async with self._asides.of(asker):
                yield
        except TooManyWaiting:
            raise failures.too_many() from None

    async def declared(self) -> DeclaredSchema:
        """What the database is declared with now."""
        async with self.snapshot() as snapshot:
            rows = await snapshot.rows(COLLECTIONS.name, {})
            generation = await snapshot.generation()
        texts = [row["definition"] for row in rows if row["definition"]]
        return DeclaredSchema([read_collection(text) for text in texts], generation)

    def adopt(self, declared: DeclaredSchema) -> None:
        """Read and write the records of these collections."""
        self.tables = {one.name: CollectionTable(one, self.dialect) for one in declared.collections}

    async def is_outdated(self) -> bool:
        """Whether another process has declared other collections: none writes to the database."""
        return False

    async def head(self) -> Head:
        """The end of the log."""
        async with self.snapshot() as snapshot:
            return await snapshot.head()

    async def check_at(self, revision: int) -> int | None:
        """The check value of the commit that ended at `revision`; None where the log has no such commit end."""
        async with self.snapshot() as snapshot:
            return await snapshot.check_at(revision)

    async def log(
        self, after: int, limit: int, through: int | None = None, collections: Container[str] | None = None
    ) -> LogPage:
        """Changes beyond revision `after`, ending at a commit's end; those of other `collections` without records."""
        page = await self._head_page(after, limit, collections) if through is None else None
        if page is not None:  # what followers of the log ask for
            return page
        async with self.snapshot() as snapshot:
            return await snapshot.log(after, limit, through, collections)

    async def record_at(self, collection: str, parent: str, id: RecordId, revision: int) -> StoredRecord | None:
        """One record as it was right after `revision`, as far as the log reaches back."""
        async with self.snapshot() as snapshot:
            return await snapshot.record_at(collection, parent, id, revision)

    async def history(self, collection: str, parent: str, id: RecordId, after: int) -> LogPage:
        """The first changes of one record beyond revision `after`, in order."""
        async with self.snapshot() as snapshot:
            return await snapshot.history(collection, parent, id, after)

    async def prune(self, before: float) -> None:
        """Forget the log's entries older than `before` (seconds since 1970), but never the last commit; the outcomes of
        mutations, which a copy of a device's store may ask for; and who made a change, where the account was erased."""
        await self._forget(MUTATIONS, before)
        kept = await self.fetch(statements.FIRST_KEPT, (before,))
        oldest = await self.fetch(statements.OLDEST)
        if not kept or not oldest:
            return
        for end in (*range(oldest[0][0] + _PRUNED_AT_ONCE, kept[0][0], _PRUNED_AT_ONCE), kept[0][0]):
            async with self.transaction() as transaction:
                await transaction.execute(statements.PRUNE, (end,))
        await self._forget_actors(kept[0][0])

    async def _forget_actors(self, first: int) -> None:
        erased = [row["account"] for row in await self.rows(ERASURES.name, {})]
        end = (await self.head()).revision + 1
        for start in range(first, end, _PRUNED_AT_ONCE) if erased else ():
            async with self.transaction() as transaction:
                span = start, min(start + _PRUNED_AT_ONCE, end)
                await transaction.execute_many(statements.FORGET_ACTOR, [(*span, account) for account in erased])
        if erased:
            async with self.transaction() as transaction:
                await transaction.act([Drop(ERASURES.name, {"account": account}) for account in erased])

    async def forget_answers(self, before: float) -> None:
        """Forget the answers of idempotency keys older than `before` (seconds since 1970)."""
        await self._forget(ANSWERS, before)

    async def _forget(self, table: SystemTable, before: float) -> None:
        sql, count = statements.forget(table), _PRUNED_AT_ONCE
        while count == _PRUNED_AT_ONCE:
            async with self.transaction() as transaction:
                count = len(await transaction.fetch(sql, (before, _PRUNED_AT_ONCE)))
