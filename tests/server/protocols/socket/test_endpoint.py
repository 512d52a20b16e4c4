"""Where sockets are served."""

from __future__ import annotations

from pathlib import Path

import pytest

from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import serving
from tests.server.protocols.asgi import Socket, ask
from tests.server.protocols.socket.speaking import PATH
from tests.support.built_page import built_page


@pytest.mark.parametrize("has_page", [False, True])
async def test_path_of_the_app(tmp_path: Path, *, has_page: bool) -> None:
    """Sockets are served at the path that the app sets, as at their own, also beside a page."""
    static = str(built_page(tmp_path / "built")) if has_page else ""
    async with serving(SqliteStorage(tmp_path / "data"), socket_path="/live/ws", static=static) as api:
        server = api.server
        for path in ("/live/ws", PATH):
            socket = Socket(server, path)
            assert (await socket.next())["type"] == "hello"
            assert await socket.asked(type="ping") == {"type": "pong"}
        assert (await ask(server, "GET", "/live/ws")).status == 426
        other = Socket(server, "/live/other")
        await other.task
        assert other.answer is not None
        assert other.answer.status == 404
