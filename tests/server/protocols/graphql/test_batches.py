"""Batches and bulk inserts in GraphQL: the operations that REST has, with the arguments of mutations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Reference, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.graphql.asking import Ask, asking, codes, signed_up

OWN = "record.owner_id == auth.id"
APP = App(
    collections=[
        Collection(name="users", fields={"name": Text()}, rules=EVERYBODY),
        Collection(
            name="posts",
            fields={"title": Text(required=True), "slug": Text(unique=True), "secret": Text(read="false")},
            rules=EVERYBODY,
        ),
        Collection(name="comments", parent="posts", fields={"text": Text()}, rules=EVERYBODY),
        Collection(name="shelves", fields={"name": Text()}, rules=EVERYBODY, ids="integer"),
        Collection(name="books", fields={"shelf": Reference(to="shelves")}, rules=EVERYBODY, ids="integer"),
        Collection(name="pages", parent="books", fields={"text": Text()}, rules=EVERYBODY),
        Collection(
            name="diaries",
            fields={"owner_id": Text(fill="auth.id"), "text": Text()},
            rules=Rules(list=OWN, view=OWN, create="auth.id != ''", update=OWN, delete=OWN),
        ),
    ],
    settings=Settings(auth=AuthSettings(hash_memory_kib=8, hash_passes=1), graphql_cost=500),
)
WRITE = "mutation ($w: [BatchWrite!]!) { batch(writes: $w) { revision results { status id } } }"


@pytest.fixture
async def graphql(tmp_path: Path) -> AsyncIterator[Ask]:
    """Asks a running server."""
    made = Server(APP, SqliteStorage(tmp_path))
    async with made.running():
        yield asking(made)


async def shown(graphql: Ask, query: str) -> Any:
    """What a query shows."""
    return (await graphql(query))["data"]


async def test_batch(graphql: Ask) -> None:
    """Writes of several collections are carried out in order, and each has its result; later ones name what earlier
    ones create by temporary ids, also in parents and references."""
    answer = await graphql(
        """mutation { batch(writes: [
          {createPost: {id: "~p", input: {title: "One", slug: "one"}}}
          {createComment: {postId: "~p", id: "~c", input: {text: "first"}}}
          {updatePost: {id: "~p", patch: {title: "Two"}}}
          {createShelf: {id: "~s", input: {name: "A"}}}
          {createBook: {id: "~b", input: {shelf: "~s"}}}
          {createPage: {bookId: "~b", input: {text: "p"}}}
          {upsertPost: {by: slug, input: {slug: "one", title: "Three"}}}
          {replaceShelf: {id: "~s", input: {name: "B"}}}
          {createShelf: {id: "~gone", input: {name: "C"}}}
          {deleteShelf: {id: "~gone"}}
        ]) { __typename revision results { __typename status n: id record {
          __typename ... on Post { title comments { text } } ... on Comment { text } ...any
          ... on Book { shelf { name } } ... on Shelf { label: name } } } } }
        fragment any on AnyRecord { ... on Page { id text } }"""
    )
    assert "errors" not in answer, answer
    done = answer["data"]["batch"]
    assert done["__typename"] == "BatchResult"
    assert [result["status"] for result in done["results"]] == [201, 201, 200, 201, 201, 201, 200, 200, 201, 204]
    post, comment, same, shelf, book, page, third, replaced, gone, deleted = done["results"]
    assert post["n"] == same["n"] == third["n"]
    assert post["record"] == {"__typename": "Post", "title": "Three", "comments": [{"text": "first"}]}
    assert comment["record"] == {"__typename": "Comment", "text": "first"}
    assert book["record"] == {"__typename": "Book", "shelf": {"name": "B"}}
    assert page["record"] == {"__typename": "Page", "id": page["n"], "text": "p"}
    assert shelf["record"] == replaced["record"] == {"__typename": "Shelf", "label": "B"}
    assert gone["record"] is deleted["record"] is None
    assert await shown(graphql, "{ shelves { id name } books { id shelfId } }") == {
        "shelves": [{"id": shelf["n"], "name": "B"}], "books": [{"id": book["n"], "shelfId": shelf["n"]}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"updatePost": {"id": "none", "patch": {"title": "x"}}}, "not_found"),
        ({"createPost": {"input": {}}}, "validation"),
        ({"createPost": {"input": {"title": "x", "slug": "taken"}}}, "conflict"),
        ({"updatePost": {"id": "p", "patch": {"title": "x"}, "revision": 0}}, "stale"),
        ({"createDiary": {"input": {"text": "x"}}}, "unauthorized"),
        ({"createComment": {"postId": "none", "input": {"text": "x"}}}, "not_found"),
        ({"createPage": {"bookId": "none", "input": {"text": "x"}}}, "not_found"),
    ],
)
async def test_refused_batch(graphql: Ask, wrong: dict[str, Any], code: str) -> None:
    """Where one write is refused none is carried out, and the error says which and why."""
    await graphql('mutation { createPost(id: "p", input: {title: "p", slug: "taken"}) { id } }')
    answer = await graphql(WRITE, w=[{"createPost": {"input": {"title": "before"}}}, wrong])
    assert codes(answer) == [(code, ["batch"])]
    assert answer["data"] == {"batch": None}
    assert answer["errors"][0]["extensions"]["details"]["index"] == 1
    assert await shown(graphql, "{ posts { id } }") == {"posts": [{"id": "p"}]}


async def test_write_of_two_kinds(graphql: Ask) -> None:
    """A write is one mutation: none and two are refused, by variables and in the document."""
    for write in ({}, {"deletePost": {"id": "a"}, "deleteShelf": {"id": "1"}}):
        assert "errors" in await graphql(WRITE, w=[write])
    literal = 'mutation { batch(writes: [{deletePost: {id: "a"}, deleteShelf: {id: "1"}}]) { revision } }'
    assert "exactly one" in (await graphql(literal))["errors"][0]["message"].lower()


async def test_batch_beyond_the_limits(graphql: Ask) -> None:
    """A batch of too many writes, and one whose answer may read too much, write nothing."""
    many = [{"createPost": {"input": {"title": "x"}}}] * 1_001
    assert codes(await graphql(WRITE, w=many)) == [("too_large", ["batch"])]
    costly = """mutation ($w: [BatchWrite!]!) { batch(writes: $w) { results { record { ... on Post {
      comments(limit: 100) { id } } } } } }"""
    assert codes(await graphql(costly, w=many[:10])) == [("too_costly", ["batch"])]
    alone = 'mutation { createPost(input: {title: "x"}) { comments(limit: 999) { id } } }'
    assert codes(await graphql(alone)) == [("too_costly", ["createPost"])]
    assert await shown(graphql, "{ posts { id } }") == {"posts": []}


@pytest.mark.parametrize(
    "query",
    [
        """mutation { created: batch(writes: [{createPost: {input: {title: "x"}}}]) {
          results { record { ... on Post { secret } } } } }""",
        'mutation { created: createPost(input: {title: "x"}) { secret } }',
        'mutation { created: createPost(input: {title: "x"}) { comments { post: __typename } s: secret } }',
    ],
)
async def test_selection_that_is_refused(graphql: Ask, query: str) -> None:
    """A mutation whose selection reads a field that is hidden from the caller writes nothing."""
    assert codes(await graphql(query)) == [("forbidden", ["created"])]
    assert await shown(graphql, "{ posts { id } }") == {"posts": []}


async def test_batch_by_the_rules(graphql: Ask) -> None:
    """A record of someone else is as one that does not exist, whatever comes before it in the batch."""
    (ada, _), (bob, _) = await signed_up(graphql, "Ada"), await signed_up(graphql, "Bob")
    made = await graphql('mutation { createDiary(input: {text: "mine"}) { id } }', token=ada)
    id = made["data"]["createDiary"]["id"]
    answers = [
        await graphql(WRITE, token=bob, w=[{"updateDiary": {"id": each, "patch": {"text": "x"}}}])
        for each in (id, "unknown")
    ]
    assert answers[0]["errors"][0]["extensions"] == answers[1]["errors"][0]["extensions"]
    assert answers[0]["errors"][0]["message"].replace(id, "unknown") == answers[1]["errors"][0]["message"]


async def test_bulk(graphql: Ask) -> None:
    """Many records are created as one commit; with a unique field they are upserts."""
    document = """mutation ($rows: [PostInput!]!, $by: PostUnique, $atomic: Boolean) {
      createPosts(input: $rows, by: $by, atomic: $atomic) { created changed ids revision
        refused { row code message errors } } }"""
    rows = [{"title": f"T{number}", "slug": f"s{number}"} for number in range(50)]
    first = (await graphql(document, rows=rows))["data"]["createPosts"]
    assert (first["created"], first["changed"], first["refused"]) == (50, 0, [])
    assert len({*first["ids"]}) == 50
    again = await graphql(document, rows=rows)
    assert codes(again) == [("conflict", ["createPosts"])]
    more = [{"title": "new", "slug": "s0"}, {"title": "other"}, {"slug": "s1", "title": None}]
    second = (await graphql(document, rows=more, by="slug", atomic=False))["data"]["createPosts"]
    assert (second["created"], second["changed"]) == (0, 1)
    assert second["ids"] == [first["ids"][0], None, None]
    assert [(row["row"], row["code"]) for row in second["refused"]] == [(1, "validation"), (2, "validation")]
    assert second["refused"][1]["errors"] == {"title": ["is required"]}
    books = await graphql('mutation { createShelves(input: [{name: "a"}, {name: "b"}]) { ids } }')
    assert books["data"]["createShelves"] == {"ids": ["1", "2"]}
    below = 'mutation ($id: ID!) { createComments(postId: $id, input: [{text: "a"}, {text: "b"}]) { created } }'
    assert (await graphql(below, id=first["ids"][0]))["data"]["createComments"] == {"created": 2}


async def test_bulk_by_the_rules(graphql: Ask) -> None:
    """Who may create nothing is refused before anything of the rows is looked at."""
    answer = await graphql('mutation { createDiaries(input: [{text: "x"}]) { created } }')
    assert codes(answer) == [("unauthorized", ["createDiaries"])]
    many = [{"title": "x"}] * 10_001
    too_many = await graphql("mutation ($r: [PostInput!]!) { createPosts(input: $r) { created } }", r=many)
    assert codes(too_many) == [("too_large", ["createPosts"])]
