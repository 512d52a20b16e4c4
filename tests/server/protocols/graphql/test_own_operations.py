"""An app's own operations as fields of GraphQL."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.contract.transfers import Download
from hinterland.kit.body import Body, BytesBody
from hinterland.server.app import Server
from hinterland.server.backend import Backend
from hinterland.server.declaration import App
from hinterland.server.operations.call import Call
from hinterland.server.operations.records import each_record, write_records
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.protocol import Storage
from tests.server.protocols.asgi import Socket, ask, bearer
from tests.server.protocols.graphql.asking import Ask, asking, codes, signed_up

OWN = "auth.id == record.owner"


class Period(msgspec.Struct):
    year: int


class Total(msgspec.Struct):
    amount: int
    orders: int


class Speed(enum.Enum):
    SLOW = "slow"
    FAST = "fast"


class Line(msgspec.Struct, rename="camel"):
    unit_price: Decimal
    count: Annotated[int, msgspec.Meta(ge=1)] = 1


class Order(msgspec.Struct):
    lines: list[Line]
    speed: Speed = Speed.SLOW
    at: datetime | None = None
    tags: dict[str, int] = {}
    way: Literal["post", "boat"] = "post"


class Receipt(msgspec.Struct):
    order: Order
    sum: float
    next: Receipt | None = None


class Post(msgspec.Struct):
    text: str


class Upload(msgspec.Struct):
    content: Body


orders = Collection(
    name="orders",
    fields={"amount": Integer(required=True), "year": Integer(), "owner": Text(fill="auth.id")},
    rules=Rules(list=OWN, view=OWN, create=OWN),
)
posts = Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY)
auth = AuthSettings(hash_memory_kib=8, hash_passes=1)
APP = App(collections=[orders, posts], settings=Settings(auth=auth, request_seconds=5, graphql_introspection=True))


@APP.operation("orders.total", method="GET")
async def total(backend: Backend, call: Call[Period]) -> Total:
    """The sum of the caller's orders of a year."""
    amounts = [order["amount"] async for order in each_record(backend, call, "orders", where={"year": call.input.year})]
    return Total(sum(amounts), len(amounts))


@APP.operation("orders.place", auth="optional")
async def place(backend: Backend, call: Call[Order]) -> list[Receipt]:
    amount = sum(line.unit_price * line.count for line in call.input.lines)
    first = Receipt(call.input, float(amount))
    return [first, Receipt(Order([]), 0, first)]


@APP.operation("orders.add")
async def add(backend: Backend, call: Call[Total]) -> None:
    if call.input.amount < 0:
        raise Refusal("validation", "amount: must be positive", errors={"amount": ["must be positive"]})
    await write_records(
        backend,
        call,
        [Write(act="create", collection="orders", body={"amount": 1, "year": 2026})] * call.input.orders,
    )


@APP.operation("hidden", method="GET", auth="admin")
async def hidden(backend: Backend, call: Call[None]) -> str:
    return "secret"


@APP.operation("who", method="GET", auth="ignored")
async def who(backend: Backend, call: Call[None]) -> Post:
    return Post(str(call.caller.is_signed_in))


@APP.operation("broken", auth="optional")
async def broken(backend: Backend, call: Call[None]) -> int:
    raise ValueError("the reason")


@APP.operation("slow", auth="optional")
async def slow(backend: Backend, call: Call[None]) -> int:
    assert call.deadline is not None
    assert call.deadline - asyncio.get_running_loop().time() <= 5
    raise Refusal("timeout", "as if it were late")


@APP.operation("photos.put", method="PUT")
async def put(backend: Backend, call: Call[Upload]) -> int:
    return 0


@APP.operation("photos.get", method="GET")
async def get(backend: Backend, call: Call[None]) -> Download:
    return Download(body=BytesBody(b""), content_type="image/jpeg")


@APP.operation("posts", method="GET")
async def posts_again(backend: Backend, call: Call[None]) -> int:
    return 0


@pytest.fixture
async def server(storage: Storage) -> AsyncIterator[Server]:
    """A running server."""
    running = Server(APP, storage)
    async with running.running():
        yield running


@pytest.fixture
def graphql(server: Server) -> Ask:
    """Asks the server."""
    return asking(server)


async def test_a_query_and_a_mutation(graphql: Ask) -> None:
    """An operation with GET is a query, another one a mutation; its result is what is selected, true where it has none.
    It acts for its caller."""
    (ada, _), (bob, _) = await signed_up(graphql, "ada"), await signed_up(graphql, "bob")
    document = "mutation { ordersAdd(amount: 1, orders: 2) }"
    assert await graphql(document, token=ada) == {"data": {"ordersAdd": True}}
    question = "query ($year: Integer!) { mine: ordersTotal(year: $year) { n: orders amount __typename } }"
    for token, count in ((ada, 2), (bob, 0)):
        shown = {"n": count, "amount": count, "__typename": "Total"}
        assert await graphql(question, token=token, year=2026) == {"data": {"mine": shown}}


