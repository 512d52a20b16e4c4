"""Subscriptions of the client, over a WebSocket and over events, against the real server in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Any

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import BadRequest, ClientClosed, InvalidGrant, StatusError, Unauthorized
from hinterland.client.exchange import Request, Response, Transport
from hinterland.client.graphql import transport_ws
from hinterland.client.graphql.subscribing import Over
from hinterland.client.session import SignedIn
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.kit.clock import ManualClock
from hinterland.testing.backend import TestBackend, running_backend
from hinterland.testing.faulty import FaultyNetwork
from tests.client.local.conftest import next_of

PASSWORD = "a long walk outside"
POSTS = Collection(name="posts", fields={"title": Text(required=True)}, rules=EVERYBODY)
CHANGES = "subscription { posts { kind id record { id title } } }"
WAYS: list[Over] = ["websocket", "sse"]


class Counted:
    """A transport that counts what becomes a WebSocket and what a stream; `status` answers handshakes instead."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.sockets = 0
        self.streams = 0
        self.status = 0

    async def __call__(self, request: Request) -> Response:
        """Send the request."""
        self.sockets += request.websocket is not None
        self.streams += request.is_stream
        if request.websocket is not None and self.status:
            return Response(status=self.status)
        return await self._transport(request)

    async def close(self) -> None:
        """Close the transport."""
        await self._transport.close()


class Listener:
    """A client that follows posts."""

    def __init__(self, client: Client, network: FaultyNetwork, counted: Counted) -> None:
        self.client = client
        self.network = network
        self.counted = counted


@pytest.fixture
async def backend() -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend([POSTS]) as backend:
        yield backend


@pytest.fixture
async def listener(backend: TestBackend) -> Listener:
    """A client of a user who is signed in."""
    counted = Counted(backend.transport())
    network = FaultyNetwork(counted, seed=1)
    client = await backend.client(transport=network, random=lambda: 0.0)
    await client.auth.sign_up(name="ada", email="ada@example.org", password=PASSWORD)
    return Listener(client, network, counted)


async def begun(updates: AsyncIterator[Any], writer: Client) -> None:
    """Write until the subscription brings something."""
    coming = asyncio.ensure_future(next_of(updates))
    while not coming.done():
        await writer.collection("posts").create({"title": "begin"})
        await asyncio.wait([coming], timeout=0.05)
    coming.result()


async def titles_of(updates: AsyncIterator[Any], last: str) -> list[str]:
    """The titles that come, to the last one, of updates that are no news of the connection."""
    found: list[str] = []
    while not found or found[-1] != last:
        update = await next_of(updates)
        found += [change["record"]["title"] for change in (update.data or {"posts": []})["posts"]]
    return [title for title in found if title != "begin"]


@pytest.mark.parametrize("over", WAYS)
async def test_no_cut_loses_or_doubles_a_change(listener: Listener, backend: TestBackend, over: Over) -> None:
    """Whenever it is cut, a subscription brings each change once, in order."""
    writer = await backend.client()
    titles = [str(number) for number in range(60)]
    async with aclosing(listener.client.graphql.subscribe(CHANGES, over=over)) as updates:
        await begun(updates, writer)
        reading = asyncio.create_task(titles_of(updates, titles[-1]))
        for number, title in enumerate(titles):
            await writer.collection("posts").create({"title": title})
            if number % 7 == 3:
                listener.network.is_down = True
            elif number % 7 == 5:
                listener.network.is_down = False
                await asyncio.sleep(0)
        listener.network.is_down = False
        assert await asyncio.wait_for(reading, 30) == titles
    is_socket = over == "websocket"
    assert (listener.counted.sockets > 3, listener.counted.streams > 3) == (is_socket, not is_socket)


async def test_all_share_one_connection(listener: Listener, backend: TestBackend) -> None:
    """By default any number of subscriptions is one WebSocket, which closes a while after the last of them."""
    writer = await backend.client()
    async with AsyncExitStack() as stack:
        many = []
        for _ in range(30):
            many.append(await stack.enter_async_context(aclosing(listener.client.graphql.subscribe(CHANGES))))
        reading = [asyncio.create_task(titles_of(updates, "last")) for updates in many]
        while not all(task.done() for task in reading):
            await writer.collection("posts").create({"title": "last"})
            await asyncio.wait(reading, timeout=0.05)
        assert [len(task.result()) for task in reading if not task.result()] == []
    assert (listener.counted.sockets, listener.counted.streams) == (1, 0)


async def test_where_no_websocket_passes(listener: Listener, backend: TestBackend) -> None:
    """What answers the handshake with an error of its own does not keep a subscription from going on over events;
    one that is to be a WebSocket waits for one."""
    listener.counted.status = 400
    async with aclosing(listener.client.graphql.subscribe(CHANGES, over="websocket")) as updates:
        assert (await next_of(updates)).kind == "offline"
    writer = await backend.client()
    async with aclosing(listener.client.graphql.subscribe(CHANGES)) as updates:
        await begun(updates, writer)
    assert (listener.counted.sockets, listener.counted.streams) == (2, 1)
    async with aclosing(listener.client.graphql.subscribe(CHANGES)) as updates:
        await begun(updates, writer)
    assert (listener.counted.sockets, listener.counted.streams) == (2, 2)


