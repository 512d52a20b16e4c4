"""Channels by a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinterland.contract.errors import Refusal
from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.channels import rooms
from hinterland.server.operations.channels import broadcast
from hinterland.server.protocols.socket import session
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import Socket, ask
from tests.server.protocols.socket.rooms import joined, let_in, nodes, person
from tests.server.protocols.socket.speaking import PATH, opened


@pytest.fixture
async def server(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Server]:
    """A server with channels on SQLite."""
    async with nodes(lambda: SqliteStorage(tmp_path), clock) as [made]:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
async def each_server(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Server]:
    """The same on each database."""
    dsn = request.getfixturevalue("postgres_dsn") if request.param == "postgres" else ""
    async with nodes(lambda: PostgresStorage(dsn, connections=4) if dsn else SqliteStorage(tmp_path), clock) as [made]:
        yield made


# ------------------------------------------------------------ messages, history


async def test_messages(each_server: Server) -> None:
    """A message reaches the other members, with its sender as the channel shows it, and is kept with a number."""
    ada, bob = [await person(each_server, name) for name in ("ada", "bob")]
    for who in (ada, bob):
        await let_in(each_server, who, "r1")
    one, mine = await joined(each_server, "room/r1", ada)
    assert mine["members"] == [{"member": mine["member"], "user": {"id": ada.id, "name": "ada"}, "state": None}]
    assert (mine["id"], mine["channel"], mine["history"]) == ("j", "room/r1", [])
    two, _ = await joined(each_server, "room/r1", bob)
    assert (await one.next())["type"] == "presence"
    sent = await one.asked(type="send", id="1", channel="room/r1", event="said", data={"text": "Hi"})
    assert sent == {"type": "sent", "id": "1", "seq": 1}
    message = await two.next()
    assert message | {"at": ""} == {
        "type": "message", "channel": "room/r1", "event": "said", "data": {"text": "Hi"}, "seq": 1, "at": "",
        "user": {"id": ada.id, "name": "ada"}, "member": mine["member"],
    }  # fmt: skip
    typing = await one.asked(type="send", id="2", channel="room/r1", event="typing", keep=False)
    assert typing == {"type": "sent", "id": "2"}
    assert "seq" not in await two.next()


async def test_history(each_server: Server) -> None:
    """Who joins is sent the last messages that were kept, oldest first, as many as the channel keeps or the client
    asks for; what was not to be kept is not stored."""
    ada = await person(each_server, "ada")
    await let_in(each_server, ada, "r1")
    one, _ = await joined(each_server, "room/r1", ada)
    for number in range(5):
        await one.asked(type="send", id="m", channel="room/r1", event="said", data=number)
        await one.asked(type="send", id="t", channel="room/r1", event="typing", keep=False)
    for options, numbers in (
        ({}, [2, 3, 4]),
        ({"history": 2}, [3, 4]),
        ({"history": 0}, []),
        ({"history": 99}, [2, 3, 4]),
    ):
        _, answer = await joined(each_server, "room/r1", ada, **options)
        assert [item["data"] for item in answer["history"]] == numbers
        assert [item["seq"] for item in answer["history"]] == [number + 1 for number in numbers]
    backend = each_server.backend
    assert backend is not None
    rows = await backend.storage.rows("_channel_messages", {})
    assert [row["seq"] for row in rows] == [3, 4, 5]


async def test_history_that_is_too_old(server: Server, clock: ManualClock) -> None:
    """Messages that are past the channel's days are deleted; the numbers go on."""
    ada = await person(server, "ada")
    one, _ = await joined(server, "hall/h", ada)
    await one.asked(type="send", id="m", channel="hall/h", event="said")
    backend = server.backend
    assert backend is not None
    clock.jump(31 * 86_400)
    await backend.channels.maintain()
    assert await backend.storage.rows("_channel_messages", {}) == []
    assert (await one.asked(type="send", id="m", channel="hall/h", event="said"))["seq"] == 2


async def test_history_of_a_deleted_account(server: Server) -> None:
    """The messages of an account are deleted with it."""
    ada, bob = [await person(server, name) for name in ("ada", "bob")]
    for who in (ada, bob):
        one, _ = await joined(server, "hall/h", who)
        await one.asked(type="send", id="m", channel="hall/h", event="said")
    answer = await ask(server, "POST", "/v1/auth/delete", {"password": "correct horse battery"}, ada.headers)
    assert answer.status == 204, answer.body
    backend = server.backend
    assert backend is not None
    assert [row["account"] for row in await backend.storage.rows("_channel_messages", {})] == [bob.id]


