"""Subscriptions of GraphQL: over both subprotocols of WebSocket, and as Server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Reference, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import Socket, Stream, ask, bearer
from tests.server.protocols.http1.wire import until

NEW, OLD = "graphql-transport-ws", "graphql-ws"
OWN = "record.owner_id == auth.id"
APP = App(
    collections=[
        Collection(name="users", fields={"name": Text()}, rules=EVERYBODY),
        Collection(name="posts", fields={"title": Text(), "author": Reference(to="users")}, rules=EVERYBODY),
        Collection(
            name="diaries",
            fields={"owner_id": Text(fill="auth.id"), "text": Text()},
            rules=Rules(list=OWN, view=OWN, create="auth.id != ''"),
        ),
    ],
    settings=Settings(auth=AuthSettings(hash_memory_kib=8, hash_passes=1)),
)
DOCUMENT = "subscription ($w: PostWhere) { changed: posts(where: $w) { kind record { t: title } __typename } }"


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


async def posted(server: Server, title: str) -> str:
    """Create a post; its id."""
    answer = await ask(server, "POST", "/v1/records/posts", {"title": title})
    id: str = answer.json["id"]
    return id


async def signed_up(server: Server, name: str) -> str:
    """A new user's token."""
    body = {"name": name, "email": f"{name}@example.org", "password": "correct horse battery"}
    token: str = (await ask(server, "POST", "/v1/auth/signup", body)).json["access_token"]
    return token


async def opened(server: Server, name: str = NEW, **payload: Any) -> Socket:
    """A socket that was acknowledged."""
    socket = Socket(server, "/graphql", subprotocol=name)
    assert (await socket.asked(type="connection_init", payload=payload))["type"] == "connection_ack"
    if name == OLD:
        assert (await socket.next())["type"] == "ka"
    return socket


def begin(socket: Socket, id: str = "1", query: str = DOCUMENT, name: str = NEW, **payload: Any) -> None:
    """Begin an operation."""
    kind = "subscribe" if name == NEW else "start"
    socket.send(type=kind, id=id, payload={"query": query, **payload})


async def has_begun(server: Server, count: int = 1) -> None:
    """Wait until operations follow the log."""
    assert server.backend is not None
    feed = server.backend.feed
    await until(lambda: sum(map(len, feed._live.values())) >= count)


async def test_subscription(server: Server) -> None:
    """The changes of a commit come as one response, in the form that is selected, with the cursor behind them."""
    socket = await opened(server)
    begin(socket, variables={"w": {"title": {"ne": "no"}}})
    await has_begun(server)
    await posted(server, "no")
    id = await posted(server, "One")
    message = await socket.next()
    assert (message["type"], message["id"]) == ("next", "1")
    assert message["payload"]["data"] == {
        "changed": [{"kind": "create", "record": {"t": "One"}, "__typename": "PostChange"}]
    }
    assert message["payload"]["extensions"]["cursor"]
    await ask(server, "DELETE", f"/v1/records/posts/{id}")
    assert (await socket.next())["payload"]["data"]["changed"][0] == {
        "kind": "delete", "record": None, "__typename": "PostChange",
    }  # fmt: skip
    socket.send(type="complete", id="1")
    begin(socket, id="2", query="{ posts { title } }")
    assert (await socket.next())["payload"] == {"data": {"posts": [{"title": "no"}]}}
    assert await socket.next() == {"type": "complete", "id": "2"}


async def test_resume(server: Server) -> None:
    """A subscription that has a cursor in its extensions goes on behind it, on another connection too."""
    socket = await opened(server)
    begin(socket, extensions={"cursor": ""})
    first = (await socket.next())["payload"]
    assert first["data"] == {"changed": []}
    await posted(server, "One")
    cursor = (await socket.next())["payload"]["extensions"]["cursor"]
    await socket.leave()
    await posted(server, "Two")
    for start, titles in ((cursor, ["Two"]), (first["extensions"]["cursor"], ["One", "Two"])):
        other = await opened(server)
        begin(other, extensions={"cursor": start})
        assert (await other.next())["payload"]["data"] == {"changed": []}
        seen = [(await other.next())["payload"]["data"]["changed"][0]["record"]["t"] for _ in titles]
        assert seen == titles
    begin(other, id="x", extensions={"cursor": "mine"})
    assert (await other.next())["payload"]["data"] == {"changed": []}
    assert (await other.next())["payload"]["errors"][0]["extensions"] == {"code": "resync", "reason": "unknown"}


