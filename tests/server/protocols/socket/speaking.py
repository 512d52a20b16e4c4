"""Speaking with the server by sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from hinterland.contract.fields import List, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import AuthSettings, Settings
from tests.server.protocols.asgi import Answer, Socket, ask

PATH = "/v1/socket"
MEMBER = "auth.id in record.members"
APP = App(
    collections=[
        Collection(
            name="notes",
            fields={"members": List(of=Text()), "title": Text()},
            rules=Rules(list=MEMBER, view=MEMBER, create="auth.id != ''", update=MEMBER),
        ),
        Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY),
        Collection(name="comments", parent="posts", fields={"text": Text()}, rules=EVERYBODY),
        Collection(name="closed", fields={"title": Text()}),
    ],
    settings=Settings(auth=AuthSettings(hash_memory_kib=8, hash_passes=1), stream_buffer=3),
)
Sign = Callable[[str], Awaitable[dict[str, Any]]]


async def opened(server: Server, *query: tuple[str, str], **options: Any) -> Socket:
    """A socket after its hello."""
    socket = Socket(server, PATH, *query, **options)
    assert (await socket.next())["type"] == "hello"
    return socket


async def post(server: Server, title: str, id: str = "") -> Answer:
    """Create a post."""
    body = {"title": title, **({"id": id} if id else {})}
    answer = await ask(server, "POST", "/v1/records/posts", body)
    assert answer.status == 201, answer.body
    return answer
