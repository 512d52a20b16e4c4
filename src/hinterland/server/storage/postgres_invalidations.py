"""InvalidationListener between the processes on one PostgreSQL: LISTEN on a connection of its own, kept open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import asyncpg

log = logging.getLogger("hinterland.storage")
SIGNALS = "hinterland"  # the channel of NOTIFY
_RETRY_SECONDS = 2.0


class InvalidationListener:
    """Hears the signals of a database. A lost connection is made again; what was signalled meanwhile is not heard."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._lost = asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self, heard: Callable[[str], None]) -> None:
        """Call `heard` with each subject from now on."""
        await self._connect(heard)
        self._task = asyncio.create_task(self._keep(heard))

    async def close(self) -> None:
        """Hear no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close()
        self._connection = None

    async def _keep(self, heard: Callable[[str], None]) -> None:
        while True:
            await self._lost.wait()
            await asyncio.sleep(_RETRY_SECONDS)
            await self._connect(heard)

    async def _connect(self, heard: Callable[[str], None]) -> None:
        def receive(connection: object, pid: int, channel: str, subject: object) -> None:
            heard(str(subject))

        try:
            connection = await asyncpg.connect(self._dsn)
            self._connection, self._lost = connection, (lost := asyncio.Event())
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(SIGNALS, receive)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            log.warning("signals of other processes are not heard; retrying in %.0f s: %s", _RETRY_SECONDS, error)
            self._lost.set()
