"""PostgreSQL behind PgBouncer in transaction mode, where each transaction gets another of a few connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import pytest

from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.postgres_pool import is_pooled
from hinterland.server.storage.protocol import Storage
from hinterland.testing.storage_scribe import ScribeEdit, commit, documents, opened
from hinterland.testing.storage_suite import RecordSuite
from hinterland.testing.storage_values_suite import ValuesSuite
from tests.support.pgbouncer import pooled


@pytest.fixture
def pooled_dsn(postgres_dsn: str) -> Iterator[str]:
    """The test's database through a PgBouncer with two connections."""
    with pooled(postgres_dsn, size=2) as dsn:
        yield dsn


class TestPooledPostgres(RecordSuite, ValuesSuite):
    """The suites of records and of values pass through a PgBouncer in transaction mode, whose connections are mixed
    between all clients."""

    @pytest.fixture
    def make(self, postgres_dsn: str) -> Iterator[Callable[[], Storage]]:
        with pooled(postgres_dsn, size=12) as dsn:
            yield lambda: PostgresStorage(dsn, direct=postgres_dsn)

    @pytest.fixture
    async def storage(self, make: Callable[[], Storage]) -> AsyncIterator[Storage]:
        async with opened(make()) as storage:
            yield storage


async def test_a_pooler_is_noticed(postgres_dsn: str, pooled_dsn: str) -> None:
    """A pooler is noticed without a setting; the database itself is not taken for one."""
    assert await is_pooled(pooled_dsn)
    assert not await is_pooled(postgres_dsn)


async def test_many_clients_share_two_connections(pooled_dsn: str) -> None:
    """Three processes' writes and reads through two connections of PgBouncer neither mix nor fail: prepared statements
    of one are not looked for at another."""
    async with (
        opened(PostgresStorage(pooled_dsn, connections=4)) as one,
        opened(PostgresStorage(pooled_dsn, connections=4)) as two,
        opened(PostgresStorage(pooled_dsn, connections=4)) as three,
    ):
        nodes = (one, two, three)

        async def work(node: Storage, number: int) -> None:
            for turn in range(10):
                await commit(node, ScribeEdit("posts", f"{number}-{turn}", {"title": f"{number}"}))
                assert (await documents(node, "posts"))[f"{number}-{turn}"] == {"title": f"{number}"}

        await asyncio.gather(*(work(nodes[number % 3], number) for number in range(12)))
        assert len(await documents(one, "posts")) == 120


async def test_notifications_take_the_direct_way(postgres_dsn: str, pooled_dsn: str) -> None:
    """With a direct DSN, what is written through PgBouncer is notified at once; the writer needs none for that."""
    woken = asyncio.Event()
    async with (
        opened(PostgresStorage(pooled_dsn, direct=postgres_dsn)) as listener,
        opened(PostgresStorage(pooled_dsn)) as writer,
    ):
        await listener.listen(lambda subject: None, woken.set)
        await commit(writer, ScribeEdit("posts", "a", {"title": "0"}))
        await asyncio.wait_for(woken.wait(), 30)


async def test_without_a_direct_way(postgres_dsn: str, pooled_dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    """Without one, no LISTEN goes through PgBouncer, where it would stay at some connection of others; the log says
    what to set."""
    async with opened(PostgresStorage(pooled_dsn)) as storage:
        with caplog.at_level(logging.WARNING):
            await storage.listen(lambda subject: None, lambda: None)
        assert "HINTERLAND_DATABASE_DIRECT_URL" in caplog.text
        database = await asyncpg.connect(postgres_dsn)
        listeners = await database.fetch("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        await database.close()
    assert listeners == []