@pytest.mark.parametrize("over", WAYS)
async def test_another_user_ends_it(listener: Listener, backend: TestBackend, over: Over) -> None:
    """When somebody else signs in, a subscription of the former user brings nothing more and raises Unauthorized."""
    writer = await backend.client()
    async with aclosing(listener.client.graphql.subscribe(CHANGES, over=over)) as updates:
        await begun(updates, writer)
        await listener.client.auth.sign_up(name="bob", email="bob@example.org", password=PASSWORD)
        await writer.collection("posts").create({"title": "planted"})
        with pytest.raises(Unauthorized):
            while True:
                update = await next_of(updates)
                assert "planted" not in str(update.data)
    async with aclosing(listener.client.graphql.subscribe(CHANGES, over=over)) as updates:
        await begun(updates, writer)


@pytest.mark.parametrize("over", WAYS)
async def test_a_session_that_has_ended_ends_it(listener: Listener, backend: TestBackend, over: Over) -> None:
    """When the server ends the session, the subscription raises it, after it could not be begun again."""
    writer = await backend.client()
    async with aclosing(listener.client.graphql.subscribe(CHANGES, over=over)) as updates:
        await begun(updates, writer)
        other = await backend.client()
        await other.auth.log_in(email="ada@example.org", password=PASSWORD)
        for session in (await other.request("GET", "/v1/auth/sessions")).json()["items"]:
            if not session["is_current"]:
                await other.request("DELETE", f"/v1/auth/sessions/{session['id']}")
        with pytest.raises((Unauthorized, InvalidGrant)):
            while True:
                await next_of(updates)


@pytest.mark.parametrize("over", WAYS)
async def test_a_token_that_expires_ends_nothing(over: Over) -> None:
    """A subscription goes on when its access token has expired, and comes back after a cut with a new one."""
    clock = ManualClock()
    async with running_backend([POSTS], clock=clock) as backend:
        network = FaultyNetwork(Counted(backend.transport()), seed=1)
        client, writer = await backend.client(transport=network, random=lambda: 0.0), await backend.client()
        await client.auth.sign_up(name="ada", email="ada@example.org", password=PASSWORD)
        state = client.auth.state
        assert isinstance(state, SignedIn)
        async with aclosing(client.graphql.subscribe(CHANGES, over=over)) as updates:
            await begun(updates, writer)
            while clock.now() < state.expires_at + 60:
                await clock.advance(5.0)
            await writer.collection("posts").create({"title": "later"})
            assert await titles_of(updates, "later") == ["later"]
            network.is_down = True
            await writer.collection("posts").create({"title": "missed"})
            network.is_down = False
            assert await titles_of(updates, "missed") == ["missed"]


async def test_a_slow_reader_misses_nothing(
    listener: Listener, backend: TestBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that is too far behind is begun again behind what it has read; the others are not slowed."""
    monkeypatch.setattr(transport_ws, "MOST_UNREAD", 10)
    writer = await backend.client()
    titles = [str(number) for number in range(40)]
    async with (
        aclosing(listener.client.graphql.subscribe(CHANGES)) as slow,
        aclosing(listener.client.graphql.subscribe(CHANGES)) as quick,
    ):
        await begun(slow, writer)
        await begun(quick, writer)
        reading = asyncio.create_task(titles_of(quick, titles[-1]))
        for title in titles:
            await writer.collection("posts").create({"title": title})
        assert await asyncio.wait_for(reading, 30) == titles
        assert await asyncio.wait_for(titles_of(slow, titles[-1]), 30) == titles
    assert listener.counted.sockets == 1


@pytest.mark.parametrize("over", WAYS)
async def test_what_is_wrong_is_raised(listener: Listener, over: Over) -> None:
    """An error of the document, and a document that is no subscription, are raised and not tried again."""
    with pytest.raises(StatusError) as caught:
        await next_of(listener.client.graphql.subscribe("subscription { nothing { id } }", over=over))
    assert caught.value.code == "invalid_query"
    with pytest.raises(BadRequest):
        await next_of(listener.client.graphql.subscribe("{ posts { id } }", over=over))


async def test_a_closed_client_ends_it(listener: Listener, backend: TestBackend) -> None:
    """Closing the client ends its subscriptions."""
    writer = await backend.client()
    updates = listener.client.graphql.subscribe(CHANGES)
    await begun(updates, writer)
    reading = asyncio.create_task(titles_of(updates, "never"))
    await listener.client.close()
    with pytest.raises(ClientClosed):
        await asyncio.wait_for(reading, 20)


async def test_an_idle_connection_is_closed(backend: TestBackend) -> None:
    """A connection without operations is closed after a while, and opened again for the next one."""
    clock, writer, counted = ManualClock(), await backend.client(), Counted(backend.transport())
    client = await backend.client(transport=counted, clock=clock)
    for number in (1, 2):
        async with aclosing(client.graphql.subscribe(CHANGES)) as updates:
            await begun(updates, writer)
        assert client.graphql.is_connected
        assert counted.sockets == number
        while client.graphql.is_connected:
            await clock.advance(transport_ws.IDLE)
