"""Calls and subscriptions of one socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinterland.contract.fields import List, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import Answer, Socket, ask, bearer

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


# ------------------------------------------------------------ who is there


async def test_hello(server: Server, sign_up: Sign) -> None:
    """The first message says who the caller is and what holds for this socket."""
    hello = await Socket(server, PATH).next()
    assert hello | {"connection": ""} == {
        "type": "hello", "version": 1, "connection": "", "user": None, "ping": 15.0, "message_bytes": 1024 * 1024,
    }  # fmt: skip
    ada = await sign_up("ada")
    other = await Socket(server, PATH, headers=bearer(ada["access_token"]), subprotocol="hinterland.v1").next()
    assert other["user"] == ada["user"]["id"]
    assert other["connection"] != hello["connection"]


async def test_subprotocol(server: Server) -> None:
    """Ours is chosen where it is offered; a client that offers others has none."""
    for offered, chosen in (("hinterland.v1", "hinterland.v1"), ("chat", None)):
        socket = await opened(server, subprotocol=offered)
        assert socket.subprotocol == chosen


async def test_ping(server: Server) -> None:
    """A ping as tutorials send it is answered, with whatever else it had."""
    socket = await opened(server)
    assert await socket.asked(type="ping") == {"type": "pong"}
    assert await socket.asked(type="ping", id="7", at=5) == {"type": "pong", "id": "7", "at": 5}


async def test_sign_in_by_message(server: Server, sign_up: Sign) -> None:
    """A token or a ticket in a message says who the caller is, from then on."""
    ada, bob = await sign_up("ada"), await sign_up("bob")
    socket = await opened(server)
    said = await socket.asked(type="auth", token=ada["access_token"])
    assert said == {"type": "authenticated", "user": ada["user"]["id"]}
    ticket = (await ask(server, "POST", "/v1/events/ticket", headers=bearer(bob["access_token"]))).json["ticket"]
    assert (await socket.asked(type="auth", ticket=ticket))["user"] == bob["user"]["id"]
    assert (await socket.asked(type="auth", ticket=ticket))["error"]["code"] == "unauthorized"
    assert (await socket.asked(type="auth", token="no"))["error"]["code"] == "unauthorized"
    assert (await socket.asked(type="auth"))["error"]["code"] == "validation"
    me = await socket.asked(type="call", id="1", operation="auth.me")
    assert me["body"]["id"] == bob["user"]["id"]


async def test_ticket_in_the_url(server: Server, sign_up: Sign) -> None:
    """A browser's ticket opens one socket."""
    ada = await sign_up("ada")
    ticket = (await ask(server, "POST", "/v1/events/ticket", headers=bearer(ada["access_token"]))).json["ticket"]
    assert (await Socket(server, PATH, ("ticket", ticket)).next())["user"] == ada["user"]["id"]
    again = Socket(server, PATH, ("ticket", ticket))
    await again.task
    assert again.answer is not None
    assert again.answer.status == 401


async def test_refused_handshakes(server: Server) -> None:
    """A handshake is refused as a request is: unknown parameters, bad tokens, other methods, and HTTP without it."""
    for options, status in (
        ({"query": [("tiket", "x")]}, 400),
        ({"query": [("format", "xml")]}, 400),
        ({"headers": bearer("no")}, 401),
        ({"headers": {"Origin": "https://evil.example"}}, 403),
    ):
        socket = Socket(server, PATH, *options.get("query", []), headers=options.get("headers", {}))  # type: ignore[arg-type]
        await socket.task
        assert socket.answer is not None
        assert socket.answer.status == status
    assert (await ask(server, "GET", PATH)).status == 426
    assert (await ask(server, "POST", PATH)).status == 405


async def test_session_that_ends(server: Server, sign_up: Sign) -> None:
    """A socket ends with the session of its caller."""
    ada = await sign_up("ada")
    socket = await opened(server, headers=bearer(ada["access_token"]))
    await ask(server, "POST", "/v1/auth/logout", headers=bearer(ada["access_token"]))
    assert await socket.end() == (4401, "the session has ended; sign in again")


# ------------------------------------------------------------ calls


