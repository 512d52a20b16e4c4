"""What the processes on one PostgreSQL notify each other of: LISTEN on one connection of its own, kept open."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress

import asyncpg

from hinterland.server.storage.postgres_pool import watch_peer

log = logging.getLogger("hinterland.storage")
COMMITS = "hinterland_commits"  # a channel of NOTIFY; its payload is the sender's process
INVALIDATIONS = "hinterland_invalidations"  # its payload is the subject
_RETRY_SECONDS = 2.0
_CHECK_SECONDS = 15.0  # after which the connection is asked whether it still works: nothing else is sent on it
_ANSWER_SECONDS = 10.0
_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)  # TimeoutError is an OSError


class NotificationListener:
    """Receives the notifications of a database. A lost connection is opened again; what was sent meanwhile is lost,
    so `written` is called once more then. `process` names this process in the payloads of `COMMITS`.

    Without a `dsn` nothing is received, since a pooler gives no connection on which to LISTEN: everybody looks at
    intervals anyway, at the log each second and at sessions within five.
    """

    in_database = True
    """Whether a transaction sends what it has to say, by NOTIFY; else it is handed to `send` when it has committed."""

    def __init__(self, dsn: str) -> None:
        self.process = secrets.token_hex(8)
        self._dsn = dsn
        self._lost = asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self, invalidated: Callable[[str], None], written: Callable[[], None]) -> None:
        """Call `invalidated` with each subject, and `written` after commits of other processes, from now on."""
        if not self._dsn:
            log.warning(
                "a connection pooler is between this server and PostgreSQL: other servers' changes are looked for each "
                "second; set HINTERLAND_DATABASE_DIRECT_URL or HINTERLAND_NATS_URL to be notified at once"
            )
            return
        await self._connect(invalidated, written)
        self._task = asyncio.create_task(self._keep_open(invalidated, written))

    async def send(self, subjects: Sequence[str], *, is_written: bool = False) -> None:
        """Does nothing: NOTIFY was part of the transaction."""

    async def close(self) -> None:
        """Receive no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close()
        self._connection = None

    async def _keep_open(self, invalidated: Callable[[str], None], written: Callable[[], None]) -> None:
        while True:
            await self._until_lost()
            log.warning("the connection for notifications was lost; other servers' changes are looked for each second")
            while self._lost.is_set():
                await asyncio.sleep(_RETRY_SECONDS)
                await self._connect(invalidated, written)
            log.info("notifications of other servers are received again")
            written()

    async def _until_lost(self) -> None:
        """Wait until the connection is closed, or no longer answers: a network may drop one without a word."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._lost.wait(), _CHECK_SECONDS)
                return
            assert self._connection is not None
            try:
                await self._connection.execute("SELECT 1", timeout=_ANSWER_SECONDS)
            except _ERRORS:
                self._connection.terminate()
                self._lost.set()
                return

    async def _connect(self, invalidated: Callable[[str], None], written: Callable[[], None]) -> None:
        def receive(connection: object, pid: int, channel: str, payload: object) -> None:
            if channel == INVALIDATIONS:
                invalidated(str(payload))
            elif payload != self.process:
                written()

        try:
            connection = await asyncpg.connect(self._dsn)
            watch_peer(connection)
            self._connection, self._lost = connection, (lost := asyncio.Event())
            connection.add_termination_listener(lambda _: lost.set())
            for channel in (INVALIDATIONS, COMMITS):
                await connection.add_listener(channel, receive)
        except _ERRORS as error:
            log.warning("cannot listen to other processes; retrying in %.0f s: %s", _RETRY_SECONDS, error)
            self._lost.set()
