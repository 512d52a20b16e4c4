"""The same questions to the server and to the local store have the same answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinterland.client.client import Client
from hinterland.client.errors import BadRequest, StatusError
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.fields import Boolean, Bytes, Field, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.testing.backend import running_backend

FIELDS: dict[str, Field] = {
    "text": Text(), "count": Integer(), "price": Number(), "done": Boolean(), "at": Instant(), "views": Int64(),
    "raw": Bytes(), "tags": List(), "any": Json(),
}  # fmt: skip
NOTES = Collection(name="notes", fields=FIELDS, rules=EVERYBODY)
ORDERS = Collection(name="orders", fields={"amount": Integer()}, ids="integer", rules=EVERYBODY)
RECORDS: list[dict[str, Any]] = [
    {"text": "b", "count": 3, "price": 1.5, "done": True, "at": "2026-01-02T03:04:05Z", "views": "10", "tags": ["a"]},
    {"text": "a", "count": 3, "price": 2, "done": False, "views": "9", "raw": "AAAA", "any": 1},
    {"text": "é", "count": -1, "at": "2025-01-02T03:04:05Z", "views": "-11", "any": {"x": 1}},
    {"text": "", "price": 1.5, "done": True},
    {"text": "None", "count": 0},
    {},
    {"text": "\U0001f600"},
    {"text": "\uffff", "count": 2},
]
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Note(msgspec.Struct):
    """What an app knows of a note without the declaration."""

    id: str
    text: str | None = None
    count: int | None = None
    price: float | None = None
    done: bool | None = None


@pytest.fixture(params=[200, -1], ids=["read", "sql"])
async def client(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Client]:
    """A client whose local store holds what the server has, and answers by reading it or by SQL."""
    async with running_backend([NOTES, ORDERS]) as backend:
        client = await backend.client(store=tmp_path / "app.db", vault=MemoryVault(), collections=[NOTES, ORDERS])
        await client.auth.sign_up(name="Ada", email="ada@example.org", password="a long walk outside")
        for body in RECORDS:
            await client.collection("notes").create(body)
        for amount in (5, 6):
            await client.collection("orders").create({"amount": amount})
        for name in ("notes", "orders"):
            client.local.collection(name)
        await client.sync.now()
        client.local.scope.small = request.param
        yield client


async def reported(repository: Any, question: dict[str, Any]) -> Any:
    """The answer, or the error by its class, code and message."""
    try:
        page = await repository.list(**question)
    except StatusError as error:
        return type(error).__name__, error.code, error.message
    return page.items, page.next is not None, page.total


PAGES: list[dict[str, Any]] = [
    {"limit": 3}, {"limit": 0}, {"limit": -1}, {"limit": 1001}, {"limit": 1000}, {"limit": 1.5},
    {"page": 2, "limit": 3}, {"page": 0}, {"page": -1}, {"page": 99}, {"page": 10_000_000}, {"total": True, "limit": 2},
    {"cursor": "x"}, {"cursor": "é"}, {"cursor": "W10"},
]  # fmt: skip
SORTS: list[Any] = [
    ["text"], ["-text"], "count", ["count", "-price"], ["-count", "text"], ["views"], ["-views"], ["at"], ["done"],
    ["id"], ["-id"], ["id", "nothing"], ["-created_at"], ["revision"], ["nothing"], ["--count"], ["~text"], ["tags"],
    ["any"], ["raw"], ["text"] * 17, ["count,text"], ["parent"],
]  # fmt: skip
EQUALS: list[dict[str, Any]] = [
    {"text": "a"}, {"text": ""}, {"text": None}, {"text": "None"}, {"text": 3}, {"count": 3}, {"count": "3"},
    {"count": 3.0}, {"count": "x"}, {"count": True}, {"count": None, "text": "é"}, {"price": 1.5}, {"price": "1.50"},
    {"price": 2}, {"price": "nan"}, {"done": True}, {"done": "TRUE"}, {"done": "yes"}, {"done": None}, {"views": 10},
    {"views": "10"}, {"views": "ten"}, {"at": MOMENT}, {"at": "2026-01-02T03:04:05Z"}, {"at": "soon"},
    {"at": "2026-01-02T03:04:05"}, {"at": "2026-01-02T05:04:05+02"}, {"tags": ["a"]},
    {"any": 1}, {"raw": "AAAA"}, {"nothing": 1}, {"nothing": None}, {"id": "x"}, {"id": "a/b"},
    {"revision": 3}, {"revision": "x"}, {"created_at": "2026"}, {"updated_at": "2026-01-02T03:04:05"},
    {"created_at": MOMENT}, {"parent": "x"}, {"text": "a", "count": 3},
]  # fmt: skip
FILTERS = [
    "record.count > 0",
    "record.count >",
    "record.count",
    "record.nothing > 0",
    "record.text",
    "",
    "has(record.at)",
    'record.at > timestamp("2025-06-01T00:00:00+00")',
    'record.at > timestamp("2025-06-01T00:00:00")',
    'record.created_at > timestamp("2025-06-01T00:00:00Z")',
]


def questions() -> list[dict[str, Any]]:
    """All of them; what has no order of its own is put in one."""
    found = [*PAGES, *({"sort": sort} for sort in SORTS), *EQUALS, *({"filter": filter} for filter in FILTERS)]
    return [{"sort": ["id"], **question} for question in found]


@pytest.mark.parametrize("kind", [dict, Note])
async def test_the_same_answers(client: Client, kind: type[Any]) -> None:
    """Every question has the same answer, and every mistake is the same error, from the server and from the store."""
    remote, local = client.collection("notes", kind), client.local.collection("notes", kind)
    for question in questions():
        expected = await reported(remote, question)
        assert (question, await reported(local, question)) == (question, expected)


SEARCHED = [
    "red", "red shoes", '"red shoes"', "sho*", "red -shoes", "RÉD", "cafe", "東", "a*b", "*", "-red", "x " * 501,
    "w " * 51, " ", "straße", "shoe",
]  # fmt: skip
SEARCHES: list[dict[str, Any]] = [
    *[{"search": search} for search in SEARCHED],
    {"search": "red", "sort": ["-text"]},
    {"search": "red", "filter": "record.count > 1"},
    {"search": "red", "count": 3},
    {"search": "red", "limit": 1, "total": True},
    {"search": "red", "page": 2, "limit": 1},
]


PAPERS = Collection(
    name="papers",
    fields={"text": Text(search=True), "tags": List(of=Text(search=True)), "count": Integer(), "key": Text()},
    rules=EVERYBODY,
)
HIDDEN = Collection(name="hidden", fields={"text": Text(search=True, read="false")}, rules=EVERYBODY)
PLAIN = Collection(name="plain", fields={"text": Text()}, rules=EVERYBODY)
PAPER_TEXTS = ("Red shoes", "shoes, blue and red", "Café Straße", "a red hat", "東京都", "red", "")


@pytest.fixture
async def searcher(tmp_path: Path) -> AsyncIterator[Client]:
    """A client whose local store holds papers to search."""
    declared = [PAPERS, HIDDEN, PLAIN]
    async with running_backend(declared) as backend:
        client = await backend.client(store=tmp_path / "app.db", vault=MemoryVault(), collections=declared)
        await client.auth.sign_up(name="Ada", email="ada@example.org", password="a long walk outside")
        papers = client.collection("papers")
        for count, text in enumerate(PAPER_TEXTS):
            await papers.create({"text": text, "tags": ["shoes red", text], "count": count, "key": "red"})
        client.local.collection("papers")
        await client.sync.now()
        yield client


@pytest.mark.parametrize("small", [200, -1])
async def test_the_same_searches(searcher: Client, small: int) -> None:
    """Searches for words find the same records in the same order on the server and on the device."""
    searcher.local.scope.small = small
    remote, local = searcher.collection("papers"), searcher.local.collection("papers")
    for question in SEARCHES:
        expected = await reported(remote, question)
        if not question["search"].strip():  # no search at all: the server's order is another one
            expected = expected[0][::-1], *expected[1:]
        assert (question, await reported(local, question)) == (question, expected)
    walked = [each async for each in local.iterate(search="red")]
    assert walked == [each async for each in remote.iterate(search="red", limit=2)]
    page = await local.list(search="red", limit=3)
    rest = await local.list(search="red", limit=9, cursor=page.next or "")
    assert [*page.items, *rest.items] == walked


async def test_what_is_not_searched_offline(searcher: Client) -> None:
    """A collection without searched fields has none offline too; of those that not every reader sees the server
    decides."""
    plain, hidden = (searcher.local.collection(name) for name in ("plain", "hidden"))
    assert (await reported(plain, {"search": "a"}))[1] == "invalid_query"
    assert (await reported(hidden, {"search": "a"}))[1] == "forbidden"


async def test_a_live_search(searcher: Client) -> None:
    """A live query of words has a new record at its place."""
    local = searcher.local.collection("papers")
    live = local.watch(search="red -hat -東", limit=9)
    before = [each["text"] for each in await anext(live)]
    await local.create({"text": "Red"})
    assert [each["text"] for each in await anext(live)] == [*before[:2], "Red", *before[2:]]
    await live.aclose()


async def test_the_same_walks(client: Client) -> None:
    """All records of a question, page by page, and the mistakes in it, are the same as well."""
    remote, local = client.collection("notes"), client.local.collection("notes")
    walks: list[dict[str, Any]] = [{"sort": ["text"]}, {"count": 3}, {"done": None, "filter": "true || record.done"}]
    for walk in walks:
        question = {"sort": ["id"], **walk}
        on_server = [note async for note in remote.iterate(limit=1, **question)]
        assert [note async for note in local.iterate(**question)] == on_server
    mistakes: list[dict[str, Any]] = [{"limit": 0}, {"nothing": 1}]
    for wrong in mistakes:
        for notes in (remote.iterate(**wrong), local.iterate(**wrong)):
            with pytest.raises(BadRequest):
                await anext(notes)


async def test_the_orders_without_sort(client: Client) -> None:
    """Without `sort` the server answers in the order of creation, and the store newest first."""
    for name, field in (("notes", "text"), ("orders", "amount")):
        on_server = [each[field] async for each in client.collection(name).iterate()]
        on_device = [each[field] async for each in client.local.collection(name).iterate()]
        assert on_device == on_server[::-1]


@pytest.mark.parametrize("sort", [["count"], ["-count", "text"], ["-views"], ["done", "-id"], ()])
async def test_pages_in_a_changing_store(client: Client, sort: list[str]) -> None:
    """Pages of the store are those of the server; what comes or goes between two repeats nothing and hides nothing."""
    local, seen = client.local.collection("notes"), []
    expected = [note["id"] async for note in local.iterate(sort=sort)]
    cursor: str | None = ""
    while cursor is not None:
        page = await local.list(sort=sort, limit=2, cursor=cursor)
        seen += [note["id"] for note in page.items]
        cursor = page.next
        await local.delete(page.items[0]["id"])
    assert seen == expected


async def test_cursors_of_others(client: Client) -> None:
    """The cursor of one question, or of the other repository, is refused by both."""
    remote, local = client.collection("notes"), client.local.collection("notes")
    for one, other in ((remote, local), (local, remote)):
        page = await one.list(limit=2, sort=["text"])
        assert page.next
        assert await reported(one, {"cursor": page.next, "limit": 2, "sort": ["count"]}) == await reported(
            other, {"cursor": "x"}
        )
        assert (await reported(other, {"cursor": page.next, "limit": 2, "sort": ["text"]}))[1] == "invalid_cursor"


@pytest.mark.parametrize("kind", [dict, Note])
async def test_without_a_declaration(client: Client, tmp_path: Path, kind: type[Any]) -> None:
    """Without `collections` the store refuses all the same what can be known from the records and the app's type."""
    await client.local.close()
    async with Client(client.url, store=tmp_path / "app.db", vault=MemoryVault(), transport=client.transport) as other:
        await other.auth.log_in(email="ada@example.org", password="a long walk outside")
        other.local.scope.small = client.local.scope.small
        remote, local = other.collection("notes", kind), other.local.collection("notes", kind)
        for question in (
            *PAGES, *({"sort": sort} for sort in (["text"], ["-count"], "price", ["-done"])),
            *({name: value} for name, value in (("text", "a"), ("text", None), ("count", 3), ("count", "3"))),
            {"done": True}, {"price": "1.50"}, {"price": 2}, {"id": "x"},
        ):  # fmt: skip
            asked = {"sort": ["id"], **question}
            assert (asked, await reported(local, asked)) == (asked, await reported(remote, asked))
        for wrong in ({"sort": ["nothing"]}, {"nothing": 1}, {"sort": ["tags"]}, {"tags": "a"}, {"id": "a/b"}):
            assert (
                (await reported(local, wrong))[:2]
                == (await reported(remote, wrong))[:2]
                == ("BadRequest", "invalid_query")
            )


async def test_numbers_as_texts(client: Client) -> None:
    """An id that the server gives may be said as text, as it is in a path, to both."""
    for orders in (client.collection("orders"), client.local.collection("orders")):
        assert await orders.get("1") == await orders.get(1)
        await orders.update("2", {"amount": 8})
    await client.sync.now()
    assert (await client.collection("orders").get(2))["amount"] == 8


@pytest.mark.parametrize("is_declared", [True, False])
async def test_records_that_the_server_has_not_seen(client: Client, is_declared: bool) -> None:
    """A temporary id means its record in a question, before the server has given another and after."""
    client.local.scope.shapes = client.local.scope.shapes if is_declared else {}
    orders = client.local.collection("orders", ids="integer")
    written = await orders.create({"amount": 7})
    assert [order["amount"] for order in (await orders.list(id=written.id)).items] == [7]
    await client.sync.now()
    assert [order["amount"] for order in (await orders.list(id=written.id)).items] == [7]