# ------------------------------------------------------------ presence


async def test_presence(each_server: Server, clock: ManualClock) -> None:
    """Members learn who is there, with which state, who comes, changes and leaves."""
    one, first = await joined(each_server, "hall/h", state={"mood": "good"})
    two, second = await joined(each_server, "hall/h")
    mine, theirs = ({"member": each["member"], "user": None} for each in (first, second))
    assert second["members"] == [mine | {"state": {"mood": "good"}}, theirs | {"state": None}]
    came = {"type": "presence", "channel": "hall/h"}
    assert await one.next() == came | {"joined": [theirs | {"state": None}]}
    await clock.advance(1)
    assert await two.asked(type="state", id="s", channel="hall/h", state=7) == {"type": "changed", "id": "s"}
    assert await one.next() == came | {"changed": [theirs | {"state": 7}]}
    await clock.advance(1)
    assert await two.asked(type="leave", id="l", channel="hall/h") == {"type": "left", "id": "l", "channel": "hall/h"}
    assert await one.next() == came | {"left": [second["member"]]}
    await clock.advance(1)
    await two.asked(type="join", channel="hall/h")
    assert len((await one.next())["joined"]) == 1
    await clock.advance(1)
    await two.leave()
    assert len((await one.next())["left"]) == 1


async def test_presence_of_many(server: Server, clock: ManualClock) -> None:
    """Those who come in short time are sent together."""
    one, _ = await joined(server, "hall/h")
    others = [await joined(server, "hall/h") for _ in range(10)]
    assert len((await one.next())["joined"]) == 1
    await clock.advance(0.2)
    assert {entry["member"] for entry in (await one.next())["joined"]} == {each["member"] for _, each in others[1:]}


async def test_presence_that_weighs_much(server: Server, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The more members are sent of who comes and changes, the later they are sent the next."""
    monkeypatch.setattr(rooms, "_FLUSH_BYTES", 500)
    one, _ = await joined(server, "hall/h")
    two, _ = await joined(server, "hall/h")
    assert "joined" in await one.next()
    for mood in ("good", "better"):
        two.send(type="state", channel="hall/h", state=mood)
        assert await two.asked(type="ping") == {"type": "pong"}
    await clock.advance(0.1)
    await clock.advance(0.1)
    assert one._to_client.empty()
    for _ in range(9):
        await clock.advance(0.1)
    assert (await one.next())["changed"][0]["state"] == "better"


async def test_messages_to_many(server: Server, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message to many members counts for more: its sender waits longer with the next."""
    monkeypatch.setattr(session, "CAUSED_BYTES", 1)
    one, _ = await joined(server, "number/30")
    for number in range(3):
        one.send(type="send", id=f"{number}", channel="number/30", event="e")
    assert [(await one.next())["id"] for _ in range(2)] == ["0", "1"]
    await clock.advance(0.01)
    assert one._to_client.empty()
    await clock.advance(10)
    assert (await one.next())["id"] == "2"


async def test_without_presence(server: Server) -> None:
    """A channel without presence has messages alone."""
    _, answer = await joined(server, "news")
    _, again = await joined(server, "news")
    assert (answer["members"], again["members"]) == ([], [])


# ------------------------------------------------------------ refusals and limits

JOINED: dict[str, Any] = {"type": "join", "channel": "hall/h"}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "join", "channel": "nowhere"}, "not_found"),
        ({"type": "join", "channel": "hall/" + "x" * 300}, "not_found"),
        ({"type": "join", "channel": "hall/"}, "not_found"),
        ({"type": "join", "channel": "number/1x"}, "not_found"),
        ({"type": "join", "channel": "number/9"}, "unauthorized"),
        ({"type": "join", "channel": "closed"}, "unauthorized"),
        ({"type": "join"}, "validation"),
        ({"type": "join", "channel": 5}, "validation"),
        ({"type": "join", "channel": "hall/i", "histroy": 5}, "validation"),
        ({"type": "join", "channel": "hall/i", "state": "x" * 5_000}, "too_large"),
        ({"type": "join", "channel": "hall/h"}, "conflict"),
        ({"type": "send", "channel": "hall/h", "event": "said"}, "unauthorized"),
        ({"type": "send", "channel": "hall/i", "event": "said"}, "validation"),
        ({"type": "send", "channel": "hall/h", "event": ""}, "validation"),
        ({"type": "send", "channel": "hall/h", "event": "x" * 65}, "validation"),
        ({"type": "state", "channel": "hall/h", "state": "x" * 5_000}, "too_large"),
        ({"type": "state", "channel": "hall/i", "state": 1}, "validation"),
        ({"type": "leave", "channel": "hall/i"}, "validation"),
    ],
)
async def test_refused_messages(server: Server, message: dict[str, Any], code: str) -> None:
    """What can't be done is refused by a message with its id, and the socket goes on."""
    socket, _ = await joined(server, "hall/h")
    answer = await socket.asked({**message, "id": "x"})
    assert (answer["type"], answer["id"], answer["error"]["code"]) == ("error", "x", code)
    assert await socket.asked(type="ping") == {"type": "pong"}


