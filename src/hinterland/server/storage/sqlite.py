"""Records and log in one SQLite file (apsw), in WAL mode with `synchronous=FULL`.

Reads and the statements of a write run on the event loop, since a thread hop costs more than they do; only COMMIT,
which waits for the disk, runs in a thread. A read that exceeds its share of work is interrupted and started again in a
reader thread, so that one bad filter doesn't stall the others.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.contract.records import Collection
from hinterland.server.storage import failures, migrations, statements
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.ownership import Ownership
from hinterland.server.storage.protocol import StoredRecord
from hinterland.server.storage.reading import Reads
from hinterland.server.storage.statements import CollectionTable
from hinterland.server.storage.writing import Writes

READ_STEPS = 200_000  # virtual machine steps, about 5 ms: what a read may take of the event loop
_READERS = 2
_IDLE_SNAPSHOTS = 8
FILE_NAME = "data.db"


def connect(path: Path, *, is_reader: bool = False) -> apsw.Connection:
    """A connection with the pragmas that durability and speed ask for."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(5_000)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-16000", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"PRAGMA query_only={'ON' if is_reader else 'OFF'}")
    return connection


class SqliteReads(Reads):
    """Reads on one connection; a slow one continues in a thread, on `borrow`ed or this connection."""

    def __init__(self, connection: apsw.Connection, storage: SqliteStorage) -> None:
        self.connection = connection
        self.storage = storage
        self.tables = storage.tables

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Sequence[Any]]:
        """The rows of one SELECT."""
        try:
            return [*self.connection.execute(sql, parameters)]
        except apsw.InterruptError:
            return await self._fetch_slowly(sql, parameters)
        except apsw.Error as error:
            raise refusal(error) from error

    async def record(self, collection: str, parent: str, id: RecordId) -> StoredRecord | None:
        """One record by its key."""
        try:
            row = self.connection.execute(self.table(collection).get, (parent, id)).fetchone()
        except apsw.Error as error:
            raise refusal(error) from error
        return StoredRecord(*row) if row else None

    async def _fetch_slowly(self, sql: str, parameters: Sequence[Any]) -> list[Sequence[Any]]:
        return await self.storage.in_reader(self.connection, sql, parameters)


class _SharedReads(SqliteReads):
    """Reads on the loop's own connection: a slow one goes on elsewhere, since others use this one."""

    async def _fetch_slowly(self, sql: str, parameters: Sequence[Any]) -> list[Sequence[Any]]:
        async with self.storage.snapshot() as snapshot:
            return await self.storage.in_reader(snapshot.connection, sql, parameters)


class SqliteTransaction(SqliteReads, Writes):
    """The one write transaction."""

    def __init__(self, connection: apsw.Connection, storage: SqliteStorage) -> None:
        super().__init__(connection, storage)
        self.reserved = storage.revision

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""
        try:
            self.connection.execute(sql, parameters)
        except apsw.Error as error:
            raise refusal(error) from error

    async def lock(self, collection: str, parent: str, id: RecordId) -> StoredRecord | None:
        """Read a record that is about to be written; there is no other writer."""
        return await self.record(collection, parent, id)

    async def next_id(self, collection: str) -> int:
        """A new integer id."""
        sql = "UPDATE _collections SET last_id = last_id + 1 WHERE name = ? RETURNING last_id"
        return int((await self.fetch(sql, (collection,)))[0][0])

    async def reserve(self, count: int) -> int:
        """Take `count` revisions; returns the first."""
        first = self.reserved + 1
        self.reserved += count
        return first


