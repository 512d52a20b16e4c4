"""Records and log in PostgreSQL (asyncpg), for any number of server processes on one database.

The revision comes from a one-row counter that a transaction takes last and holds until it ends: the order of revisions
is the order in which they become visible, which a sequence would not give.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from hinterland.contract.errors import Refusal
from hinterland.contract.records import Collection
from hinterland.kit.fair_turns import FairTurns, TooManyWaiting
from hinterland.server.storage import failures, migrations, statements
from hinterland.server.storage.database import Database
from hinterland.server.storage.failures import Deadlock, OutcomeUnknown, SchemaOutdated, StorageError
from hinterland.server.storage.kept_text import kept_text
from hinterland.server.storage.postgres_errors import ERRORS, field_of, translated
from hinterland.server.storage.postgres_notifications import COMMITS, INVALIDATIONS, NotificationListener
from hinterland.server.storage.postgres_pool import PostgresPool
from hinterland.server.storage.protocol import PAGE_BYTES, DeclaredSchema, DialectName, Texts
from hinterland.server.storage.reading import Reads, system_row
from hinterland.server.storage.statements import CollectionTable
from hinterland.server.storage.system import SCHEMA, TABLE_OF, Expect, Row
from hinterland.server.storage.writing import Writes

log = logging.getLogger("hinterland.storage")
_SHORT_SECONDS = 0.25  # of a SELECT that was not known to cost much
_LONG_SECONDS = 10.0  # of one that is
_ASIDES = 3  # slow SELECTs that are read at once, at most, and one of each caller
_WAITING = 16  # more of each caller, before they are refused
_SEARCHES_WAITING = 1_000  # lists of each caller that wait for their first try
_LEFT_OUT = "-"  # no record has this text
_RESERVE = "UPDATE _head SET revision = revision + ? RETURNING revision, generation, pg_notify(?, ?)"
_REDECLARE = (
    f"UPDATE _head SET generation = generation + 1 RETURNING generation, pg_notify('{INVALIDATIONS}', '{SCHEMA}')"
)
_GENERATION = "SELECT generation FROM _head"
_DEFINITION = "SELECT definition FROM _collections WHERE name = $1"
_MIGRATION_LOCK = 0x68696E74  # an advisory lock's number: one process at a time changes the schema


@kept_text
def numbered(sql: str) -> str:
    """`sql` with its `?` marks as `$1`, `$2` …; a mark inside a string literal or a quoted name is text."""
    parts, number, quoted = [], 0, ""
    for char in sql:
        if quoted:
            quoted = "" if char == quoted else quoted
        elif char in "'\"":
            quoted = char
        elif char == "?":
            number += 1
            char = f"${number}"
        parts.append(char)
    return "".join(parts)


class PostgresReads(Reads):
    """Reads on one connection."""

    def __init__(self, connection: asyncpg.Connection, tables: dict[str, CollectionTable]) -> None:
        self.connection = connection
        self.tables = tables

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Sequence[Any]]:
        """The rows of one statement."""
        with translated(self.tables):
            rows: list[Sequence[Any]] = await self.connection.fetch(numbered(sql), *parameters)
            return rows

    async def generation(self) -> int:
        """The number of the declaration."""
        return int((await self.fetch(_GENERATION))[0][0])

    async def fetch_some(
        self, sql: str, parameters: Sequence[Any], texts: Texts | None
    ) -> tuple[list[Sequence[Any]], bool]:
        """The first rows of one SELECT."""
        with translated(self.tables):
            return await _some(self.connection, sql, parameters, texts)


async def _some(
    source: asyncpg.Connection | PostgresPool,
    sql: str,
    parameters: Sequence[Any],
    texts: Texts | None,
    seconds: float | None = None,
) -> tuple[list[Sequence[Any]], bool]:
    """The first rows. As long as none of them is large, a plain statement is enough: what it leaves out it marks.

    Raises TimeoutError where a statement takes longer than `seconds`.
    """
    if texts is None:
        return await source.fetch(numbered(sql), *parameters, timeout=seconds), False
    rows = await source.fetch(numbered(lightened(sql, texts)), *parameters, timeout=seconds)
    if not any(row[texts.places[0]] == _LEFT_OUT for row in rows):
        return rows, False
    rows = await source.fetch(numbered(bounded(sql, texts)), *parameters, timeout=seconds)
    is_cut = len(rows) > 1 and rows[-1][-1] > PAGE_BYTES
    return [row[:-3] for row in (rows[:-1] if is_cut else rows)], is_cut


@kept_text
def lightened(sql: str, texts: Texts) -> str:
    """`sql` without the texts of those rows that hold more than their share of `PAGE_BYTES`."""
    columns = [*texts.columns]
    for place in texts.places:
        mark = f"'{_LEFT_OUT}'" if place == texts.places[0] else "NULL"
        columns[place] = f"CASE WHEN {_size(texts)} > {PAGE_BYTES // texts.rows} THEN {mark} ELSE {columns[place]} END"
    return f"SELECT {', '.join(columns)} FROM ({sql}) AS found"


@kept_text
def bounded(sql: str, texts: Texts) -> str:
    """`sql` up to the row with which its `texts` hold more than `PAGE_BYTES`, and two rows in any case.

    Of three more columns the last is how much they hold until there. The database counts: what is too much is neither
    sent nor read from the disk. Names that begin with _ are no field's.
    """
    size = _size(texts)
    counted = (
        f"SELECT found.*, row_number() OVER above AS _number, {size} AS _size, sum({size}) OVER above AS _through "
        f"FROM ({sql}) AS found WINDOW above AS (ROWS UNBOUNDED PRECEDING)"
    )
    return f"SELECT * FROM ({counted}) AS counted WHERE _number <= 2 OR _through - _size <= {PAGE_BYTES}"


def _size(texts: Texts) -> str:
    return " + ".join([f"coalesce(octet_length({texts.columns[place]}), 0)" for place in texts.places])


class PostgresTransaction(PostgresReads, Writes):
    """A write transaction."""

    locking = " FOR UPDATE"

    def __init__(
        self, connection: asyncpg.Connection, tables: dict[str, CollectionTable], process: str, generation: int | None
    ) -> None:
        super().__init__(connection, tables)
        self.process = process
        self.known_generation = generation

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""
        with translated(self.tables):
            await self.connection.fetch(numbered(sql), *parameters)

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each of `rows`, sent together."""
        with translated(self.tables):
            await self.connection.executemany(numbered(sql), rows)

    async def rows_of(self, table: str, keys: Sequence[Row]) -> list[Row]:
        """The system rows with these keys, in one statement."""
        known = TABLE_OF[table]
        lists = [[key[name] for key in keys] for name in known.key]
        return [system_row(known, values) for values in await self.fetch(statements.rows_of(known), lists)]

    async def signal(self, subject: str) -> None:
        """Send `subject` to every process that listens; PostgreSQL delivers it when the transaction commits."""
        await self.fetch("SELECT pg_notify(?, ?)", (INVALIDATIONS, subject))

    async def hold(self, act: Expect) -> Row | None:
        """The row, locked; for one that must not be there a lock by its name, since there is nothing else to lock."""
        if act.columns is None:
            name = f"{act.table} {act.key}"
            await self.fetch("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", (name,))
        else:
            clause, parameters = statements.equals(act.key)
            await self.fetch(f"SELECT 1 FROM {act.table}{clause} FOR UPDATE", parameters)
        return await self.row(act.table, act.key)

    async def reserve(self, count: int) -> int:
        """Take `count` revisions; returns the first. Other processes wait here until this transaction has ended, and
        are notified of its commit. Raises `SchemaOutdated`."""
        [(revision, generation, _)] = await self.fetch(_RESERVE, (count, COMMITS, self.process))
        if self.known_generation not in (None, generation):
            raise SchemaOutdated
        return int(revision) - count + 1

    async def redeclare(self) -> None:
        """Let other processes read the declarations again."""
        await self.execute(_REDECLARE)


