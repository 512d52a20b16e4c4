"""The bound on SQLite's write-ahead log, the file `-wal` beside the database.

SQLite copies the log's pages into the database after each 1,000 of them, but begins it anew only when, at the start of
a write, no reader needs it. Where snapshots overlap without end that moment never comes, and the file grows without
limit. So once it is long, the next writer waits for the snapshots that are open, twice: after the first wait the whole
log is in the database, and after the second nobody reads from the log, since a reader that begins with everything in
the database reads there. Readers never wait, and writers no longer than `_WAIT_SECONDS` each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import apsw

from hinterland.kit.serial_worker import SerialWorker
from hinterland.server.storage.sqlite_reading import WAL_BYTES

_PAGES = 1_000  # which are copied into the database at once: SQLite's own default
_WAIT_SECONDS = 1.0


class WriteAheadLog:
    """Keeps the log of a writer's connection short; `commits` is the thread in which that one commits."""

    def __init__(self, commits: SerialWorker) -> None:
        self._commits = commits
        self._pages = self._most = self._limit = 0
        self._snapshots: set[asyncio.Future[None]] = set()

    def follow(self, writer: apsw.Connection) -> None:
        """Look after the log of `writer` from now on."""
        self._most = self._limit = WAL_BYTES // int(writer.pragma("page_size"))
        writer.set_wal_hook(self._committed)

    def _committed(self, connection: apsw.Connection, database: str, pages: int) -> int:
        """Called by SQLite after each commit, in its thread, with the length of the log."""
        self._pages = pages
        if pages >= _PAGES:
            _copy(connection)
        return apsw.SQLITE_OK

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A snapshot is open for the time of the block."""
        ended = asyncio.get_running_loop().create_future()
        self._snapshots.add(ended)
        try:
            yield
        finally:
            self._snapshots.discard(ended)
            ended.set_result(None)

    async def bound(self, writer: apsw.Connection) -> None:
        """Where the log is long, let the next write begin it anew; call it while nobody writes."""
        if self._pages < self._limit:
            self._most = self._limit
        if self._pages < self._most:
            return
        self._most = self._pages + self._limit  # where a snapshot stays open for long, the next try is not at once
        until = asyncio.get_running_loop().time() + _WAIT_SECONDS
        for _ in range(2):
            if self._snapshots:
                left = until - asyncio.get_running_loop().time()
                await asyncio.wait([*self._snapshots], timeout=max(0.0, left))
            await self._commits.submit(partial(_copy, writer))


def _copy(connection: apsw.Connection) -> None:
    with suppress(apsw.Error):  # on a full disk, say: it is tried again after the next commit
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