async def test_calls(server: Server, sign_up: Sign) -> None:
    """Operations are called with what their requests have: path, query, body, preconditions and key."""
    ada = await sign_up("ada")
    socket = await opened(server, headers=bearer(ada["access_token"]))
    path = {"collection": "posts"}
    made = await socket.asked(
        type="call", id="1", operation="records.create", path=path, body={"title": "One"}, key="k1"
    )
    assert (made["type"], made["id"], made["status"], made["body"]["title"]) == ("result", "1", 201, "One")
    again = await socket.asked(
        type="call", id="2", operation="records.create", path=path, body={"title": "One"}, key="k1"
    )
    assert again["body"] == made["body"]
    one = {"collection": "posts", "id": made["body"]["id"]}
    stale = await socket.asked(
        type="call", id="3", operation="records.patch", path=one, body={"title": "Two"}, if_match='"0"'
    )
    assert (stale["type"], stale["error"]["code"]) == ("error", "stale")
    seen = await socket.asked(type="call", id="4", operation="records.view", path=one)
    assert seen["etag"]
    same = await socket.asked(type="call", id="5", operation="records.view", path=one, if_none_match=seen["etag"])
    assert (same["status"], same["body"]) == (304, None)
    query = {"filter": "record.title == 'One'", "limit": 1, "total": True}
    page = await socket.asked(type="call", id="6", operation="records.list", path=path, query=query)
    assert (len(page["body"]["items"]), page["body"]["total"]) == (1, 1)
    gone = await socket.asked(type="call", id="7", operation="records.delete", path=one)
    assert (gone["status"], gone["body"]) == (204, None)
    below = {"collection": f"posts/{(await post(server, 'x')).json['id']}/comments"}
    inside = await socket.asked(type="call", id="8", operation="records.create", path=below, body={"text": "t"})
    assert inside["status"] == 201


async def test_calls_by_the_rules(server: Server, sign_up: Sign) -> None:
    """A call shows and changes what the rules let its caller, as a request does."""
    ada, bob = await sign_up("ada"), await sign_up("bob")
    body = {"title": "mine", "members": [ada["user"]["id"]]}
    made = await ask(server, "POST", "/v1/records/notes", body, bearer(ada["access_token"]))
    path = {"collection": "notes", "id": made.json["id"]}
    for token, status in ((ada["access_token"], 200), (bob["access_token"], 404)):
        socket = await opened(server, headers=bearer(token))
        answer = await socket.asked(type="call", id="1", operation="records.view", path=path)
        assert answer.get("status", answer.get("error", {}).get("status")) == status


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "invalid_body"),
        ('{"type":"ping","type":"ping"}', "invalid_body"),
        ("[]", "invalid_body"),
        (b"\xc1", "invalid_body"),
        ({"type": "what"}, "validation"),
        ({}, "validation"),
        ({"type": "call", "id": 7, "operation": "auth.me"}, "validation"),
        ({"type": "call", "id": "x" * 65, "operation": "auth.me"}, "validation"),
        ({"type": "call", "id": "1", "operation": "records.viw"}, "validation"),
        ({"type": "call", "id": "1", "operation": "events.stream"}, "validation"),
        ({"type": "call", "id": "1", "operation": "socket"}, "validation"),
        ({"type": "call", "id": "1", "operation": "records.view", "path": {"collection": "posts"}}, "validation"),
        ({"type": "call", "id": "1", "operation": "records.list", "path": {"collection": ""}}, "validation"),
        ({"type": "call", "id": "1", "operation": "auth.me", "key": "a\r\nb: c"}, "validation"),
        ({"type": "call", "id": "1", "operation": "auth.me", "more": 1}, "validation"),
        ({"type": "unsubscribe", "id": "none"}, "validation"),
        ({"type": "subscribe", "id": "1"}, "validation"),
        ({"type": "subscribe", "id": "1", "collections": ["posts"], "query": {"limit": 1}}, "validation"),
    ],
)
async def test_bad_messages(server: Server, message: Any, code: str) -> None:
    """A message that is not valid is answered with what is wrong, and the socket goes on."""
    socket = await opened(server)
    answer = await socket.asked(message)
    assert (answer["type"], answer["error"]["code"]) == ("error", code)
    assert await socket.asked(type="ping") == {"type": "pong"}


async def test_paths_are_segments(server: Server) -> None:
    """An id in a path is one segment, whatever characters it has: nothing reaches another path with it."""
    socket = await opened(server)
    for id in ("../closed/x", "a/b", "a?b", "a%2Fb", "é"):
        answer = await socket.asked(
            type="call", id="1", operation="records.view", path={"collection": "posts", "id": id}
        )
        assert answer["error"]["code"] in ("not_found", "validation"), answer


