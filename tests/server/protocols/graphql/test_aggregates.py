"""Aggregates in GraphQL: the groups and numbers that REST's have, by the same rules."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Instant, Int64, Integer, Number, Reference, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import Stream, ask
from tests.server.protocols.graphql.asking import Ask, asking, codes, signed_up

OWN = "record.owner_id == auth.id"
APP = App(
    collections=[
        Collection(name="users", fields={"name": Text(), "phone": Text(read="auth.id == record.id")}, rules=EVERYBODY),
        Collection(name="shelves", rules=EVERYBODY, ids="integer"),
        Collection(
            name="items",
            fields={
                "kind": Text(search=True),
                "price": Number(),
                "pieces": Integer(),
                "big": Int64(),
                "at": Instant(),
                "shelf": Reference(to="shelves"),
                "cost": Number(read="false"),
            },
            rules=EVERYBODY,
        ),
        Collection(name="notes", parent="items", fields={"text": Text()}, rules=EVERYBODY),
        Collection(
            name="diaries",
            fields={"owner_id": Text(fill="auth.id"), "mood": Integer()},
            rules=Rules(list=OWN, view=OWN, create="auth.id != ''"),
        ),
    ],
    settings=Settings(auth=AuthSettings(hash_memory_kib=8, hash_passes=1)),
)
ITEMS = (
    {"kind": "a", "price": 1.5, "pieces": 2, "big": str(2**62), "at": "2026-01-05T00:00:00Z", "cost": 9},
    {"kind": "a", "price": 2.5, "pieces": 3, "big": "1", "at": "2026-01-09T00:00:00Z"},
    {"kind": "b", "price": 4, "pieces": None, "at": "2026-02-01T00:00:00Z", "shelf": 1},
    {"kind": None, "price": None, "pieces": 7, "shelf": 1},
)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A running server that has some items."""
    made = Server(APP, SqliteStorage(tmp_path))
    async with made.running():
        assert (await ask(made, "POST", "/v1/records/shelves", {})).status == 201
        for item in ITEMS:
            answer = await ask(made, "POST", "/v1/records/items", item)
            assert answer.status == 201, answer.body
        yield made


@pytest.fixture
def graphql(server: Server) -> Ask:
    """Asks the server."""
    return asking(server)


async def groups(graphql: Ask, arguments: str, columns: str, **words: Any) -> Any:
    """The groups of the items."""
    given = f"({arguments})" if arguments else ""
    answer = await graphql(f"{{ itemsAggregate{given} {{ groups {{ {columns} }} }} }}", **words)
    assert "errors" not in answer, answer
    return answer["data"]["itemsAggregate"]["groups"]


@pytest.mark.parametrize(
    ("arguments", "columns", "query"),
    [
        ("", "count", {}),
        (
            "groupBy: [kind]",
            "kind count count_price sum_price avg_price min_price max_price",
            {"group": "kind", "count": "*,price", **dict.fromkeys(("sum", "avg", "min", "max"), "price")},
        ),
        ("groupBy: [at_month]", "at_month count_distinct_kind", {"group": "at:month", "count": "distinct:kind"}),
        ("", "count sum_pieces sum_big", {"sum": "pieces,big", "count": "*"}),
        (
            'groupBy: [kind], having: "count > 1", sort: ["-count", "kind"], limit: 1',
            "kind count",
            {"group": "kind", "count": "*", "having": "count > 1", "sort": "-count,kind", "limit": "1"},
        ),
        ("filter: \"record.kind == 'a'\"", "sum_pieces", {"filter": "record.kind == 'a'", "sum": "pieces"}),
        ('where: {kind: {eq: "a"}}', "sum_pieces min_at", {"kind": "a", "sum": "pieces", "min": "at"}),
        ('search: "b"', "count", {"search": "b"}),
    ],
)
async def test_equal_to_rest(graphql: Ask, server: Server, arguments: str, columns: str, query: dict[str, str]) -> None:
    """Groups have the columns and the values that they have in REST."""
    stream = Stream(server, "/v1/records/items/aggregate", *query.items())
    await stream.task
    answer = json.loads(b"".join(stream.chunks))
    assert answer["items"]
    assert await groups(graphql, arguments, columns) == answer["items"]


