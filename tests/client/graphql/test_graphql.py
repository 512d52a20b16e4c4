"""GraphQL by the client, against the real server in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinterland.client.client import Client
from hinterland.client.errors import (
    BadRequest,
    ClientClosed,
    HinterlandError,
    InvalidResponse,
    NotFound,
    Stale,
    ValidationFailed,
)
from hinterland.client.layers.trace import Trace
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.testing.backend import TestBackend, running_backend
from hinterland.testing.faulty import FaultyNetwork
from tests.client.local.conftest import next_of

PASSWORD = "a long walk outside"
OWN = "auth.id == record.owner"
POSTS = Collection(name="posts", fields={"title": Text(required=True), "stars": Integer()}, rules=EVERYBODY)
DIARY = Collection(
    name="diaries",
    fields={"text": Text(), "owner": Text(fill="auth.id")},
    rules=Rules(list=OWN, view=OWN, create=OWN, update=OWN, delete=OWN),
)
LIST = "query List($n: Int) { posts(limit: $n, sort: [title_ASC]) { id title } }"
CREATE = "mutation ($t: String!) { createPost(input: {title: $t}) { id title } }"
UPDATE = "mutation ($id: ID!, $t: String!) { updatePost(id: $id, patch: {title: $t}) { id title } }"
CHANGES = "subscription { posts { kind id record { id title } } }"


class GraphQLPost(msgspec.Struct):
    """A post as an app sees it."""

    id: str
    title: str


class Listed(msgspec.Struct):
    """The data of LIST."""

    posts: list[GraphQLPost]


class Wire:
    """A client, its network, and how often it asked the server."""

    def __init__(self, client: Client, network: FaultyNetwork, traces: list[Trace]) -> None:
        self.client = client
        self.network = network
        self._traces = traces

    @property
    def asked(self) -> int:
        """The requests of GraphQL so far."""
        return len([trace for trace in self._traces if trace.operation == "graphql"])

    async def create(self, title: str) -> str:
        """Create a post; its id."""
        data = await self.client.graphql(CREATE, {"t": title})
        id: str = data["createPost"]["id"]
        return id

    async def titles(self, **words: Any) -> list[str]:
        """The titles in the list."""
        return [post.title for post in (await self.client.graphql(LIST, {"n": 10}, into=Listed, **words)).posts]


@pytest.fixture
async def backend() -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend([POSTS, DIARY]) as backend:
        yield backend


async def wire_to(backend: TestBackend, **settings: Any) -> Wire:
    """Another client of the backend."""
    network, traces = FaultyNetwork(backend.transport(), seed=1), list[Trace]()
    client = await backend.client(transport=network, on_trace=traces.append, random=lambda: 0.0, **settings)
    return Wire(client, network, traces)


@pytest.fixture
async def wire(backend: TestBackend) -> Wire:
    """A client."""
    return await wire_to(backend)


async def test_queries_and_mutations_have_types(wire: Wire) -> None:
    """Data come as a dict or as a type; one that does not fit names the path."""
    id = await wire.create("One")
    assert await wire.client.graphql(LIST, {"n": 5}, into=Listed) == Listed([GraphQLPost(id, "One")])
    assert (await wire.client.graphql(LIST))["posts"][0]["title"] == "One"
    with pytest.raises(InvalidResponse) as caught:
        await wire.client.graphql(LIST, into=dict[str, list[int]])
    assert caught.value.path == "$.data[...][0]"


async def test_errors_are_the_clients(wire: Wire) -> None:
    """Codes of the server are the classes of HTTP's errors, with the path, the fields and the data that came."""
    id = await wire.create("One")
    both = (
        f'a: updatePost(id: "{id}", patch: {{title: "Two"}}) {{ title }} b: createPost(input: {{title: ""}}) {{ id }}'
    )
    with pytest.raises(ValidationFailed) as caught:
        await wire.client.graphql(f"mutation {{ {both} }}")
    assert caught.value.path == ("b",)
    assert "title" in caught.value.errors
    assert caught.value.data["a"]["title"] == "Two"
    assert "at b" in str(caught.value)
    with pytest.raises(Stale):
        await wire.client.graphql(f'mutation {{ updatePost(id: "{id}", revision: 1, patch: {{title: "x"}}) {{ id }} }}')
    with pytest.raises(BadRequest) as wrong:
        await wire.client.graphql("{ nothing }")
    assert wrong.value.is_from_server
    with pytest.raises(BadRequest) as unsent:
        await wire.client.graphql("{ posts { id }")
    assert unsent.value.sent == "no"


async def test_policies(wire: Wire) -> None:
    """What is in the cache is not asked for again, unless the policy says so."""
    with pytest.raises(NotFound):
        await wire.titles(policy="cache-only")
    await wire.create("One")
    assert [await wire.titles(), await wire.titles()] == [["One"], ["One"]]
    assert wire.asked == 2
    await wire.client.collection("posts").create({"title": "Two"})
    assert await wire.titles(policy="cache-only") == ["One"]
    assert await wire.titles(policy="network-only") == ["One", "Two"]
    assert await wire.titles(policy="cache-only") == ["One", "Two"]
    assert wire.asked == 3


async def test_a_mutation_changes_every_result(wire: Wire) -> None:
    """A record that a mutation returns is changed in every result that has it."""
    id = await wire.create("One")
    await wire.titles()
    await wire.client.graphql(UPDATE, {"id": id, "t": "Two"})
    assert await wire.titles(policy="cache-only") == ["Two"]