async def test_by_the_rules(server: Server) -> None:
    """A subscriber hears what the rules show the caller that introduced itself, and of nobody else's."""
    ada, bob = await signed_up(server, "ada"), await signed_up(server, "bob")
    document = "subscription { diaries { record { text } } }"
    sockets = [await opened(server, authorization=f"Bearer {ada}"), await opened(server, token=bob)]
    for socket in sockets:
        begin(socket, query=document)
    await has_begun(server, 2)
    for token, text in ((ada, "A"), (bob, "B")):
        await ask(server, "POST", "/v1/records/diaries", {"text": text}, bearer(token))
    for socket, text in zip(sockets, "AB", strict=True):
        assert (await socket.next())["payload"]["data"] == {"diaries": [{"record": {"text": text}}]}
    await ask(server, "POST", "/v1/auth/logout", headers=bearer(ada))
    assert (await sockets[0].end())[0] == 4401


async def test_older_subprotocol(server: Server) -> None:
    """Clients of the older protocol are answered in its words."""
    socket = await opened(server, OLD)
    begin(socket, name=OLD)
    await has_begun(server)
    begin(socket, id="q", query="{ __typename }", name=OLD)
    assert (await socket.next())["payload"] == {"data": {"__typename": "Query"}}
    assert await socket.next() == {"type": "complete", "id": "q"}
    await posted(server, "One")
    message = await socket.next()
    assert (message["type"], message["payload"]["data"]["changed"][0]["record"]) == ("data", {"t": "One"})
    socket.send(type="stop", id="1")
    begin(socket, id="2", query="{ nope }", name=OLD)
    error = await socket.next()
    assert (error["type"], error["id"], error["payload"]["extensions"]["code"]) == ("error", "2", "invalid_query")
    assert await socket.next() == {"type": "complete", "id": "2"}
    socket.send(type="connection_terminate")
    assert (await socket.end())[0] == 1000
    wrong = Socket(server, "/graphql", subprotocol=OLD)
    assert (await wrong.asked(type="connection_init", payload={"token": "no"}))["type"] == "connection_error"
    assert (await wrong.end())[0] == 4403


async def test_the_older_subprotocol_is_kept_alive(server: Server, clock: ManualClock) -> None:
    """Clients of the older protocol, which close a connection after 30 seconds without a `ka`, get one each 15."""
    socket = await opened(server, OLD)
    for _ in range(3):
        due = clock.monotonic() + 15
        await until(lambda due=due: due in [at for at, *_ in clock._sleepers])  # type: ignore[misc]
        await clock.advance(15)
        assert await socket.next() == {"type": "ka"}
    socket.send(type="connection_terminate")
    assert (await socket.end())[0] == 1000
    await until(lambda: not any("_keep_alive" in repr(task.get_coro()) for task in asyncio.all_tasks()))


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (["{"], 4400),
        (["[]"], 4400),
        ([{"type": "what"}], 4400),
        ([{"type": "connection_init"}, {"type": "subscribe", "payload": {"query": "{ a }"}}], 4400),
        ([{"type": "connection_init"}, {"type": "subscribe", "id": 7, "payload": {}}], 4400),
        ([{"type": "subscribe", "id": "1", "payload": {"query": "{ a }"}}], 4401),
        ([{"type": "connection_init", "payload": {"token": "no"}}], 4403),
        ([{"type": "connection_init"}, {"type": "connection_init"}], 4429),
    ],
)
async def test_close_codes(server: Server, messages: list[Any], code: int) -> None:
    """What breaks the protocol ends the connection with the code that it names."""
    socket = Socket(server, "/graphql", subprotocol=NEW)
    for message in messages:
        socket.send(message)
    assert (await socket.end())[0] == code


