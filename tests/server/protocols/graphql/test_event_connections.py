"""GraphQL over Server-sent events with one connection for all operations."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.protocol import Storage
from tests.server.protocols.asgi import Answer, Stream, ask, bearer
from tests.server.protocols.http1.wire import until
from tests.support.npm import install
from tests.support.required import require_node
from tests.support.server import ServerProcess

PACKAGES = Path(__file__).with_name("packages")
OWN = "record.owner_id == auth.id"
APP = App(
    collections=[
        Collection(name="users", fields={"name": Text()}, rules=EVERYBODY),
        Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY),
        Collection(
            name="diaries",
            fields={"owner_id": Text(fill="auth.id"), "text": Text()},
            rules=Rules(list=OWN, view=OWN, create="auth.id != ''"),
        ),
    ],
    settings=Settings(auth=AuthSettings(hash_memory_kib=8, hash_passes=1), streams_per_account=2),
)
APP_FILE = """
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server import App

app = App(collections=[Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY)])
"""
POSTS = "subscription { posts { kind record { title } } }"


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test turns."""
    return ManualClock()


@pytest.fixture
async def server(storage: Storage, clock: ManualClock) -> AsyncIterator[Server]:
    """A running server."""
    made = Server(APP, storage, clock)
    async with made.running():
        yield made


class Client:
    """A client of one connection."""

    def __init__(self, server: Server, token: str = "") -> None:
        self.server = server
        self.headers = bearer(token) if token else {}
        self.stream: Stream | None = None

    async def reserve(self) -> None:
        """Reserve the connection."""
        answer = await ask(self.server, "PUT", "/graphql", headers=self.headers)
        assert (answer.status, answer.headers["content-type"]) == (201, "text/plain; charset=utf-8")
        self.headers = {**self.headers, "X-GraphQL-Event-Stream-Token": answer.body.decode()}

    async def open(self) -> Stream:
        """Open the stream."""
        self.stream = Stream(self.server, "/graphql", headers={**self.headers, "Accept": "text/event-stream"})
        await until(lambda: bool(self.stream and self.stream.chunks))
        return self.stream

    async def begin(self, id: str, query: str, **extensions: Any) -> Answer:
        """Begin an operation."""
        body = {"query": query, "extensions": {"operationId": id, **extensions}}
        return await ask(self.server, "POST", "/graphql", body, self.headers)

    async def stop(self, id: str) -> int:
        """End an operation; the status."""
        return await status_of(self.server, "DELETE", self.headers, ("operationId", id))

    async def next(self) -> tuple[str, Any]:
        """The next event, and its data."""
        assert self.stream is not None
        message = await self.stream.next()
        return message.event, json.loads(message.data)


async def status_of(server: Server, method: str, headers: dict[str, str], *query: tuple[str, str]) -> int:
    """The status of a request without a body."""
    stream = Stream(server, "/graphql", *query, headers=headers, method=method)
    await stream.task
    return stream.status


async def connected(server: Server, token: str = "") -> Client:
    """A client whose stream is open."""
    client = Client(server, token)
    await client.reserve()
    await client.open()
    return client


async def signed_up(server: Server, name: str) -> str:
    """A new user's token."""
    body = {"name": name, "email": f"{name}@example.org", "password": "correct horse battery"}
    token: str = (await ask(server, "POST", "/v1/auth/signup", body)).json["access_token"]
    return token


async def test_operations(server: Server) -> None:
    """What operations have as results comes through the stream under their ids; an ended one has none."""
    client = await connected(server)
    assert (await client.begin("q", "{ posts { title } }")).status == 202
    assert await client.next() == ("next", {"id": "q", "payload": {"data": {"posts": []}}})
    assert await client.next() == ("complete", {"id": "q"})
    for id in "ab":
        await client.begin(id, POSTS, cursor="")
        assert (await client.next())[1]["payload"]["data"] == {"posts": []}
    await ask(server, "POST", "/v1/records/posts", {"title": "One"})
    assert {(await client.next())[1]["id"], (await client.next())[1]["id"]} == {"a", "b"}
    assert await client.stop("a") == 200
    await ask(server, "POST", "/v1/records/posts", {"title": "Two"})
    event, data = await client.next()
    assert (event, data["id"]) == ("next", "b")
    assert data["payload"]["data"] == {"posts": [{"kind": "create", "record": {"title": "Two"}}]}
    assert await client.stop("a") == 200


