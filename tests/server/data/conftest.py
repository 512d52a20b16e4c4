"""The data engine on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hinterland.kit.clock import ManualClock
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.data.migrated import Database
from tests.server.data.world import World, opened


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test turns."""
    return ManualClock()


@pytest.fixture(params=["sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each database, not opened yet."""
    if request.param == "postgres":
        return PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)
    return SqliteStorage(tmp_path / "data")


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock) as made:
        yield made


@pytest.fixture
async def lite(tmp_path: Path, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on SQLite, where the database makes no difference."""
    async with opened(SqliteStorage(tmp_path / "data"), clock) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """Opens the same database again and again."""
    if request.param == "sqlite":
        return lambda: SqliteStorage(tmp_path)
    dsn = request.getfixturevalue("postgres_dsn")
    return lambda: PostgresStorage(dsn, connections=3)