@pytest.mark.parametrize(
    ("name", "messages", "reason"),
    [
        (NEW, ["hello"], "Invalid message: send a JSON object with type, and a text as id"),
        (
            NEW,
            [{"type": "start", "id": "1"}],
            "start is of the subprotocol graphql-ws; offer that one, or send subscribe",
        ),
        (
            OLD,
            [{"type": "subscribe", "id": "1"}],
            "subscribe is of the subprotocol graphql-transport-ws; offer that one",
        ),
        (NEW, [{"type": "what"}], "unknown type 'what'; send subscribe or complete"),
        (NEW, [{"type": "connection_init"}, {"type": "subscribe", "payload": {}}], "subscribe needs an id"),
        (NEW, [{"type": "subscribe", "id": "1", "payload": {}}], "Unauthorized: send connection_init first"),
        (NEW, [{"type": "connection_init", "payload": {"token": "no"}}], "Forbidden: the access token is not valid"),
    ],
)
async def test_close_reasons(server: Server, name: str, messages: list[Any], reason: str) -> None:
    """The reason of a close frame says what to send: of a client for the other subprotocol, which one it speaks."""
    socket = Socket(server, "/graphql", subprotocol=name)
    for message in messages:
        socket.send(message)
    given = (await socket.end())[1]
    assert reason in given
    assert len(given.encode()) <= 123


@pytest.mark.parametrize("place", ["authorization", "Authorization", "token", "access_token", "authToken", "headers"])
async def test_places_of_a_token(server: Server, place: str) -> None:
    """A token is found where the tutorials of the clients put it, with and without `Bearer`."""
    token = await signed_up(server, "ada")
    for given in (token, f"Bearer {token}"):
        payload = {"headers": {"Authorization": given}} if place == "headers" else {place: given}
        socket = await opened(server, **payload)
        begin(socket, query="{ me { name } }")
        assert (await socket.next())["payload"]["data"] == {"me": {"name": "ada"}}


async def test_id_in_use(server: Server) -> None:
    """Two operations have different ids."""
    socket = await opened(server)
    begin(socket)
    begin(socket)
    assert await socket.end() == (4409, "Subscriber for 1 already exists")


async def test_client_that_is_silent(server: Server, clock: ManualClock) -> None:
    """A client that does not introduce itself in time is closed."""
    before = clock.waiting
    socket = Socket(server, "/graphql", subprotocol=NEW)
    await until(lambda: clock.waiting > before)
    await clock.advance(10)
    assert (await socket.end())[0] == 4408


async def test_client_that_only_pings(server: Server, clock: ManualClock) -> None:
    """So is one that sends something else all the time."""
    socket = Socket(server, "/graphql", subprotocol=NEW)
    for _ in range(9):
        socket.send(type="ping")
        assert await socket.next() == {"type": "pong"}
        await clock.advance(1)
    await clock.advance(1)
    assert (await socket.end())[0] == 4408


async def test_pace_of_messages(server: Server, clock: ManualClock) -> None:
    """Who sends more messages than one may is served as fast as one may, and loses nothing."""
    socket = await opened(server)
    for number in range(103):
        socket.send(type="ping", payload={"number": number})
    assert [(await socket.next())["payload"]["number"] for _ in range(99)] == [*range(99)]
    assert socket._to_client.empty()
    for number in range(99, 103):
        await clock.advance(0.02)
        assert (await socket.next())["payload"]["number"] == number


async def test_large_variables(server: Server) -> None:
    """The variables of a subscription have a bounded number of values."""
    socket = await opened(server)
    begin(socket, variables={"w": {"OR": [{}] * 1_000}})
    message = await socket.next()
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "too_costly")


async def test_long_ids(server: Server) -> None:
    """An id has a bounded length, since each event has it."""
    socket = await opened(server)
    begin(socket, "x" * 256)
    begin(socket, "x" * 257)
    assert (await socket.end())[0] == 4400


async def test_handshake_without_a_subprotocol(server: Server) -> None:
    """A WebSocket that speaks neither subprotocol is refused with what to send."""
    for name, wrong in (("", "the handshake offers no subprotocol"), ("json", "the subprotocol is 'json'")):
        socket = Socket(server, "/graphql", subprotocol=name)
        await socket.task
        assert socket.answer is not None
        assert socket.answer.status == 400
        assert socket.answer.json["message"] == f"{wrong}; offer {NEW} or {OLD}"