async def test_an_operation_before_the_stream(server: Server) -> None:
    """What begins before the stream is open is not lost: its results come once it is."""
    client = Client(server)
    await client.reserve()
    await client.begin("a", "{ posts { title } }")
    await client.open()
    assert (await client.next())[1] == {"id": "a", "payload": {"data": {"posts": []}}}


async def test_errors(server: Server) -> None:
    """What is wrong with a document is the response to its request; what goes wrong later comes through the stream."""
    client = await connected(server)
    wrong = await client.begin("a", "{ nothing }")
    assert (wrong.status, wrong.json["errors"][0]["extensions"]) == (400, {"code": "invalid_query"})
    await client.begin("b", 'subscription { posts(filter: "(") { id } }')
    assert (await client.next())[1]["payload"]["errors"][0]["extensions"]["code"] == "invalid_query"
    assert await client.next() == ("complete", {"id": "b"})
    await client.begin("c", POSTS, cursor="")
    await client.next()
    again = await client.begin("c", POSTS)
    assert (again.status, again.json["errors"][0]["extensions"]["code"]) == (409, "conflict")
    nameless = await ask(server, "POST", "/graphql", {"query": "{ __typename }"}, client.headers)
    assert (nameless.status, "operationId" in nameless.json["errors"][0]["message"]) == (400, True)
    assert (await client.begin("x" * 257, POSTS)).status == 400
    assert await client.stop("") == 400
    parameters = (("query", "mutation { logOut }"), ("extensions", '{"operationId": "d"}'))
    assert await status_of(server, "GET", client.headers, *parameters) == 405


async def test_a_connection_is_its_callers(server: Server) -> None:
    """Another caller, one that guesses, and a second stream are refused; the token alone opens the stream, as
    EventSource sends it, and nothing else."""
    ada, bob = await signed_up(server, "ada"), await signed_up(server, "bob")
    client = Client(server, ada)
    await client.reserve()
    token = client.headers["X-GraphQL-Event-Stream-Token"]
    other = Client(server, bob)
    other.headers |= {"X-GraphQL-Event-Stream-Token": token}
    stranger = Client(server)
    stranger.headers = {"X-GraphQL-Event-Stream-Token": token}
    for each in (other, stranger):
        assert (await each.begin("a", "{ __typename }")).status == 404
        assert await each.stop("a") == 404
    stolen = Stream(server, "/graphql", headers={**other.headers, "Accept": "text/event-stream"})
    await stolen.task
    assert stolen.status == 404
    client.stream = Stream(server, "/graphql", ("token", token), headers={"Accept": "text/event-stream"})
    await until(lambda: bool(client.stream and client.stream.chunks))
    second = Stream(server, "/graphql", headers={**client.headers, "Accept": "text/event-stream"})
    await second.task
    assert second.status == 409
    await client.begin("a", "{ me { name } }")
    assert (await client.next())[1]["payload"] == {"data": {"me": {"name": "ada"}}}


async def test_by_the_rules_until_the_session_ends(server: Server) -> None:
    """An operation sees what its caller sees; the stream ends with the session, without saying that all is done."""
    ada, bob = await signed_up(server, "ada"), await signed_up(server, "bob")
    client = await connected(server, ada)
    await client.begin("a", "subscription { diaries { record { text } } }", cursor="")
    await client.next()
    for token, text in ((bob, "bob's"), (ada, "ada's")):
        await ask(server, "POST", "/v1/records/diaries", {"text": text}, bearer(token))
    assert (await client.next())[1]["payload"]["data"] == {"diaries": [{"record": {"text": "ada's"}}]}
    await ask(server, "POST", "/v1/auth/logout", headers=bearer(ada))
    assert client.stream is not None
    await client.stream.task
    assert client.stream.is_whole
    assert (await client.begin("b", "{ __typename }")).status in (401, 404)


