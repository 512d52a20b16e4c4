"""Nothing that is sent in a channel reaches anybody who may not be there at that moment."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import Socket, ask
from tests.server.protocols.socket.rooms import Person, let_in, nodes, person
from tests.server.protocols.socket.speaking import opened

ROOMS = ("r1", "r2")
STEPS = 150


@pytest.fixture(params=["sqlite", "postgres"])
async def servers(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[list[Server]]:
    """One server on SQLite, or two on PostgreSQL."""
    if request.param == "sqlite":
        async with nodes(lambda: SqliteStorage(tmp_path), clock) as made:
            yield made
    else:
        dsn = request.getfixturevalue("postgres_dsn")
        async with nodes(lambda: PostgresStorage(dsn, connections=4), clock, 2) as made:
            yield made


class Visitor:
    """A user with a socket, and what it knows."""

    def __init__(self, who: Person, socket: Socket) -> None:
        self.who = who
        self.socket = socket
        self.memberships: dict[str, str] = {}
        self.joined: set[str] = set()
        self.leaving: set[str] = set()  # of which it has yet to be sent that they were left
        self.seen: list[int] = []
        self.wanted: set[int] = set()
        self.forbidden: set[int] = set()
        self.late: set[int] = set()  # that were on their way when the right to be there ended

    async def answer(self, **message: Any) -> dict[str, Any]:
        """The answer to a message; what comes before it is noted."""
        self.socket.send(**message)
        while (came := await self.next()).get("id") != message["id"]:
            pass
        return came

    async def next(self) -> dict[str, Any]:
        """The next message, which is noted."""
        came = await self.socket.next()
        if came["type"] == "message":
            self.seen.append(came["data"])
        elif came["type"] == "left":
            self.leaving.discard(came["channel"].removeprefix("room/"))
        return came


async def change(server: Server, visitor: Visitor, room: str) -> None:
    """Make somebody a member of a room, or no longer."""
    if room in visitor.memberships:
        await visitor.answer(type="ping", id="p")
        visitor.late |= visitor.wanted - {*visitor.seen}
        path = f"/v1/records/members/{visitor.memberships.pop(room)}"
        assert (await ask(server, "DELETE", path)).status == 204
        visitor.leaving |= visitor.joined & {room}
        visitor.joined.discard(room)
    else:
        while room in visitor.leaving:
            await visitor.next()
        visitor.memberships[room] = await let_in(server, visitor.who, room)


async def join(visitor: Visitor, room: str) -> None:
    """Try to join a room."""
    answer = await visitor.answer(type="join", id="j", channel=f"room/{room}")
    if room in visitor.memberships:
        assert answer["type"] == "joined" or answer["error"]["code"] == "conflict", answer
        visitor.joined.add(room)
    else:
        assert answer["type"] == "error"


async def send(visitors: list[Visitor], sender: Visitor, room: str, number: int) -> None:
    """Try to send a message to a room."""
    answer = await sender.answer(
        type="send", id="s", channel=f"room/{room}", event="e", data=number, keep=number % 2 == 0
    )
    assert (answer["type"] == "sent") == (room in sender.joined), answer
    for each in visitors:
        may_see = answer["type"] == "sent" and room in each.joined and each is not sender
        (each.wanted if may_see else each.forbidden).add(number)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_leaks(servers: list[Server], clock: ManualClock, seed: int) -> None:
    """While memberships come and go at all servers, each message reaches exactly the members that had joined when it
    was sent, and nobody twice; one that is on its way when a membership ends may not reach who has lost it."""
    chosen = random.Random(seed)
    visitors = []
    for place, name in enumerate(("ada", "bob", "cyd", "dan")):
        who = await person(servers[0], name)
        visitors.append(Visitor(who, await opened(servers[place % len(servers)], headers=who.headers)))
        for room in ROOMS:
            await change(servers[0], visitors[-1], room)
            await join(visitors[-1], room)
    for number in range(STEPS):
        visitor, room = chosen.choice(visitors), chosen.choice(ROOMS)
        act = chosen.random()
        if act < 0.15:
            await change(chosen.choice(servers), visitor, room)
        elif act < 0.4:
            await join(visitor, room)
        else:
            await send(visitors, visitor, room, number)
        await clock.advance(0.1)
    for visitor in visitors:
        while not visitor.wanted - visitor.late <= {*visitor.seen}:
            await visitor.next()
        assert sorted(visitor.seen) == sorted({*visitor.seen})
        assert {*visitor.seen} <= visitor.wanted
        assert visitor.forbidden.isdisjoint(visitor.seen)
    assert sum(len(visitor.wanted) for visitor in visitors) > STEPS / 10
