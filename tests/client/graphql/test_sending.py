"""Documents that are named by their digests, and keys of mutations, against the real server in this process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import ConnectionLost, KeyReused, ValidationFailed
from hinterland.client.exchange import Request, Response, Transport
from hinterland.client.graphql.sending import LONG, digest_of
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.testing.backend import TestBackend, running_backend
from hinterland.testing.faulty import FaultyNetwork

POSTS = Collection(name="posts", fields={"title": Text(required=True), "stars": Integer()}, rules=EVERYBODY)
SHORT = "query ($n: Int) { posts(limit: $n) { id title } }"
PADDED = f"{SHORT} # {'x' * LONG}"
CREATE = "mutation ($t: String!) { createPost(input: {title: $t}) { id title } }"


class Recorded:
    """A transport that keeps the bodies of requests to GraphQL; `answer` is given instead of the server's."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.bodies: list[dict[str, Any]] = []
        self.answer: Response | None = None

    async def __call__(self, request: Request) -> Response:
        """Send the request."""
        if request.operation == "graphql":
            self.bodies.append(json.loads(request.content))
            if self.answer is not None:
                answer, self.answer = self.answer, None
                return answer
        return await self._transport(request)

    async def close(self) -> None:
        """Close the transport."""
        await self._transport.close()

    @property
    def forms(self) -> list[tuple[bool, bool]]:
        """Of each request, whether it had the text, and whether the digest."""
        return [("query" in body, "extensions" in body) for body in self.bodies]


@pytest.fixture
async def backend() -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend([POSTS]) as backend:
        yield backend


@pytest.fixture
def recorded(backend: TestBackend) -> Recorded:
    """The way to it."""
    return Recorded(backend.transport())


@pytest.fixture
async def client(backend: TestBackend, recorded: Recorded) -> Client:
    """A client."""
    return await backend.client(transport=recorded)


async def test_a_long_document_is_sent_once(client: Client, recorded: Recorded) -> None:
    """A long document is named by its digest, and its text follows once, since the server did not know it."""
    for number in range(3):
        assert (await client.graphql(PADDED, {"n": number + 1}, policy="network-only"))["posts"] == []
    assert recorded.forms == [(False, True), (True, True), (False, True), (False, True)]
    text = recorded.bodies[1]["query"]
    assert recorded.bodies[0]["extensions"]["persistedQuery"] == {"version": 1, "sha256Hash": digest_of(text)}
    assert await client.graphql(SHORT, {"n": 1}, policy="network-only") == {"posts": []}
    assert recorded.forms[-1] == (True, False)


async def test_what_the_app_decides(client: Client, recorded: Recorded) -> None:
    """With `persisted` all documents go by their digests, mutations too, or none."""
    client.graphql.sender.persisted = True
    await client.graphql(CREATE, {"t": "One"})
    await client.graphql(CREATE, {"t": "Two"})
    assert recorded.forms == [(False, True), (True, True), (False, True)]
    client.graphql.sender.persisted = False
    await client.graphql(PADDED)
    assert recorded.forms[-1] == (True, False)
    assert [post["title"] for post in (await client.graphql(SHORT))["posts"]] == ["One", "Two"]


async def test_a_server_that_knows_no_digests(client: Client, recorded: Recorded) -> None:
    """A server that does not support digests is sent texts from then on."""
    code = "PERSISTED_QUERY_NOT_SUPPORTED"
    body = json.dumps({"errors": [{"message": "no", "extensions": {"code": code}}]}).encode()
    recorded.answer = Response(status=200, content=body)
    for number in range(2):
        await client.graphql(PADDED, {"n": number + 1})
    assert recorded.forms == [(False, True), (True, False), (True, False)]


async def test_a_key_makes_a_mutation_repeatable(backend: TestBackend) -> None:
    """Where the response was lost a mutation with a key is sent again and carried out once; one without is not."""
    network = FaultyNetwork(backend.transport(), seed=1, operations=frozenset({"graphql"}))
    client = await backend.client(transport=network, random=lambda: 0.0)
    network._faults = (("lost", 1.0),)
    with pytest.raises(ConnectionLost) as caught:
        await client.graphql(CREATE, {"t": "One"})
    assert (caught.value.attempts, caught.value.sent) == (1, "maybe")
    with pytest.raises(ConnectionLost) as caught:
        await client.graphql(CREATE, {"t": "Two"}, key="k1")
    assert caught.value.attempts == 4
    network.heal()
    first = await client.graphql(CREATE, {"t": "Two"}, key="k1")
    assert first == await client.graphql(CREATE, {"t": "Two"}, key="k1")
    with pytest.raises(KeyReused):
        await client.graphql(CREATE, {"t": "Three"}, key="k1")
    assert sorted([post["title"] async for post in client.collection("posts").iterate()]) == ["One", "Two"]


async def test_all_errors_have_types(client: Client) -> None:
    """An error has all errors of its response, with code, path, messages by field and places."""
    document = 'mutation { a: createPost(input: {title: ""}) { id } b: deletePost(id: "none") }'
    with pytest.raises(ValidationFailed) as caught:
        await client.graphql(document)
    first, second = caught.value.graphql_errors
    assert (first.code, first.path, first.errors) == ("validation", ("a",), {"title": ["is required"]})
    assert (second.code, second.path) == ("not_found", ("b",))
    assert first.locations[0]["line"] == 1
