"""The accounts of an app on each database, with users of either kind of id."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from hinterland.kit.clock import ManualClock
from hinterland.server.auth.parts import Accounts
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.auth.process import opened


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test turns."""
    return ManualClock()


@pytest.fixture(params=["sqlite-integer", "sqlite-string", "postgres-integer"])
async def accounts(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Accounts]:
    """The accounts of a server process, on each database."""
    database, ids = request.param.split("-")
    storage: Storage
    if database == "postgres":
        storage = PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)
    else:
        storage = SqliteStorage(tmp_path / "data")
    async with opened(storage, clock, ids=ids) as made:
        yield made


@pytest.fixture
async def lite(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Accounts]:
    """The accounts of a server process on SQLite, where the database makes no difference."""
    async with opened(SqliteStorage(tmp_path / "data"), clock) as made:
        yield made


@pytest.fixture
async def nodes(postgres_dsn: str, clock: ManualClock) -> AsyncIterator[list[Accounts]]:
    """The accounts of three server processes on one PostgreSQL."""
    async with AsyncExitStack() as stack:
        made = [opened(PostgresStorage(postgres_dsn, connections=4), clock) for _ in range(3)]
        yield [await stack.enter_async_context(node) for node in made]
