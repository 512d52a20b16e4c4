"""Records and log in one SQLite file (apsw), in WAL mode with `synchronous=FULL`.

Reads and the statements of a write run on the event loop, since a thread hop costs more than they do; only COMMIT,
which waits for the disk, runs in a thread. A read that exceeds its share of work is interrupted and started again in a
reader thread, so that one bad filter doesn't stall the others.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from hinterland.contract.errors import Refusal
from hinterland.contract.records import Collection
from hinterland.kit.fair_turns import FairTurns, TooManyWaiting
from hinterland.kit.serial_worker import SerialWorker
from hinterland.server.storage import failures, migrations, statements
from hinterland.server.storage.database import Database
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.ownership import Ownership
from hinterland.server.storage.protocol import DialectName, Head, Texts
from hinterland.server.storage.searching import run_steps, searched_before
from hinterland.server.storage.sqlite_reading import (
    ERRORS,
    SHORT_SECONDS,
    SqliteReader,
    SqliteReads,
    connect,
    refusal,
    some,
)
from hinterland.server.storage.sqlite_wal import WriteAheadLog
from hinterland.server.storage.statements import CollectionTable
from hinterland.server.storage.writing import Writes

_ASIDES = 2  # slow SELECTs of callers that are read at once, one of each caller
_SEARCHES = 2  # searches for words that are read at once
_THREADS = _ASIDES + _SEARCHES + 1  # one is left to the server's own reads
_WAITING = 16  # more of each caller, before they are refused
_SEARCHES_WAITING = 1_000  # the same of searches that may be short
_IDLE_READERS = 8
FILE_NAME = "data.db"
log = logging.getLogger("hinterland.storage")


class SqliteTransaction(Writes):
    """The one write transaction."""

    def __init__(self, connection: apsw.Connection, tables: dict[str, CollectionTable], revision: int) -> None:
        self.connection = connection
        self.tables = tables
        self.reserved = revision

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Sequence[Any]]:
        """The rows of one statement."""
        try:
            return [*self.connection.execute(sql, parameters)]
        except ERRORS as error:
            raise refusal(error) from error

    async def fetch_some(
        self, sql: str, parameters: Sequence[Any], texts: Texts | None
    ) -> tuple[list[Sequence[Any]], bool]:
        """The first rows of one SELECT."""
        try:
            return some(texts, self.connection.execute(sql, parameters))
        except ERRORS as error:
            raise refusal(error) from error

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""
        try:
            self.connection.execute(sql, parameters)
        except ERRORS as error:
            raise refusal(error) from error

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each of `rows`."""
        try:
            self.connection.executemany(sql, rows)
        except ERRORS as error:
            raise refusal(error) from error

    async def reserve(self, count: int) -> int:
        """Take `count` revisions; returns the first."""
        first = self.reserved + 1
        self.reserved += count
        return first


