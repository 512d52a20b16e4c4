"""Reading from SQLite: on the event loop for as long as a read is short, in a thread once it isn't."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, nullcontext
from functools import partial
from math import inf
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any, TypeVar

import apsw

from hinterland.contract.errors import Refusal
from hinterland.kit.cel.sqlite_functions import register
from hinterland.server.storage import failures
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.protocol import PAGE_BYTES, Texts, octets
from hinterland.server.storage.reading import Reads
from hinterland.server.storage.statements import CollectionTable
from hinterland.server.storage.system import SYSTEM_TABLES, PreconditionFailed

# Virtual machine steps between two looks at a running read. A row takes about ten, however large it is, so that looks
# on the event loop are frequent; in a thread each one waits for the loop.
_STEPS, _STEPS_ASIDE = 500, 20_000
_SHARE = 400  # looks that a read may have on the event loop before it goes on in a thread: about 4 ms of small rows
_LOOP_SECONDS = 0.005  # the same of large rows: of the clock, and then of a core, since others may have had the time
SHORT_SECONDS = 0.1
"""Of a core, for a search for words before it counts as one that takes much work."""
_MOST_SECONDS = 2.0  # of a core, for a SELECT that a caller made up
_UNBOUNDED = 2**62
WAL_BYTES = 64 * 1024 * 1024  # what the log beside the file is held to
# What is too large to be sorted in the cache is sorted in a file: a page holds up to a thousand large records.
_READER_PRAGMAS = ("query_only=ON", "cache_size=-4000", "temp_store=FILE")
_CLASHES = (apsw.SQLITE_CONSTRAINT_UNIQUE, apsw.SQLITE_CONSTRAINT_PRIMARYKEY)

T = TypeVar("T")
FetchedRows = Iterable[Sequence[Any]]


def connect(path: Path) -> apsw.Connection:
    """A connection with the pragmas that durability and speed ask for."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    connection.set_busy_timeout(5_000)
    register(partial(connection.create_scalar_function, deterministic=True))
    # A plan does not depend on bound values: else each new value of LIMIT ? would have the statement planned anew.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    if connection.execute("PRAGMA journal_mode=WAL").fetchone() != ("wal",):  # SQLite reports a failure only so
        connection.close()
        raise StorageError(f"cannot open {path} in WAL mode; check that the disk has space and is not a network drive")
    limit = f"journal_size_limit={WAL_BYTES}"  # to which the log is cut when it begins anew
    for pragma in ("synchronous=FULL", "cache_size=-8000", "temp_store=MEMORY", limit):
        connection.execute(f"PRAGMA {pragma}")
    return connection


_FIELD_OF_KEY = {tuple(f"{table.name}.{name}" for name in table.key): table.field for table in SYSTEM_TABLES}


def refusal(error: Exception) -> Refusal | PreconditionFailed:
    """SQLite's error as one of ours; the one table of this edge."""
    if isinstance(error, apsw.ConstraintError) and getattr(error, "extendedresult", 0) in _CLASHES:
        columns = str(error).rpartition(": ")[2].split(", ")  # the key has two, a unique field is one
        if (field := _FIELD_OF_KEY.get(tuple(columns))) == "":
            return PreconditionFailed(f"there is a row with this key: {', '.join(columns)}")
        return failures.unique(field or (columns[0].rpartition(".")[2] if len(columns) == 1 else ""))
    if isinstance(error, apsw.InterruptError):
        return failures.too_costly()
    if isinstance(error, apsw.SQLError) and str(error) == "integer overflow":
        return failures.beyond()
    if isinstance(error, apsw.FullError):
        return failures.full()
    if isinstance(error, apsw.TooBigError | OverflowError | UnicodeError):
        return failures.unfit()
    return failures.unavailable()


ERRORS = (apsw.Error, OverflowError, UnicodeError)


async def finished(work: asyncio.Future[T], stop: Callable[[], object] = lambda: None) -> T:
    """What a thread's `work` gives. A cancelled caller asks it to `stop` and still waits: its connection is in use."""
    is_cancelled = False
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            is_cancelled = True
            stop()
    if is_cancelled:
        if not work.cancelled():
            work.exception()  # retrieved, so that asyncio does not report it as lost
        raise asyncio.CancelledError
    return work.result()


