"""Connections that are used again: bounded, sound, and in the order in which they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from hinterland.server.storage import postgres_pool
from hinterland.server.storage.postgres_pool import PostgresPool


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[PostgresPool]:
    """A pool of two connections."""
    made = PostgresPool(postgres_dsn, 2)
    yield made
    await made.close()


async def pid(connection: asyncpg.Connection) -> int:
    """The process of the database that serves a connection."""
    found: int = await connection.fetchval("SELECT pg_backend_pid()")
    return found


async def test_bounded(pool: PostgresPool) -> None:
    """No more connections are opened than the pool has places; who waits gets the next free one, in order."""
    first, second = await pool.take(), await pool.take()
    waiting = [asyncio.create_task(pool.take()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    pool.put(first, is_sound=True)
    pool.put(second, is_sound=True)
    assert await waiting[0] is first
    assert await waiting[2] is second
    pool.put(first, is_sound=True)
    assert await pool.take() is first
    for connection in (first, second):
        pool.put(connection, is_sound=True)


async def test_a_waiter_that_is_cancelled_too_late(pool: PostgresPool) -> None:
    """Who gives up after a connection was handed over passes it on."""
    first, second = await pool.take(), await pool.take()
    late, next_one = asyncio.create_task(pool.take()), asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    pool.put(first, is_sound=True)
    late.cancel()
    assert await next_one is first
    assert late.cancelled()
    for connection in (first, second):
        pool.put(connection, is_sound=True)


async def test_a_lost_connection(pool: PostgresPool) -> None:
    """A connection that the database ended is replaced, whether it was in use, idle, or is waited for."""
    first, second = await pool.take(), await pool.take()
    waiting = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    for connection in (first, second):
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid(), 5000)")
    pool.put(first, is_sound=False)
    pool.put(second, is_sound=False)
    third = await waiting
    ended, is_lost = await pid(third), asyncio.Event()
    third.add_termination_listener(lambda _: is_lost.set())
    pool.put(third, is_sound=True)
    keeper = await asyncpg.connect(pool._dsn)
    await keeper.execute("SELECT pg_terminate_backend($1, 5000)", ended)
    await keeper.close()
    await is_lost.wait()
    assert [row[0] for row in await pool.fetch("SELECT 1")] == [1]


async def test_what_an_error_leaves(pool: PostgresPool) -> None:
    """A connection whose use was cancelled, timed out, failed, or left a transaction open is reset before the next
    use: no transaction, lock or setting of an earlier user is found."""
    with pytest.raises(TimeoutError):
        await pool.fetch("SELECT set_config('work_mem', '99kB', false), pg_sleep(100)", timeout=0.01)
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with pool.lease() as connection:
            await connection.execute("SELECT pg_advisory_lock(1)")
            await connection.execute("SELECT 1 / 0")
    async with pool.lease() as connection:
        await connection.execute("BEGIN; SET LOCAL work_mem = '99kB'")
    sleeping = asyncio.create_task(pool.fetch("SELECT pg_sleep(100)"))
    await asyncio.sleep(0)
    sleeping.cancel()
    both = [await pool.take(), await pool.take()]
    for connection in both:
        assert not connection.is_in_transaction()
        assert await connection.fetchval("SHOW work_mem") != "99kB"
        assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
        pool.put(connection, is_sound=True)


async def test_idle_connections_are_closed(pool: PostgresPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that was not needed for long is closed; the one in use is kept."""
    first, second = await pool.take(), await pool.take()
    pool.put(first, is_sound=True)
    monkeypatch.setattr(postgres_pool, "_IDLE_SECONDS", 0.0)
    pool.put(second, is_sound=True)
    await asyncio.wait(pool._tasks)
    assert first.is_closed()


async def test_no_place_is_lost(postgres_dsn: str) -> None:
    """A connection that can't be opened frees its place, also for those who wait."""
    pool = PostgresPool("postgresql://u@127.0.0.1:1/x", 1)
    for _ in range(2):
        results = await asyncio.gather(pool.take(), pool.take(), return_exceptions=True)
        assert [type(result).__name__ for result in results] == ["ConnectionRefusedError"] * 2
    await pool.close()


async def test_close(postgres_dsn: str) -> None:
    """Closing waits for the connections in use and refuses those who wait and who come later."""
    pool = PostgresPool(postgres_dsn, 1)
    connection = await pool.take()
    waiting = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    closing = asyncio.create_task(pool.close())
    with pytest.raises(asyncpg.InterfaceError, match="closed"):
        await waiting
    assert await connection.fetchval("SELECT 1") == 1
    pool.put(connection, is_sound=True)
    await closing
    assert connection.is_closed()
    with pytest.raises(asyncpg.InterfaceError, match="closed"):
        await pool.take()
