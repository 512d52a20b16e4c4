"""Signals between processes through a real NATS server, and what happens while it is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from nats.aio.msg import Msg

from hinterland.server.storage import nats_signals
from hinterland.server.storage.nats_signals import NatsSignals
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.postgres_notifications import COMMITS, INVALIDATIONS
from hinterland.server.storage.system import Invalidation
from hinterland.testing.storage_scribe import ScribeEdit, commit, opened
from tests.support.command import hinterland
from tests.support.nats import NatsServer

PATIENCE = 30.0  # seconds


@pytest.fixture
def server() -> Iterator[NatsServer]:
    """A NATS server."""
    with NatsServer() as started:
        yield started


class Heard:
    """What reached a process."""

    def __init__(self) -> None:
        self.subjects: asyncio.Queue[str] = asyncio.Queue()
        self.written = asyncio.Event()

    async def subject(self) -> str:
        """The next subject."""
        return await asyncio.wait_for(self.subjects.get(), PATIENCE)

    async def commit(self) -> None:
        """The next commit of another process."""
        await asyncio.wait_for(self.written.wait(), PATIENCE)
        self.written.clear()


@asynccontextmanager
async def node(url: str, database_id: str = "one") -> AsyncIterator[tuple[NatsSignals, Heard]]:
    """A process that listens."""
    signals, heard = NatsSignals(url, database_id), Heard()
    await signals.open(heard.subjects.put_nowait, heard.written.set)
    try:
        yield signals, heard
    finally:
        await signals.close()


async def test_signals_reach_other_processes(server: NatsServer) -> None:
    """Subjects reach every process of the database, and commits every other one; no process of another database."""
    async with (
        node(server.url) as (first, own),
        node(server.url) as (_, other),
        node(server.url, "two") as (_, stranger),
    ):
        await first.send(["account:a", "session:s"], is_written=True)
        assert [await heard.subject() for heard in (own, own, other, other)] == ["account:a", "session:s"] * 2
        await other.commit()
        await first.send(["last"])  # in the order of sending: what came before would be there
        assert await own.subject() == "last"
        assert not own.written.is_set()
        assert stranger.subjects.empty()
        assert not stranger.written.is_set()


async def test_a_server_that_comes_back(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While NATS is away nothing fails and nothing is sent; when it is back, processes look once, since they may have
    missed something, and hear each other again."""
    monkeypatch.setattr(nats_signals, "_RETRY_SECONDS", 0.01)
    async with node(server.url) as (first, _), node(server.url) as (_, heard):
        server.kill()
        with caplog.at_level(logging.INFO):
            await first.send(["lost"], is_written=True)
            server.start()
            await heard.commit()
        while heard.subjects.empty():
            await first.send(["found"])
            await asyncio.sleep(0)
        assert await heard.subject() == "found"


async def test_a_server_that_comes_late(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A process that starts before NATS works without, says so, and connects when NATS is there."""
    monkeypatch.setattr(nats_signals, "_RETRY_SECONDS", 0.01)
    server = NatsServer()
    async with node(server.url) as (first, heard):
        await first.send(["nobody hears it"], is_written=True)
        assert "NATS" in caplog.text
        with server:
            while heard.subjects.empty():
                await first.send(["found"])
                await asyncio.sleep(0)
            assert await heard.subject() == "found"


async def test_nobody_listens(server: NatsServer, postgres_dsn: str) -> None:
    """A command that opens the database, writes and closes it again needs no connection to NATS; nor does the end of a
    server that never had one."""
    async with opened(PostgresStorage(postgres_dsn, nats=server.url)) as storage:
        await commit(storage, ScribeEdit("posts", "a", {"title": "0"}))
    server.kill()
    async with node(server.url):
        pass
    env = {"HINTERLAND_DATABASE_URL": postgres_dsn, "HINTERLAND_NATS_URL": server.url}
    assert hinterland("admin", "list", env=env).code == 0


async def test_storages_use_it_in_the_place_of_notify(server: NatsServer, postgres_dsn: str) -> None:
    """With a NATS server, commits, subjects and declarations are sent through it after they are durable, and PostgreSQL
    is asked to notify nobody."""
    heard, notified = Heard(), asyncio.Queue[str]()
    database = await asyncpg.connect(postgres_dsn)
    async with (
        opened(PostgresStorage(postgres_dsn, nats=server.url)) as one,
        opened(PostgresStorage(postgres_dsn, nats=server.url)) as two,
    ):
        await two.listen(heard.subjects.put_nowait, heard.written.set)
        await one.listen(lambda subject: None, lambda: None)
        for channel in (COMMITS, INVALIDATIONS):
            await database.add_listener(channel, lambda *parts: notified.put_nowait(str(parts)))
        await commit(one, ScribeEdit("posts", "a", {"title": "0"}))
        await heard.commit()
        async with one.transaction() as transaction:
            await transaction.act([Invalidation("account:a")])
        assert await heard.subject() == "account:a"
        with pytest.raises(RuntimeError):
            async with one.transaction() as transaction:
                await transaction.act([Invalidation("account:undone")])
                raise RuntimeError
        async with one.transaction() as transaction:
            await transaction.act([Invalidation("account:b")])
        assert await heard.subject() == "account:b"
        await database.fetch("SELECT 1")
        assert notified.empty()
        await database.close()


async def test_no_secrets_or_data_in_messages(server: NatsServer, postgres_dsn: str) -> None:
    """A message names what to look at, and has nothing of what was written."""
    spy, seen = NatsSignals(server.url, "spy"), asyncio.Queue[bytes]()
    await spy.open(lambda subject: None, lambda: None)

    async def keep(message: Msg) -> None:
        seen.put_nowait(message.subject.encode() + b" " + message.data)

    await spy._client.subscribe(">", cb=keep)
    await spy._client.flush()
    async with opened(PostgresStorage(postgres_dsn, nats=server.url)) as one:
        await one.listen(lambda subject: None, lambda: None)
        await commit(one, ScribeEdit("posts", "a", {"title": "planted-7c1d"}))
        await asyncio.wait_for(seen.get(), PATIENCE)
        message = await asyncio.wait_for(seen.get(), PATIENCE) if not seen.empty() else b""
        assert b"planted" not in message
    await spy.close()
