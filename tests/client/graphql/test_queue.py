"""Mutations through the outbox, against the real server in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import (
    BadRequest,
    Conflict,
    DeadlineExceeded,
    Forbidden,
    InvalidGrant,
    NotFound,
    Unauthorized,
    ValidationFailed,
)
from hinterland.client.graphql.queue import QueuedMutation
from hinterland.client.local.errors import AlreadySending
from hinterland.client.local.outcomes import OutboxEntry
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.testing.backend import TestBackend, running_backend
from hinterland.testing.faulty import FaultyNetwork
from tests.client.local.conftest import next_of

PASSWORD = "a long walk outside"
CLOSED = "has(auth.id) && record.title != 'closed'"
POSTS = Collection(
    name="posts",
    fields={"title": Text(required=True), "stars": Integer()},
    rules=Rules(list="true", view="true", create=CLOSED, update="has(auth.id)", delete="has(auth.id)"),
)
ORDERS = Collection(name="orders", fields={"amount": Integer()}, ids="integer", rules=EVERYBODY)
CREATE = "mutation ($t: String!) { createPost(input: {title: $t}) { id title } }"
UPDATE = "mutation ($id: ID!, $t: String!) { updatePost(id: $id, patch: {title: $t}) { id title } }"
BOTH = (
    "mutation ($a: String!, $b: String!)"
    " { a: createPost(input: {title: $a}) { id } b: createPost(input: {title: $b}) { id } }"
)
LIST = "{ posts(limit: 50, sort: [created_at_ASC]) { id title } }"


class Phone:
    """A client with a store, on a network of its own, that is started again on the same file."""

    def __init__(self, backend: TestBackend, path: Path) -> None:
        self._backend = backend
        self._path = path
        self._vault = MemoryVault()

    async def start(self, *, is_down: bool = False) -> None:
        """Start the app."""
        self.network = FaultyNetwork(self._backend.transport(), seed=1, operations=frozenset({"graphql"}))
        self.network.is_down = is_down
        self.client: Client = await self._backend.client(
            transport=self.network, store=self._path, vault=self._vault, random=lambda: 0.0
        )

    def second(self) -> Phone:
        """Another process of the app, with the same store."""
        other = Phone(self._backend, self._path)
        other._vault = self._vault
        return other

    async def restart(self, *, is_down: bool = False) -> None:
        """End the app, and start it again."""
        await self.client.close()
        await self.start(is_down=is_down)

    async def entries(self) -> Sequence[OutboxEntry]:
        """What is in the outbox."""
        return await self.client.outbox.list()

    async def settled(self) -> None:
        """Return when the cache has what is known of the outcomes."""
        assert self.client.graphql.queue is not None
        await self.client.graphql.queue.look()

    async def states(self) -> list[str]:
        """The states of what is in the outbox."""
        return [entry.state for entry in await self.entries()]


@pytest.fixture
async def backend() -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend([POSTS, ORDERS]) as backend:
        yield backend


@pytest.fixture
async def phone(backend: TestBackend, tmp_path: Path) -> Phone:
    """A client of a user who is signed in."""
    phone = Phone(backend, tmp_path / "app.db")
    await phone.start()
    await phone.client.auth.sign_up(name="ada", email="ada@example.org", password=PASSWORD)
    return phone


async def titles(backend: TestBackend) -> list[str]:
    """The titles on the server, in the order in which they were made."""
    reader = await backend.client()
    return [post["title"] async for post in reader.collection("posts").iterate(sort=["created_at"])]


async def round_of(phone: Phone) -> None:
    """One round of synchronisation, as after the network is back."""
    phone.network.is_down = False
    await phone.client.sync.now()


async def test_a_mutation_waits_for_the_network(phone: Phone, backend: TestBackend) -> None:
    """What is queued without a network is sent in order when it is back, once each, and has its outcome."""
    phone.network.is_down = True
    queued = [await phone.client.graphql.enqueue(CREATE, {"t": title}) for title in ("One", "Two")]
    assert await phone.states() == ["pending", "pending"]
    assert (await phone.client.outbox.counts()).waiting == 2
    await round_of(phone)
    results = [await each.result() for each in queued]
    assert [each["createPost"]["title"] for each in results] == ["One", "Two"] == await titles(backend)
    assert await phone.entries() == []
    assert (await queued[0].settled()).is_applied


async def test_the_option_waits_for_the_outcome(phone: Phone, backend: TestBackend) -> None:
    """With offline="queue" a call is answered as any other, however long the network is away."""
    phone.network.is_down = True
    phone.client.sync.start()
    asked = asyncio.create_task(phone.client.graphql(CREATE, {"t": "One"}, offline="queue"))
    async for entries in phone.client.outbox.watch():
        if entries:
            break
    phone.network.is_down = False
    phone.client.sync.nudge()
    assert (await asyncio.wait_for(asked, 20))["createPost"]["title"] == "One"
    with pytest.raises(ValidationFailed) as caught:
        await phone.client.graphql(CREATE, {"t": ""}, offline="queue")
    assert caught.value.path == ("createPost",)
    assert "title" in caught.value.errors
    phone.network.is_down = True
    with pytest.raises(DeadlineExceeded) as late:
        await phone.client.graphql(CREATE, {"t": "Two"}, offline="queue", deadline=0.01)
    assert late.value.sent == "maybe"
    assert (await phone.states())[1] in ("pending", "sent")


async def test_it_outlives_the_app(phone: Phone, backend: TestBackend) -> None:
    """A queued mutation is sent after a restart, and its result can be asked for by its id, before and after."""
    phone.network.is_down = True
    queued = await phone.client.graphql.enqueue(CREATE, {"t": "One"})
    await phone.restart()
    again: QueuedMutation[dict[str, Any]] = phone.client.graphql.queued(queued.mutation, dict)
    await round_of(phone)
    assert (await again.result())["createPost"]["title"] == "One"
    await phone.restart()
    assert (await phone.client.graphql.queued(queued.mutation, dict).result())["createPost"]["title"] == "One"
    assert await titles(backend) == ["One"]
    with pytest.raises(NotFound):
        await phone.client.graphql.queued("nothing", dict).result()


async def test_records_and_mutations_have_one_order(phone: Phone, backend: TestBackend) -> None:
    """Writes of records and mutations reach the server in the order in which they were made."""
    phone.network.is_down = True
    posts = phone.client.local.collection("posts")
    for title in ("1", "2"):
        await posts.create({"title": title})
    await phone.client.graphql.enqueue(CREATE, {"t": "3"})
    four = await posts.create({"title": "4"})
    await phone.client.graphql.enqueue(UPDATE, {"id": four.id, "t": "four"})
    await posts.update(four.id, {"stars": 5})
    await phone.client.graphql.enqueue(CREATE, {"t": "5"})
    await round_of(phone)
    await phone.settled()
    assert await phone.entries() == []
    assert await titles(backend) == ["1", "2", "3", "four", "5"]
    assert (await posts.get(four.id))["stars"] == 5


async def test_a_refused_one_is_held(phone: Phone, backend: TestBackend) -> None:
    """A refused mutation is shown with its problem, blocks nothing, and is edited and retried, or discarded."""
    phone.network.is_down = True
    invalid = await phone.client.graphql.enqueue(CREATE, {"t": ""})
    forbidden = await phone.client.graphql.enqueue(CREATE, {"t": "closed"})
    await phone.client.graphql.enqueue(CREATE, {"t": "One"})
    await round_of(phone)
    first, second = await phone.entries()
    assert [first.state, second.state] == ["refused", "refused"]
    assert first.problem is not None
    assert first.problem.errors["title"]
    assert second.problem is not None
    assert second.problem.code == "forbidden"
    with pytest.raises(Forbidden):
        await forbidden.result()
    await phone.client.outbox.edit(invalid.mutation, {"t": "Two"})
    handle = await phone.client.outbox.retry(invalid.mutation)
    await phone.client.outbox.discard(forbidden.mutation)
    await round_of(phone)
    assert (await handle.settled()).is_applied
    await phone.settled()
    assert await phone.entries() == []
    assert await titles(backend) == ["One", "Two"]


async def test_one_that_was_not_sent_is_changed_or_discarded(phone: Phone, backend: TestBackend) -> None:
    """Until it is sent a mutation can be edited and discarded; one that is discarded was never carried out."""
    phone.network.is_down = True
    one = await phone.client.graphql.enqueue(CREATE, {"t": "One"})
    two = await phone.client.graphql.enqueue(CREATE, {"t": "Two"})
    await phone.client.outbox.discard(one.mutation)
    await phone.client.outbox.edit(two.mutation, {"t": "2"})
    with pytest.raises(AlreadySending):
        await phone.client.outbox.retry(two.mutation)
    with pytest.raises(Conflict):
        await one.result()
    await round_of(phone)
    assert await titles(backend) == ["2"]


async def test_what_is_expected_is_shown_meanwhile(phone: Phone) -> None:
    """Optimistic data are shown until the outcome is known, after a restart too; a refusal takes them back."""
    created = await phone.client.graphql(CREATE, {"t": "One"})
    id = created["createPost"]["id"]
    await phone.client.graphql(LIST)
    watched = phone.client.graphql.watch(LIST)
    assert (await next_of(watched)).data["posts"][0]["title"] == "One"
    phone.network.is_down = True
    expected = {"updatePost": {"__typename": "Post", "id": id, "title": "soon"}}
    await phone.client.graphql.enqueue(UPDATE, {"id": id, "t": "Two"}, optimistic=expected)
    assert (await next_of(watched)).data["posts"][0]["title"] == "soon"
    await watched.aclose()
    await phone.restart(is_down=True)
    watched = phone.client.graphql.watch(LIST)
    assert (await next_of(watched)).data["posts"][0]["title"] == "soon"
    await round_of(phone)
    assert (await next_of(watched)).data["posts"][0]["title"] == "Two"
    await phone.client.graphql.enqueue(UPDATE, {"id": id, "t": ""}, optimistic=expected)
    assert (await next_of(watched)).data["posts"][0]["title"] == "soon"
    await round_of(phone)
    assert (await next_of(watched)).data["posts"][0]["title"] == "Two"
    await watched.aclose()


async def test_the_cache_has_it_before_it_leaves(phone: Phone) -> None:
    """A mutation whose outcome is known stays in the outbox until the cache has its data on the disk, also where the
    app ended between the two."""
    created = await phone.client.graphql(CREATE, {"t": "One"})
    await phone.client.graphql(LIST)
    queued = await phone.client.graphql.enqueue(UPDATE, {"id": created["createPost"]["id"], "t": "Two"})
    assert phone.client.graphql.queue is not None
    await phone.client.graphql.queue.close()  # as where the app ends before it has seen the outcome
    await round_of(phone)
    assert await phone.states() == ["applied"]
    assert (await phone.client.outbox.counts()).waiting == 0
    with pytest.raises(AlreadySending):
        await phone.client.outbox.discard(queued.mutation)
    await phone.restart(is_down=True)
    assert (await phone.client.graphql(LIST, policy="cache-only"))["posts"][0]["title"] == "Two"
    assert await phone.states() == []
    await phone.restart(is_down=True)
    assert (await phone.client.graphql(LIST, policy="cache-only"))["posts"][0]["title"] == "Two"


async def test_two_processes_share_an_outbox(phone: Phone, backend: TestBackend) -> None:
    """A mutation that one process of the app queues is sent by the one that synchronises, and both show its data."""
    window = phone.second()
    await window.start()
    created = await phone.client.graphql(CREATE, {"t": "One"})
    await window.client.graphql(LIST)
    phone.client.sync.start()
    async for status in phone.client.sync.watch():
        if status.state == "online":
            break
    window.client.sync.start()
    id = created["createPost"]["id"]
    asked = window.client.graphql(UPDATE, {"id": id, "t": "Two"}, offline="queue")
    assert (await asyncio.wait_for(asked, 20))["updatePost"]["title"] == "Two"
    assert window.client.sync.status.state == "following"
    assert (await window.client.graphql(LIST, policy="cache-only"))["posts"][0]["title"] == "Two"
    assert await titles(backend) == ["Two"]
    await window.client.close()


async def test_of_two_fields_one_may_be_refused(phone: Phone, backend: TestBackend) -> None:
    """A document of which a part was refused is held with the data of the other part."""
    queued = await phone.client.graphql.enqueue(BOTH, {"a": "One", "b": ""})
    await round_of(phone)
    with pytest.raises(ValidationFailed) as caught:
        await queued.result()
    assert caught.value.path == ("b",)
    assert caught.value.data["a"]["id"]
    assert await titles(backend) == ["One"]


async def test_whose_it_is(phone: Phone, backend: TestBackend) -> None:
    """A queued mutation is its user's: no other sees it, has its data, or sends it; it waits for its user."""
    phone.network.is_down = True
    queued = await phone.client.graphql.enqueue(CREATE, {"t": "One"})
    phone.network.is_down = False
    await phone.client.auth.sign_up(name="bob", email="bob@example.org", password=PASSWORD)
    assert await phone.entries() == []
    with pytest.raises(NotFound):
        await phone.client.outbox.outcome(queued.mutation)
    await round_of(phone)
    assert await titles(backend) == []
    await phone.client.auth.log_in(email="ada@example.org", password=PASSWORD)
    await round_of(phone)
    assert await titles(backend) == ["One"]
    assert (await queued.settled()).is_applied
    await phone.client.auth.log_in(email="bob@example.org", password=PASSWORD)
    with pytest.raises(NotFound):
        await phone.client.outbox.outcome(queued.mutation)


