"""Notifications between processes on one PostgreSQL, and what happens when connections are lost."""

from __future__ import annotations

import asyncio
import logging

import asyncpg
import pytest

from hinterland.server.storage import postgres_notifications
from hinterland.server.storage.postgres_notifications import COMMITS, INVALIDATIONS, NotificationListener
from tests.support.silent_way import SilentWay

LISTENERS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


def _ignored(subject: str = "") -> None: ...


async def test_a_lost_connection_is_opened_again(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A listener whose connection is lost connects again by itself, reports that commits may have been missed, and
    receives what is sent from then on."""
    monkeypatch.setattr(postgres_notifications, "_RETRY_SECONDS", 0.0)
    received: asyncio.Queue[str] = asyncio.Queue()
    commits = asyncio.Event()
    listener, database = NotificationListener(postgres_dsn), await asyncpg.connect(postgres_dsn)
    await listener.open(received.put_nowait, commits.set)
    [first] = await database.fetch(LISTENERS)
    await database.execute("SELECT pg_terminate_backend($1, 5000)", first["pid"])
    await asyncio.wait_for(commits.wait(), 30)
    while received.empty():
        await database.execute("SELECT pg_notify($1, 'look')", INVALIDATIONS)
    assert received.get_nowait() == "look"
    await listener.close()
    await database.close()


async def test_a_connection_that_no_longer_answers(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that the network dropped without a word is noticed, reported and replaced, and commits that were
    missed are looked for."""
    monkeypatch.setattr(postgres_notifications, "_CHECK_SECONDS", 0.01)
    monkeypatch.setattr(postgres_notifications, "_ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(postgres_notifications, "_RETRY_SECONDS", 0.0)
    received: asyncio.Queue[str] = asyncio.Queue()
    commits = asyncio.Event()
    database = await asyncpg.connect(postgres_dsn)
    async with SilentWay(postgres_dsn) as way:
        listener = NotificationListener(way.dsn)
        await listener.open(received.put_nowait, commits.set)
        with caplog.at_level(logging.INFO):
            way.drop()
            await asyncio.wait_for(commits.wait(), 30)
        assert "the connection for notifications was lost" in caplog.text
        assert "received again" in caplog.text
        while received.empty():
            await database.execute("SELECT pg_notify($1, 'look')", INVALIDATIONS)
        assert received.get_nowait() == "look"
        await listener.close()
    await database.close()


async def test_own_commits(postgres_dsn: str) -> None:
    """A process is notified of the commits of others, not of its own, in the order of the commits."""
    received: asyncio.Queue[str] = asyncio.Queue()
    listener, database = NotificationListener(postgres_dsn), await asyncpg.connect(postgres_dsn)
    await listener.open(received.put_nowait, lambda: received.put_nowait("written"))
    for process in (listener.process, "another"):
        await database.execute("SELECT pg_notify($1, $2)", COMMITS, process)
        await database.execute("SELECT pg_notify($1, $2)", INVALIDATIONS, process)
    found = [await asyncio.wait_for(received.get(), 30) for _ in range(3)]
    assert found == [listener.process, "written", "another"]
    await listener.close()
    await database.close()


async def test_no_database(caplog: pytest.LogCaptureFixture) -> None:
    """Where the database can't be reached, that is logged and retried, and prevents nothing."""
    listener = NotificationListener("postgresql://u@127.0.0.1:1/x")
    with caplog.at_level(logging.WARNING):
        await listener.open(_ignored, _ignored)
    assert "retrying in 2 s" in caplog.text
    await listener.close()