async def test_limits(tmp_path: Path, clock: ManualClock) -> None:
    """The size of a message, the members of a channel and the channels of a socket have limits."""
    limits = {"channel_members": 2, "channels_per_socket": 2, "channel_message_bytes": 300}
    async with nodes(lambda: SqliteStorage(tmp_path), clock, **limits) as [server]:
        ada = await person(server, "ada")
        one, _ = await joined(server, "hall/h", ada)
        assert (await one.asked(type="send", channel="hall/h", event="e", data="x" * 300))["error"][
            "code"
        ] == "too_large"
        await joined(server, "hall/h")
        socket = await opened(server)
        assert (await socket.asked(JOINED))["error"]["code"] == "rate_limited"
        for name, kind in (("hall/a", "joined"), ("hall/b", "joined"), ("hall/c", "error")):
            assert (await socket.asked(type="join", channel=name))["type"] == kind


async def test_slow_reader(tmp_path: Path, clock: ManualClock) -> None:
    """A member that takes nothing keeps nobody waiting, and is closed when it is too far behind."""
    async with nodes(lambda: SqliteStorage(tmp_path), clock, stream_buffer=10) as [server]:
        ada = await person(server, "ada")
        slow, _ = await joined(server, "news")
        one, _ = await joined(server, "hall/h", ada)
        await slow.asked(type="join", channel="hall/h")
        two, _ = await joined(server, "hall/h")
        await one.next()
        slow.hold()
        for number in range(20):
            one.send(type="send", channel="hall/h", event="said", data=number, keep=False)
            while (message := await two.next())["type"] != "message":
                pass
            assert message["data"] == number
        slow.go_on()
        assert await slow.end() == (1013, "what was sent was not read in time; come back with your cursors")


async def test_packed(server: Server) -> None:
    """Sockets that speak MessagePack take part as others do."""
    ada = await person(server, "ada")
    two = Socket(server, PATH, ("format", "msgpack"))
    two.send(type="join", channel="news")
    one, _ = await joined(server, "hall/h", ada)
    two.send(type="join", channel="hall/h")
    await one.next()
    await one.asked(type="send", id="1", channel="hall/h", event="said", data=[1, None])
    while True:
        data = await two.raw()
        assert isinstance(data, bytes)
        message = msgspec.msgpack.decode(data)
        if message["type"] == "message":
            break
    assert (message["event"], message["data"]) == ("said", [1, None])


async def test_server_that_closes(each_server: Server) -> None:
    """What is asked of channels while a server closes is refused, and nobody waits for ever."""
    ada = await person(each_server, "ada")
    one, _ = await joined(each_server, "hall/h", ada)
    backend = each_server.backend
    assert backend is not None
    await backend.channels.close()
    answer = await one.asked(type="send", id="1", channel="hall/h", event="said")
    assert answer["error"]["code"] == "unavailable"


async def test_broadcast(each_server: Server) -> None:
    """An app's code sends to all members, as of nobody; to channels that are declared."""
    one, _ = await joined(each_server, "hall/h")
    backend = each_server.backend
    assert backend is not None
    assert await broadcast(backend, "hall/h", "closed", {"at": 18}) == 1
    message = await one.next()
    assert (message["event"], message["data"], message["user"], message["seq"]) == ("closed", {"at": 18}, None, 1)
    assert await broadcast(backend, "hall/h", "hint", keep=False) == 0
    with pytest.raises(Refusal, match="there is no channel"):
        await broadcast(backend, "nowhere", "closed")