async def test_session_that_ends_before_the_stream_is_open(server: Server) -> None:
    """What was begun before the stream is open does not happen once the session has ended."""
    ada = await signed_up(server, "ada")
    client = Client(server, ada)
    await client.reserve()
    create = 'mutation { createDiary(input: {text: "late"}) { id } }'
    assert (await client.begin("a", create)).status == 202
    await ask(server, "POST", "/v1/auth/logout", headers=bearer(ada))
    assert server.backend is not None
    listeners, token = server.backend.feed.rights.listeners, client.headers["X-GraphQL-Event-Stream-Token"]
    await until(lambda: all(each.has_ended for each in listeners))  # type: ignore[attr-defined]
    assert await status_of(server, "GET", {"Accept": "text/event-stream"}, ("token", token)) == 404
    admin = bearer(server.backend.control.decode())
    assert (await ask(server, "GET", "/v1/records/diaries", headers=admin)).json["items"] == []


async def test_limits(server: Server, clock: ManualClock) -> None:
    """An account has so many connections. A reservation that is not opened in time is forgotten, with what was
    begun."""
    ada = await signed_up(server, "ada")
    first, second, third = (Client(server, ada) for _ in range(3))
    for each in (first, second):
        await each.reserve()
    await first.begin("a", POSTS)
    assert (await ask(server, "PUT", "/graphql", headers=third.headers)).status == 429
    assert server.backend is not None
    feed = server.backend.feed
    await until(lambda: bool(feed._subscriptions))
    await clock.advance(31)
    await until(lambda: not feed._subscriptions)
    await third.reserve()
    assert (await first.begin("b", "{ __typename }")).status == 404


async def test_many_operations(server: Server) -> None:
    """A connection has at most a hundred operations at once."""
    client = await connected(server)
    for number in range(100):
        assert (await client.begin(str(number), POSTS)).status == 202
    assert (await client.begin("more", POSTS)).status == 429


async def test_the_end(server: Server, clock: ManualClock) -> None:
    """A silent stream is kept alive, ends with its reader, and with the server, which says nothing of completion."""
    client = await connected(server)
    assert client.stream is not None
    sent = len(client.stream.chunks)
    await clock.advance(16)
    await until(lambda: client.stream is not None and len(client.stream.chunks) > sent)
    client.stream.leave()
    await client.stream.task
    assert (await client.begin("a", POSTS)).status == 404
    other = await connected(server)
    await other.begin("a", POSTS, cursor="")
    await other.next()
    await server.close_streams()
    assert other.stream is not None
    await other.stream.task
    assert other.stream.is_whole
    assert b"event: complete" not in b"".join(other.stream.chunks)


@pytest.mark.parametrize("mode", ["single", "distinct"])
def test_npm_graphql_sse(server_process: Callable[..., ServerProcess], tmp_path: Path, mode: str) -> None:
    """The client of npm subscribes, queries and ends operations, in both of its modes, and goes on by itself when the
    server has started anew."""
    install(PACKAGES)
    file = tmp_path / "app.py"
    file.write_text(APP_FILE)
    server = server_process(file)
    words = [str(require_node()), str(PACKAGES / "sse.mjs"), f"{server.url}/graphql", mode]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stdout.readline() == "restart\n"
        server.terminate()
        server.start()
        client.stdin.write("done\n")
        client.stdin.flush()
        found = json.loads(client.stdout.readline())
    titles = [{"title": "abc"}, {"title": "bcd"}]
    assert found == {
        "begun": [[], []], "both": [["abc"], ["abc"]], "one": ["bcd"], "query": {"data": {"posts": titles}},
        "streams": 1 if mode == "single" else 3, "again": [], "after": ["after"],
    }  # fmt: skip
