"""Calls and subscriptions over one connection, against the real server in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from hinterland.client.client import Client
from hinterland.client.errors import (
    ClientClosed,
    ConnectionLost,
    HinterlandError,
    InvalidSetting,
    NotFound,
    Stale,
    Unauthorized,
    UnknownCollection,
    UnsafeRequest,
    ValidationFailed,
)
from hinterland.client.events import Event
from hinterland.client.exchange import Response
from hinterland.client.layers.trace import Trace
from hinterland.client.socket import following
from hinterland.client.transports.scripted import Scripted
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.kit.body import BytesBody
from hinterland.testing.backend import TestBackend, running_backend
from hinterland.testing.faulty import FaultyNetwork
from tests.client.local.conftest import next_of, until

PASSWORD = "a long walk outside"
OWN = "auth.id == record.owner"
NOTES = Collection(name="notes", fields={"text": Text(required=True), "number": Integer()}, rules=EVERYBODY)
COMMENTS = Collection(name="comments", fields={"text": Text()}, parent="notes", rules=EVERYBODY)
DIARY = Collection(
    name="diary",
    fields={"text": Text(), "owner": Text(fill="auth.id")},
    rules=Rules(list=OWN, view=OWN, create=OWN, update=OWN, delete=OWN),
)


class SocketNote(msgspec.Struct):
    """A note as an app sees it."""

    id: str
    text: str
    revision: int


@pytest.fixture
async def backend() -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend([NOTES, COMMENTS, DIARY]) as backend:
        yield backend


@pytest.fixture
async def network(backend: TestBackend) -> FaultyNetwork:
    """A network that can go down."""
    return FaultyNetwork(backend.transport(), seed=1)


@pytest.fixture
async def client(backend: TestBackend, network: FaultyNetwork) -> Client:
    """A client over that network."""
    return await backend.client(transport=network, random=lambda: 0.0)


async def sign_up(client: Client, name: str) -> str:
    """Sign up; the user's id."""
    user = await client.auth.sign_up(name=name, email=f"{name}@example.org", password=PASSWORD)
    id: str = user["id"]
    return id


async def test_records_over_the_socket(client: Client) -> None:
    """Repositories over the socket do what they do over HTTP, with the same types, errors and preconditions."""
    notes = client.socket.collection("notes", SocketNote)
    note = await notes.create({"text": "one"})
    changed = await notes.update(note.id, {"text": "two"}, revision=note.revision)
    assert await notes.get(note.id) == changed
    assert (await notes.list(sort=["text"], total=True)).total == 1
    with pytest.raises(Stale):
        await notes.update(note.id, {"text": "three"}, revision=note.revision)
    with pytest.raises(ValidationFailed) as caught:
        await notes.create({})
    assert caught.value.errors == {"text": ["is required"]}
    await notes.delete(note.id)
    with pytest.raises(NotFound):
        await notes.get(note.id)


async def test_records_below_others(client: Client) -> None:
    """A collection below a record is named by its path."""
    comments = client.socket.collection("comments", parent="notes/a~b")
    await client.socket.collection("notes").create({"id": "a~b", "text": "one"})
    made = await comments.create({"text": "of a~b"})
    assert (await comments.get(made["id"]))["text"] == "of a~b"


async def test_calls_have_traces_and_types(backend: TestBackend) -> None:
    """A call by name has the app's type, the layers of the client, and no file."""
    traces: list[Trace] = []
    client = await backend.client(on_trace=traces.append)
    assert await client.socket.call("records.create", {"collection": "notes", "text": "x"}, output=dict[str, Any])
    assert [trace.operation for trace in traces] == ["socket", "records.create"]
    with pytest.raises(UnsafeRequest):
        await client.socket.call("own.upload", {"body": BytesBody(b"x")})


async def test_a_user_is_seen_and_another_gets_nothing(client: Client) -> None:
    """The socket is the session's: who signs in gets another connection, and a subscription of another user ends."""
    await client.socket.connect()
    ada = await sign_up(client, "ada")
    diary = client.socket.collection("diary")
    await diary.create({"text": "mine"})
    async with aclosing(client.socket.subscribe("diary")) as events:
        assert [item["owner"] for item in (await next_of(events)).items] == [ada]
        await client.auth.log_out()
        with pytest.raises(Unauthorized):
            await rest(events)
    assert (await diary.list()).items == []


async def rest(events: AsyncIterator[Event]) -> None:
    """Read to the end."""
    async for _ in events:
        pass


async def test_a_renewed_token_keeps_the_connection(client: Client) -> None:
    """A renewal of the session goes over the socket, which stays; so do its subscriptions."""
    await sign_up(client, "ada")
    async with aclosing(client.socket.subscribe("diary")) as events:
        assert [(await next_of(events)).kind, (await next_of(events)).kind] == ["snapshot", "ready"]
        before = client.socket._websocket
        await client.auth.refresh()
        await client.socket.collection("diary").create({"text": "mine"})
        assert (await next_of(events)).kind == "commit"
        assert client.socket._websocket is before


