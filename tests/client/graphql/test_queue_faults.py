"""Mutations through the outbox where something goes wrong on the way, or in the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import (
    Conflict,
    HinterlandError,
    InProgress,
    NetworkError,
    RateLimited,
    ServerError,
    TooLarge,
)
from hinterland.client.exchange import Request, Response, Send
from hinterland.client.local.posts import IN_DOUBT, KEPT_SECONDS
from hinterland.client.local.reasons import MOST_FAILURES
from hinterland.client.options import Options
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.kit.clock import ManualClock
from hinterland.server.backend import Backend
from hinterland.server.declaration import App
from hinterland.server.operations.call import Call
from hinterland.testing.backend import TestBackend, running_backend
from hinterland.testing.faulty import FaultyNetwork

PASSWORD = "a long walk outside"
POSTS = Collection(name="posts", fields={"title": Text(required=True)}, rules=EVERYBODY)
CREATE = "mutation ($t: String!) { createPost(input: {title: $t}) { id title } }"
BOTH = "mutation { a: createPost(input: {title: %s}) { id } postsBreak }"
GRAPHQL = frozenset({"graphql"})


class Breaking(App):
    """An app with an operation that fails as often as it is to."""

    def __init__(self) -> None:
        super().__init__(collections=[POSTS])
        self.left = 0

        @self.operation("posts.break", auth="required")
        async def fail(backend: Backend, call: Call[None]) -> int:
            """Fail, or give the number of failures that are left."""
            self.left -= 1
            if self.left >= 0:
                raise RuntimeError("planted")
            return 1


class Answers:
    """A layer over the network that gives a response of its own, as often as there are some."""

    def __init__(self) -> None:
        self.planned: list[Response | HinterlandError] = []

    async def __call__(self, request: Request, send: Send) -> Response:
        if request.operation == "graphql" and self.planned:
            planned = self.planned.pop(0)
            if isinstance(planned, HinterlandError):
                raise planned
            return planned
        return await send(request)


class Device:
    """A signed-in client whose network has faults, and whose clock is turned by hand."""

    def __init__(self, client: Client, network: FaultyNetwork, clock: ManualClock, answers: Answers) -> None:
        self.client = client
        self.network = network
        self.clock = clock
        self.answers = answers

    async def states(self) -> list[str]:
        """The states of what is in the outbox."""
        return [entry.state for entry in await self.client.outbox.list()]

    async def titles(self) -> list[str]:
        """The titles on the server, in order."""
        return [post["title"] async for post in self.client.collection("posts").iterate(sort=["created_at"])]


@pytest.fixture
def app() -> Breaking:
    """The app that is served."""
    return Breaking()


@pytest.fixture
async def backend(app: Breaking) -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend(app) as backend:
        yield backend


async def device_of(backend: TestBackend, path: Path, **faults: float) -> Device:
    """A device whose requests of GraphQL meet these faults."""
    network = FaultyNetwork(backend.transport(), seed=7, operations=GRAPHQL, **faults)  # type: ignore[arg-type]
    clock, answers = ManualClock(), Answers()
    client = await backend.client(
        transport=network, store=path, clock=clock, options=Options(retries=0), layers=[answers], random=lambda: 0.0
    )
    await client.auth.sign_up(name="ada", email="ada@example.org", password=PASSWORD)
    return Device(client, network, clock, answers)


@pytest.fixture
async def device(backend: TestBackend, tmp_path: Path) -> Device:
    """A device without faults."""
    return await device_of(backend, tmp_path / "app.db")


async def test_no_cut_loses_or_doubles_one(backend: TestBackend, tmp_path: Path) -> None:
    """Whatever is refused, cut or lost on the way: each mutation is carried out once, in order with the records."""
    device = await device_of(backend, tmp_path / "app.db", refused=0.15, reset=0.25, lost=0.25, busy=0.1)
    chance, queued = Random(3), []
    titles = [str(number) for number in range(24)]
    for title in titles:
        if chance.random() < 0.3:
            await device.client.local.collection("posts").create({"title": title})
        else:
            queued.append(await device.client.graphql.enqueue(CREATE, {"t": title}))
        if chance.random() < 0.3:
            await tried(device)
    while set(await device.states()) & {"pending", "sent"}:
        await tried(device)
    assert all([(await each.settled()).is_applied for each in queued])
    assert {"reset", "lost", "refused", "busy"} <= device.network.met.keys()
    assert await device.titles() == titles


async def tried(device: Device) -> None:
    """A round of synchronisation, which a fault may end."""
    try:
        await device.client.sync.now()
    except (NetworkError, ServerError):
        return


async def test_an_unknown_outcome_keeps_it_from_being_changed(device: Device) -> None:
    """Once a mutation may have reached the server it is `sent`; it is sent again as it was, and never discarded."""
    queued = await device.client.graphql.enqueue(CREATE, {"t": "One"})
    device.network._faults = (("lost", 1.0),)
    with pytest.raises(NetworkError):
        await device.client.sync.now()
    assert await device.states() == ["sent"]
    with pytest.raises(HinterlandError, match="being sent"):
        await device.client.outbox.discard(queued.mutation)
    device.network.heal()
    await device.client.sync.now()
    assert await device.titles() == ["One"]


async def test_one_that_always_fails_is_held(device: Device, app: Breaking) -> None:
    """After some failures of a server that answers everything else, a mutation is held, and those behind it are sent.
    What it had done already is not done again when it is retried."""
    failing = await device.client.graphql.enqueue(BOTH % '"One"')
    after = await device.client.graphql.enqueue(CREATE, {"t": "Two"})
    app.left = MOST_FAILURES
    for _ in range(MOST_FAILURES - 1):
        with pytest.raises(ServerError):
            await device.client.sync.now()
        assert await device.states() == ["sent", "pending"]
    await device.client.sync.now()
    assert (await after.settled()).is_applied
    [held] = await device.client.outbox.list()
    assert held.problem is not None
    assert (held.state, held.problem.code) == ("refused", "internal")
    again = await device.client.outbox.retry(failing.mutation)
    await device.client.sync.now()
    assert (await device.client.graphql.queued(again.mutation, dict).result())["postsBreak"] == 1
    assert await device.states() == []
    assert sorted(await device.titles()) == ["One", "Two"]


async def test_the_server_may_ask_to_wait(device: Device) -> None:
    """A response that says "later" leaves the mutation as it was, and its Retry-After reaches the loop."""
    await device.client.graphql.enqueue(CREATE, {"t": "One"})
    body = b'{"errors":[{"message":"slow down","extensions":{"code":"rate_limited"}}]}'
    device.answers.planned.append(Response(status=429, headers={"retry-after": "7"}, content=body))
    with pytest.raises(RateLimited) as caught:
        await device.client.sync.now()
    assert caught.value.retry_after == 7.0
    assert await device.states() == ["pending"]
    body = b'{"errors":[{"message":"still running","extensions":{"code":"in_progress"}}]}'
    device.answers.planned.append(Response(status=409, content=body))
    with pytest.raises(InProgress):
        await device.client.sync.now()
    assert await device.states() == ["sent"]
    await device.client.sync.now()
    assert await device.titles() == ["One"]


async def test_what_no_way_accepts_is_held(device: Device) -> None:
    """One that is too large for a proxy is held at once; a proxy's error is counted."""
    large = await device.client.graphql.enqueue(CREATE, {"t": "One"})
    device.answers.planned.append(Response(status=413, content=b"<html>"))
    await device.client.sync.now()
    with pytest.raises(TooLarge):
        await large.result()
    await device.client.graphql.enqueue(CREATE, {"t": "Two"})
    device.answers.planned.append(Response(status=502, content=b"<html>"))
    with pytest.raises(ServerError):
        await device.client.sync.now()
    await device.client.sync.now()
    assert await device.titles() == ["Two"]


