"""SQLite passes the suite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.testing.storage_suite import StorageSuite


class TestSqlite(StorageSuite):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Storage]:
        return lambda: SqliteStorage(tmp_path / "data")