async def test_pace(server: Server, clock: ManualClock) -> None:
    """Who sends more messages than one may is served as fast as one may, and loses nothing."""
    socket = await opened(server)
    for number in range(103):
        socket.send(type="ping", number=number)
    assert [(await socket.next())["number"] for _ in range(100)] == [*range(100)]
    assert socket._to_client.empty()
    for number in range(100, 103):
        await clock.advance(0.02)
        assert (await socket.next())["number"] == number


async def test_message_pack(server: Server) -> None:
    """With `format=msgpack` the server's messages are MessagePack; the client's are what their frames say."""
    socket = Socket(server, PATH, ("format", "msgpack"))

    async def following() -> dict[str, Any]:
        data = await socket.raw()
        assert isinstance(data, bytes)
        message: dict[str, Any] = msgspec.msgpack.decode(data)
        return message

    assert (await following())["type"] == "hello"
    socket.send(msgspec.msgpack.encode({"type": "ping", "number": 1}))
    assert await following() == {"type": "pong", "number": 1}
    socket.send(type="subscribe", id="s", collection="posts")
    assert [(await following())["type"] for _ in range(2)] == ["snapshot", "ready"]
    await post(server, "One")
    commit = await following()
    assert (commit["type"], commit["id"], commit["changes"][0]["record"]["title"]) == ("commit", "s", "One")


# ------------------------------------------------------------ subscriptions


async def test_snapshot_and_what_follows(server: Server) -> None:
    """A subscription begins with the page that it asks for, and goes on with what happens after it."""
    await post(server, "One")
    await post(server, "Two")
    socket = await opened(server)
    query = {"sort": "title", "limit": 1, "filter": "record.title != 'Two'", "total": True}
    shown = await socket.asked(type="subscribe", id="s", collection="posts", query=query)
    assert shown["type"] == "snapshot"
    assert [item["title"] for item in shown["items"]] == ["One"]
    assert (shown["id"], shown["total"]) == ("s", 1)
    ready = await socket.next()
    assert (ready["type"], ready["id"]) == ("ready", "s")
    await post(server, "Two")
    made = await post(server, "Three")
    commit = await socket.next()
    assert (commit["type"], commit["id"], commit["changes"][0]["record"]["title"]) == ("commit", "s", "Three")
    assert commit["revision"] == made.json["revision"]


async def test_resume(server: Server) -> None:
    """A cursor goes on where the former socket ended: nothing is missed, nothing comes twice."""
    socket = await opened(server)
    socket.send(type="subscribe", id="s", collection="posts", snapshot=False)
    cursor = (await socket.next())["cursor"]
    await post(server, "One")
    cursor = (await socket.next())["cursor"]
    await socket.leave()
    for title in ("Two", "Three"):
        await post(server, title)
    other = await opened(server)
    other.send(type="subscribe", id="again", collection="posts", cursor=cursor)
    assert (await other.next())["type"] == "ready"
    titles = [(await other.next())["changes"][0]["record"]["title"] for _ in range(2)]
    assert titles == ["Two", "Three"]
    await post(server, "Four")
    assert (await other.next())["changes"][0]["record"]["title"] == "Four"


async def test_cursor_that_can_not_be_continued(server: Server) -> None:
    """A cursor that the server did not make gets a `resync`, as on a stream."""
    socket = await opened(server)
    socket.send(type="subscribe", id="s", collection="posts", cursor="mine")
    assert (await socket.next())["type"] == "ready"
    resync = await socket.next()
    assert (resync["type"], resync["reason"], resync["id"]) == ("resync", "unknown", "s")


async def test_several_subscriptions(server: Server) -> None:
    """One socket follows several collections by several subscriptions; each has its own messages and ends alone."""
    socket = await opened(server)
    for id, wanted in (
        ("a", {"collections": ["posts", "comments"]}),
        ("b", {"collection": "posts", "snapshot": False}),
    ):
        assert (await socket.asked(type="subscribe", id=id, **wanted))["type"] == "ready"
    made = await post(server, "One")
    assert {(await socket.next())["id"] for _ in range(2)} == {"a", "b"}
    assert await socket.asked(type="unsubscribe", id="b") == {"type": "end", "id": "b"}
    await ask(server, "POST", f"/v1/records/posts/{made.json['id']}/comments", {"text": "t"})
    assert (await socket.next())["changes"][0]["collection"] == "comments"
    assert (await socket.asked(type="subscribe", id="a", collection="posts"))["error"]["code"] == "conflict"
    assert (await socket.asked(type="subscribe", id="b", collection="posts"))["type"] == "snapshot"


