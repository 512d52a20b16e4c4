"""What is answered to clients of other backends."""

from __future__ import annotations

from pathlib import Path

import pytest

from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving
from tests.server.protocols.asgi import Socket


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/socket.io/", "Socket.IO is not spoken here; connect a WebSocket to /v1/socket"),
        ("/v1/graphql", "GraphQL is at /graphql"),
        ("/api/graphql", "GraphQL is at /graphql"),
        ("/graphql/", "GraphQL is at /graphql"),
        ("/subscriptions", "GraphQL is at /graphql"),
        ("/realtime/v1/websocket", "connect a WebSocket to /v1/socket, or read events of /v1/events"),
        ("/ws/chat/room", "connect a WebSocket to /v1/socket, or read events of /v1/events"),
        ("/api/realtime", "connect a WebSocket to /v1/socket, or read events of /v1/events"),
        ("/api/collections/posts/records/p1", "records are at /v1/records/posts/p1"),
        ("/api/collections/é'\"/records", "records are at /v1/records/\\xe9\\'\""),
        ("/rest/v1/posts", "records are at /v1/records/posts"),
        ("/auth/v1/token", "accounts are at /v1/auth/login, /v1/auth/signup and /v1/auth/me"),
    ],
)
async def test_paths_of_other_backends(api: Api, path: str, place: str) -> None:
    """A path that other backends have is no path here, and the error says where the same is."""
    assert problem(await api("GET", path), 404, "not_found")["message"] == f"no such path: {path!a}; {place}"


async def test_own_paths(api: Api) -> None:
    """What is below the server's own paths is not taken for another backend's."""
    for path in ("/v1/records/ws/", "/v1/functions/app.stream"):
        assert "/v1/socket" not in problem(await api("GET", path), 404, "not_found")["message"]


async def test_websockets_where_there_are_none(tmp_path: Path) -> None:
    """A WebSocket at another path is refused with where there is one, also where a page has all other paths."""
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<!doctype html><title>Page</title>")
    for static in ("", str(page)):
        async with serving(SqliteStorage(tmp_path / f"data{bool(static)}"), static=static) as api:
            for path, place in (
                ("/", "connect to /v1/socket or /graphql"),
                ("/chat", "connect to /v1/socket or /graphql"),
                ("/socket.io/", "Socket.IO is not spoken here; connect a WebSocket to /v1/socket"),
            ):
                socket = Socket(api.server, path)
                await socket.task
                assert socket.answer is not None
                assert socket.answer.json["message"] == f"there is no WebSocket at {path!r}; {place}"
