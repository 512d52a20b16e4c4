from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.events import StreamQuery
from hinterland.contract.fields import List, Text
from hinterland.contract.identity import Principal
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.contract.sync import PullResult
from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.data.requests import WriteRequest
from hinterland.server.declaration import App
from hinterland.server.protocols.sse import read_query
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import Answer, Stream, ask, bearer

EVENTS = "/v1/events"
MEMBER = "auth.id in record.members"
APP = App(
    collections=[
        Collection(
            name="notes", fields={"members": List(of=Text()), "title": Text()}, rules=Rules(list=MEMBER, view=MEMBER)
        ),
        Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY),
        Collection(name="closed", fields={"title": Text()}),
    ],
    settings=Settings(auth=AuthSettings(hash_memory_kib=8, hash_passes=1), stream_buffer=3),
)


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
async def ada(server: Server) -> dict[str, Any]:
    """Ada's session."""
    body = {"name": "Ada", "email": "ada@example.org", "password": "correct horse battery"}
    answer = await ask(server, "POST", "/v1/auth/signup", body)
    assert answer.status == 201, answer.body
    return dict(answer.json)


async def write(server: Server, collection: str, **body: Any) -> None:
    assert server.backend is not None
    made = Write(act="create", collection=collection, body=body)
    await server.backend.commands.submit(WriteRequest((made,), Principal(id="admin/root", is_admin=True)))


async def refused(stream: Stream) -> Answer:
    """The answer of a stream that did not begin."""
    await asyncio.wait_for(stream.task, 30)
    return Answer(stream.status, stream.headers, b"".join(stream.chunks))


async def ticket(server: Server, ada: dict[str, Any]) -> str:
    answer = await ask(server, "POST", "/v1/events/ticket", headers=bearer(ada["access_token"]))
    assert answer.json["expires_in"] == 30
    return str(answer.json["ticket"])


# ------------------------------------------------------------------ the stream


async def test_stream(server: Server, ada: dict[str, Any]) -> None:
    """A stream is text/event-stream that nobody keeps or holds back: a comment, `ready`, then what happens."""
    stream = Stream(
        server, EVENTS, ("collection", "notes"), ("collection", "posts"), headers=bearer(ada["access_token"])
    )
    ready = await stream.next()
    assert (ready.event, ready.data, bool(ready.id)) == ("ready", "{}", True)
    assert stream.chunks[0].startswith(b":")
    wanted = {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store, no-transform",
        "x-accel-buffering": "no",
    }
    assert (stream.status, stream.headers | wanted) == (200, stream.headers)
    await write(server, "notes", members=[ada["user"]["id"]], title="a\nb\r\u2028c")
    commit = await stream.next()
    (change,) = json.loads(commit.data)["changes"]
    assert (commit.event, change["kind"], change["record"]["title"]) == ("commit", "create", "a\nb\r\u2028c")
    stream.leave()
    await asyncio.wait_for(stream.task, 30)


async def test_last_event_id(server: Server, ada: dict[str, Any]) -> None:
    """A stream that was cut resumes from Last-Event-ID, which wins over the URL's cursor: no gap, no duplicate."""
    stream = Stream(server, EVENTS, ("collection", "posts"))
    first = await stream.next()
    await write(server, "posts", title="one")
    second = await stream.next()
    stream.leave()
    await write(server, "posts", title="two")
    query = [("collection", "posts"), ("cursor", first.id)]
    for headers, titles in (
        ({}, ["one", "two"]),
        ({"Last-Event-ID": second.id}, ["two"]),
        ({"Last-Event-ID": ""}, ["one", "two"]),
    ):
        again = Stream(server, EVENTS, *query, headers=headers)
        assert (await again.next()).event == "ready"
        for title in titles:
            assert title in (await again.next()).data
        again.leave()