async def test_values(graphql: Ask) -> None:
    """Structs, lists, enumerations, optional values and objects without a declared form come and go as JSON has them,
    under the names that JSON has."""
    document = """mutation ($lines: [LineInput!]!, $tags: JSON) {
      ordersPlace(lines: $lines, speed: fast, way: boat, at: "2026-01-02T03:04:05Z", tags: $tags) {
        sum order { at tags speed way lines { unitPrice count } } next { sum next { sum } } } }"""
    lines = [{"unitPrice": "1.50", "count": 2}, {"unitPrice": "2"}]
    order = {
        "at": "2026-01-02T03:04:05Z", "tags": {"a": 1}, "speed": "fast", "way": "boat",
        "lines": [{"unitPrice": "1.50", "count": 2}, {"unitPrice": "2", "count": 1}],
    }  # fmt: skip
    empty: dict[str, Any] = {"at": None, "tags": {}, "speed": "slow", "way": "post", "lines": []}
    assert (await graphql(document, lines=lines, tags={"a": 1}))["data"]["ordersPlace"] == [
        {"sum": 5.0, "order": order, "next": None},
        {"sum": 0.0, "order": empty, "next": {"sum": 5.0, "next": None}},
    ]


async def test_the_schema(server: Server, graphql: Ask) -> None:
    """Arguments and results have the types of the annotations. A struct that has a collection's name gets another one;
    what takes or gives bytes has no field."""
    made = await graphql("{ __schema { queryType { fields { name description } } mutationType { fields { name } } } }")
    queries = {field["name"]: field["description"] for field in made["data"]["__schema"]["queryType"]["fields"]}
    mutations = {field["name"] for field in made["data"]["__schema"]["mutationType"]["fields"]}
    assert queries["ordersTotal"] == "The sum of the caller's orders of a year."
    assert {"who", "hidden", "posts"} <= {*queries}
    assert {"ordersAdd", "ordersPlace"} <= mutations
    assert not {"photosGet", "photosPut"} & {*queries, *mutations}
    assert (await graphql("{ who { __typename text } }"))["data"]["who"] == {"__typename": "WhoPost", "text": "False"}
    assert (await graphql("{ posts { title } }"))["data"] == {"posts": []}


async def test_who_may_call(server: Server, graphql: Ask) -> None:
    """The operation's `auth` decides, as for REST: signed in, an administrator, or anybody, whose token is ignored."""
    ada, _ = await signed_up(graphql, "ada")
    assert codes(await graphql("{ ordersTotal(year: 1) { orders } }")) == [("unauthorized", ["ordersTotal"])]
    assert codes(await graphql("{ hidden }")) == [("unauthorized", ["hidden"])]
    assert codes(await graphql("{ hidden }", token=ada)) == [("forbidden", ["hidden"])]
    assert (await graphql("{ who { text } }", token=ada))["data"]["who"] == {"text": "False"}


@pytest.mark.parametrize(
    ("field", "path", "body"),
    [
        ("ordersAdd(amount: -1, orders: 1)", "orders.add", {"amount": -1, "orders": 1}),
        ('ordersAdd(amount: "x", orders: 1)', "orders.add", {"amount": "x", "orders": 1}),
        (
            'ordersPlace(lines: [{unitPrice: "1", count: 0}]) { sum }',
            "orders.place",
            {"lines": [{"unitPrice": "1", "count": 0}]},
        ),
        ('ordersPlace(lines: [], at: "now") { sum }', "orders.place", {"lines": [], "at": "now"}),
        ("broken", "broken", {}),
        ("slow", "slow", {}),
    ],
)
async def test_errors_are_those_of_rest(server: Server, graphql: Ask, field: str, path: str, body: Any) -> None:
    """What goes wrong has the code, and the messages by place, that REST's response has."""
    ada, _ = await signed_up(graphql, "ada")
    response = await graphql(f"mutation {{ {field} }}", token=ada)
    problem = (await ask(server, "POST", f"/v1/functions/{path}", body, bearer(ada))).json
    [error] = response["errors"]
    assert error["extensions"].get("errors") == problem.get("errors")
    assert (error["extensions"]["code"], error["path"]) == (problem["code"], [field.partition("(")[0]])


async def test_the_time_of_an_operation(storage: Storage) -> None:
    """A function is cancelled when the time of a request has passed, wherever it was asked."""
    app = App(settings=Settings(request_seconds=0.05))
    seen: list[str] = []

    @app.operation("endless", auth="optional")
    async def endless(backend: Backend, call: Call[None]) -> int:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            seen.append("cancelled")
        return 0

    server = Server(app, storage)
    async with server.running():
        answer = await ask(server, "POST", "/graphql", {"query": "mutation { endless }"})
        assert "timeout" in answer.body.decode()
        socket = Socket(server, "/graphql", subprotocol="graphql-transport-ws")
        await socket.asked(type="connection_init")
        message = await socket.asked(type="subscribe", id="1", payload={"query": "mutation { endless }"})
        assert codes(message["payload"]) == [("timeout", ["endless"])]
        await socket.leave()
    assert seen == ["cancelled"] * 2


async def test_names_that_are_in_use(storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    """An operation whose field would have the name of another one is left out, and the log says so."""
    with caplog.at_level(logging.WARNING, "hinterland.graphql"):
        server = Server(APP, storage)
        async with server.running():
            await asking(server)("{ __typename }")
    assert [record.getMessage() for record in caplog.records if record.name == "hinterland.graphql"] == [
        "the operation 'posts' is not in GraphQL's schema: there is a field posts; rename it"
    ]