async def test_a_forgotten_key_is_not_used_again(device: Device) -> None:
    """A mutation whose response was lost longer ago than a key lasts is not sent by itself."""
    doubtful = await device.client.graphql.enqueue(CREATE, {"t": "One"})
    device.network._faults = (("lost", 1.0),)
    with pytest.raises(NetworkError):
        await device.client.sync.now()
    device.network.heal()
    await device.clock.advance(KEPT_SECONDS)
    waiting = await device.client.graphql.enqueue(CREATE, {"t": "Two"})
    await device.client.sync.now()
    assert (await waiting.settled()).is_applied
    [held] = await device.client.outbox.list()
    assert held.problem is not None
    assert (held.id, held.problem.code) == (doubtful.mutation, IN_DOUBT)
    with pytest.raises(Conflict):
        await doubtful.result()
    await device.client.outbox.discard(doubtful.mutation)
    assert await device.titles() == ["One", "Two"]


async def test_an_unsent_one_waits_for_as_long_as_it_takes(device: Device) -> None:
    """What was never sent has no outcome that could be forgotten."""
    device.network.is_down = True
    await device.client.graphql.enqueue(CREATE, {"t": "One"})
    with pytest.raises(NetworkError):
        await device.client.sync.now()
    await device.clock.advance(10 * KEPT_SECONDS)
    device.network.is_down = False
    await device.client.sync.now()
    assert await device.titles() == ["One"]