class PostgresStorage(Database):
    """A PostgreSQL database, named by its DSN."""

    dialect: DialectName = "postgres"
    has_other_writers = True

    def __init__(self, dsn: str, *, connections: int = 10) -> None:
        self.dsn = dsn
        self.connections = connections
        searches = max(1, connections // 2)
        self._searches = FairTurns(searches, max(1, searches - 1), _SEARCHES_WAITING)
        self._asides = FairTurns(max(1, min(_ASIDES, connections // 4)), 1, _WAITING)
        self.tables: dict[str, CollectionTable] = {}
        self.database_id = ""
        self._generation: int | None = None  # of the declaration that `tables` are of
        self._pool: PostgresPool | None = None
        self._durability = ""
        self._notifications = NotificationListener(dsn)

    async def open(self) -> None:
        """Connect, and bring the system's tables to this version."""
        pool = PostgresPool(self.dsn, self.connections)
        try:
            pool.put(await pool.take(), is_sound=True)
        except (OSError, asyncpg.PostgresError, ValueError) as error:
            raise StorageError(f"cannot reach PostgreSQL: {error}; check HINTERLAND_DATABASE_URL") from error
        self._pool = pool
        try:
            async with pool.lease() as connection:
                await self._migrate(connection)
                self.database_id = await connection.fetchval("SELECT value FROM _meta WHERE name = 'database_id'")
                await self._check_durability(connection)
        except BaseException as error:
            await self.close()
            if isinstance(error, ERRORS):
                raise StorageError(f"the system's tables can't be made in PostgreSQL: {error}") from error
            raise

    async def _migrate(self, connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            version = await self._version(connection)
            steps = migrations.steps("postgres")
            if version > len(steps):
                raise StorageError("the database was written by a newer version of Hinterland; update this one")
            for step in steps[version:]:
                await connection.execute(";\n".join(step))  # one round trip
            await connection.execute(
                "INSERT INTO _meta VALUES ('version', $1) ON CONFLICT (name) DO UPDATE SET value = $1", str(len(steps))
            )
            await connection.execute(
                "INSERT INTO _meta VALUES ('database_id', $1) ON CONFLICT DO NOTHING", secrets.token_hex(8)
            )

    async def _version(self, connection: asyncpg.Connection) -> int:
        if await connection.fetchval("SELECT to_regclass('_meta')") is None:
            return 0
        return int(await connection.fetchval("SELECT value FROM _meta WHERE name = 'version'"))

    async def _check_durability(self, connection: asyncpg.Connection) -> None:
        found = {name: await connection.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")}
        self._durability = ", ".join(f"{name}={value}" for name, value in found.items())
        if found["fsync"] != "on" or found["synchronous_commit"] == "off":
            log.warning("PostgreSQL may lose acknowledged writes (%s); turn both on", self._durability)

    async def listen(self, invalidated: Callable[[str], None], written: Callable[[], None]) -> None:
        """Call `invalidated` and `written` after commits of other processes until the storage closes."""
        await self._notifications.open(invalidated, written)

    def announce(self, **facts: object) -> None:
        """Does nothing: nobody owns the database."""

    def durability(self) -> str:
        """What a commit waits for, for people to read."""
        return self._durability

    async def close(self) -> None:
        """Finish what is under way and disconnect."""
        await self._notifications.close()
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    def _connected(self) -> PostgresPool:
        if self._pool is None:
            raise StorageError("the storage is not open")
        return self._pool

    async def declare(self, collections: Sequence[Collection]) -> None:
        """Make tables and columns for `collections` where they are missing."""
        tables = [CollectionTable(collection, "postgres") for collection in collections]
        try:
            async with self._connected().lease() as connection, connection.transaction():
                await connection.execute(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
                generation = await connection.fetchval(_GENERATION) if tables else None
                if self._generation not in (None, generation):
                    raise SchemaOutdated
                changed = [await self._declare(connection, table) for table in tables]
                if any(changed):
                    generation = await connection.fetchval(_REDECLARE)
        except asyncpg.UniqueViolationError as error:
            field = field_of(error, {table.collection.name: table for table in tables})
            raise StorageError(
                f"{error.table_name}.{field} can't be made unique: some records have the same value"
            ) from error
        except asyncpg.DeadlockDetectedError as error:
            raise Deadlock from error
        except ERRORS as error:
            raise StorageError(f"the declared collections can't be made in PostgreSQL: {error}") from error
        self.tables.update((table.collection.name, table) for table in tables)
        self._generation = generation

    def adopt(self, declared: DeclaredSchema) -> None:
        """Read and write the records of these collections, until another process declares others."""
        super().adopt(declared)
        self._generation = declared.generation

    async def is_outdated(self) -> bool:
        """Whether another process has declared other collections since."""
        [(generation,)] = await self.fetch(_GENERATION)
        return int(generation) != self._generation

    async def _declare(self, connection: asyncpg.Connection, table: CollectionTable) -> bool:
        """Make a table, and what it lacks; whether its declaration changed."""
        before = await connection.fetchval(_DEFINITION, table.collection.name)
        await connection.execute(numbered(statements.DECLARE), *table.declaration())
        columns, indexes = [
            [row[0] for row in await connection.fetch(numbered(sql["postgres"]), table.collection.name)]
            for sql in (statements.COLUMNS, statements.INDEXES)
        ]
        for statement in table.missing_ddl(columns, indexes) if columns else table.ddl():
            await connection.execute(statement)
        return bool(before != table.declaration()[1])

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Sequence[Any]]:
        """The rows of one SELECT."""
        with translated(self.tables):
            return await self._connected().fetch(numbered(sql), *parameters)

    async def fetch_some(
        self, sql: str, parameters: Sequence[Any], texts: Texts | None
    ) -> tuple[list[Sequence[Any]], bool]:
        """The first rows of one SELECT."""
        with translated(self.tables):
            return await _some(self._connected(), sql, parameters, texts)

    async def search(
        self, sql: str, parameters: Sequence[Any], texts: Texts | None, *, asker: str, is_costly: bool
    ) -> tuple[list[Sequence[Any]], bool]:
        """The first rows of one SELECT; a slow one is stopped and begins again where few are read at once, so that
        the others find a connection."""
        with translated(self.tables):
            try:
                if not is_costly:
                    with suppress(TimeoutError):
                        async with self._searches.of(asker):
                            return await _some(self._connected(), sql, parameters, texts, _SHORT_SECONDS)
                async with self._asides.of(asker):
                    return await _some(self._connected(), sql, parameters, texts, _LONG_SECONDS)
            except TooManyWaiting:
                raise failures.too_many() from None
            except TimeoutError:
                raise failures.too_costly() from None

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[PostgresReads]:
        """Reads that all see the same state."""
        with translated(self.tables):
            async with (
                self._connected().lease() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield PostgresReads(connection, self.tables)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        """A write transaction. One of several processes that lock each other out is refused and may try again.

        Raises `OutcomeUnknown` where the database goes away while it commits.
        """
        is_ending = False
        try:
            with translated(self.tables):
                async with self._connected().lease() as connection, connection.transaction():
                    process = self._notifications.process
                    yield PostgresTransaction(connection, self.tables, process, self._generation)
                    is_ending = True
        except Refusal as error:
            if is_ending and error.code == "unavailable":
                raise OutcomeUnknown from error
            raise