class SqliteStorage(_SharedReads):
    """A data folder with one SQLite file; this process owns it while it is open."""

    dialect: statements.DialectName = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self.ownership = Ownership(folder)
        self.tables: dict[str, CollectionTable] = {}
        self.revision = 0
        self.lineage = ""
        self.storage = self
        self._writer: apsw.Connection | None = None
        self._idle: list[SqliteReads] = []
        self._commits = ThreadPoolExecutor(1, "hinterland-commit")
        self._readers = ThreadPoolExecutor(_READERS, "hinterland-reader")
        self._writing = asyncio.Lock()

    async def open(self) -> None:
        """Own the folder, connect, and bring the system's tables to this version."""
        self.ownership.take()
        try:
            self._writer = connect(self.path)
            self._migrate(self._writer)
            self.connection = self._reader()
        except apsw.Error as error:
            self.ownership.release()
            raise StorageError(f"{self.path} can't be opened: {error}; is it a database of this program?") from error
        except StorageError:
            self.ownership.release()
            raise
        self.revision = (await self.head()).revision

    async def close(self) -> None:
        """Finish what is under way, fold the log file into the database, and let go of the folder."""
        async with self._writing:
            self._commits.shutdown()
            self._readers.shutdown()
            for reads in self._idle:
                reads.connection.close()
            self._idle.clear()
            self.connection.close()
            if self._writer is not None:
                self._writer.close()
            self.ownership.release()

    def _reader(self) -> apsw.Connection:
        connection = connect(self.path, is_reader=True)
        connection.set_progress_handler(lambda: True, READ_STEPS)
        return connection

    def _migrate(self, writer: apsw.Connection) -> None:
        version = writer.execute("PRAGMA user_version").fetchone()[0]  # type: ignore[index]
        steps = migrations.steps("sqlite")
        if version > len(steps):
            raise StorageError(f"{self.path} was written by a newer version of Hinterland: update this one")
        for number, step in enumerate(steps[version:], version + 1):
            with writer:
                for statement in step:
                    writer.execute(statement)
                writer.execute(f"PRAGMA user_version = {number}")
        writer.execute("INSERT INTO _meta VALUES ('lineage', ?) ON CONFLICT DO NOTHING", (secrets.token_hex(8),))
        self.lineage = str(writer.execute("SELECT value FROM _meta WHERE name = 'lineage'").fetchone()[0])  # type: ignore[index]

    async def declare(self, collections: Sequence[Collection]) -> None:
        """Make tables and columns for `collections` where they are missing."""
        async with self._writing:
            writer = self._connected()
            with writer:
                for collection in collections:
                    self._declare(writer, CollectionTable(collection, "sqlite"))

    def _declare(self, writer: apsw.Connection, table: CollectionTable) -> None:
        name = table.collection.name
        writer.execute("INSERT INTO _collections (name, last_id) VALUES (?, 0) ON CONFLICT DO NOTHING", (name,))
        there = {row[1] for row in writer.execute(f"PRAGMA table_info({table.name})")}
        if not there:
            for statement in table.ddl():
                writer.execute(statement)
        else:
            for statement in table.missing_ddl(there):
                writer.execute(statement)
        self.tables[name] = table

    def _connected(self) -> apsw.Connection:
        if self._writer is None:
            raise StorageError("the storage is not open")
        return self._writer

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[SqliteReads]:
        """Reads that all see the same state."""
        reads = self._idle.pop() if self._idle else SqliteReads(self._reader(), self)
        reads.connection.execute("BEGIN")
        try:
            yield reads
        finally:
            reads.connection.execute("COMMIT")
            if len(self._idle) < _IDLE_SNAPSHOTS:
                self._idle.append(reads)
            else:
                reads.connection.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteTransaction]:
        """The write transaction; others wait for their turn."""
        async with self._writing:
            writer = self._connected()
            transaction = SqliteTransaction(writer, self)
            await transaction.execute("BEGIN IMMEDIATE")
            try:
                yield transaction
                await self._commit(writer)
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise
            self.revision = transaction.reserved

    async def _commit(self, writer: apsw.Connection) -> None:
        commit = asyncio.get_running_loop().run_in_executor(self._commits, writer.execute, "COMMIT")
        try:
            await asyncio.shield(commit)
        except asyncio.CancelledError:
            await asyncio.wait([commit])
            raise
        except apsw.Error as error:
            raise refusal(error) from error

    async def in_reader(self, connection: apsw.Connection, sql: str, parameters: Sequence[Any]) -> list[Sequence[Any]]:
        """Run a long SELECT in a reader thread; a cancelled caller ends it."""

        def fetch() -> list[Sequence[Any]]:
            return [*connection.execute(sql, parameters)]

        connection.set_progress_handler(None)
        running = asyncio.get_running_loop().run_in_executor(self._readers, fetch)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            connection.interrupt()
            await asyncio.wait([running])
            raise
        except apsw.Error as error:
            raise refusal(error) from error
        finally:
            connection.set_progress_handler(lambda: True, READ_STEPS)

    async def prune(self, before: float) -> None:
        """Forget log entries older than `before` (seconds since 1970), but for the last commit."""
        async with self.transaction() as transaction:
            await transaction.execute(statements.PRUNE, (before,))

    def durability(self) -> str:
        """What a commit waits for, in a word for people."""
        return "WAL, synchronous=FULL"


def refusal(error: apsw.Error) -> Refusal:
    """SQLite's error as what the caller is told; the one table of this edge."""
    text = str(error)
    if isinstance(error, apsw.ConstraintError):
        return failures.unique(text.rpartition(".")[2])
    if isinstance(error, apsw.FullError):
        return failures.full()
    return failures.unavailable()
