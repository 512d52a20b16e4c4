"""Fixtures for the tests of GraphQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage


@pytest.fixture(params=["sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty storage of each database."""
    if request.param == "postgres":
        return PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)
    return SqliteStorage(tmp_path)