async def test_collection_below_a_record(server: Server) -> None:
    """What is below one record is followed by its path: others' changes are not sent."""
    one, two = [(await post(server, title)).json["id"] for title in ("One", "Two")]
    await ask(server, "POST", f"/v1/records/posts/{one}/comments", {"text": "before"})
    socket = await opened(server)
    shown = await socket.asked(type="subscribe", id="s", collection=f"posts/{one}/comments")
    assert [item["text"] for item in shown["items"]] == ["before"]
    assert (await socket.next())["type"] == "ready"
    for parent, text in ((two, "there"), (one, "here")):
        await ask(server, "POST", f"/v1/records/posts/{parent}/comments", {"text": text})
    assert (await socket.next())["changes"][0]["record"]["text"] == "here"


async def test_what_is_not_shown(server: Server, sign_up: Sign) -> None:
    """A subscription shows what the rules let its caller see, and ends with a reason where that is nothing at all."""
    ada, bob = await sign_up("ada"), await sign_up("bob")
    socket = await opened(server, headers=bearer(bob["access_token"]))
    assert (await socket.asked(type="subscribe", id="n", collection="notes"))["items"] == []
    assert (await socket.next())["type"] == "ready"
    for members in ([ada["user"]["id"]], [ada["user"]["id"], bob["user"]["id"]]):
        body = {"title": str(len(members)), "members": members}
        await ask(server, "POST", "/v1/records/notes", body, bearer(ada["access_token"]))
    assert (await socket.next())["changes"][0]["record"]["title"] == "2"
    end = await socket.asked(type="subscribe", id="c", collection="closed")
    assert (end["type"], end["id"], end["error"]["code"]) == ("end", "c", "forbidden")
    for wrong in ({"filter": "record.("}, {"limit": 0}, {"sort": "nothing"}):
        end = await socket.asked(type="subscribe", id="c", collection="posts", query=wrong)
        assert (end["type"], end["error"]["code"]) == ("end", "invalid_query")


async def test_another_caller(server: Server, sign_up: Sign) -> None:
    """Who signs in as another on a socket follows nothing any longer that the former caller followed."""
    ada, bob = await sign_up("ada"), await sign_up("bob")
    socket = await opened(server, headers=bearer(ada["access_token"]))
    socket.send(type="subscribe", id="n", collection="notes", snapshot=False)
    assert (await socket.next())["type"] == "ready"
    socket.send(type="auth", token=bob["access_token"])
    assert {(await socket.next())["type"] for _ in range(2)} == {"authenticated", "end"}
    same = await ask(server, "POST", "/v1/auth/refresh", {"refresh_token": bob["refresh_token"]})
    socket.send(type="subscribe", id="n", collection="notes", snapshot=False)
    assert (await socket.next())["type"] == "ready"
    assert (await socket.asked(type="auth", token=same.json["access_token"]))["type"] == "authenticated"
    body = {"title": "mine", "members": [bob["user"]["id"]]}
    await ask(server, "POST", "/v1/records/notes", body, bearer(bob["access_token"]))
    assert (await socket.next())["type"] == "commit"


async def test_most_subscriptions(server: Server, clock: ManualClock) -> None:
    """A socket has a bounded number of subscriptions."""
    socket = await opened(server)
    for number in range(100):
        answer = await socket.asked(type="subscribe", id=str(number), collection="posts", snapshot=False)
        assert answer["type"] == "ready"
    await clock.advance(1)
    answer = await socket.asked(type="subscribe", id="more", collection="posts", snapshot=False)
    assert answer["error"]["code"] == "rate_limited"


async def test_nothing_is_left(server: Server) -> None:
    """A socket that ends takes its subscriptions with it."""
    assert server.backend is not None
    feed = server.backend.feed
    socket = await opened(server)
    socket.send(type="subscribe", id="s", collection="posts")
    await socket.next()
    await socket.leave()
    assert not feed.rights.listeners
    assert not feed._subscriptions
    await asyncio.sleep(0)
