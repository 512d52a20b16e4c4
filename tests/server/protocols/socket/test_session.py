"""Who speaks by a socket, and its calls."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from tests.server.protocols.asgi import Socket, ask, bearer
from tests.server.protocols.socket.speaking import PATH, Sign, opened, post

# ------------------------------------------------------------ who is there


async def test_hello(server: Server, sign_up: Sign) -> None:
    """The first message says who the caller is and what holds for this socket."""
    hello = await Socket(server, PATH).next()
    assert hello == {
        "type": "hello", "version": 1, "user_id": None, "ping_seconds": 15.0, "max_message_bytes": 1024 * 1024,
    }  # fmt: skip
    ada = await sign_up("ada")
    other = await Socket(server, PATH, headers=bearer(ada["access_token"]), subprotocol="hinterland.v1").next()
    assert other["user_id"] == ada["user"]["id"]


async def test_subprotocol(server: Server) -> None:
    """Ours is chosen where it is offered; a client that offers others has none."""
    for offered, chosen in (("hinterland.v1", "hinterland.v1"), ("chat", None)):
        socket = await opened(server, subprotocol=offered)
        assert socket.subprotocol == chosen


async def test_ping(server: Server) -> None:
    """A ping as tutorials send it is answered, with whatever else it had."""
    socket = await opened(server)
    assert await socket.asked(type="ping") == {"type": "pong"}
    assert await socket.asked(type="ping", id=7, at=5) == {"type": "pong", "id": 7, "at": 5}


async def test_sign_in_by_message(server: Server, sign_up: Sign) -> None:
    """A token or a ticket in a message says who the caller is, from then on."""
    ada, bob = await sign_up("ada"), await sign_up("bob")
    socket = await opened(server)
    said = await socket.asked(type="auth", token=ada["access_token"])
    assert said == {"type": "authenticated", "user_id": ada["user"]["id"]}
    ticket = (await ask(server, "POST", "/v1/events/ticket", headers=bearer(bob["access_token"]))).json["ticket"]
    assert (await socket.asked(type="auth", ticket=ticket))["user_id"] == bob["user"]["id"]
    assert (await socket.asked(type="auth", ticket=ticket))["error"]["code"] == "unauthorized"
    assert (await socket.asked(type="auth", token="no"))["error"]["code"] == "unauthorized"
    assert (await socket.asked(type="auth"))["error"]["code"] == "validation"
    me = await socket.asked(type="call", id="1", operation="auth.me")
    assert me["body"]["id"] == bob["user"]["id"]


async def test_call_before_another_caller(server: Server, sign_up: Sign) -> None:
    """A call is carried out for the caller who sent it, also where the next message signs another one in."""
    ada, bob = await sign_up("ada"), await sign_up("bob")
    socket = await opened(server, headers=bearer(ada["access_token"]))
    for token in (bob["access_token"], ada["access_token"]):
        socket.send(type="call", id="1", operation="auth.me")
        socket.send(type="auth", token=token)
    answers = [await socket.next() for _ in range(4)]
    assert [answer["body"]["name"] for answer in answers if answer["type"] == "result"] == ["ada", "bob"]


async def test_ticket_in_the_url(server: Server, sign_up: Sign) -> None:
    """A browser's ticket opens one socket."""
    ada = await sign_up("ada")
    ticket = (await ask(server, "POST", "/v1/events/ticket", headers=bearer(ada["access_token"]))).json["ticket"]
    assert (await Socket(server, PATH, ("ticket", ticket)).next())["user_id"] == ada["user"]["id"]
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


async def test_names_of_the_description(server: Server) -> None:
    """An operation of one collection, as the description of the API names it, is refused with the name to use."""
    socket = await opened(server)
    answer = await socket.asked(type="call", id="1", operation="records.list.posts", path={"collection": "posts"})
    assert "name 'records.list', with the collection in path" in answer["error"]["message"]


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


@pytest.mark.parametrize(
    ("operation", "hint"),
    [
        ("records.update", "those of records are records.list, "),
        ("records.list.posts", "name 'records.list', with the collection in path"),
        ("posts.list", "/openapi.json lists them"),
    ],
)
async def test_unknown_operations(server: Server, operation: str, hint: str) -> None:
    """A call of an operation that there is not is refused with where its name is."""
    socket = await opened(server)
    answer = await socket.asked(type="call", id="1", operation=operation)
    assert answer["error"]["message"].startswith(f"operation: there is no operation '{operation}'; {hint}")


@pytest.mark.parametrize(
    "message",
    [
        '{"type":"call","id":"c1","operation":"auth.me","body":' + "[" * 300 + "]" * 300 + "}",
        '{"type":"call","id":"c1","operation":"auth.me","body":{"half":"\\ud83d"}}',
        '{"type":"call","id":"c1","operation":"auth.me","body":{"one":1,"one":2}}',
        msgspec.msgpack.encode({"type": "call", "id": "c1", "body": "?"}).replace(b"?", b"\xff"),
        {"type": "what", "id": "c1"},
    ],
)
async def test_errors_name_the_message(server: Server, message: Any) -> None:
    """The error of a message that is not valid has its id wherever one can be read: no call waits for ever."""
    socket = await opened(server)
    answer = await socket.asked(message)
    assert (answer["type"], answer["id"], answer["error"]["status"]) == ("error", "c1", 400)


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


@pytest.mark.parametrize(
    "message",
    [b"\x81\x01\x02", b"\x82\xa4type\xa4ping\xa1a\x81\xc0\x02", b"\x82\xa4type\xa4ping\xa4type\xa4ping", b"\xc1"],
)
async def test_message_pack_without_the_same_json(server: Server, message: bytes) -> None:
    """MessagePack without an equal in JSON, such as a number as a name, is answered as other malformed messages are."""
    socket = await opened(server)
    assert (await socket.asked(message))["error"]["code"] == "invalid_body"
    assert await socket.asked(type="ping") == {"type": "pong"}


@pytest.mark.parametrize("is_packed", [False, True])
async def test_large_messages(server: Server, *, is_packed: bool) -> None:
    """A large message is read as a small one is, and before those behind it."""
    socket = await opened(server)
    large = {"type": "ping", "text": "x" * 100_000}
    socket.send(msgspec.msgpack.encode(large) if is_packed else large)
    assert await socket.asked(type="ping") == {**large, "type": "pong"}
    assert await socket.next() == {"type": "pong"}
