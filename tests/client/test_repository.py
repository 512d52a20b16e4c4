"""Typed access to records."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import msgspec
import pytest

from hinterland.client.calls import segment
from hinterland.client.client import Client
from hinterland.client.errors import BadRequest, InvalidResponse, NotFound, Stale, ValidationFailed
from hinterland.client.repository import Page, RemoteRepository, Repository
from hinterland.client.transports.scripted import Scripted
from tests.client.foreign import PAGE

PATH = "/v1/records/posts"


class Post(msgspec.Struct):
    """A post as an app sees it."""

    title: str
    id: str = ""
    revision: int = 0


@pytest.fixture
def posts(client: Client) -> Repository[Post]:
    """The posts, behind the protocol that fakes implement too."""
    return client.collection("posts", Post)


async def test_a_record_is_got_by_its_id(posts: Repository[Post], script: Scripted) -> None:
    """One record is fetched and typed; what the type does not name is left out."""
    script.expect("GET", f"{PATH}/a-1").answer(json={"id": "a-1", "title": "Hello", "revision": 3, "more": []})
    assert await posts.get("a-1") == Post("Hello", "a-1", 3)


async def test_a_page_is_asked_in_the_contracts_words(posts: Repository[Post], script: Scripted) -> None:
    """page, limit, cursor, filter, sort, total and equality go as the contract says, and only what differs."""
    script.expect("GET", PATH, query={}).answer(json={"items": [{"title": "a"}]})
    assert await posts.list() == Page([Post("a")])
    asked = {"page": "2", "limit": "50", "filter": 'record.title == "ä&b"', "sort": "-title,id", "total": "true",
             "author": "u 1", "draft": "false"}  # fmt: skip
    script.expect("GET", PATH, query=asked).answer(json={"items": [], "next": None, "total": 7})
    filter_ = 'record.title == "ä&b"'
    page = await posts.list(
        page=2, limit=50, filter=filter_, sort=["-title", "id"], total=True, author="u 1", draft=False
    )
    assert page == Page([], None, 7)
    script.expect("GET", PATH, query={"cursor": "c", "sort": "title"}).answer(json={"items": []})
    await posts.list(cursor="c", sort="title")
    script.expect("GET", PATH, query={"search": '"a b" c*', "author": "u"}).answer(json={"items": []})
    await posts.list(search='"a b" c*', author="u")
    script.expect("GET", PATH, query={"search": "a", "limit": "100"}).answer(json={"items": [{"title": "a"}]})
    assert [post.title async for post in posts.iterate(search="a")] == ["a"]


async def test_all_pages_are_walked(posts: Repository[Post], script: Scripted) -> None:
    """`iterate` fetches page after page by the cursor, and only as far as it is used."""
    script.expect("GET", PATH, query={"limit": "2", "author": "u"}).answer(
        json={"items": [{"title": "a"}, {"title": "b"}], "next": "c1"}
    )
    script.expect("GET", PATH, query={"limit": "2", "author": "u", "cursor": "c1"}).answer(
        json={"items": [{"title": "c"}], "next": ""}
    )
    assert [post.title async for post in posts.iterate(limit=2, author="u")] == ["a", "b", "c"]


async def test_every_write_carries_a_key(posts: Repository[Post], script: Scripted) -> None:
    """Create, replace, update and delete carry an idempotency key, their own or the caller's; a revision goes as
    If-Match."""
    answer = {"id": "1", "title": "t", "revision": 1}
    kept = {"idempotency-key": "mine", "if-match": '"1"', "content-type": "application/json"}
    script.expect("POST", PATH, json={"title": "t", "id": "", "revision": 0}).answer(201, json=answer)
    assert await posts.create(Post("t")) == Post("t", "1", 1)
    script.expect("PUT", f"{PATH}/1", json={"title": "t"}, headers=kept).answer(json=answer)
    await posts.replace("1", {"title": "t"}, revision=1, key="mine")
    script.expect("PATCH", f"{PATH}/1", json={"title": "t"}, headers={"if-match": None}).answer(json=answer)
    await posts.update("1", {"title": "t"})
    script.expect("DELETE", f"{PATH}/1", headers={"if-match": '"1"', "content-type": None}).answer(204)
    await posts.delete("1", revision=1)
    keys = [request.headers["idempotency-key"] for request in script.requests]
    assert len(set(keys)) == 4


class Place(msgspec.Struct):
    """An object inside of a record."""

    city: str


class Order(msgspec.Struct):
    """A record with a day, an object and a list of objects."""

    due: date | None = None
    place: Place | None = None
    stops: list[Place] = []


async def test_days_and_objects_are_typed(client: Client, script: Scripted) -> None:
    """A day is a date, and an object a struct of its own, in what is sent and what is read; errors name places."""
    orders = client.collection("orders", Order)
    order = Order(date(2026, 1, 31), Place("Rome"), [Place("Bari")])
    body = {"due": "2026-01-31", "place": {"city": "Rome"}, "stops": [{"city": "Bari"}]}
    script.expect("POST", "/v1/records/orders", json=body).answer(201, json={"id": "a", **body})
    assert await orders.create(order) == order
    problem = {"code": "validation", "message": "no", "errors": {"stops.0.city": ["is required"]}}
    script.expect("POST", "/v1/records/orders").answer(400, json=problem)
    with pytest.raises(ValidationFailed) as caught:
        await orders.create(order)
    assert caught.value.errors == {"stops.0.city": ["is required"]}


async def test_refusals_are_typed(posts: Repository[Post], script: Scripted) -> None:
    """A stale record and invalid fields are errors of their own, with the messages by field."""
    script.expect("PATCH", f"{PATH}/1").answer(412, json={"code": "stale", "message": "changed"})
    with pytest.raises(Stale, match="changed"):
        await posts.update("1", {}, revision=1)
    script.expect("POST", PATH).answer(400, json={"code": "validation", "errors": {"title": ["is required"]}})
    with pytest.raises(ValidationFailed) as caught:
        await posts.create({})
    assert caught.value.errors == {"title": ["is required"]}


async def test_a_record_that_does_not_fit(
    posts: RemoteRepository[Post], script: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    """A record that does not fit hides no other: it is beside the page, with its path and what was found, and an
    iteration, whose caller may not look for it, logs it too."""
    items: list[Any] = [{"id": "b", "title": None}, {"title": "a"}, {"id": 7, "title": 1}, {}, 5]
    for _ in range(2):
        script.expect("GET", PATH).answer(json={"items": items, "total": 5}, headers={"x-request-id": "r"})
    page = await posts.list(total=True)
    assert (page.items, page.total) == ([Post("a")], 5)
    paths = [(mismatch.path, mismatch.found) for mismatch in page.mismatches]
    assert paths[:2] == [("posts/b.title", "null"), ("posts/7.id", "int")]
    assert paths[2:] == [("posts[3].title", "nothing"), ("posts[4]", "int")]
    assert {(mismatch.operation, mismatch.request_id) for mismatch in page.mismatches} == {("records.list", "r")}
    iteration = posts.iterate()
    assert [post async for post in iteration] == [Post("a")]
    assert [mismatch.path for mismatch in iteration.mismatches] == [path for path, _ in paths]
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 4
    assert "posts/b.title" in caplog.text


async def test_a_page_that_is_none(posts: Repository[Post], script: Scripted) -> None:
    """An answer that is no page is an error with the path in the document and what was found."""
    for answer, path in (
        ({"items": {"title": "a"}}, "$.items"),
        ({}, "$.items"),
        ([], "$"),
        ({"items": [], "total": "5"}, "$.total"),
    ):
        script.expect("GET", PATH).answer(json=answer, headers={"x-request-id": "r"})
        with pytest.raises(InvalidResponse) as caught:
            await posts.list()
        assert (caught.value.path, caught.value.operation, caught.value.request_id) == (path, "records.list", "r")


async def test_records_of_a_record(client: Client, script: Scripted) -> None:
    """A nested collection's path is its owner's and its name; ids may be integers, and are percent-encoded."""
    comments = client.collection("comments", parent="posts/42")
    script.expect("GET", "/v1/records/posts/42/comments/7").answer(json={"id": 7})
    assert await comments.get(7) == {"id": 7}
    of_text = client.collection("comments", parent="posts/a b")
    script.expect("GET", "/v1/records/posts/a%20b/comments/user%3A1%3F%252F").answer(json={"id": "x"})
    assert await of_text.get("user:1?%2F") == {"id": "x"}


@pytest.mark.parametrize("record_id", ["", ".", "..", "a/b", "a/files/b", "é" * 65, "x" * 129, "a\n"])
async def test_an_id_that_no_record_has(posts: Repository[Post], script: Scripted, record_id: str) -> None:
    """An id that is none is refused before anything is sent, so that none leads to another path."""
    calls: list[Any] = [
        posts.get(record_id), posts.delete(record_id), posts.update(record_id, {}), posts.replace(record_id, {}),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(NotFound, match="an id must have 1 to 128 bytes") as refused:
            await call
        assert (refused.value.sent, refused.value.is_from_server) == ("no", False)
    assert script.requests == []


async def test_a_body_that_json_can_not_say(posts: Repository[Post], script: Scripted) -> None:
    """NaN, Infinity, NUL, half a surrogate pair and more than 64 levels are refused before anything is sent, with the
    server's code and reason; an integer beyond 64 bits goes as the double that it is."""
    deep: Any = None
    for _ in range(64):
        deep = [deep]
    for value in (math.nan, -math.inf, "\0", "\ud800", deep, 10**400):
        with pytest.raises(BadRequest, match="request body: ") as refused:
            await posts.update("a", {"value": value})
        assert (refused.value.code, refused.value.sent) == ("invalid_body", "no")
    assert script.requests == []
    script.expect("PATCH", f"{PATH}/a", json={"value": 1e20, "none": None}).answer(json={"title": "t"})
    await posts.update("a", {"value": 10**20, "none": None})