async def test_selection(graphql: Ask) -> None:
    """Groups have what is selected under its keys; ids are texts."""
    shown = await graphql(
        """{ itemsAggregate(groupBy: [shelf], sort: ["-shelf"]) {
          __typename a: groups { __typename n: count shelf ...more } b: groups { last: max_shelf } } }
        fragment more on ItemGroup { total: sum_pieces }"""
    )
    assert shown["data"]["itemsAggregate"] == {
        "__typename": "ItemAggregate",
        "a": [
            {"__typename": "ItemGroup", "n": 2, "shelf": "1", "total": 7},
            {"__typename": "ItemGroup", "n": 2, "shelf": None, "total": 5},
        ],
        "b": [{"last": "1"}, {"last": None}],
    }


async def test_pages(graphql: Ask) -> None:
    """A page of groups goes on behind the one before; a cursor of other groups is refused."""
    document = """query ($after: String, $where: ItemWhere) {
      itemsAggregate(groupBy: [kind], limit: 1, after: $after, where: $where) { next groups { kind } } }"""
    after, seen = None, []
    while True:
        page = (await graphql(document, after=after))["data"]["itemsAggregate"]
        seen += [group["kind"] for group in page["groups"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == [None, "a", "b"]
    other = await graphql(document, after=after, where={"kind": {"ne": "x"}})
    assert codes(other) == [("invalid_cursor", ["itemsAggregate"])]


async def test_below_a_record(graphql: Ask, server: Server) -> None:
    """Records of a nested collection are grouped below one parent."""
    ids = [item["id"] for item in (await ask(server, "GET", "/v1/records/items")).json["items"]]
    for id in (ids[0], ids[0], ids[1]):
        await ask(server, "POST", f"/v1/records/items/{id}/notes", {"text": "t"})
    document = "query ($id: ID!) { notesAggregate(itemId: $id) { groups { count } } }"
    assert (await graphql(document, id=ids[0]))["data"]["notesAggregate"] == {"groups": [{"count": 2}]}


async def test_by_the_rules(graphql: Ask) -> None:
    """Only records that the caller sees are counted."""
    (ada, _), (bob, _) = await signed_up(graphql, "Ada"), await signed_up(graphql, "Bob")
    for token, mood in ((ada, 1), (ada, 2), (bob, 5)):
        await graphql("mutation ($m: Integer) { createDiary(input: {mood: $m}) { id } }", token=token, m=mood)
    document = "{ diariesAggregate { groups { count sum_mood } } }"
    for token, group in ((ada, (2, 3)), (bob, (1, 5)), ("", (0, None))):
        shown = (await graphql(document, token=token))["data"]["diariesAggregate"]["groups"]
        assert shown == [{"count": group[0], "sum_mood": group[1]}]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("itemsAggregate { groups { sum_cost } }", "forbidden"),
        ("itemsAggregate { groups { count_cost } }", "forbidden"),
        ("itemsAggregate(groupBy: [cost]) { groups { count } }", "forbidden"),
        ("itemsAggregate(where: {cost: {gt: 1}}) { groups { count } }", "forbidden"),
        ('itemsAggregate(filter: "record.cost > 1.0") { groups { count } }', "forbidden"),
        ('itemsAggregate(having: "max_cost > 1.0") { groups { max_cost } }', "forbidden"),
        ("usersAggregate(groupBy: [phone]) { groups { count } }", "forbidden"),
        ("itemsAggregate { groups { kind } }", "invalid_query"),
        ('itemsAggregate(having: "nope > 1") { groups { count } }', "invalid_query"),
        ('itemsAggregate(sort: ["price"]) { groups { count } }', "invalid_query"),
        ("itemsAggregate(limit: 0) { groups { count } }", "invalid_query"),
        ('itemsAggregate(after: "x") { groups { count } }', "invalid_cursor"),
    ],
)
async def test_refusals(graphql: Ask, asked: str, code: str) -> None:
    """What REST refuses is refused: hidden fields by any way, and columns that there are not."""
    answer = await graphql(f"{{ shown: {asked} other: items {{ id }} }}")
    assert codes(answer) == [(code, ["shown"])]
    assert answer["data"]["shown"] is None
    assert len(answer["data"]["other"]) == 4


async def test_cost(graphql: Ask) -> None:
    """Groups count as records do."""
    fields = " ".join(f"a{number}: itemsAggregate {{ groups {{ count }} }}" for number in range(25))
    assert ("too_costly", ["a20"]) in codes(await graphql(f"{{ {fields} }}"))