@pytest.mark.parametrize(
    "query",
    [
        "subscription { posts { record { author { name } } } }",
        "subscription { a: posts { id } b: posts { id } }",
        "subscription { nope { id } }",
        'subscription { posts(filter: "record.(") { id } }',
    ],
)
async def test_bad_subscriptions(server: Server, query: str) -> None:
    """A subscription that can't be is refused with what is wrong, and the connection goes on."""
    socket = await opened(server)
    begin(socket, query=query)
    error = await socket.next()
    assert (error["type"], error["id"]) == ("error", "1")
    assert error["payload"][0]["extensions"]["code"] == "invalid_query"
    assert (await socket.asked(type="ping"))["type"] == "pong"


@pytest.mark.parametrize("name", [NEW, OLD])
async def test_a_server_that_ends(server: Server, name: str) -> None:
    """A subscription that the server can't go on with is not complete: the socket is closed, so that its client comes
    back."""
    socket = await opened(server, name)
    begin(socket, name=name, extensions={"cursor": ""})
    await socket.next()
    await server.close_streams()
    assert await socket.raw() == ""
    assert (await socket.end())[0] == 1012


# ------------------------------------------------------------ Server-sent events


async def test_stream(server: Server) -> None:
    """With Accept: text/event-stream a subscription is a stream of `next` events."""
    headers = {"Accept": "text/event-stream", "Content-Type": "application/json"}
    body = json.dumps({"query": DOCUMENT, "extensions": {"cursor": ""}}).encode()
    headers |= {"Content-Length": str(len(body))}
    stream = Stream(server, "/graphql", headers=headers, method="POST", body=body)
    event = await stream.next()
    assert (event.event, json.loads(event.data)["data"]) == ("next", {"changed": []})
    await posted(server, "One")
    assert json.loads((await stream.next()).data)["data"]["changed"][0]["record"] == {"t": "One"}
    assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    stream.leave()
    await stream.task


async def test_stream_of_one_response(server: Server) -> None:
    """A query's stream has one response and its end; so has a document that is wrong."""
    for query, part in (("{ posts { title } }", '{"data":{"posts":[]}}'), ("{ nope }", '"invalid_query"')):
        stream = Stream(server, "/graphql", ("query", query), headers={"Accept": "text/event-stream"})
        assert part in (await stream.next()).data
        assert (await stream.next()).event == "complete"
        await stream.task


async def test_readers_of_the_same_event(server: Server) -> None:
    """What is sent to many is made once for those who ask the same: each still has its own id, and its own words."""
    sockets = [await opened(server, name) for name in (NEW, NEW, NEW, OLD)]
    ids = ["1", "1", "2", "1"]
    for socket, id, name in zip(sockets, ids, (NEW, NEW, NEW, OLD), strict=True):
        begin(socket, id=id, name=name, variables={"w": {"title": {"ne": "no"}}})
    await has_begun(server, 4)
    for title in ("One", "Two"):
        await posted(server, title)
        messages = [await socket.next() for socket in sockets]
        assert [message["id"] for message in messages] == ids
        assert [message["type"] for message in messages] == ["next", "next", "next", "data"]
        records = [message["payload"]["data"]["changed"][0]["record"] for message in messages]
        assert records == [{"t": title}] * 4


async def test_parts_of_texts(server: Server) -> None:
    """Conditions on the beginning and the end of a text hold for changes as they do for lists."""
    socket = await opened(server)
    begin(socket, variables={"w": {"title": {"startsWith": 'a"', "endsWith": "\\z"}}}, extensions={"cursor": ""})
    assert (await socket.next())["payload"]["data"] == {"changed": []}
    for title in ('a"z', 'b"\\z', 'a"\\z'):
        await posted(server, title)
    changed = (await socket.next())["payload"]["data"]["changed"]
    assert [change["record"]["t"] for change in changed] == ['a"\\z']
    await socket.leave()