@pytest.mark.parametrize("body", [None, [], "text", 5, [{"id": "a"}]])
async def test_a_body_that_is_not_an_object(posts: Repository[Post], script: Scripted, body: Any) -> None:
    """What is not an object is refused before anything is sent; nothing is not an empty record."""
    for act in (posts.create(body), posts.update("a", body), posts.replace("a", body)):
        with pytest.raises(BadRequest, match="the body must be a JSON object") as refused:
            await act
        assert (refused.value.code, refused.value.sent) == ("invalid_body", "no")
    assert script.requests == []


def test_a_segment_that_changes_the_path() -> None:
    """What would change a path is no segment of one; anything else is quoted."""
    for value in ("", ".", ".."):
        with pytest.raises(ValueError, match="can't be the id in a path"):
            segment("id", value)
    assert segment("id", "a/b c") == "a%2Fb%20c"


def test_the_remote_repository_fits_the_protocol(client: Client) -> None:
    """What the client gives has every method of the protocol that fakes implement."""
    methods = [name for name in vars(Repository) if not name.startswith("_")]
    assert methods == ["get", "list", "iterate", "create", "replace", "update", "delete"]
    assert all(hasattr(RemoteRepository, name) for name in methods)
    assert client.collection("posts", parent="users/1").collection == "users/1/posts"


