"""Records and log in PostgreSQL (asyncpg), for any number of server processes on one database.

The revision comes from a one-row counter that a transaction takes last and holds until it ends: the order of revisions
is the order in which they become visible, which a sequence would not give.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import asyncpg

from hinterland.contract.errors import Refusal
from hinterland.contract.records import Collection
from hinterland.kit.fair_turns import FairTurns, TooManyWaiting
from hinterland.server.storage import failures, migrations, statements
from hinterland.server.storage.database import Database
from hinterland.server.storage.failures import Deadlock, OutcomeUnknown, SchemaOutdated, StorageError
from hinterland.server.storage.postgres_errors import ERRORS, field_of, translated
from hinterland.server.storage.postgres_notifications import INVALIDATIONS, NotificationListener
from hinterland.server.storage.postgres_pool import APPLICATION, PostgresPool, is_pooled
from hinterland.server.storage.postgres_reading import (
    GENERATION,
    PostgresReads,
    PostgresTransaction,
    numbered,
    some_made,
    some_of,
)
from hinterland.server.storage.protocol import DeclaredSchema, DialectName, Texts
from hinterland.server.storage.searching import searched_before, take_steps
from hinterland.server.storage.statements import CollectionTable
from hinterland.server.storage.system import SCHEMA

if TYPE_CHECKING:
    from hinterland.server.storage.nats_signals import NatsSignals

log = logging.getLogger("hinterland.storage")
_SHORT_SECONDS = 0.25  # of a SELECT that was not known to cost much
_LONG_SECONDS = 10.0  # of one that is
_ASIDES = 3  # slow SELECTs that are read at once, at most, and one of each caller
_WAITING = 16  # more of each caller, before they are refused
_SEARCHES_WAITING = 1_000  # lists of each caller that wait for their first try
_DEFINITION = "SELECT definition FROM _collections WHERE name = $1"
_MIGRATION_LOCK = 0x68696E74  # an advisory lock's number: one process at a time changes the schema
_REDECLARE = "UPDATE _head SET generation = generation + 1 RETURNING generation"


class PostgresStorage(Database):
    """A PostgreSQL database, named by its DSN.

    `direct`: a DSN that reaches the database itself, where `dsn` reaches a pooler such as PgBouncer; it is needed for
    LISTEN. `nats`: the URL of a NATS server by which processes wake each other, in the place of LISTEN and NOTIFY.
    """

    dialect: DialectName = "postgres"
    has_other_writers = True

    def __init__(self, dsn: str, *, connections: int = 10, direct: str = "", nats: str = "") -> None:
        self.dsn = dsn
        self.connections = connections
        self.direct = direct
        self.nats = nats
        searches = max(1, connections // 2)
        self._searches = FairTurns(searches, max(1, searches - 1), _SEARCHES_WAITING)
        self._asides = FairTurns(max(1, min(_ASIDES, connections // 4)), 1, _WAITING)
        self.tables: dict[str, CollectionTable] = {}
        self.database_id = ""
        self._generation: int | None = None  # of the declaration that `tables` are of
        self._pool: PostgresPool | None = None
        self._durability = ""
        self._is_pooled = False
        self._notifications: NotificationListener | NatsSignals = NotificationListener(dsn)

    async def open(self) -> None:
        """Connect, and bring the system's tables to this version."""
        try:
            self._is_pooled = bool(self.direct) or await is_pooled(self.dsn)
            pool = PostgresPool(self.dsn, self.connections, is_pooled=self._is_pooled)
            pool.put(await pool.take(), is_sound=True)
        except (OSError, asyncpg.PostgresError, ValueError) as error:
            raise StorageError(f"cannot reach PostgreSQL: {error}; check HINTERLAND_DATABASE_URL") from error
        self._pool = pool
        try:
            async with pool.lease() as connection:
                await self._migrate(connection)
                self.database_id = await connection.fetchval("SELECT value FROM _meta WHERE name = 'database_id'")
                await self._check_durability(connection)
            await self._demand_whole()
            self._notifications = self._make_notifications()
        except BaseException as error:
            await self.close()
            if isinstance(error, ERRORS):
                raise StorageError(f"the system's tables can't be made in PostgreSQL: {error}") from error
            raise

    def _make_notifications(self) -> NotificationListener | NatsSignals:
        if self.nats:
            try:
                from hinterland.server.storage.nats_signals import NatsSignals
            except ModuleNotFoundError as error:
                raise StorageError(
                    f"nats_url asks for NATS, and {error.name} is not installed; install hinterland with the extra "
                    "'nats'"
                ) from error
            return NatsSignals(self.nats, self.database_id)
        return NotificationListener(self.direct or ("" if self._is_pooled else self.dsn))

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
                generation = await connection.fetchval(GENERATION) if tables else None
                if self._generation not in (None, generation):
                    raise SchemaOutdated
                changed = [await self._declare(connection, table) for table in tables]
                if any(changed):
                    generation = await connection.fetchval(_REDECLARE)
                    await connection.execute(f"NOTIFY {INVALIDATIONS}, '{SCHEMA}'")
        except asyncpg.UniqueViolationError as error:
            field = field_of(error, {table.collection.name: table for table in tables})
            raise StorageError(
                f"{error.table_name}.{field} can't be made unique: some records have the same value"
            ) from error
        except asyncpg.DeadlockDetectedError as error:
            raise Deadlock from error
        except ERRORS as error:
            raise StorageError(f"the declared collections can't be made in PostgreSQL: {error}") from error
        if any(changed):
            await self._notifications.send([SCHEMA])
        self.tables.update((table.collection.name, table) for table in tables)
        self._generation = generation

    def adopt(self, declared: DeclaredSchema) -> None:
        """Read and write the records of these collections, until another process declares others."""
        super().adopt(declared)
        self._generation = declared.generation

    async def is_outdated(self) -> bool:
        """Whether another process has declared other collections since."""
        [(generation,)] = await self.fetch(GENERATION)
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
        if columns:
            own = PostgresTransaction(connection, {}, "", None)
            steps = table.search.renewal(searched_before(before, "postgres"), columns)
            await take_steps(steps, own.fetch, own.execute_many)
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
            return await some_of(self._connected(), sql, parameters, texts)

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
        """The first rows of one SELECT; a slow one is stopped and begins again where few are read at once, so that
        the others find a connection."""
        with translated(self.tables):
            try:
                if not is_costly:
                    with suppress(TimeoutError):
                        async with self._searches.of(asker):
                            return await some_of(self._connected(), sql, parameters, texts, _SHORT_SECONDS)
                async with self._asides.of(asker):
                    if texts is not None and texts.longest:
                        return await some_made(self._connected(), sql, parameters, texts, _LONG_SECONDS)
                    return await some_of(self._connected(), sql, parameters, texts, _LONG_SECONDS)
            except TooManyWaiting:
                raise failures.too_many() from None
            except TimeoutError:
                raise failures.too_costly() from None
            except asyncpg.ProgramLimitExceededError as error:
                raise failures.TooMuch from error

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
                    process = self._notifications.process if self._notifications.in_database else None
                    transaction = PostgresTransaction(connection, self.tables, process, self._generation)
                    yield transaction
                    is_ending = True
        except Refusal as error:
            if is_ending and error.code == "unavailable":
                raise OutcomeUnknown from error
            raise
        if transaction.subjects or (transaction.has_written and process is None):
            await self._notifications.send(transaction.subjects, is_written=transaction.has_written)

    async def others(self) -> int:
        """How many connections servers have to this database, as far as this role may see."""
        sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = ?"
        return int((await self.fetch(sql, (APPLICATION,)))[0][0])
