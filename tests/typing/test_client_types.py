"""The types that the client's users see; the type checker reads this file, and the tests run it."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, assert_type

import msgspec

from hinterland.client import (
    BlockingClient,
    Client,
    GraphQLEvent,
    Page,
    QueuedMutation,
    Repository,
    SignedIn,
    SignedOut,
    SigningIn,
)
from hinterland.client.blocking import ClientArguments
from hinterland.client.blocking_thread import BlockingIteration
from hinterland.client.transports.scripted import Scripted
from hinterland.contract.identity import RecordId


class Post(msgspec.Struct):
    """A post as an app sees it."""

    title: str
    id: str = ""


class FakePosts:
    """What a test of a screen uses instead of a server: any class with the protocol's methods."""

    def __init__(self) -> None:
        self.posts: dict[RecordId, Post] = {}

    async def get(self, record_id: RecordId) -> Post:
        """One post."""
        return self.posts[record_id]

    async def list(
        self,
        *,
        page: int = 1,
        limit: int = 20,
        cursor: str = "",
        filter: str = "",
        sort: Sequence[str] = (),
        total: bool = False,
        **equals: Any,
    ) -> Page[Post]:
        """A page of posts."""
        return Page([*self.posts.values()][(page - 1) * limit : page * limit])

    async def iterate(
        self, *, filter: str = "", sort: Sequence[str] = (), limit: int = 100, **equals: Any
    ) -> AsyncIterator[Post]:
        """All posts."""
        for post in self.posts.values():
            yield post

    async def create(self, body: Any, *, key: str = "") -> Post:
        """A new post."""
        post = msgspec.convert({**body, "id": str(len(self.posts))}, Post)
        self.posts[post.id] = post
        return post

    async def replace(self, record_id: RecordId, body: Any, *, revision: int | None = None, key: str = "") -> Post:
        """Another post in its place."""
        return await self.create(body)

    async def update(self, record_id: RecordId, patch: Any, *, revision: int | None = None, key: str = "") -> Post:
        """The post, changed."""
        return self.posts[record_id]

    async def delete(self, record_id: RecordId, *, revision: int | None = None, key: str = "") -> None:
        """No post."""
        del self.posts[record_id]


async def titles(posts: Repository[Post]) -> list[str]:
    """What a screen shows."""
    return [post.title async for post in posts.iterate()]


async def test_a_fake_stands_for_a_repository() -> None:
    """A class with the protocol's methods is a repository for the type checker and for a screen."""
    fake = FakePosts()
    await fake.create({"title": "hello"})
    assert await titles(fake) == ["hello"]
    assert (await fake.list()).items == [Post("hello", "0")]
    assert await fake.update("0", {}) == await fake.get("0")
    assert (await fake.replace("0", {"title": "more"})).id == "1"
    await fake.delete("0")


async def test_records_have_their_types() -> None:
    """A collection gives what it was asked for: a struct or a dict, with and without await."""
    script = Scripted()
    async with Client("http://127.0.0.1:8000", transport=script) as client:
        assert_type(client.auth.state, SignedOut | SigningIn | SignedIn)
        script.expect("GET", "/v1/records/posts/1").answer(json={"title": "t"})
        assert_type(await client.collection("posts", Post).get("1"), Post)
        script.expect("GET", "/v1/records/posts").answer(json={"items": []})
        assert_type(await client.collection("posts", Post).list(), Page[Post])
        script.expect("GET", "/v1/records/posts/1").answer(json={"title": "t"})
        assert_type(await client.collection("posts").get(1), dict[str, Any])


async def test_results_of_graphql_have_their_types() -> None:
    """`client.graphql` gives what `into` names, or plain data: of a call, of the outbox, and of a subscription."""
    client, document = Client(transport=Scripted()), "mutation { a }"
    if TYPE_CHECKING:
        assert_type(await client.graphql(document), dict[str, Any])
        assert_type(await client.graphql(document, into=Post, offline="queue", key="k"), Post)
        assert_type(await client.graphql.enqueue(document), QueuedMutation[dict[str, Any]])
        assert_type(await client.graphql.enqueue(document, into=Post), QueuedMutation[Post])
        assert_type(await client.graphql.queued("id", Post).result(), Post)
        assert_type(client.graphql.subscribe(document, into=Post), AsyncGenerator[GraphQLEvent[Post], None])
    await client.close()


def test_records_have_their_types_without_await() -> None:
    """The blocking door keeps the types."""
    script = Scripted()
    with BlockingClient("http://127.0.0.1:8000", transport=script) as client:
        script.expect("GET", "/v1/records/posts/1").answer(json={"title": "t"})
        posts = client.collection("posts", Post)
        assert_type(posts.get(1), Post)
        script.expect("GET", "/v1/records/posts", query={"limit": "2", "title": "t"}).answer(json={"items": []})
        assert_type(posts.list(limit=2, title="t"), Page[Post])
        script.expect("GET", "/v1/records/posts", query={"limit": "100"}).answer(json={"items": []})
        assert_type(posts.iterate(), BlockingIteration[Post])
        assert list(posts.iterate()) == []
    if TYPE_CHECKING:
        posts.list(limit="2")  # type: ignore[arg-type]
        posts.list(sort=[1])  # type: ignore[list-item]
        posts.iterate(filter=3)  # type: ignore[arg-type]
        BlockingClient(allow_http="yes")  # type: ignore[arg-type]
        BlockingClient(alow_http=True)  # type: ignore[call-arg]


def test_the_blocking_client_takes_the_same_arguments() -> None:
    """The settings of the blocking client are those of the other, under the same types."""
    wanted = inspect.get_annotations(Client.__init__)
    reported = inspect.get_annotations(ClientArguments)
    assert {name: str(kind) for name, kind in reported.items()} == {
        name: f"ForwardRef({kind!r}, module='hinterland.client.blocking')"
        for name, kind in wanted.items()
        if name not in ("url", "return")
    }
