"""Who may join and send, and what happens when a right ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import Socket, ask, bearer
from tests.server.protocols.socket.rooms import joined, let_in, nodes, person
from tests.server.protocols.socket.speaking import opened


@pytest.fixture(params=["sqlite", "postgres"])
async def server(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Server]:
    """A server with channels on each database."""
    dsn = request.getfixturevalue("postgres_dsn") if request.param == "postgres" else ""
    async with nodes(lambda: PostgresStorage(dsn, connections=4) if dsn else SqliteStorage(tmp_path), clock) as [made]:
        yield made


async def until_left(socket: Socket) -> str:
    """The code with which a channel is left otherwise than by the client."""
    while (message := await socket.next())["type"] != "left":
        pass
    code: str = message["error"]["code"]
    return code


async def test_rules(server: Server) -> None:
    """A channel is joined by those whom its rule lets, by what other collections have and what its name has in the
    braces; without a rule by administrators alone."""
    ada, bob = [await person(server, name) for name in ("ada", "bob")]
    await let_in(server, ada, "r1")
    for who, name, code in (
        (ada, "room/r1", ""), (ada, "room/r2", "forbidden"), (ada, "closed", "forbidden"),
        (bob, "room/r1", "forbidden"), (None, "number/11", ""), (None, "number/10", "unauthorized"),
        (None, "room/r1", "unauthorized"),
    ):  # fmt: skip
        socket = await opened(server, headers=who.headers if who is not None else {})
        answer = await socket.asked(type="join", channel=name)
        assert answer.get("error", {}).get("code", "") == code, (name, answer)


async def test_send_rule(server: Server) -> None:
    """A message is sent by those whom the rule for it lets, as records are at that moment."""
    ada = await person(server, "ada")
    await let_in(server, ada, "r1")
    socket, _ = await joined(server, "room/r1", ada)
    said = {"type": "send", "id": "1", "channel": "room/r1", "event": "said"}
    assert (await socket.asked(said))["type"] == "sent"
    muted = (await ask(server, "POST", "/v1/records/muted", {"user": ada.id}, ada.headers)).json
    assert (await socket.asked(said))["error"]["code"] == "forbidden"
    await ask(server, "DELETE", f"/v1/records/muted/{muted['id']}", headers=ada.headers)
    assert (await socket.asked(said))["type"] == "sent"


async def test_membership_that_ends(server: Server) -> None:
    """Who is no member any longer leaves the channel at once, and is sent nothing that comes after; the others stay."""
    ada, bob = [await person(server, name) for name in ("ada", "bob")]
    ids = [await let_in(server, who, "r1") for who in (ada, bob)]
    one, _ = await joined(server, "room/r1", ada)
    two, answer = await joined(server, "room/r1", bob)
    await one.next()
    assert (await ask(server, "DELETE", f"/v1/records/members/{ids[1]}")).status == 204
    await one.asked(type="send", channel="room/r1", event="secret", id="s")
    assert await until_left(two) == "forbidden"
    assert await two.asked(type="ping") == {"type": "pong"}
    assert (await two.asked(type="join", channel="room/r1"))["error"]["code"] == "forbidden"
    await let_in(server, bob, "r1")
    assert [item["event"] for item in (await two.asked(type="join", channel="room/r1"))["history"]] == ["secret"]
    assert answer["history"] == []


async def test_membership_that_moves(server: Server) -> None:
    """A membership that is of another room now ends the former one."""
    ada = await person(server, "ada")
    id = await let_in(server, ada, "r1")
    socket, _ = await joined(server, "room/r1", ada)
    assert (await ask(server, "PATCH", f"/v1/records/members/{id}", {"room": "r2"}, ada.headers)).status == 200
    assert await until_left(socket) == "forbidden"
    assert (await socket.asked(type="join", channel="room/r2"))["type"] == "joined"


async def test_session_that_ends(server: Server, clock: ManualClock) -> None:
    """A session that ends closes the socket, and the others learn that its member left."""
    ada = await person(server, "ada")
    one, _ = await joined(server, "hall/h")
    two, answer = await joined(server, "hall/h", ada)
    await one.next()
    await ask(server, "POST", "/v1/auth/logout", headers=ada.headers)
    assert (await two.end())[0] == 4401
    await clock.advance(1)
    assert (await one.next())["left"] == [answer["member"]]


async def test_account_that_is_deleted(server: Server, clock: ManualClock) -> None:
    """So does an account that is deleted."""
    ada = await person(server, "ada")
    one, _ = await joined(server, "hall/h")
    two, answer = await joined(server, "hall/h", ada)
    await one.next()
    await ask(server, "POST", "/v1/auth/delete", {"password": "correct horse battery"}, ada.headers)
    assert (await two.end())[0] == 4401
    await clock.advance(1)
    assert (await one.next())["left"] == [answer["member"]]


async def test_other_caller(server: Server) -> None:
    """A socket that signs in as somebody else has left its channels."""
    ada, bob = [await person(server, name) for name in ("ada", "bob")]
    await let_in(server, ada, "r1")
    socket, _ = await joined(server, "room/r1", ada)
    socket.send(type="auth", token=bob.headers["Authorization"].split()[1])
    assert {(await socket.next())["type"] for _ in range(2)} == {"left", "authenticated"}
    assert (await socket.asked(type="send", channel="room/r1", event="e"))["error"]["code"] == "validation"


async def test_role_that_is_taken(server: Server, clock: ManualClock) -> None:
    """A role counts for what is sent from its grant to its end, and does not end the socket."""
    ada = await person(server, "ada")
    backend = server.backend
    assert backend is not None
    administrator = bearer(backend.control.decode())
    socket, _ = await joined(server, "news", ada)
    said = {"type": "send", "id": "1", "channel": "news", "event": "said"}
    assert (await socket.asked(said))["error"]["code"] == "forbidden"
    for act, kind in (("grant", "sent"), ("revoke", "error")):
        body = {"user": ada.id, act: ["editor"]}
        assert (await ask(server, "POST", "/v1/admin/roles", body, administrator)).status < 300
        while (await socket.asked(said))["type"] != kind:
            await clock.advance(0.1)  # the socket has yet to be notified
