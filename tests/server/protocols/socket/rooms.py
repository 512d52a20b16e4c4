"""Channels of rooms, whose members records name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from hinterland.contract.channels import Channel
from hinterland.contract.fields import Reference, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.protocol import Storage
from tests.server.protocols.asgi import Socket, ask, bearer
from tests.server.protocols.socket.speaking import opened

MEMBER = "members.exists(m, m.room == channel.id && m.user == auth.id)"
CHANNELS = (
    Channel(
        "room/{id}", join=MEMBER, send=f"{MEMBER} && !muted.exists(m, m.user == auth.id)", history=3, shows=("name",)
    ),
    Channel("hall/{id}", join="true", send="auth != null", history=5),
    Channel("news", join="true", send="'editor' in auth.roles", presence=False),
    Channel("number/{id:int}", join="channel.id > 10", send="channel.id > 20"),
    Channel("closed"),
)


def rooms_app(**settings: Any) -> App:
    """The app; `settings` as they are set."""
    made = {"auth": AuthSettings(hash_memory_kib=8, hash_passes=1), **settings}
    return App(
        collections=[
            Collection(
                name="members", fields={"room": Text(index=True), "user": Reference(to="users")}, rules=EVERYBODY
            ),
            Collection(name="muted", fields={"user": Reference(to="users")}, rules=EVERYBODY),
        ],
        settings=Settings(**made),
        channels=CHANNELS,
    )


@asynccontextmanager
async def nodes(
    make: Callable[[], Storage], clock: ManualClock, count: int = 1, **settings: Any
) -> AsyncIterator[list[Server]]:
    """Running servers on one database."""
    async with AsyncExitStack() as stack:
        servers = [Server(rooms_app(**settings), make(), clock) for _ in range(count)]
        for server in servers:
            await stack.enter_async_context(server.running())
        yield servers


class Person:
    """A user with a session."""

    def __init__(self, grant: dict[str, Any]) -> None:
        self.id: str = grant["user"]["id"]
        self.headers = bearer(grant["access_token"])


async def person(server: Server, name: str) -> Person:
    """Sign somebody up."""
    body = {"name": name, "email": f"{name}@example.org", "password": "correct horse battery"}
    answer = await ask(server, "POST", "/v1/auth/signup", body)
    assert answer.status == 201, answer.body
    return Person(answer.json)


async def let_in(server: Server, who: Person, room: str) -> str:
    """Make somebody a member of a room; the id of the record that says so."""
    answer = await ask(server, "POST", "/v1/records/members", {"room": room, "user": who.id}, who.headers)
    assert answer.status == 201, answer.body
    id: str = answer.json["id"]
    return id


async def joined(server: Server, channel: str, who: Person | None = None, **more: Any) -> tuple[Socket, dict[str, Any]]:
    """A socket that has joined a channel, and the answer."""
    socket = await opened(server, headers=who.headers if who is not None else {})
    answer = await socket.asked(type="join", id="j", channel=channel, **more)
    assert answer["type"] == "joined", answer
    return socket, answer
