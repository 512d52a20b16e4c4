"""A server with sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import ask
from tests.server.protocols.socket.speaking import APP, Sign


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test turns."""
    return ManualClock()


@pytest.fixture
async def server(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Server]:
    """A running server."""
    made = Server(APP, SqliteStorage(tmp_path), clock)
    async with made.running():
        yield made


@pytest.fixture
def sign_up(server: Server) -> Sign:
    """Makes a user and returns the session."""

    async def sign(name: str) -> dict[str, Any]:
        body = {"name": name, "email": f"{name}@example.org", "password": "correct horse battery"}
        answer = await ask(server, "POST", "/v1/auth/signup", body)
        assert answer.status == 201, answer.body
        session: dict[str, Any] = answer.json
        return session

    return sign