class SqliteStorage(Database):
    """A data folder with one SQLite file; this process owns it while it is open."""

    dialect: DialectName = "sqlite"
    has_other_writers = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self.ownership = Ownership(folder)
        self.tables: dict[str, CollectionTable] = {}
        self.revision = 0
        self.database_id = ""
        self._writer: apsw.Connection | None = None
        self._shared: SqliteReader | None = None
        self._idle: list[SqliteReader] = []
        self._commits = SerialWorker("hinterland-commit")
        self._wal = WriteAheadLog(self._commits)
        self._readers = ThreadPoolExecutor(_THREADS, "hinterland-reader")
        self._asides = FairTurns(_ASIDES, 1, _WAITING)
        self._searches = FairTurns(_SEARCHES, 1, _SEARCHES_WAITING)
        self._writing = asyncio.Lock()
        self._file: tuple[int, int] | None = None  # device and inode of the open file

    async def open(self) -> None:
        """Own the folder, connect, and bring the system's tables to this version."""
        self.ownership.take()
        try:
            with suppress(OSError):  # SQLite reports what is wrong
                self.path.touch(mode=0o600)  # passwords' hashes and keys are for its owner alone
            writer = self._writer = connect(self.path)
            self._wal.follow(writer)
            self._migrate(writer)
            self._file = _identity(self.path)
            self._shared = SqliteReader(self.path)
            self.revision = (await self.head()).revision
            await self._demand_whole()
        except (apsw.Error, Refusal) as error:
            self._let_go()
            raise StorageError(
                f"cannot open {self.path}: {error}; check that it is a database of this program"
            ) from error
        except BaseException:
            self._let_go()
            raise

    async def close(self) -> None:
        """Finish what is running, fold the log file into the database, and release the folder."""
        async with self._writing:
            await asyncio.to_thread(self._readers.shutdown)
            self._commits.close()
            self._let_go()

    def _let_go(self) -> None:
        shared = [] if self._shared is None else [self._shared]
        connections = [reader.connection for reader in (*self._idle, *shared)]
        connections += [] if self._writer is None else [self._writer]
        for connection in connections:
            with suppress(apsw.Error):  # what can't be folded into the file now stays in its log beside it
                connection.close()
        self._idle.clear()
        self._writer = self._shared = None
        self.ownership.release()

    def _migrate(self, writer: apsw.Connection) -> None:
        version = writer.execute("PRAGMA user_version").fetchone()[0]  # type: ignore[index]
        steps = migrations.steps("sqlite")
        if version > len(steps):
            raise StorageError(f"{self.path} was written by a newer version of Hinterland; update this one")
        for number, step in enumerate(steps[version:], version + 1):
            with writer:
                for statement in step:
                    writer.execute(statement)
                writer.execute(f"PRAGMA user_version = {number}")
        writer.execute("INSERT INTO _meta VALUES ('database_id', ?) ON CONFLICT DO NOTHING", (secrets.token_hex(8),))
        self.database_id = str(writer.execute("SELECT value FROM _meta WHERE name = 'database_id'").fetchone()[0])  # type: ignore[index]

    async def declare(self, collections: Sequence[Collection]) -> None:
        """Make tables, columns and indexes for `collections` where they are missing. Raises `StorageError`."""
        tables = [CollectionTable(collection, "sqlite") for collection in collections]
        async with self._writing:
            writer = self._connected()
            try:
                with writer:
                    for table in tables:
                        self._declare(writer, table)
            except apsw.ConstraintError as error:
                field = str(error).rpartition(" ")[2]
                raise StorageError(f"{field} can't be made unique: some records have the same value") from error
            except apsw.Error as error:
                raise StorageError(f"the declared collections can't be made in {self.path}: {error}") from error
        self.tables.update((table.collection.name, table) for table in tables)

    def _declare(self, writer: apsw.Connection, table: CollectionTable) -> None:
        before = writer.execute(statements.DEFINITION, (table.collection.name,)).fetchone()
        writer.execute(statements.DECLARE, table.declaration())
        columns, indexes = (
            [row[0] for row in writer.execute(sql["sqlite"], (table.collection.name,))]
            for sql in (statements.COLUMNS, statements.INDEXES)
        )
        for statement in table.missing_ddl(columns, indexes) if columns else table.ddl():
            writer.execute(statement)
        if columns and before is not None:
            steps = table.search.renewal(searched_before(before[0], "sqlite"), columns)
            run_steps(steps, lambda *statement: [*writer.execute(*statement)], writer.executemany)

    def _connected(self) -> apsw.Connection:
        if self._writer is None:
            raise StorageError("the storage is not open")
        return self._writer

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Sequence[Any]]:
        """The rows of one SELECT; a slow one goes on elsewhere, since everybody uses the connection of the loop."""
        rows = self._reader().fetch(sql, parameters, list)
        if rows is not None:
            return rows
        async with self.snapshot() as snapshot:
            return await snapshot.fetch(sql, parameters)

    async def fetch_some(
        self, sql: str, parameters: Sequence[Any], texts: Texts | None
    ) -> tuple[list[Sequence[Any]], bool]:
        """The first rows of one SELECT."""
        found = self._reader().fetch(sql, parameters, partial(some, texts))
        if found is not None:
            return found
        async with self.snapshot() as snapshot:
            return await snapshot.fetch_some(sql, parameters, texts)

    async def search(
        self,
        sql: str,
        parameters: Sequence[Any],
        texts: Texts | None,
        *,
        asker: str,
        is_costly: bool,
        has_long_steps: bool = False,
    ) -> tuple[list[Sequence[Any]], bool]:
        """The first rows of one SELECT; a costly or slow one is read on a connection of its own, in a thread."""
        found = None
        if has_long_steps and not is_costly:
            found = await self._search_aside(sql, parameters, texts, asker)
        elif not is_costly:
            found = self._reader().fetch_some(sql, parameters, texts)
        if found is not None:
            return found
        try:
            async with self._asides.of(asker), self.snapshot() as snapshot:
                return await snapshot.fetch_aside(sql, parameters, texts)
        except TooManyWaiting:
            raise failures.too_many() from None

    async def _search_aside(
        self, sql: str, parameters: Sequence[Any], texts: Texts | None, asker: str
    ) -> tuple[list[Sequence[Any]], bool] | None:
        """The first rows of a SELECT of which nothing interrupts a step, read in a thread; None: they take long."""
        try:
            async with self._searches.of(asker), self.snapshot() as snapshot:
                return await snapshot.fetch_aside(sql, parameters, texts, SHORT_SECONDS)
        except TooManyWaiting:
            raise failures.too_many() from None
        except Refusal as refusal:
            if refusal.code != "too_costly":
                raise
            return None

    def _reader(self) -> SqliteReader:
        if self._shared is None:
            raise StorageError("the storage is not open")
        return self._shared

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[SqliteReads]:
        """Reads that all see the same state."""
        reader = self._idle.pop() if self._idle else self._new_reader()
        with self._wal.snapshot():
            reader.run("BEGIN")
            try:
                yield SqliteReads(reader, self.tables, self._readers)
            finally:
                reader.run("COMMIT")
                if self._writer is not None and len(self._idle) < _IDLE_READERS:
                    self._idle.append(reader)
                else:
                    reader.connection.close()

    def _new_reader(self) -> SqliteReader:
        self._connected()
        try:
            return SqliteReader(self.path)
        except apsw.Error as error:
            raise refusal(error) from error

    def transaction(self) -> AbstractAsyncContextManager[SqliteTransaction]:
        """The write transaction; others wait for their turn."""
        return _TransactionBlock(self)

    async def begin(self) -> SqliteTransaction:
        """Begin the write transaction when it is its turn; to be ended by `end`."""
        await self._writing.acquire()
        try:
            writer = self._connected()
            await self._wal.bound(writer)
            transaction = SqliteTransaction(writer, self.tables, self.revision)
            await transaction.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._writing.release()
            raise
        return transaction

    async def end(self, transaction: SqliteTransaction, *, is_kept: bool) -> None:
        """Commit what the transaction wrote, or undo it."""
        writer = transaction.connection
        try:
            if is_kept:
                await self._commit(transaction)
        finally:
            if writer.in_transaction:
                with suppress(apsw.Error):  # the first error is the one to report
                    writer.execute("ROLLBACK")
            self._writing.release()

    async def _commit(self, transaction: SqliteTransaction) -> None:
        def commit() -> None:
            transaction.connection.execute("COMMIT")
            self.revision = transaction.reserved  # also where the caller was cancelled meanwhile
            self._check_file()  # SQLite also writes to a file that was deleted

        try:
            await self._commits.submit(commit)
        except apsw.Error as error:
            raise refusal(error) from error

    def _check_file(self) -> None:
        """Raises `unavailable` where the open file is no longer at its path: what was committed is not kept."""
        if _identity(self.path) != self._file:
            log.error("the database %s was deleted or replaced while the server runs; restart the server", self.path)
            raise failures.moved(self.path)

    async def head(self) -> Head:
        """The newest commit. Raises `unavailable` where the file was deleted or replaced."""
        if self._file is not None:
            self._check_file()
        return await super().head()

    async def listen(self, invalidated: Callable[[str], None], written: Callable[[], None]) -> None:
        """Does nothing: no other process writes to the file."""

    def announce(self, **facts: object) -> None:
        """Show `facts`, such as the url that this process serves, to those who find the folder in use."""
        self.ownership.announce(**facts)

    def durability(self) -> str:
        """What a commit waits for, for people to read."""
        return "WAL, synchronous=FULL"


class _TransactionBlock:
    """The block of a write transaction, at half the cost of a generator's: one is entered for each write."""

    __slots__ = ("_storage", "_transaction")

    def __init__(self, storage: SqliteStorage) -> None:
        self._storage = storage

    async def __aenter__(self) -> SqliteTransaction:
        self._transaction = await self._storage.begin()
        return self._transaction

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self._storage.end(self._transaction, is_kept=kind is None)


def _identity(path: Path) -> tuple[int, int] | None:
    """The device and inode of a file; None where there is none."""
    try:
        found = os.stat(path)  # with each commit; Path.stat costs more
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
