"""GraphQL over a WebSocket of another server: npm's `graphql-ws`."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinterland.client import GraphQLSocketClient
from hinterland.client.errors import (
    BadRequest,
    ClientClosed,
    ConnectionClosed,
    InsecureAddress,
    InvalidResponse,
    StatusError,
)
from tests.client.local.conftest import next_of
from tests.support.npm import install
from tests.support.required import require_node

PACKAGES = Path(__file__).parents[2] / "server" / "protocols" / "graphql" / "packages"
PARAMS = {"token": "let me in"}
SAY = "mutation ($text: String!) { say(text: $text) }"
SAID = "subscription { said { text } }"


class Counted(msgspec.Struct):
    """The data of a subscription."""

    counted: int


class ForeignServer:
    """A server of npm's `graphql-ws`, as a process."""

    def __init__(self) -> None:
        self.port = 0
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"ws://127.0.0.1:{self.port}/graphql"

    async def start(self) -> None:
        """Start it, at the same port as before."""
        self._process = await asyncio.create_subprocess_exec(
            "node", "foreign_server.mjs", str(self.port), cwd=PACKAGES, stdin=PIPE, stdout=PIPE
        )
        assert self._process.stdout is not None
        self.port = int(await self._process.stdout.readline())

    async def kill(self) -> None:
        """End it, as with kill -9."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


@pytest.fixture
async def server() -> AsyncIterator[ForeignServer]:
    """A server that runs."""
    require_node()
    install(PACKAGES)
    server = ForeignServer()
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def client(server: ForeignServer) -> AsyncIterator[GraphQLSocketClient]:
    """A client of it."""
    async with GraphQLSocketClient(server.url, connection_params=PARAMS, random=lambda: 0.0) as client:
        yield client


async def said_to_all(client: GraphQLSocketClient, text: str, listeners: int) -> None:
    """Say something as soon as so many listen."""
    heard = 0
    while heard < listeners:
        heard = (await client.execute(SAY, {"text": text}))["say"]


async def test_operations_of_any_kind(client: GraphQLSocketClient) -> None:
    """Queries, mutations and subscriptions run over one connection, with types and to their end."""
    assert await client.execute("query ($n: String!) { hello(name: $n) }", {"n": "Ada"}) == {"hello": "Hello Ada"}
    subscription = client.subscribe("subscription { counted(to: 3) }", into=Counted)
    assert [update.data async for update in subscription] == [Counted(1), Counted(2), Counted(3)]
    with pytest.raises(StatusError, match="planted") as caught:
        await client.execute("{ fails }")
    assert caught.value.path == ("fails",)
    with pytest.raises(BadRequest):
        await client.execute("{ nothing }")
    with pytest.raises(InvalidResponse):
        await client.execute('{ hello(name: "Ada") }', into=Counted)
    with pytest.raises(BadRequest):
        await next_of(client.subscribe("subscription { nothing }"))
    assert client.is_connected


async def test_a_cut_is_reported(client: GraphQLSocketClient, server: ForeignServer) -> None:
    """After a restart of a server without cursors all subscriptions are back, and say that they may have missed
    something."""
    async with AsyncExitStack() as stack:
        many = [await stack.enter_async_context(aclosing(client.subscribe(SAID))) for _ in range(5)]
        coming = [asyncio.create_task(kinds_until(updates, "before")) for updates in many]
        await said_to_all(client, "before", len(many))
        assert set(map(tuple, await asyncio.gather(*coming))) == {()}
        coming = [asyncio.create_task(kinds_until(updates, "after")) for updates in many]
        await server.kill()
        await server.start()
        await said_to_all(client, "after", len(many))
        assert set(map(tuple, await asyncio.gather(*coming))) == {("offline", "resync")}


async def kinds_until(updates: Any, text: str) -> list[str]:
    """What the updates before the one that says the text have to say of the connection."""
    kinds: list[str] = []
    while (update := await next_of(updates)).data != {"said": {"text": text}}:
        kinds += [update.kind] if update.data is None else []
    return kinds


async def test_the_payload_of_the_first_message(server: ForeignServer) -> None:
    """What the server refuses by it is raised; a function is asked for it at each connection."""
    async with GraphQLSocketClient(server.url, connection_params={"token": "wrong"}) as client:
        with pytest.raises(ConnectionClosed) as caught:
            await client.execute("{ fails }")
        assert caught.value.close_code == 4403
        with pytest.raises(ConnectionClosed):
            await next_of(client.subscribe(SAID))
    asked = []

    async def params() -> dict[str, str]:
        asked.append(1)
        return PARAMS

    async with GraphQLSocketClient(server.url, connection_params=params) as client:
        assert await client.execute('{ hello(name: "A") }') == {"hello": "Hello A"}
    assert asked == [1]


async def test_a_client_that_is_closed(server: ForeignServer) -> None:
    """A closed client raises ClientClosed, and plain ws beyond this machine is refused."""
    client = GraphQLSocketClient(server.url, connection_params=PARAMS)
    updates = client.subscribe(SAID)
    coming = asyncio.create_task(next_of(updates))
    await said_to_all(client, "x", 1)
    assert (await coming).data == {"said": {"text": "x"}}
    coming = asyncio.create_task(next_of(updates))
    await client.close()
    with pytest.raises(ClientClosed):
        await coming
    with pytest.raises(ClientClosed):
        await client.execute("{ fails }")
    with pytest.raises(InsecureAddress):
        GraphQLSocketClient("ws://example.org/graphql")
