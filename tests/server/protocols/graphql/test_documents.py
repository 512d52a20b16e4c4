"""How documents are read and kept, and values that they have in themselves, which no JSON reader has seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import build_schema

from hinterland.contract.fields import Json, List, Number, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.protocols.graphql.documents import Documents
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


# ------------------------------------------------------------ reading, which takes time


LONG = " ".join(f"a{number}: posts(limit: 1) {{ id }}" for number in range(90))


async def test_others_have_their_turn_while_a_document_is_read(server: Server) -> None:
    """A long document that is new is read beside the requests of others."""
    graphql, turns = asking(server), 0
    asked = asyncio.create_task(graphql(f"{{ {LONG} }}"))
    while not asked.done():
        turns += 1
        await asyncio.sleep(0)
    assert "30 are allowed" in (await asked)["errors"][0]["message"]
    assert turns > 100


async def test_others_have_their_turn_while_variables_are_read(server: Server) -> None:
    """So are variables of many values."""
    graphql, turns = asking(server), 0
    document = "query ($w: PostWhere) { posts(where: $w) { id } }"
    asked = asyncio.create_task(graphql(document, w={"OR": [{}] * 20_000}))
    while not asked.done():
        turns += 1
        await asyncio.sleep(0)
    assert codes(await asked) == [("invalid_query", ["posts"])]
    assert turns > 100


async def test_many_new_documents(server: Server) -> None:
    """Of many long documents that one caller sends at once, some are read and the others refused; each is right."""
    graphql = asking(server)
    answers = await asyncio.gather(*[graphql(f"{{ {LONG} b{number}: posts {{ id }} }}") for number in range(40)])
    found = [error["extensions"]["code"] for answer in answers for error in answer["errors"]]
    assert {*found} == {"invalid_query", "rate_limited"}
    assert 17 <= found.count("invalid_query") < 40


def test_kept_documents() -> None:
    """Documents are kept by how many words they have, the latest ones; one is kept however many those are."""
    schema = build_schema("type Query { a: Int }")
    documents = Documents(tokens=1_000, depth=10)
    read = documents.made(schema, "{ " + " ".join(f"a{field}: a" for field in range(100)) + " }", sees_schema=False)
    assert (read.errors, read.tokens) == ((), 302)
    assert documents.known(schema, read.text) is None
    for number in range(60):
        documents.keep(schema, read._replace(text=f"{number}", tokens=5_000))
    assert [documents.known(schema, f"{number}") is not None for number in range(60)] == [False] * 20 + [True] * 40
    documents.keep(schema, read._replace(text="large", tokens=1_000_000))
    assert documents.known(schema, "large") is not None
    assert documents.known(schema, "59") is None
    assert documents.known(build_schema("type Query { a: Int }"), "large") is None
