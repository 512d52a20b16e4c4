"""A server in this process, on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, serving


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A server on SQLite, where the database makes no difference."""
    async with serving(SqliteStorage(tmp_path / "data")) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
async def each_api(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Api]:
    """A server on each database."""
    if request.param == "sqlite":
        async with serving(SqliteStorage(tmp_path / "data")) as made:
            yield made
    else:
        async with serving(PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)) as made:
            yield made
