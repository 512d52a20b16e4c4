"""Values that a document has in itself, which no JSON reader has seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinterland.contract.fields import Json, List, Number, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.storage.protocol import Storage
from tests.server.protocols.asgi import Stream
from tests.server.protocols.graphql.asking import Ask, asking, codes

APP = App(
    collections=[
        Collection(
            name="posts",
            fields={"title": Text(), "tags": List(of=Text()), "price": Number(), "meta": Json()},
            rules=EVERYBODY,
        ),
    ],
)


@pytest.fixture
async def server(storage: Storage) -> AsyncIterator[Server]:
    """A running server."""
    made = Server(APP, storage)
    async with made.running():
        yield made


@pytest.fixture
def graphql(server: Server) -> Ask:
    """Asks the server."""
    return asking(server)


async def test_values_without_an_equal_in_json(graphql: Ask) -> None:
    """A value that a body of JSON may not have is refused in a document too, on both databases alike."""
    deep = "[" * 65 + "]" * 65
    for text in (
        '{title: "a\\u0000b"}', '{title: "\\u{0}"}', '{tags: ["\\u0000"]}', '{meta: {a: "\\u0000"}}',
        "{meta: [1e999]}", f"{{meta: [{'9' * 400}]}}", f"{{meta: {deep}}}",
    ):  # fmt: skip
        assert codes(await graphql(f"mutation {{ createPost(input: {text}) {{ id }} }}")) == [("invalid_query", None)]
    refused = await graphql('{ posts(where: {title: {contains: "\\u0000"}}) { id } }')
    assert codes(refused) == [("invalid_query", None)]
    assert (await graphql("{ posts { id } }"))["data"] == {"posts": []}


async def test_long_integers(graphql: Ask) -> None:
    """An integer of more than 64 bits in a JSON value is the double that it is in a body."""
    made = await graphql("mutation { createPost(input: {meta: [123456789012345678901234567890]}) { meta } }")
    assert made["data"]["createPost"]["meta"] == [123456789012345678901234567890.0]


@pytest.mark.parametrize("variables", ['{"id": "a", "id": "b"}', '{"id": "\\u0000"}', '{"id": NaN}', "{"])
async def test_variables_of_a_get(server: Server, variables: str) -> None:
    """The variables of a GET are read as strictly as those of a body."""
    query: Any = ("query", "query ($id: ID!) { post(id: $id) { id } }")
    stream = Stream(server, "/graphql", query, ("variables", variables))
    await stream.task
    assert stream.status == 400