class SqliteReader:
    """A connection for reads, which looks up from time to time whether the running read may go on."""

    def __init__(self, path: Path) -> None:
        self.connection = connect(path)
        for pragma in _READER_PRAGMAS:
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.set_progress_handler(self._is_over, _STEPS)
        self._looks = _UNBOUNDED
        self._until = inf
        self._now = perf_counter

    def _is_over(self) -> bool:
        self._looks -= 1
        if self._looks < 0:
            return True
        if self._now() <= self._until:
            return False
        if self._now is perf_counter:  # which costs less to ask
            self._now, self._until = thread_time, thread_time() + _LOOP_SECONDS
            return False
        return True

    def run(self, sql: str) -> None:
        """Run a short statement, which is never interrupted."""
        self._looks, self._until = _UNBOUNDED, inf
        self.connection.execute(sql)

    def fetch(self, sql: str, parameters: Sequence[Any], take: Callable[[FetchedRows], T]) -> T | None:
        """What is to `take` of the rows; None where they take longer than the event loop can wait."""
        self._now, self._until = perf_counter, perf_counter() + _LOOP_SECONDS
        self._looks = _SHARE  # SQLite counts the steps of a cached statement on from its last run
        try:
            return take(self.connection.execute(sql, parameters))
        except apsw.InterruptError:
            return None
        except apsw.TooBigError as error:
            raise failures.TooMuch from error
        except ERRORS as error:
            raise refusal(error) from error

    def fetch_some(
        self, sql: str, parameters: Sequence[Any], texts: Texts | None
    ) -> tuple[list[Sequence[Any]], bool] | None:
        """`fetch` of the first rows, as `texts` bound them."""
        if texts is None or not texts.longest:
            return self.fetch(sql, parameters, partial(some, texts))
        with self.bounded(texts.longest):
            return self.fetch(sql, parameters, partial(some, texts))

    @contextmanager
    def bounded(self, longest: int) -> Iterator[None]:
        """While no text that a statement puts together can be longer than so many bytes."""
        before = self.connection.limit(apsw.SQLITE_LIMIT_LENGTH, longest)
        try:
            yield
        finally:
            self.connection.limit(apsw.SQLITE_LIMIT_LENGTH, before)

    async def fetch_slowly(
        self,
        sql: str,
        parameters: Sequence[Any],
        take: Callable[[FetchedRows], T],
        threads: Executor,
        seconds: float = inf,
    ) -> T:
        """What is to `take` of the rows, read in one of `threads`; a cancelled caller ends the read.

        Raises `too_costly` where it takes more than `seconds` of a core.
        """

        def fetch() -> T:
            self._now, self._until = thread_time, thread_time() + seconds
            self.connection.set_progress_handler(self._is_over, _STEPS_ASIDE)
            try:
                return take(self.connection.execute(sql, parameters))
            finally:
                self.connection.set_progress_handler(self._is_over, _STEPS)

        def stop() -> None:
            self._looks = 0
            job.cancel()

        self._looks = _UNBOUNDED
        job = threads.submit(fetch)
        try:
            return await finished(asyncio.wrap_future(job), stop)
        except apsw.TooBigError as error:
            raise failures.TooMuch from error
        except ERRORS as error:
            raise refusal(error) from error


class SqliteReads(Reads):
    """Reads on one connection, which nobody else uses meanwhile."""

    def __init__(self, reader: SqliteReader, tables: dict[str, CollectionTable], threads: Executor) -> None:
        self.reader = reader
        self.tables = tables
        self._threads = threads

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Sequence[Any]]:
        """The rows of one SELECT."""
        rows = self.reader.fetch(sql, parameters, list)
        return rows if rows is not None else await self.reader.fetch_slowly(sql, parameters, list, self._threads)

    async def fetch_some(
        self, sql: str, parameters: Sequence[Any], texts: Texts | None
    ) -> tuple[list[Sequence[Any]], bool]:
        """The first rows of one SELECT."""
        found = self.reader.fetch_some(sql, parameters, texts)
        return found if found is not None else await self.fetch_aside(sql, parameters, texts)

    async def fetch_aside(
        self, sql: str, parameters: Sequence[Any], texts: Texts | None, seconds: float | None = None
    ) -> tuple[list[Sequence[Any]], bool]:
        """The same, read in a thread at once: a single step of it may take longer than the loop can wait. Raises
        `too_costly` after `seconds` of a core (None: as many as a caller may use)."""
        most = _MOST_SECONDS if seconds is None else seconds
        with self.reader.bounded(texts.longest) if texts is not None and texts.longest else nullcontext():
            return await self.reader.fetch_slowly(sql, parameters, partial(some, texts), self._threads, most)


def some(texts: Texts | None, rows: FetchedRows) -> tuple[list[Sequence[Any]], bool]:
    """The first rows, as many as hold `PAGE_BYTES` in their `texts` and at least one; and whether there are more."""
    if texts is None:
        return [*rows], False
    taken: list[Sequence[Any]] = []
    size, places = 0, texts.places
    try:
        for row in rows:
            for place in places:
                if text := row[place]:
                    size += len(text) if text.isascii() else octets(text)
            if size > PAGE_BYTES and taken:
                return taken, True
            taken.append(row)
    except apsw.TooBigError:  # the next one: it has a page of its own, or none
        if not taken:
            raise
        return taken, True
    return taken, False
