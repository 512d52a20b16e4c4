"""Connections to one PostgreSQL: opened when they are needed, up to a number, and used again.

Releasing a connection of asyncpg's own pool takes a query and a task, which cost as much as a read: the query resets
what a session may have left behind. Here there is nothing to reset, since every setting, lock and cursor of our
statements ends with its transaction, and LISTEN has a connection of its own. Where a use ends with an error, a running
statement or an open transaction may be left: that connection is reset before it is used again.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import asyncpg

_IDLE_SECONDS = 300.0  # after which a connection is closed: firewalls drop those that are silent for longer
_RESET_SECONDS = 10.0
APPLICATION = "hinterland"  # how servers' connections name themselves to the database
_IDLE_IN_TRANSACTION = "60s"  # after which the database ends a transaction whose process is frozen or unreachable
_PEER = {  # options of TCP by which the kernel notices within a minute that the other end is gone
    "TCP_KEEPIDLE": 30,
    "TCP_KEEPINTVL": 10,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 60_000,  # milliseconds
}
_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)  # OSError: timeouts too


async def is_pooled(dsn: str) -> bool:
    """Whether a pooler such as PgBouncer stands between this process and the database: the process id that it gives out
    is not that of the database's process."""
    connection = await asyncpg.connect(dsn, statement_cache_size=0)
    try:
        return bool(connection.get_server_pid() != await connection.fetchval("SELECT pg_backend_pid()"))
    finally:
        await connection.close()


def watch_peer(connection: asyncpg.Connection) -> None:
    """Let a connection end with an error where the other end disappeared without closing it: a statement would wait for
    it for a quarter of an hour."""
    line = connection._transport.get_extra_info("socket")
    if line is not None and line.family in (socket.AF_INET, socket.AF_INET6):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _PEER.items():
            if hasattr(socket, name):  # some systems lack some
                line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _options(dsn: str, *, is_pooled: bool) -> dict[str, Any]:
    """How a connection is opened. A pooler gives each transaction another connection of its own, so that no prepared
    statement stays, and knows few settings of sessions. What the DSN sets itself is left alone."""
    wanted = {"application_name": APPLICATION}
    if not is_pooled:
        wanted["idle_in_transaction_session_timeout"] = _IDLE_IN_TRANSACTION
    settings = {name: value for name, value in wanted.items() if name not in dsn}
    return {"server_settings": settings, **({"statement_cache_size": 0} if is_pooled else {})}


class PostgresPool:
    """At most `size` connections to `dsn`, which reaches a pooler where it `is_pooled`. Callers wait for a free one in
    their order."""

    def __init__(self, dsn: str, size: int, *, is_pooled: bool = False) -> None:
        self._dsn = dsn
        self._options = _options(dsn, is_pooled=is_pooled)
        self._size = size
        self._open = 0  # connections that are open or being opened
        self._idle: list[tuple[float, asyncpg.Connection]] = []  # since when; the last used is at the end
        self._waiting: deque[asyncio.Future[asyncpg.Connection | None]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._returned = asyncio.Event()
        self._is_closed = False

    def lease(self) -> Lease:
        """A connection of your own for the time of an `async with` block."""
        return Lease(self)

    async def fetch(self, sql: str, *parameters: Any, timeout: float | None = None) -> list[Any]:
        """The rows of one statement, on any connection. Raises TimeoutError after `timeout` seconds."""
        async with Lease(self) as connection:
            rows: list[Any] = await connection.fetch(sql, *parameters, timeout=timeout)
            return rows

    async def take(self) -> asyncpg.Connection:
        """A connection; give it back with `put`. Raises asyncpg's InterfaceError where the pool is closed."""
        if self._is_closed:
            raise asyncpg.InterfaceError("the pool is closed")
        while self._idle:
            connection = self._idle.pop()[1]
            if not connection.is_closed():
                return connection
            self._open -= 1
        if self._open < self._size:
            self._open += 1
            return await self._connect()
        return await self._wait()

    async def _wait(self) -> asyncpg.Connection:
        waiter: asyncio.Future[asyncpg.Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            connection = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._pass_on(waiter.result())
            raise
        return connection if connection is not None else await self._connect()

    async def _connect(self) -> asyncpg.Connection:
        try:
            connection = await asyncpg.connect(self._dsn, **self._options)
        except BaseException:
            self._pass_on(None)
            raise
        watch_peer(connection)
        return connection

    def put(self, connection: asyncpg.Connection, *, is_sound: bool) -> None:
        """Give a connection back. `is_sound`: its use ended without an error."""
        if connection.is_closed():
            self._pass_on(None)
        elif is_sound and not connection.is_in_transaction():
            self._pass_on(connection)
        else:
            self._start(self._reset(connection))

    async def _reset(self, connection: asyncpg.Connection) -> None:
        try:
            await connection.reset(timeout=_RESET_SECONDS)
        except _ERRORS:
            connection.terminate()
        self._pass_on(None if connection.is_closed() else connection)

    def _pass_on(self, connection: asyncpg.Connection | None) -> None:
        """Give a connection, or None for the place of one, to who waits longest; else keep it."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is None:
            self._open -= 1
        else:
            now = asyncio.get_running_loop().time()
            self._idle.append((now, connection))
            while self._idle[0][0] < now - _IDLE_SECONDS:
                self._open -= 1
                self._start(_close(self._idle.pop(0)[1]))
        if self._is_closed:
            self._returned.set()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait until every connection is given back, and close them all."""
        self._is_closed = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(asyncpg.InterfaceError("the pool is closed"))
        self._waiting.clear()
        while self._open:
            self._returned.clear()
            self._open -= len(self._idle)
            idle, self._idle = self._idle, []
            for _, connection in idle:
                await _close(connection)
            if self._open:
                await self._returned.wait()
        if self._tasks:
            await asyncio.wait(self._tasks)


class Lease:
    """A connection of a pool from `async with` to the end of its block."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def __aenter__(self) -> asyncpg.Connection:
        self._connection = await self._pool.take()
        return self._connection

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        self._pool.put(self._connection, is_sound=kind is None)


async def _close(connection: asyncpg.Connection) -> None:
    with suppress(*_ERRORS):
        await connection.close(timeout=_RESET_SECONDS)