async def test_last_event_id_in_the_url(server: Server) -> None:
    """Libraries that can't send a header name the last event in the URL, which wins over the cursor there; the header
    wins over both."""
    stream = Stream(server, EVENTS, ("collection", "posts"))
    ids = [(await stream.next()).id]
    for title in ("one", "two"):
        await write(server, "posts", title=title)
        ids.append((await stream.next()).id)
    stream.leave()
    query = [("collection", "posts"), ("cursor", ids[0]), ("lastEventId", ids[1])]
    for headers, last in (({}, "two"), ({"Last-Event-ID": ids[0]}, "one")):
        again = Stream(server, EVENTS, *query, headers=headers)
        assert (await again.next()).event == "ready"
        assert last in (await again.next()).data
        again.leave()


async def test_foreign_cursor(server: Server) -> None:
    """A browser that comes back after the server's data was changed is sent a resync, and its stream goes on."""
    stream = Stream(server, EVENTS, ("collection", "posts"), ("cursor", "x"), headers={"Last-Event-ID": "y"})
    assert [(await stream.next()).event for _ in range(2)] == ["ready", "resync"]
    await write(server, "posts", title="here")
    assert "here" in (await stream.next()).data
    stream.leave()


async def test_pull_goes_on(server: Server, ada: dict[str, Any]) -> None:
    """A pull over HTTP goes on from a stream's cursor, and pushes are events on the stream."""
    headers = bearer(ada["access_token"])
    stream = Stream(server, EVENTS, ("collection", "posts"), headers=headers)
    ready = await stream.next()
    writes = [{"act": "create", "collection": "posts", "id": "p1", "body": {"title": "pushed"}}]
    push = {"device": "d1", "mutations": [{"seq": 1, "id": "m1", "writes": writes}]}
    answer = await ask(server, "POST", "/v1/sync/push", push, headers)
    assert (answer.status, answer.json["settled"], answer.json["results"][0]["status"]) == (200, 1, "applied")
    assert "pushed" in (await stream.next()).data
    pull = {"collections": ["posts"], "cursor": ready.id, "device": "d1"}
    answer = await ask(server, "POST", "/v1/sync/pull", pull, headers)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert (answer.json["settled"], answer.json["changes"][0]["id"]) == (1, "p1")
    assert set(answer.json) <= set(PullResult.__struct_fields__)


async def test_push_that_can_not_be_read(server: Server, ada: dict[str, Any]) -> None:
    """A mutation that can't be understood is a 400 that names it."""
    writes = [{"act": "explode", "collection": "posts"}]
    body = {"device": "d1", "mutations": [{"seq": 1, "id": "m1", "writes": writes}]}
    answer = await ask(server, "POST", "/v1/sync/push", body, bearer(ada["access_token"]))
    assert (answer.status, answer.json["code"]) == (400, "invalid_body")
    assert "mutations[0].writes[0].act" in answer.json["message"]
    answer = await ask(server, "POST", "/v1/sync/push", {"device": 7}, bearer(ada["access_token"]))
    assert (answer.status, "device" in answer.json["message"]) == (400, True)
    answer = await ask(server, "POST", "/v1/sync/push", {"device": "d", "mutations": []})
    assert answer.status == 401


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ([], 400, "collection=posts"),
        ([("collection", "nowhere")], 404, "no collection"),
        ([("collection", "closed")], 401, "sign in"),
        ([("collection", "posts"), ("collection", "notes"), ("filter", "true")], 400, "filter"),
        ([("collection", "posts"), ("filter", "true"), ("filter", "true")], 400, "twice"),
        ([("collection", "posts"), ("colour", "red")], 400, "colour"),
        ([("collection", "posts"), ("ticket", "wrong")], 401, "ticket"),
        ([("collection", "posts"), ("ticket", "")], 401, "ticket"),
        ([("collection", "posts"), ("cursor", ""), ("cursor", "")], 400, "twice"),
        ([("collection", "posts")] * 101, 400, "100"),
    ],
)
async def test_refused(server: Server, query: list[tuple[str, str]], status: int, words: str) -> None:
    """What can't be followed is answered as problem+json before the stream begins."""
    answer = await refused(Stream(server, EVENTS, *query))
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json; charset=utf-8")
    assert words in answer.json["message"]