async def test_a_session_that_has_ended_pauses(phone: Phone, backend: TestBackend) -> None:
    """A session that the server has ended drops nothing: the mutation waits until its user signs in again."""
    phone.network.is_down = True
    queued = await phone.client.graphql.enqueue(CREATE, {"t": "One"})
    other = await backend.client()
    await other.auth.log_in(email="ada@example.org", password=PASSWORD)
    sessions = await other.request("GET", "/v1/auth/sessions")
    for session in sessions.json()["items"]:
        if not session["is_current"]:
            await other.request("DELETE", f"/v1/auth/sessions/{session['id']}")
    with pytest.raises((InvalidGrant, Unauthorized)):
        await round_of(phone)
    assert await phone.states() == ["pending"]
    await phone.client.auth.log_in(email="ada@example.org", password=PASSWORD)
    await round_of(phone)
    assert (await queued.settled()).is_applied
    assert await titles(backend) == ["One"]


async def test_what_is_not_queued(phone: Phone, backend: TestBackend) -> None:
    """Queries, mutations with secrets, variables that are no JSON, and nobody's mutations are refused at once."""
    graphql = phone.client.graphql
    with pytest.raises(BadRequest):
        await graphql(LIST, offline="queue")
    secret = 'mutation { logIn(email: "a@b.example", password: "x") { accessToken } }'
    with pytest.raises(ValidationFailed) as caught:
        await graphql.enqueue(secret)
    assert caught.value.sent == "no"
    with pytest.raises(BadRequest):
        await graphql.enqueue(CREATE, {"t": float("nan")})
    await phone.client.auth.log_out()
    with pytest.raises(Unauthorized):
        await graphql.enqueue(CREATE, {"t": "One"})
    without = await backend.client()
    with pytest.raises(RuntimeError):
        await without.graphql.enqueue(CREATE, {"t": "One"})


async def test_temporary_ids_become_real(phone: Phone) -> None:
    """A mutation names a record that was made offline by its temporary id; the server gets the real one."""
    phone.network.is_down = True
    order = await phone.client.local.collection("orders", ids="integer").create({"amount": 1})
    document = "mutation ($id: ID!) { updateOrder(id: $id, patch: {amount: 2}) { id amount } }"
    queued = await phone.client.graphql.enqueue(document, {"id": order.id})
    await round_of(phone)
    assert (await queued.result())["updateOrder"]["amount"] == 2
