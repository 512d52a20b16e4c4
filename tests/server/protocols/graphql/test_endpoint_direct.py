"""Queries of records without ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.kit.asgi import AsgiMessage
from hinterland.server.http import HttpAnswer
from hinterland.server.protocols.graphql.endpoint import NotDirect
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, serving
from tests.server.protocols.asgi import scope_of

LIST = "query ($limit: Int!) { posts(limit: $limit) { id title } }"
NONE: Mapping[str, str] = MappingProxyType({})


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A server on SQLite that has answered by GraphQL before, with one post."""
    async with serving(SqliteStorage(tmp_path)) as made:
        await made.write(Write(act="create", collection="posts", body={"title": "one"}))
        await made("POST", "/graphql", json={"query": "{ __typename }"})
        yield made


async def direct(api: Api, body: object, headers: Mapping[str, str] = NONE, method: str = "POST") -> HttpAnswer | None:
    """What the direct path answers, which waits for nothing; None where it leaves the request to the ordinary way."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)

    async def receive() -> AsgiMessage:
        return {"type": "http.request", "body": data, "more_body": False}

    assert api.server.direct is not None
    scope = scope_of(method, "/graphql", [], {"Host": "test", "Content-Type": "application/json", **headers})
    begun = api.server.direct.begin(scope, receive)
    if begun is None:
        return None
    steps, only_reads = begun
    assert only_reads
    try:
        steps.send(None)
    except StopIteration as end:
        answer: HttpAnswer = end.value
        return answer._replace(headers=api.server.direct.headers(answer))
    except (NotDirect, Refusal):
        return None
    raise AssertionError("it waits")


async def test_the_same_response(api: Api) -> None:
    """A query of records has the response that the ordinary way gives, errors too."""
    ada = (await api.sign_up("ada"))["headers"]
    cases: list[tuple[dict[str, Any], Mapping[str, str]]] = [
        ({"query": LIST, "variables": {"limit": 5}}, NONE),
        ({"query": LIST, "variables": {"limit": 5}}, ada),
        ({"query": LIST, "variables": {"limit": 0}}, NONE),
        ({"query": LIST, "variables": {}}, {"Accept": "application/graphql-response+json"}),
        ({"query": LIST, "variables": {"limit": 5}}, {"Accept": "text/plain"}),
        ({"query": LIST, "variables": {"limit": 5}}, {"Authorization": "Bearer nonsense"}),
    ]
    for body, headers in cases:
        ordinary = await api("POST", "/graphql", json=body, headers={"Accept": "", **headers})
        answer = await direct(api, body, headers)
        assert answer is not None
        assert (answer.status, answer.body) == (ordinary.status_code, ordinary.content)
        given = {name.decode(): value.decode() for name, value in answer.headers}
        assert given.pop("x-request-id")
        assert given.items() <= dict(ordinary.headers).items()


async def test_what_goes_the_ordinary_way(api: Api) -> None:
    """Mutations, subscriptions, introspection, streams, other methods, and requests that are none."""
    read = {"query": LIST, "variables": {"limit": 5}}
    assert await direct(api, read) is None, "which was not asked before"
    await api("POST", "/graphql", json=read)
    assert await direct(api, read) is not None
    assert await direct(api, {"query": 'mutation { createPost(input: {title: "two"}) { id } }'}) is None
    assert await direct(api, {"query": "subscription { posts { kind } }"}) is None
    assert await direct(api, {"query": "{ __schema { queryType { name } } }"}) is None
    assert await direct(api, {"query": "{ posts { nothing } }"}) is None
    assert await direct(api, b"no JSON") is None
    assert await direct(api, read, {"Accept": "text/event-stream"}) is None
    assert await direct(api, read, {"X-GraphQL-Event-Stream-Token": "t"}) is None
    assert await direct(api, read, {"Origin": "https://app.example"}) is None
    assert await direct(api, read, method="GET") is None
    titles = (await api("POST", "/graphql", json=read)).json()["data"]["posts"]
    assert titles == [{"id": "1", "title": "one"}], "nothing was written meanwhile"


async def test_the_first_request(tmp_path: Path) -> None:
    """The library of GraphQL is loaded by a request of the ordinary way."""
    async with serving(SqliteStorage(tmp_path)) as api:
        assert await direct(api, {"query": LIST, "variables": {"limit": 5}}) is None