@pytest.mark.parametrize("name", ["access_token", "token", "Authorization"])
async def test_token_in_the_query(server: Server, ada: dict[str, Any], name: str) -> None:
    """bearer token in the query → refused, with what to do, and without the token in the answer."""
    stream = Stream(server, EVENTS, ("collection", "posts"), (name, ada["access_token"]))
    answer = await refused(stream)
    assert (answer.status, answer.json["code"]) == (400, "invalid_query")
    assert "/v1/events/ticket" in answer.json["message"]
    assert ada["access_token"].encode() not in answer.body


async def test_bad_token(server: Server) -> None:
    """A bad bearer token is 401, never a stream of what is public."""
    answer = await refused(Stream(server, EVENTS, ("collection", "posts"), headers=bearer("x.y.z")))
    assert (answer.status, 'error="invalid_token"' in answer.headers["www-authenticate"]) == (401, True)


async def test_methods(server: Server) -> None:
    """A stream takes GET."""
    answer = await refused(Stream(server, EVENTS, ("collection", "posts"), method="POST"))
    assert (answer.status, answer.headers["allow"]) == (405, "GET")


def test_query() -> None:
    """A query is read as it is written; the header Last-Event-ID wins over the parameter."""
    pairs = [("collection", "a"), ("filter", "record.n > 1"), ("cursor", "c"), ("ticket", "t"), ("lastEventId", "d")]
    wanted = StreamQuery(collection=["a"], filter="record.n > 1", cursor="c", lastEventId="d", ticket="t")
    assert read_query(pairs) == wanted
    assert read_query(pairs, "e").lastEventId == "e"
    with pytest.raises(Refusal):
        read_query([("collection", "a"), ("jwt", "x")])


# ------------------------------------------------------------------ tickets


async def test_ticket(server: Server, ada: dict[str, Any]) -> None:
    """A ticket opens one stream as its session's user; a second time it is refused."""
    text = await ticket(server, ada)
    stream = Stream(server, EVENTS, ("collection", "notes"), ("ticket", text))
    await stream.next()
    await write(server, "notes", members=[ada["user"]["id"]], title="mine")
    assert "mine" in (await stream.next()).data
    assert (await refused(Stream(server, EVENTS, ("collection", "notes"), ("ticket", text)))).status == 401
    stream.leave()


