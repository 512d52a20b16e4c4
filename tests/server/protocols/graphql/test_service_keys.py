"""Idempotency keys of mutations: what was done with one is never done again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.hooks import BeforeWrite, Refuse
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.protocol import Storage
from tests.server.protocols.asgi import Answer, Socket, ask, bearer
from tests.server.protocols.graphql.asking import asking, codes, signed_up

TWO = """mutation Two($title: String) {
  first: createPost(input: {title: $title}) { id title revision comments { text } }
  second: createPost(input: {title: "second"}) { id title }
}"""
ONE = """mutation { createPost(input: {title: "one"}) { id title } }"""


class Gate:
    """Where a hook holds the creation of a post called `second`, or refuses it."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.opened.set()
        self.reached = asyncio.Event()
        self.refuses = False

    async def passes(self, write: BeforeWrite) -> None:
        """The hook."""
        if write.body.get("title") == "second":
            self.reached.set()
            await self.opened.wait()
            if self.refuses:
                raise Refuse(errors={"title": ["is refused"]})


@pytest.fixture
def gate() -> Gate:
    """An open gate."""
    return Gate()


@pytest.fixture
async def server(storage: Storage, gate: Gate) -> AsyncIterator[Server]:
    """A running server, on each database."""
    app = App(
        collections=[
            Collection(name="users", fields={"name": Text()}, rules=EVERYBODY),
            Collection(name="posts", fields={"title": Text(), "slug": Text(unique=True)}, rules=EVERYBODY),
            Collection(name="comments", parent="posts", fields={"text": Text()}, rules=EVERYBODY),
        ],
        settings=Settings(auth=AuthSettings(hash_memory_kib=8, hash_passes=1)),
    )
    app.before("posts", "create")(gate.passes)
    made = Server(app, storage)
    async with made.running():
        yield made


async def keyed(server: Server, query: str, key: str = "k", *, token: str = "", **variables: Any) -> Answer:
    """The response to a mutation with an idempotency key."""
    headers = {"Idempotency-Key": key, **(bearer(token) if token else {})}
    return await ask(server, "POST", "/graphql", {"query": query, "variables": variables}, headers)


async def titles(server: Server) -> list[str]:
    """The titles of all posts."""
    return sorted([item["title"] for item in (await ask(server, "GET", "/v1/records/posts")).json["items"]])


async def test_repeated(server: Server) -> None:
    """The same mutation with the same key → the same answer, and nothing is done again; what is related is read anew.
    A key counts for its caller alone."""
    first = await keyed(server, TWO, title="first")
    assert "idempotency-replayed" not in first.headers
    post = first.json["data"]["first"]["id"]
    await ask(server, "PATCH", f"/v1/records/posts/{post}", {"title": "changed"})
    await ask(server, "POST", f"/v1/records/posts/{post}/comments", {"text": "later"})
    again = await keyed(server, TWO, title="first")
    assert again.headers["idempotency-replayed"] == "true"
    done = first.json["data"]
    assert again.json == {"data": {**done, "first": {**done["first"], "comments": [{"text": "later"}]}}}
    assert await titles(server) == ["changed", "second"]
    token, _ = await signed_up(asking(server), "ada")
    other = await keyed(server, TWO, token=token, title="first")
    assert "idempotency-replayed" not in other.headers
    assert len(await titles(server)) == 4


async def test_other_content(server: Server) -> None:
    """The same key with another request, of GraphQL or of REST → `key_reused`, as a whole, before anything is done."""
    await keyed(server, TWO, title="first")
    third = TWO.replace("first:", "third:")
    for query, title in ((TWO, "other"), (third, "first"), (ONE, "first")):
        refused = await keyed(server, query, title=title)
        assert (refused.status, codes(refused.json)) == (422, [("key_reused", None)])
    rest = await ask(server, "POST", "/v1/records/posts", {"title": "x"}, {"Idempotency-Key": "k"})
    assert (rest.status, rest.json["code"]) == (422, "key_reused")
    await ask(server, "POST", "/v1/records/posts", {"title": "x"}, {"Idempotency-Key": "of REST"})
    assert (await keyed(server, ONE, "of REST")).status == (await keyed(server, TWO, "of REST")).status == 422
    assert await titles(server) == ["first", "second", "x"]


async def test_broken_off(server: Server, gate: Gate) -> None:
    """A request that breaks off between two fields, and is repeated: the first is not done again, the second is."""
    gate.opened.clear()
    body = {"query": TWO, "variables": {"title": "first"}}
    broken = asyncio.create_task(ask(server, "POST", "/graphql", body, {"Idempotency-Key": "k"}))
    await gate.reached.wait()
    broken.cancel()
    await asyncio.wait([broken])
    assert await titles(server) == ["first"]
    gate.opened.set()
    done = await keyed(server, TWO, title="first")
    assert "idempotency-replayed" not in done.headers
    assert done.json["data"]["first"]["title"] == "first"
    assert await titles(server) == ["first", "second"]
    assert (await keyed(server, TWO, title="first")).json == done.json