async def test_a_subscription_begins_with_a_page(client: Client) -> None:
    """A snapshot of the page that is asked for, and the changes of records for which the conditions hold."""
    notes = client.socket.collection("notes")
    for number in range(3):
        await notes.create({"text": f"n{number}", "number": number % 2})
    async with aclosing(client.socket.subscribe("notes", number=0, sort=["-text"], limit=1)) as events:
        snapshot = await next_of(events)
        assert ([item["text"] for item in snapshot.items], bool(snapshot.next)) == (["n2"], True)
        assert (await next_of(events)).kind == "ready"
        await notes.create({"text": "odd", "number": 1})
        await notes.create({"text": "even", "number": 0})
        (change,) = (await next_of(events)).changes
        assert change.record is not None
        assert change.record["text"] == "even"


async def test_several_collections_have_no_snapshot(client: Client) -> None:
    """Several collections are followed from now on, or from a cursor."""
    async with aclosing(client.socket.subscribe(["notes", "diary"])) as events:
        ready = await next_of(events)
        assert ready.kind == "ready"
        await client.socket.collection("notes").create({"text": "x"})
        assert (await next_of(events)).changes[0].collection == "notes"
    async with aclosing(client.socket.subscribe(["notes", "diary"], cursor=ready.cursor)) as events:
        assert [(await next_of(events)).kind, (await next_of(events)).kind] == ["ready", "commit"]


async def test_a_refused_subscription(client: Client) -> None:
    """What the server refuses for good is raised."""
    with pytest.raises(UnknownCollection):
        await anext(client.socket.subscribe("nothing"))
    with pytest.raises(HinterlandError):
        await anext(client.socket.subscribe("notes", filter="nonsense("))


async def test_a_cut_is_bridged(client: Client, network: FaultyNetwork, backend: TestBackend) -> None:
    """What happens while the connection is away comes after it, once each; the snapshot is not repeated then."""
    other = await backend.client()
    async with aclosing(client.socket.subscribe("notes")) as events:
        await next_of(events)
        await next_of(events)
        await other.collection("notes").create({"text": "1"})
        assert (await next_of(events)).kind == "commit"
        network.is_down = True
        assert (await next_of(events)).kind == "offline"
        for text in ("2", "3"):
            await other.collection("notes").create({"text": text})
        network.is_down = False
        later = [await next_of(events) for _ in range(3)]
        assert [event.kind for event in later] == ["ready", "commit", "commit"]
        assert [change.record["text"] for e in later for change in e.changes if change.record] == ["2", "3"]


async def test_calls_wait_for_the_connection(client: Client, network: FaultyNetwork) -> None:
    """A call while the connection is away goes when it is back; a write is applied once."""
    await client.socket.connect()
    network.is_down = True
    await until(lambda: not client.socket.is_connected)
    writing = asyncio.create_task(client.socket.collection("notes").create({"text": "kept"}))
    await asyncio.sleep(0)
    network.is_down = False
    await writing
    assert len((await client.collection("notes").list()).items) == 1


async def test_a_slow_reader_misses_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too much is unread the subscription is left, and goes on from its cursor when it is read."""
    monkeypatch.setattr(following, "MOST_UNREAD", 4)
    notes = client.socket.collection("notes")
    async with aclosing(client.socket.subscribe("notes")) as events:
        await next_of(events)
        for number in range(20):
            await notes.create({"text": str(number)})
        seen: list[str] = []
        while len(seen) < 20:
            event = await next_of(events)
            seen += [change.record["text"] for change in event.changes if change.record]
    assert seen == [str(number) for number in range(20)]


async def test_the_end_of_the_socket(client: Client) -> None:
    """`disconnect` ends what waits, and the next use begins anew; `close` ends it for good."""
    states = client.socket.states()
    assert await next_of(states) is False
    events = client.socket.subscribe("notes")
    assert (await next_of(events)).kind == "snapshot"
    assert await next_of(states) is True
    await client.socket.disconnect()
    with pytest.raises(ClientClosed):
        await rest(events)
    assert (await client.socket.collection("notes").list()).items == []
    await client.close()
    with pytest.raises(ClientClosed):
        await client.socket.connect()


async def test_a_transport_without_sockets() -> None:
    """A transport that makes no WebSocket is named in an error."""
    script = Scripted()
    script.expect("GET", "/v1/socket").answer(json={})
    async with Client("http://127.0.0.1", transport=script) as client:
        with pytest.raises(InvalidSetting):
            await client.socket.connect()


async def test_a_call_that_is_cut(backend: TestBackend) -> None:
    """A call that can't be repeated, whose answer is lost, says that it may have been carried out."""

    class Cutting(FaultyNetwork):
        """Ends each line with the first call."""

        async def __call__(self, request: Any) -> Response:
            response = await super().__call__(request)
            line = response.websocket
            if line is not None:
                sending = line.send

                async def send(message: str | bytes) -> None:
                    await sending(message)
                    await line.close(1012)

                line.send = send  # type: ignore[method-assign]
            return response

    client = await backend.client(transport=Cutting(backend.transport(), seed=1), random=lambda: 0.0)
    with pytest.raises(ConnectionLost) as caught:
        await client.socket.call("auth.login", {"email": "a@example.org", "password": "x"}, output=dict)
    assert caught.value.sent == "maybe"
