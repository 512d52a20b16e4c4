"""Channels of two servers on one PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.channels.events import RelayedEvent
from hinterland.server.storage.postgres import PostgresStorage
from tests.server.protocols.asgi import Socket, ask
from tests.server.protocols.http1.wire import until
from tests.server.protocols.socket.rooms import joined, let_in, nodes, person
from tests.support.nats import NatsServer

Two = tuple[Server, Server]


@pytest.fixture
def nats() -> Iterator[str]:
    """The address of a NATS server."""
    with NatsServer() as started:
        yield started.url


@pytest.fixture
async def two(postgres_dsn: str, clock: ManualClock) -> AsyncIterator[Two]:
    """Two servers that notify each other by the database."""
    async with nodes(lambda: PostgresStorage(postgres_dsn, connections=4), clock, 2) as [one, other]:
        yield one, other


async def next_of(socket: Socket, kind: str) -> dict[str, Any]:
    """The next message of a kind."""
    while (message := await socket.next())["type"] != kind:
        pass
    return message


async def left_of(socket: Socket) -> list[str]:
    """The next members that leave."""
    while not (left := (await next_of(socket, "presence")).get("left")):
        pass
    members: list[str] = left
    return members


def relay_of(server: Server) -> Any:
    """What gives events their order."""
    backend = server.backend
    assert backend is not None
    return backend.channels._relay


async def second(clock: ManualClock, *servers: Server) -> None:
    """Turn a clock by a second, in which these servers try to show that they live, and look whether others do."""
    await clock.advance(1)
    for server in servers:
        async with relay_of(server)._turn:
            pass  # it waited for its turn before, so that it has tried


async def seconds(clock: ManualClock, *servers: Server) -> None:
    """The same for ever."""
    while True:
        await second(clock, *servers)


async def both_see(one: Server, other: Server, clock: ManualClock) -> None:
    """Members at two servers see each other and each other's messages, in one order."""
    ada, bob = await person(one, "ada"), await person(other, "bob")
    first, mine = await joined(one, "hall/h", ada)
    fourth, theirs = await joined(other, "hall/h", bob)
    assert [entry["member"] for entry in theirs["members"]] == [mine["member"], theirs["member"]]
    turning = asyncio.create_task(seconds(clock, one, other))
    assert (await next_of(first, "presence"))["joined"][0]["member"] == theirs["member"]
    third, _ = await joined(one, "hall/h")
    for number in range(10):
        first.send(type="send", channel="hall/h", event="a", data=number)
        fourth.send(type="send", channel="hall/h", event="b", data=number, keep=False)
    seen = [await next_of(third, "message") for _ in range(20)]
    for event in "ab":
        assert [message["data"] for message in seen if message["event"] == event] == [*range(10)]
    assert [(await next_of(fourth, "message"))["data"] for _ in range(10)] == [*range(10)]
    await fourth.leave()
    assert await left_of(first) == [theirs["member"]]
    turning.cancel()


async def test_by_notifications(two: Two, clock: ManualClock) -> None:
    """Servers that LISTEN deliver each other's messages at once."""
    await both_see(*two, clock)


async def test_by_nats(postgres_dsn: str, nats: str, clock: ManualClock) -> None:
    """So do servers that notify each other by NATS."""
    async with nodes(lambda: PostgresStorage(postgres_dsn, connections=4, nats=nats), clock, 2) as [one, other]:
        await both_see(one, other, clock)


