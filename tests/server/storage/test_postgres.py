"""PostgreSQL passes the suite."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.testing.storage_suite import StorageSuite


class TestPostgres(StorageSuite):
    @pytest.fixture
    def make(self, postgres_dsn: str) -> Callable[[], Storage]:
        return lambda: PostgresStorage(postgres_dsn)
