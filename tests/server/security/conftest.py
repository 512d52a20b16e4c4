"""A storage on each database, a hand-turned clock and cheap settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hinterland.contract.records import Collection, users
from hinterland.kit.clock import ManualClock
from hinterland.server.settings import AuthSettings
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test turns."""
    return ManualClock()


@pytest.fixture
def settings() -> AuthSettings:
    """The defaults, but for hashes that cost next to nothing."""
    return AuthSettings(hash_memory_kib=8, hash_passes=1)


@pytest.fixture
def people() -> Collection:
    """The collection of users."""
    return users(ids="integer")


@pytest.fixture(params=["sqlite", "postgres"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path, people: Collection) -> AsyncIterator[Storage]:
    """An open storage with the collection of users, on each database."""
    opened: Storage
    if request.param == "postgres":
        opened = PostgresStorage(request.getfixturevalue("postgres_dsn"))
    else:
        opened = SqliteStorage(tmp_path / "data")
    await opened.open()
    try:
        await opened.declare([people])
        yield opened
    finally:
        await opened.close()