async def test_without_notifications(postgres_dsn: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers behind a pooler, which are not notified, find each other's messages when they look."""
    monkeypatch.setattr("hinterland.server.storage.postgres.is_pooled", _yes)
    async with nodes(lambda: PostgresStorage(postgres_dsn, connections=4), clock, 2) as [one, other]:
        await both_see(one, other, clock)


async def _yes(dsn: str) -> bool:
    return True


async def test_numbers_of_kept_messages(two: Two) -> None:
    """Messages that are kept are numbered without gaps over all servers, and come in this order everywhere."""
    people = [await person(server, name) for server, name in zip(two, ("ada", "bob"), strict=True)]
    sockets = [(await joined(server, "hall/h", who))[0] for server, who in zip(two, people, strict=True)]
    watching = [(await joined(server, "hall/h"))[0] for server in two]
    for number in range(20):
        for socket in sockets:
            socket.send(type="send", channel="hall/h", event="said", data=number)
    for socket in watching:
        assert [(await next_of(socket, "message"))["seq"] for _ in range(40)] == [*range(1, 41)]


async def test_right_that_ends_at_another_server(two: Two) -> None:
    """A message that was sent after a membership ended at another server does not reach who has lost it, even where
    nothing but the message makes the server look."""
    one, other = two
    for server in two:
        looks_no_more(server)
    ada, bob = await person(one, "ada"), await person(other, "bob")
    ids = [await let_in(one, ada, "r1"), await let_in(other, bob, "r1")]
    first, _ = await joined(one, "room/r1", ada)
    loser, _ = await joined(other, "room/r1", bob)
    assert (await ask(one, "DELETE", f"/v1/records/members/{ids[1]}")).status == 204
    await first.asked(type="send", channel="room/r1", event="secret")
    while (message := await loser.next())["type"] != "left":
        assert message["type"] != "message"
    assert message["error"]["code"] == "forbidden"


async def test_server_that_died(postgres_dsn: str, clock: ManualClock) -> None:
    """The members of a server that died have left within the lease, also for those who join meanwhile."""
    async with nodes(lambda: PostgresStorage(postgres_dsn, connections=4), clock, 1) as [one]:
        first, mine = await joined(one, "hall/h")
        async with nodes(lambda: PostgresStorage(postgres_dsn, connections=4), clock, 1) as [dying]:
            _, theirs = await joined(dying, "hall/h")
            assert (await next_of(first, "presence"))["joined"][0]["member"] == theirs["member"]
            stop(dying)
        left = asyncio.create_task(left_of(first))
        for _ in range(9):
            assert not left.done()
            await second(clock, one)
        assert await left == [theirs["member"]]
        _, answer = await joined(one, "hall/h")
        assert {entry["member"] for entry in answer["members"]} == {mine["member"], answer["member"]}


async def test_server_that_is_busy(two: Two, clock: ManualClock) -> None:
    """A server whose members send more than it can deliver shows that it lives all the same, and so does one that
    reads what it sent: their members have not left."""
    one, other = two
    first, _ = await joined(one, "hall/h")
    await joined(other, "hall/h")
    await next_of(first, "presence")
    relays, is_over = [relay_of(one), relay_of(other)], False

    async def flood() -> None:
        while not is_over:
            for each in relays:
                if len(each._queue._waiting) < 600:  # more than one transaction takes
                    each.submit(RelayedEvent("message", "hall/x", "", "{}"))
            await asyncio.sleep(0)

    flooding = asyncio.create_task(flood())
    for _ in range(20):
        await second(clock, one, other)
    is_over = True
    await flooding
    await until(lambda: not any(each._queue for each in relays))
    assert {*relays[0]._beats, *relays[1]._beats} == {each.node for each in relays}
    _, answer = await joined(one, "hall/h")
    assert len(answer["members"]) == 3


def looks_no_more(server: Server) -> None:
    """Let a server decide anew on rights only when it delivers."""
    backend = server.backend
    assert backend is not None
    backend.channels._tasks[1].cancel()


def stop(server: Server) -> None:
    """End what a server does for channels as a crash would: nothing of it is undone."""
    relay = relay_of(server)
    for task in [*relay._tasks]:
        task.cancel()
    relay._tasks = []


@pytest.mark.parametrize("is_long", [False, True])
async def test_server_that_was_given_up(two: Two, clock: ManualClock, is_long: bool) -> None:
    """A server that was held up for longer than its lease comes back with its members; after it missed messages, these
    are asked to join again."""
    one, other = two
    first, _ = await joined(one, "hall/h")
    one_of_them, theirs = await joined(other, "hall/h")
    await next_of(first, "presence")
    relay = relay_of(other)
    async with relay._turn:
        left = asyncio.create_task(left_of(first))
        while not left.done():
            await second(clock, one)
        assert await left == [theirs["member"]]
        if is_long:
            await second(clock, one)
    again = asyncio.create_task(next_of(one_of_them, "left") if is_long else next_of(first, "presence"))
    while relay._position != relay_of(one)._position:
        await clock.advance(0)
    while not again.done():
        await second(clock, one, other)
    if is_long:
        assert (await again)["error"]["code"] == "unavailable"
        assert (await one_of_them.asked(type="join", channel="hall/h"))["type"] == "joined"
    else:
        assert (await again)["joined"][0]["member"] == theirs["member"]


async def test_connections_that_are_lost(two: Two, clock: ManualClock, postgres_dsn: str) -> None:
    """Where all connections to the database are lost, a message may be refused; those that are answered reach everybody
    in their order, once."""
    one, other = two
    ada = await person(one, "ada")
    first, _ = await joined(one, "hall/h", ada)
    far, _ = await joined(other, "hall/h")
    kept: list[int] = []
    for number in range(30):
        if number % 10 == 5:
            await lose_connections(postgres_dsn)
        first.send(type="send", id="s", channel="hall/h", event="said", data=number)
        while (answer := await first.next()).get("id") != "s":
            pass
        kept += [number] if answer["type"] == "sent" else []
        await second(clock, one, other)
    assert len(kept) > 20
    turning = asyncio.create_task(seconds(clock, one, other))
    seen: list[int] = []
    while kept[-1] not in seen:
        seen.append((await next_of(far, "message"))["data"])
    turning.cancel()
    assert [number for number in seen if number in kept] == kept
    assert sorted({*seen}) == seen


async def lose_connections(dsn: str) -> None:
    """End all connections to a database."""
    connection = await asyncpg.connect(dsn)
    await connection.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
        "pg_backend_pid()"
    )
    await connection.close()