async def test_at_the_same_time(server: Server, gate: Gate) -> None:
    """A second request with the key of one that runs → `in_progress`, as a whole; then it gets the answer."""
    gate.opened.clear()
    first = asyncio.create_task(keyed(server, TWO, title="first"))
    await gate.reached.wait()
    second = await keyed(server, TWO, title="first")
    assert (second.status, codes(second.json)) == (409, [("in_progress", None)])
    assert int(second.headers["retry-after"]) >= 1
    gate.opened.set()
    assert (await keyed(server, TWO, title="first")).status in (200, 409)
    done = (await first).json
    assert (await keyed(server, TWO, title="first")).json == done
    assert await titles(server) == ["first", "second"]


async def test_refused(server: Server, gate: Gate) -> None:
    """A field that was refused is tried again with its key; the one that was not is not."""
    gate.refuses = True
    refused = await keyed(server, TWO, title="first")
    assert codes(refused.json) == [("validation", ["second"])]
    gate.refuses = False
    done = await keyed(server, TWO, title="first")
    assert done.json["data"]["first"] == refused.json["data"]["first"]
    assert done.json["data"]["second"]["title"] == "second"
    assert await titles(server) == ["first", "second"]


async def test_all_mutations(server: Server) -> None:
    """Every mutation of records takes keys, and signing up: what is done again without one is done once with it."""
    made = (await keyed(server, ONE, "1")).json["data"]["createPost"]["id"]
    revision = (await ask(server, "GET", f"/v1/records/posts/{made}")).json["revision"]
    document = """mutation ($id: ID!, $revision: Integer) {
      a: updatePost(id: $id, patch: {title: "two"}, revision: $revision) { revision }
      b: replacePost(id: $id, input: {title: "three"}) { revision }
      c: upsertPost(by: slug, input: {slug: "s", title: "four"}) { id revision }
      d: createPosts(input: [{title: "five"}, {title: "six"}]) { ids revision }
      e: batch(writes: [{createPost: {id: "~p", input: {title: "seven"}}}
                        {createComment: {postId: "~p", input: {text: "first"}}}]) {
        revision results { id status record { ... on Post { title comments { text } } } } }
      f: deletePost(id: $id)
      g: signUp(email: "ada@example.org", password: "correct horse battery") { user { id } }
    }"""
    values = {"id": made, "revision": revision}
    done = await keyed(server, document, "2", **values)
    assert "errors" not in done.json, done.json
    written = await titles(server)
    assert written == ["five", "four", "seven", "six"]
    again = await keyed(server, document, "2", **values)
    assert again.json == done.json
    assert again.headers["idempotency-replayed"] == "true"
    assert await titles(server) == written
    assert len((await ask(server, "GET", "/v1/records/users")).json["items"]) == 1


async def test_a_record_that_is_gone(server: Server) -> None:
    """The answer of a creation whose record was deleted since is the first one; what is related can't be read."""
    made = (await keyed(server, TWO, title="first")).json["data"]
    for field in made.values():
        await ask(server, "DELETE", f"/v1/records/posts/{field['id']}")
    again = (await keyed(server, TWO, title="first")).json
    assert again["data"] == {"first": None, "second": made["second"]}
    assert codes(again) == [("not_found", ["first"])]
    assert await titles(server) == []


async def test_in_extensions(server: Server) -> None:
    """The key may be in the extensions of a request, over WebSocket and as Server-sent events too."""
    body = {"query": ONE, "extensions": {"idempotencyKey": "k"}}
    done = (await ask(server, "POST", "/graphql", body)).json
    socket = Socket(server, "/graphql", subprotocol="graphql-transport-ws")
    assert (await socket.asked(type="connection_init"))["type"] == "connection_ack"
    assert (await socket.asked(type="subscribe", id="1", payload=body))["payload"] == done
    other = {**body, "query": TWO}
    assert (await socket.next())["type"] == "complete"
    refused = await socket.asked(type="subscribe", id="2", payload=other)
    assert refused["type"] == "error"
    assert codes({"errors": refused["payload"]}) == [("key_reused", None)]
    headers = {"Idempotency-Key": "k", "Accept": "text/event-stream"}
    stream = await ask(server, "POST", "/graphql", {"query": ONE}, headers)
    assert done["data"]["createPost"]["id"].encode() in stream.body
    assert await titles(server) == ["one"]
    await socket.leave()


@pytest.mark.parametrize("given", ["", "x" * 201, "a\nb", 5])
async def test_no_key(server: Server, given: object) -> None:
    """What can't be a key, and two that differ, are refused; a query needs none."""
    body = {"query": ONE, "extensions": {"idempotencyKey": given}}
    assert (await ask(server, "POST", "/graphql", body)).status == 400
    body["extensions"] = {"idempotencyKey": "k"}
    differs = await ask(server, "POST", "/graphql", body, {"Idempotency-Key": "other"})
    assert (differs.status, codes(differs.json)) == (400, [("invalid_query", None)])
    assert await titles(server) == []
    for title in ("posts { title }", "__typename"):
        assert (await keyed(server, f"{{ {title} }}")).status == 200
