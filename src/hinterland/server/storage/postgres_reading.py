"""PostgreSQL's side of reads and writes: statements with numbered marks, rows up to a size, and transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg

from hinterland.server.storage import statements
from hinterland.server.storage.failures import SchemaOutdated
from hinterland.server.storage.kept_text import kept_text
from hinterland.server.storage.postgres_errors import translated
from hinterland.server.storage.postgres_notifications import COMMITS, INVALIDATIONS
from hinterland.server.storage.postgres_pool import PostgresPool
from hinterland.server.storage.protocol import PAGE_BYTES, Texts
from hinterland.server.storage.reading import Reads, system_row
from hinterland.server.storage.statements import CollectionTable
from hinterland.server.storage.system import SCHEMA, TABLE_OF, Expect, Row
from hinterland.server.storage.writing import Writes

_MOST_FETCHED = 16  # rows at once of those that are fetched by their sizes
_LEFT_OUT = "-"  # no record has this text
_RESERVE = "UPDATE _head SET revision = revision + ? RETURNING revision, generation"
_RESERVE_LOUDLY = f"{_RESERVE}, pg_notify(?, ?)"
_REDECLARE = "UPDATE _head SET generation = generation + 1"
GENERATION = "SELECT generation FROM _head"


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
        return int((await self.fetch(GENERATION))[0][0])

    async def fetch_some(
        self, sql: str, parameters: Sequence[Any], texts: Texts | None
    ) -> tuple[list[Sequence[Any]], bool]:
        """The first rows of one SELECT."""
        with translated(self.tables):
            return await some_of(self.connection, sql, parameters, texts)


async def some_of(
    source: asyncpg.Connection | PostgresPool,
    sql: str,
    parameters: Sequence[Any],
    texts: Texts | None,
    seconds: float | None = None,
) -> tuple[list[Sequence[Any]], bool]:
    """The first rows. As long as none of them is large, a plain statement is enough: what it leaves out it marks.

    Raises TimeoutError where a statement takes longer than `seconds`, and asyncpg's ProgramLimitExceededError where the
    first row has a text that is longer than one may be.
    """
    if texts is None:
        return await source.fetch(numbered(sql), *parameters, timeout=seconds), False
    try:
        rows = await source.fetch(numbered(lightened(sql, texts)), *parameters, timeout=seconds)
    except asyncpg.ProgramLimitExceededError:
        if not texts.longest or not isinstance(source, PostgresPool):
            raise
        rows = None  # one of the texts: it may be beyond the page
    if rows is not None and not any(row[texts.places[0]] == _LEFT_OUT for row in rows):
        return rows, False
    if texts.longest and isinstance(source, PostgresPool):
        return await some_made(source, sql, parameters, texts, seconds)
    rows = await source.fetch(numbered(bounded(sql, texts)), *parameters, timeout=seconds)
    is_cut = len(rows) > 1 and rows[-1][-1] > PAGE_BYTES
    return [row[:-3] for row in (rows[:-1] if is_cut else rows)], is_cut


async def some_made(
    pool: PostgresPool, sql: str, parameters: Sequence[Any], texts: Texts, seconds: float | None
) -> tuple[list[Sequence[Any]], bool]:
    """The first rows, of whose texts the database puts together hardly more than are wanted: rows are fetched a few at
    a time, by the size of those before. A text that is too long ends the page before it. Raises what `some_of` does."""
    taken: list[Sequence[Any]] = []
    size, count = 0, 1
    try:
        async with pool.lease() as connection, asyncio.timeout(seconds), connection.transaction(readonly=True):
            cursor = await connection.cursor(numbered(sized(sql, texts)), *parameters)
            while rows := await cursor.fetch(count):
                for row in rows:
                    size += row[-1]
                    if size > PAGE_BYTES and taken:
                        return taken, True
                    taken.append(row[:-1])
                count = max(1, min(2 * count, _MOST_FETCHED, (PAGE_BYTES - size) * len(taken) // (size or 1)))
    except asyncpg.ProgramLimitExceededError:
        if not taken:
            raise
        return taken, True
    return taken, False


@kept_text
def sized(sql: str, texts: Texts) -> str:
    """`sql` with how much the `texts` of each row hold, and without those that make a page by themselves where they are
    not of the first row. The window reads no row before it is asked for, as one with sums would."""
    columns = [*texts.columns]
    for place in texts.places:
        columns[place] = f"CASE WHEN _number = 1 OR _size <= {PAGE_BYTES} THEN {columns[place]} END"
    inner = f"SELECT found.*, row_number() OVER () AS _number, {_size(texts)} AS _size FROM ({sql}) AS found"
    return f"SELECT {', '.join(columns)}, _size FROM ({inner}) AS measured"


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
    """A write transaction. `process` names its process in NOTIFY; None: others learn of it in another way, from
    `has_written` and the `subjects` of its invalidations."""

    locking, sharing, sealing = " FOR NO KEY UPDATE", " FOR KEY SHARE", " FOR UPDATE"

    def __init__(
        self,
        connection: asyncpg.Connection,
        tables: dict[str, CollectionTable],
        process: str | None,
        generation: int | None,
    ) -> None:
        super().__init__(connection, tables)
        self.process = process
        self.known_generation = generation
        self.has_written = False
        self.subjects: list[str] = []

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
        """Send `subject` to every process that listens, when the transaction has committed."""
        if self.process is None:
            self.subjects.append(subject)
        else:
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
        if self.process is None:
            [(revision, generation)] = await self.fetch(_RESERVE, (count,))
        else:
            [(revision, generation, _)] = await self.fetch(_RESERVE_LOUDLY, (count, COMMITS, self.process))
        if self.known_generation not in (None, generation):
            raise SchemaOutdated
        self.has_written = True
        return int(revision) - count + 1

    async def redeclare(self) -> None:
        """Let other processes read the declarations again."""
        await self.execute(_REDECLARE)
        await self.signal(SCHEMA)
