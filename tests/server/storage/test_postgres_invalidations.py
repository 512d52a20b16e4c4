"""InvalidationListener between processes on one PostgreSQL, and what becomes of them when connections are lost."""

from __future__ import annotations

import asyncio
import logging

import asyncpg
import pytest

from hinterland.server.storage import postgres_invalidations
from hinterland.server.storage.postgres_invalidations import SIGNALS, InvalidationListener

LISTENERS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


async def test_a_lost_connection_is_made_again(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A listener whose connection is lost connects again by itself and hears what is signalled from then on."""
    monkeypatch.setattr(postgres_invalidations, "_RETRY_SECONDS", 0.0)
    heard: asyncio.Queue[str] = asyncio.Queue()
    signals, database = InvalidationListener(postgres_dsn), await asyncpg.connect(postgres_dsn)
    await signals.open(heard.put_nowait)
    [first] = await database.fetch(LISTENERS)
    await database.execute("SELECT pg_terminate_backend($1, 5000)", first["pid"])
    while heard.empty():
        await database.execute("SELECT pg_notify($1, 'look')", SIGNALS)
    assert heard.get_nowait() == "look"
    await signals.close()
    await database.close()


async def test_no_database(caplog: pytest.LogCaptureFixture) -> None:
    """Where the database can't be reached, that is logged and tried again, and prevents nothing."""
    signals = InvalidationListener("postgresql://u@127.0.0.1:1/x")
    with caplog.at_level(logging.WARNING):
        await signals.open(lambda subject: None)
    assert "retrying in 2 s" in caplog.text
    await signals.close()