async def test_a_portals_page_is_no_answer(posts: Repository[Post], script: Scripted) -> None:
    """A page that something on the way answers with 200 is neither a record nor a successful deletion, and its 404 is
    not the server's."""
    script.expect("DELETE", f"{PATH}/a").answer(200, content=PAGE)
    with pytest.raises(InvalidResponse, match="HTML"):
        await posts.delete("a")
    script.expect("GET", f"{PATH}/a").answer(200, content=PAGE)
    with pytest.raises(InvalidResponse, match="HTML"):
        await posts.get("a")
    script.expect("GET", f"{PATH}/a").answer(404, content=PAGE)
    with pytest.raises(NotFound, match="not from the server itself") as caught:
        await posts.get("a")
    assert not caught.value.is_decided
    script.expect("GET", f"{PATH}/a").refuse("not_found")
    with pytest.raises(NotFound) as caught:
        await posts.get("a")
    assert caught.value.is_decided


class ByTitle(msgspec.Struct):
    """A row of a result."""

    title: str
    count: int
    sum_price: float | None = None


async def test_values_of_groups_are_typed(client: Client, script: Scripted) -> None:
    """Aggregates are asked in the contract's words, a name or several; rows are typed, or dicts."""
    posts = client.collection("posts", Post)
    asked = {"group": "title", "count": "*,distinct:author", "sum": "price", "having": "count > 1", "sort": "-count",
             "limit": "10", "cursor": "c", "filter": "(record.n > 1) && record.author == null", "draft": "false",
             "where.sum": "3"}  # fmt: skip
    row = {"title": "a", "count": 2, "sum_price": 1.5}
    script.expect("GET", f"{PATH}/aggregate", query=asked).answer(json={"items": [row], "next": "d"})
    page = await posts.aggregate(
        ByTitle, group="title", count=["*", "distinct:author"], sum=("price",), having="count > 1", sort="-count",
        limit=10, cursor="c", filter="record.n > 1", author=None, draft=False, where={"sum": 3},
    )  # fmt: skip
    assert page == Page([ByTitle("a", 2, 1.5)], "d")
    script.expect("GET", f"{PATH}/aggregate", query={"count": "*"}).answer(json={"items": [{"count": 2}], "next": ""})
    assert await posts.aggregate(count="*") == Page([{"count": 2}])
    script.expect("GET", f"{PATH}/aggregate", query={}).answer(json={"items": [{"title": 1}], "next": ""})
    with pytest.raises(InvalidResponse):
        await posts.aggregate(ByTitle)


async def test_distinct_values_of_all_pages(client: Client, script: Scripted) -> None:
    """The combinations of some fields' values are groups without values, from page to page."""
    posts = client.collection("posts")
    asked = {"group": "title,author", "draft": "true"}
    script.expect("GET", f"{PATH}/aggregate", query=asked).answer(json={"items": [{"title": "a"}], "next": "c"})
    more = asked | {"cursor": "c"}
    script.expect("GET", f"{PATH}/aggregate", query=more).answer(json={"items": [{"title": "b"}], "next": ""})
    assert await posts.distinct("title", "author", draft=True) == [{"title": "a"}, {"title": "b"}]
