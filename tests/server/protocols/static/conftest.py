"""A server with a built page beside its API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, serving
from tests.support.built_page import built_page


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """The folder of a built page."""
    return built_page(tmp_path / "built")


@pytest.fixture
async def site(built: Path, tmp_path: Path) -> AsyncIterator[Api]:
    """A server that serves it."""
    async with serving(SqliteStorage(tmp_path / "data"), static=str(built)) as made:
        yield made
