"""Introspection, whose cost is bounded and the event loop's in no part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from graphql import build_schema, get_introspection_query, parse

from hinterland.contract.fields import Reference, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.protocols.graphql.introspection import Introspection
from hinterland.server.settings import Settings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import ask
from tests.server.protocols.graphql.asking import Ask, asking, codes

APP = App(
    collections=[
        Collection(name="authors", fields={"name": Text()}, rules=EVERYBODY),
        Collection(name="posts", fields={"title": Text(), "author": Reference(to="authors")}, rules=EVERYBODY),
    ],
    settings=Settings(graphql_introspection=True),
)
WHOLE = get_introspection_query(specified_by_url=True, schema_description=True, input_value_deprecation=True)
TYPES = "types { ...T }"
PARTS = """fragment T on __Type { name fields { name type { ...R } args { name type { ...R } } } inputFields { name } }
  fragment R on __Type { name ofType { name ofType { name ofType { name } } } }"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A running server."""
    made = Server(APP, SqliteStorage(tmp_path))
    async with made.running():
        yield made


@pytest.fixture
def graphql(server: Server) -> Ask:
    """Asks the server."""
    return asking(server)


@pytest.mark.parametrize(
    "document",
    [
        f"{{ __schema {{ {' '.join([f'a{number}: {TYPES}' for number in range(100)])} }} }} {PARTS}",
        f"{{ {' '.join([f'a{number}: __schema {{ {TYPES} }}' for number in range(29)])} }} {PARTS}",
    ],
)
async def test_schema_many_times_over(graphql: Ask, document: str) -> None:
    """A document that asks for the schema many times over is refused; the whole schema once is answered."""
    assert codes(await graphql(document)) == [("too_costly", None)]
    assert (await graphql(WHOLE))["data"]["__schema"]["types"]


async def test_fields_of_the_root(graphql: Ask) -> None:
    """Introspection beside records, by fragments, aliases and variables, is answered in the order of the document."""
    document = """query ($name: String!) { posts { id } ...F kind: __type(name: $name) { kind } __typename }
      fragment F on Query { __schema { queryType { name } } }"""
    for name, kind in (("Post", "OBJECT"), ("PostInput", "INPUT_OBJECT")):
        data = (await graphql(document, name=name))["data"]
        assert list(data) == ["posts", "__schema", "kind", "__typename"]
        assert data["kind"] == {"kind": kind}
        assert data["__schema"] == {"queryType": {"name": "Query"}}
    assert (await graphql(document, name="None"))["data"]["kind"] is None


async def test_kept_answers() -> None:
    """The same question of the same schema is worked out once, and again of another schema."""
    with ThreadPoolExecutor(1) as worker:
        introspection = Introspection(worker)
        first, other = build_schema("type Query { a: Int }"), build_schema("type Query { b: Int }")
        question = parse('{ __type(name: "Query") { fields { name } } }')
        answers = [await introspection.answer(first, ("", "", b""), question, {}) for _ in range(2)]
        assert answers[0] is answers[1]
        assert b"a" in bytes(answers[0]["__type"])
        assert b"b" in bytes((await introspection.answer(other, ("", "", b""), question, {}))["__type"])


async def test_others_meanwhile(server: Server, graphql: Ask) -> None:
    """Other requests are answered while a long document is read and answered."""
    await graphql("{ posts { id } }")
    long = f"{{ {' '.join([f'f{number}' for number in range(4_000)])} }}"
    for document in (
        long,
        f"{{ __schema {{ {' '.join([f'a{number}: {TYPES}' for number in range(100)])} }} }} {PARTS}",
    ):
        asked = asyncio.create_task(graphql(document))
        answered = 0
        while not asked.done():
            answered += (await ask(server, "GET", "/health")).status == 200
        assert "errors" in asked.result()
        assert answered > 1
