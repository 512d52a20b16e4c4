"""What the endpoint decides by the request, before its document is carried out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import Settings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import Socket, Stream, ask

POSTS = Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY)
ASKS = "{ __schema { queryType { name } } }"
HOST = {"Host": "localhost"}
PLAIN = Settings()


@asynccontextmanager
async def running(folder: Path, settings: Settings = PLAIN, *, is_local: bool = True) -> AsyncIterator[Server]:
    """A running server; `is_local`: on the developer's machine."""
    server = Server(App(collections=[POSTS], settings=settings), SqliteStorage(folder), is_local=is_local)
    async with server.running():
        yield server


async def shows_its_schema(server: Server, headers: Mapping[str, str] = HOST) -> bool:
    """Whether the server has its schema asked for, and suggests its names, in all alike."""
    asked = await ask(server, "POST", "/graphql", {"query": ASKS}, headers)
    if "data" not in asked.json:
        assert "graphql_introspection" in asked.json["errors"][0]["message"]
    suggestions = [
        await ask(server, "POST", "/graphql", {"query": "{ posts { titel } }"}, headers),
        await ask(
            server,
            "POST",
            "/graphql",
            {"query": "query ($w: PostWhere) { posts(where: $w) { id } }", "variables": {"w": {"titel": {"eq": "x"}}}},
            headers,
        ),
    ]
    shown = {"data" in asked.json, *("title" in json.dumps(each.json["errors"]) for each in suggestions)}
    socket = Socket(server, "/graphql", headers=headers, subprotocol="graphql-transport-ws")
    await socket.asked(type="connection_init")
    answer = await socket.asked(type="subscribe", id="1", payload={"query": ASKS})
    await socket.leave()
    assert shown == {answer["type"] == "next"}
    return shown.pop()


@pytest.mark.parametrize(
    ("settings", "is_local", "is_shown"),
    [
        (PLAIN, True, True),
        (PLAIN, False, False),
        (Settings(allowed_hosts=("localhost",)), True, False),
        (Settings(trusted_proxies=("127.0.0.1",)), True, False),
        (Settings(graphql_introspection=True), False, True),
        (Settings(graphql_introspection=False), True, False),
    ],
    ids=["developed", "every address", "a proxy's hosts", "a proxy", "turned on", "turned off"],
)
async def test_introspection(tmp_path: Path, settings: Settings, is_local: bool, is_shown: bool) -> None:
    """The schema can be asked for while an app is developed, or as the setting says, which the error names; where it
    can't be, messages suggest no names of it. Over WebSocket the same holds."""
    async with running(tmp_path, settings, is_local=is_local) as server:
        assert await shows_its_schema(server) is is_shown


async def test_introspection_through_a_proxy(tmp_path: Path) -> None:
    """A request that a proxy passed on does not get the schema, before and after one of this machine has: what is
    remembered of a document is not the right to ask it."""
    async with running(tmp_path) as server:
        for _ in range(2):
            assert not await shows_its_schema(server, {**HOST, "X-Forwarded-For": "192.0.2.1"})
            assert await shows_its_schema(server)


URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)
FOLLOWS = "subscription { posts { id } }"


@pytest.mark.parametrize(
    ("accept", "query", "kind"),
    [
        (URQL, "{ posts { id } }", "application/graphql-response+json"),
        (URQL, "{ wrong }", "application/graphql-response+json"),
        (URQL, "mutation { createPost(input: {}) { id } }", "application/graphql-response+json"),
        ("text/event-stream, application/json", "{ posts { id } }", "text/event-stream"),
        ("text/event-stream;q=0.1, */*", "{ posts { id } }", "application/json"),
        ("text/event-stream", "{ wrong }", "text/event-stream"),
        ("application/json, text/event-stream;q=0", "{ posts { id } }", "application/json"),
    ],
)
async def test_forms_of_a_response(tmp_path: Path, accept: str, query: str, kind: str) -> None:
    """A query or mutation is answered in the form that the caller would rather have, also where it takes a stream."""
    async with running(tmp_path) as server:
        answer = await ask(server, "POST", "/graphql", {"query": query}, {**HOST, "Accept": accept})
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert (b"errors" in answer.body) == ("wrong" in query)


async def test_streams_beside_other_forms(tmp_path: Path) -> None:
    """A subscription is a stream wherever that is accepted, whatever else is."""
    async with running(tmp_path) as server:
        stream = Stream(server, "/graphql", ("query", FOLLOWS), headers={**HOST, "Accept": URQL})
        await ask(server, "POST", "/v1/records/posts", {"title": "x"}, HOST)
        assert '"posts":[{"id":' in (await stream.next()).data
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        stream.leave()
        await stream.task


@pytest.mark.parametrize("directive", ["@defer", "@stream"])
async def test_no_incremental_delivery(tmp_path: Path, directive: str) -> None:
    """What asks for a response in parts is refused, with what to do."""
    async with running(tmp_path) as server:
        query = f"{{ posts {{ ... {directive} {{ title }} }} }}"
        answer = await ask(server, "POST", "/graphql", {"query": query}, HOST)
        assert "a response comes as a whole" in answer.json["errors"][0]["message"]