async def test_optimistic_results(wire: Wire) -> None:
    """An expected result is shown at once, and taken back where the server refuses."""
    id = await wire.create("One")
    seen: list[list[str]] = []
    async with aclosing(wire.client.graphql.watch(LIST, {"n": 10}, into=Listed)) as states:
        seen.append([post.title for post in (await next_of(states)).data.posts])
        expected = {"updatePost": {"__typename": "Post", "id": id, "title": ""}}
        refused = asyncio.create_task(wire.client.graphql(UPDATE, {"id": id, "t": ""}, optimistic=expected))
        for _ in range(2):
            seen.append([post.title for post in (await next_of(states)).data.posts])
        with pytest.raises(ValidationFailed):
            await refused
    assert seen == [["One"], [""], ["One"]]


async def test_watching_goes_on(wire: Wire) -> None:
    """With cache-and-network the cache is first; changes follow; an evicted record is asked for again; an outage is in
    the state."""
    id = await wire.create("One")
    await wire.titles()
    await wire.client.collection("posts").update(id, {"title": "Two"})
    async with aclosing(wire.client.graphql.watch(LIST, {"n": 10}, policy="cache-and-network")) as states:
        first, second = await next_of(states), await next_of(states)
        assert [(s.data["posts"][0]["title"], s.is_stale) for s in (first, second)] == [("One", True), ("Two", False)]
        await wire.client.collection("posts").update(id, {"title": "Three"})
        wire.client.graphql.evict(f"Post:{id}")
        assert (await next_of(states)).data["posts"][0]["title"] == "Three"
    wire.network.is_down = True
    async with aclosing(wire.client.graphql.watch(LIST, {"n": 10}, policy="cache-and-network")) as states:
        assert (await next_of(states)).is_stale
        offline = await next_of(states)
        assert (offline.data["posts"][0]["title"], isinstance(offline.error, HinterlandError)) == ("Three", True)


async def test_subscriptions_resume(wire: Wire, backend: TestBackend) -> None:
    """Changes come as they are made, and after a cut those that were missed, once each; they are in the cache too."""
    other = await wire_to(backend)
    id = await wire.create("One")
    await wire.titles()
    async with aclosing(wire.client.graphql.subscribe(CHANGES)) as updates:
        coming = asyncio.ensure_future(next_of(updates))
        while not coming.done():  # from when on it follows is not reported where nothing happens
            await other.client.graphql(UPDATE, {"id": id, "t": "Two"})
            await asyncio.wait([coming], timeout=0.05)
        update = coming.result()
        assert update.data["posts"][0]["record"]["title"] == "Two"
        assert await wire.titles(policy="cache-only") == ["Two"]
        wire.network.is_down = True
        while (kind := (await next_of(updates)).kind) != "offline":
            assert kind == "next"
        await other.client.graphql(UPDATE, {"id": id, "t": "Three"})
        await other.client.collection("posts").delete(id)
        wire.network.is_down = False
        changes = [(await next_of(updates)).data["posts"][0] for _ in range(2)]
        assert [change["kind"] for change in changes] == ["update", "delete"]
        assert await wire.titles(policy="cache-only") == []


async def test_a_subscription_that_is_refused(wire: Wire) -> None:
    """What is wrong with a subscription is raised."""
    with pytest.raises(BadRequest):
        await anext(wire.client.graphql.subscribe("subscription { nothing { id } }"))


async def test_the_cache_is_kept(backend: TestBackend, tmp_path: Path) -> None:
    """With a store, the next start has the results, for the same user alone; at log-out they are gone from the disk."""
    store = tmp_path / "app.db"
    first = await wire_to(backend, store=store)
    await first.client.auth.sign_up(name="ada", email="ada@example.org", password=PASSWORD)
    await first.create("planted")
    assert await first.titles() == ["planted"]
    await first.client.close()
    again = await wire_to(backend, store=store)
    assert await again.titles(policy="cache-only") == ["planted"]
    await again.client.close()
    file = tmp_path / "app.db-graphql"
    assert b"planted" in file.read_bytes()
    leaving = await wire_to(backend, store=store)
    await leaving.client.auth.log_out()
    assert not file.exists() or b"planted" not in file.read_bytes()
    with pytest.raises(NotFound):
        await leaving.titles(policy="cache-only")
    await leaving.client.close()
    with pytest.raises(ClientClosed):
        await leaving.titles(policy="network-only")


async def test_a_damaged_file_is_no_loss(backend: TestBackend, tmp_path: Path) -> None:
    """A file that is no database is begun anew."""
    (tmp_path / "app.db-graphql").write_bytes(b"no database" * 1000)
    wire = await wire_to(backend, store=tmp_path / "app.db")
    await wire.create("One")
    assert await wire.titles() == ["One"]


async def test_another_user_sees_nothing(wire: Wire) -> None:
    """Results of one user are not another's."""
    await wire.client.auth.sign_up(name="ada", email="ada@example.org", password=PASSWORD)
    await wire.client.graphql('mutation { createDiary(input: {text: "planted"}) { id } }')
    assert (await wire.client.graphql("{ diaries { text } }"))["diaries"]
    await wire.client.auth.sign_up(name="bob", email="bob@example.org", password=PASSWORD)
    assert len(wire.client.graphql.cache) == 0
    assert (await wire.client.graphql("{ diaries { text } }"))["diaries"] == []
