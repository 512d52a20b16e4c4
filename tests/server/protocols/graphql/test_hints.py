"""What errors of documents say to write instead."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import Settings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import ask

POSTS = Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A running server, whose schema can be seen."""
    made = Server(App(collections=[POSTS], settings=Settings(graphql_introspection=True)), SqliteStorage(tmp_path))
    async with made.running():
        yield made


async def message_of(server: Server, query: str) -> str:
    """The first error of a document."""
    text: str = (await ask(server, "POST", "/graphql", {"query": query})).json["errors"][0]["message"]
    return text


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("subscription { posts { id title } }", "It is of the record: record { title }."),
        ("{ postsConnection { title } }", "It is of each record: edges { node { title } }."),
        ("{ posts { edges { node { id } } } }", "postsConnection has: postsConnection { edges { node { id } } }."),
        ("{ posts(order_by: {title: asc}) { id } }", "Lists are sorted by sort: [created_at_DESC]."),
        ("{ posts(first: 1) { id } }", "A list has limit and offset; postsConnection has first and after."),
        ("{ posts(skip: 1) { id } }", "Its page is limit and offset."),
        ("{ postsConnection(take: 1) { totalCount } }", "Its page is first and after."),
        ('{ posts(where: {title: "a"}) { id } }', "Name the comparison: {eq: …}."),
        ('{ posts(where: {title: {_ilike: "a"}}) { id } }', "Texts have contains, startsWith and endsWith."),
        ("{ posts(sort: title) { id } }", "The direction is part of the name: [created_at_DESC]."),
        ('{ posts(sort: "title") { id } }', "The direction is part of the name: [created_at_DESC]."),
        ("{ posts_by_pk(id: 1) { id } }", "Did you mean 'post(id: …)'?"),
        ('mutation { insert_posts_one(object: {title: "a"}) { id } }', "Did you mean 'createPost'?"),
        ('mutation { addPost(title: "a") { id } }', "Did you mean 'createPost'?"),
        ('mutation { createPost(title: "a") { id } }', "It is a member of input: {title: …}."),
        ('mutation { updatePost(id: "1", input: {title: "a"}) { id } }', "Did you mean 'patch'?"),
        ("subscription { postAdded { id } }", "Changes of every kind are of posts: posts { kind record { id } }."),
    ],
)
async def test_what_other_servers_take(server: Server, query: str, hint: str) -> None:
    """A document as tutorials of other servers have it is refused with what to write here."""
    assert (await message_of(server, query)).endswith(hint)


@pytest.mark.parametrize(
    "query", ["{ nope }", "{ posts { nope } }", "mutation { addNope { id } }", "{ posts(a: 1) { id } }"]
)
async def test_what_is_unknown_everywhere(server: Server, query: str) -> None:
    """Another mistake has the message that every server gives."""
    assert (await message_of(server, query)).endswith((".", "?"))
    assert "Did you mean 'create" not in await message_of(server, query)


async def test_a_schema_that_is_not_shown(tmp_path: Path) -> None:
    """Where the schema can't be asked for, errors say nothing of what it has."""
    made = Server(App(collections=[POSTS], settings=Settings(graphql_introspection=False)), SqliteStorage(tmp_path))
    async with made.running():
        assert (
            await message_of(made, "{ posts_by_pk(id: 1) { id } }")
            == "Cannot query field 'posts_by_pk' on type 'Query'."
        )


async def test_an_array_of_requests(server: Server) -> None:
    """An array of requests, as links that collect them send it, is refused with what to send."""
    answer = await ask(server, "POST", "/graphql", [{"query": "{ posts { id } }"}])
    assert answer.status == 400
    assert "send several requests one by one" in answer.json["errors"][0]["message"]