async def test_ticket_race(server: Server, ada: dict[str, Any]) -> None:
    """Of two streams that show a ticket at once, one is opened."""
    text = await ticket(server, ada)
    assert server.backend is not None
    tries = [server.backend.tickets.redeem(text) for _ in range(4)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Principal", "Refusal", "Refusal", "Refusal"]


async def test_ticket_ends(server: Server, ada: dict[str, Any], clock: ManualClock) -> None:
    """A ticket counts for thirty seconds, its session's life and its kind of stream; its text is kept nowhere."""
    texts = [await ticket(server, ada) for _ in range(3)]
    assert server.backend is not None
    tickets = server.backend.tickets
    rows = await server.backend.storage.rows("_tickets", {})
    assert not any(text in str(rows) for text in texts)
    with pytest.raises(Refusal):
        await tickets.redeem(texts[0], "socket")
    await clock.advance(31)
    with pytest.raises(Refusal):
        await tickets.redeem(texts[0])
    late = await ticket(server, ada)
    assert len(await server.backend.storage.rows("_tickets", {})) == 1
    await ask(server, "POST", "/v1/auth/logout", headers=bearer(ada["access_token"]))
    with pytest.raises(Refusal):
        await tickets.redeem(late)


async def test_ticket_needs_a_session(server: Server) -> None:
    """Nobody gets a ticket without being signed in."""
    assert (await ask(server, "POST", "/v1/events/ticket")).status == 401
    assert server.backend is not None
    with pytest.raises(Refusal) as caught:
        await server.backend.tickets.issue(Principal(id="local", is_admin=True))
    assert caught.value.code == "unauthorized"


# ------------------------------------------------------------------ how it ends


async def opened_stream(server: Server, ada: dict[str, Any]) -> Stream:
    stream = Stream(server, EVENTS, ("collection", "notes"), headers=bearer(ada["access_token"]))
    await stream.next()
    return stream


async def test_log_out(server: Server, ada: dict[str, Any]) -> None:
    """A stream ends in order when its session ends."""
    stream = await opened_stream(server, ada)
    await ask(server, "POST", "/v1/auth/logout", headers=bearer(ada["access_token"]))
    await asyncio.wait_for(stream.task, 30)
    assert stream.is_whole


async def test_token_expires(server: Server, ada: dict[str, Any], clock: ManualClock) -> None:
    """The access token may expire: the stream lives as long as its session."""
    stream = await opened_stream(server, ada)
    await clock.advance(2_000)
    await write(server, "notes", members=[ada["user"]["id"]], title="still here")
    while (message := await stream.next()).event == "position":
        pass
    assert "still here" in message.data
    stream.leave()


async def test_shutdown(server: Server, ada: dict[str, Any]) -> None:
    """A server that goes down ends its streams in order, and refuses new ones for now."""
    stream = await opened_stream(server, ada)
    await server.close_streams()
    await asyncio.wait_for(stream.task, 30)
    assert stream.is_whole
    answer = await refused(Stream(server, EVENTS, ("collection", "posts")))
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


async def test_stuck_reader(server: Server, ada: dict[str, Any]) -> None:
    """A reader that takes nothing is let go once too much waits for it."""
    stream = await opened_stream(server, ada)
    stream.hold()
    for number in range(6):
        await write(server, "notes", members=[ada["user"]["id"]], title=str(number))
    await asyncio.wait_for(stream.task, 30)
    assert not stream.is_whole


async def test_stuck_at_the_end(server: Server, ada: dict[str, Any], clock: ManualClock) -> None:
    """A reader that takes nothing does not hold up a server that goes down."""
    stream = await opened_stream(server, ada)
    stream.hold()
    await write(server, "notes", members=[ada["user"]["id"]], title="x")
    await server.close_streams()
    for _ in range(5):
        await clock.advance(1)
    await asyncio.wait_for(stream.task, 30)
    assert not stream.is_whole


async def test_an_error_in_the_middle(
    server: Server, ada: dict[str, Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the log can't be read for one who comes back, the stream breaks off, so that it comes back again."""

    async def down(*_: object) -> None:
        raise Refusal("unavailable")

    assert server.backend is not None
    monkeypatch.setattr(server.backend.feed, "catch_up", down)
    stream = await opened_stream(server, ada)
    await asyncio.wait_for(stream.task, 30)
    assert (stream.is_whole, "failed" in caplog.text) == (False, True)


async def test_slow_for_a_while(server: Server, ada: dict[str, Any]) -> None:
    """A reader that takes nothing for a moment is sent what waited, in order, once it goes on."""
    stream = await opened_stream(server, ada)
    stream.hold()
    for number in range(3):
        await write(server, "notes", members=[ada["user"]["id"]], title=f"number {number}")
    stream.go_on()
    for number in range(3):
        assert f"number {number}" in (await stream.next()).data
    stream.leave()


async def test_broken_connection(server: Server, ada: dict[str, Any]) -> None:
    """A connection that breaks while it is written to ends its own stream; the others are served."""
    broken, other = await opened_stream(server, ada), await opened_stream(server, ada)
    broken.is_broken = True
    for title in ("one", "two"):
        await write(server, "notes", members=[ada["user"]["id"]], title=title)
        assert title in (await other.next()).data
    await asyncio.wait_for(broken.task, 30)
    other.leave()
