"""A server as a subgraph of a federation."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from hinterland.contract.fields import Reference, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.server.app import Server
from hinterland.server.backend import Backend
from hinterland.server.data.reader import RecordReader
from hinterland.server.declaration import App
from hinterland.server.operations.call import Call
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import ask, bearer
from tests.support.npm import install
from tests.support.required import require_node

PACKAGES = Path(__file__).with_name("packages")
OWN = "record.owner_id == auth.id"
COLLECTIONS = [
    Collection(name="users", fields={"name": Text()}, rules=EVERYBODY),
    Collection(name="posts", fields={"title": Text(), "author": Reference(to="users")}, rules=EVERYBODY),
    Collection(name="comments", parent="posts", fields={"text": Text()}, rules=EVERYBODY),
    Collection(name="shelves", fields={"name": Text()}, rules=EVERYBODY, ids="integer"),
    Collection(
        name="diaries",
        fields={
            "owner_id": Text(fill="auth.id"),
            "text": Text(),
            "secret": Text(read=OWN),
            "closed": Text(read="false"),
        },
        rules=Rules(list="false", view=f"{OWN} || record.text == 'open'", create="auth.id != ''"),
    ),
]
REVIEWS = """
extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])
type Post @key(fields: "id") { id: ID!  reviews: [Review!]! }
type Review @key(fields: "id") { id: ID!  stars: Int!  post: Post! }
type PageInfo @shareable { hasNextPage: Boolean!  hasPreviousPage: Boolean!  startCursor: String  endCursor: String }
type Query { bestReview: Review  reviewsPage: PageInfo! }
"""
KEYS = '@key(fields: "id") @key(fields: "nodeId")'
ENTITIES = """query ($of: [_Any!]!) { _entities(representations: $of) {
  __typename ... on Post { title author { name } } ... on Diary { text } ... on Shelf { id name } ...of } }
  fragment of on _Entity { ... on User { name } }"""


class Question(msgspec.Struct):
    way: Literal["long", "short"]


class Report(msgspec.Struct):
    way: Literal["long", "short"]
    parts: list[Report]


def app(**settings: Any) -> App:
    """The app of the tests."""
    auth = AuthSettings(hash_memory_kib=8, hash_passes=1)
    made = App(collections=COLLECTIONS, settings=Settings(auth=auth, **settings))

    @made.operation("reports.make", method="GET")
    async def make(backend: Backend, call: Call[Question]) -> Report:
        return Report(call.input.way, [])

    return made


@pytest.fixture
async def server(storage: Storage) -> AsyncIterator[Server]:
    """A running subgraph."""
    made = Server(app(graphql_federation=True), storage)
    async with made.running():
        yield made


async def asked(server: Server, query: str, token: str = "", **variables: Any) -> dict[str, Any]:
    """The response to a query."""
    headers = bearer(token) if token else {}
    answer = await ask(server, "POST", "/graphql", {"query": query, "variables": variables}, headers)
    response: dict[str, Any] = answer.json
    return response


async def signed_up(server: Server, name: str) -> tuple[str, str]:
    """A new user's token and id."""
    form = {"email": f"{name}@example.org", "password": "correct horse battery", "name": name}
    session = (await ask(server, "POST", "/v1/auth/signup", form)).json
    return session["access_token"], session["user"]["id"]


async def written(server: Server, path: str, token: str = "", **body: Any) -> Any:
    """The id of a new record."""
    answer = await ask(server, "POST", f"/v1/records/{path}", body, bearer(token) if token else {})
    return answer.json["id"]


async def test_the_schema_composes(tmp_path: Path) -> None:
    """Apollo's composition takes the schema with that of another subgraph that adds fields to a type, without an error;
    it needs its keys."""
    install(PACKAGES)
    server = Server(app(graphql_federation=True), SqliteStorage(tmp_path))
    async with server.running():
        text = (await asked(server, "{ _service { sdl } }"))["data"]["_service"]["sdl"]
    assert "reportsMake(way: ReportsMakeWay!): Report" in text
    done, without = composed(text, text.replace(f"type Post {KEYS}", "type Post"))
    assert f"type Post {KEYS} {{" in text
    assert 'type Comment @key(fields: "nodeId") {' in text
    assert (done["errors"], {"title", "reviews", "author"} - {*done["fields"]}) == ([], set())
    assert any("Post" in error for error in without["errors"])


def composed(*texts: str) -> list[dict[str, Any]]:
    """The composition of each of some subgraphs with the one for reviews."""
    given = json.dumps([{"records": text, "reviews": REVIEWS} for text in texts])
    words = [str(require_node()), str(PACKAGES / "compose.mjs")]
    done = subprocess.run(words, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made: list[dict[str, Any]] = json.loads(done.stdout)
    return made


async def test_entities(server: Server) -> None:
    """Records come at the places of their representations, with what is selected of their types; those that don't exist
    are null. A number is an id too."""
    _, ada = await signed_up(server, "Ada")
    post = await written(server, "posts", title="One", author=ada)
    shelf = await written(server, "shelves", name="Left")
    of = [
        {"__typename": "Post", "id": post},
        {"__typename": "Shelf", "id": shelf},
        {"__typename": "Post", "id": "nothing"},
        {"__typename": "Shelf", "id": "no number"},
        {"__typename": "User", "id": ada},
        {"__typename": "Post", "id": post},
    ]
    shown = {"__typename": "Post", "title": "One", "author": {"name": "Ada"}}
    left = {"__typename": "Shelf", "id": str(shelf), "name": "Left"}
    user = {"__typename": "User", "name": "Ada"}
    assert await asked(server, ENTITIES, of=of) == {"data": {"_entities": [shown, left, None, None, user, shown]}}


async def test_entities_below_others(server: Server) -> None:
    """A record below another is found by its node id, as any other is: those below one record by one statement."""
    posts = [await written(server, "posts", title=title) for title in ("One", "Two")]
    for post in posts:
        await written(server, f"posts/{post}/comments", id="same", text=f"of {post}")
    of = [{"__typename": "Comment", "nodeId": f"Comment:{post}/same"} for post in posts]
    of += [
        {"__typename": "Post", "nodeId": f"Post:{posts[0]}"},
        {"__typename": "Comment", "nodeId": f"Comment:{posts[0]}/no"},
    ]
    of += [{"__typename": "Comment", "nodeId": f"Post:{posts[0]}"}, {"__typename": "Comment", "nodeId": "Comment:same"}]
    document = """query ($of: [_Any!]!) { _entities(representations: $of) {
      ... on Comment { nodeId postId text } ... on Post { nodeId comments { postId } } } }"""
    comments = [{"nodeId": f"Comment:{post}/same", "postId": post, "text": f"of {post}"} for post in posts]
    post = {"nodeId": f"Post:{posts[0]}", "comments": [{"postId": posts[0]}]}
    assert await asked(server, document, of=of) == {"data": {"_entities": [*comments, post, None, None, None]}}


async def test_the_view_rule(server: Server) -> None:
    """An entity is one that the caller may view, whatever the list rule says."""
    (ada, _), (bob, _) = await signed_up(server, "Ada"), await signed_up(server, "Bob")
    ids = [await written(server, "diaries", ada, text=text) for text in ("open", "closed")]
    of = [{"__typename": "Diary", "id": id} for id in ids]
    document = "query ($of: [_Any!]!) { _entities(representations: $of) { ... on Diary { text } } }"
    both = [{"text": "open"}, {"text": "closed"}]
    assert (await asked(server, document, ada, of=of))["data"]["_entities"] == both
    for token in (bob, ""):
        assert await asked(server, document, token, of=of) == {"data": {"_entities": [{"text": "open"}, None]}}


async def test_a_statement_for_each_type(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entities of a type are found by one statement, however many they are."""
    posts = [await written(server, "posts", title=str(number)) for number in range(40)]
    shelves = [await written(server, "shelves", name=str(number)) for number in range(3)]
    statements: list[str] = []
    search: Callable[..., Any] = RecordReader._search

    async def counted(reader: RecordReader, statement: Any, asker: str) -> Any:
        statements.append(statement.sql)
        return await search(reader, statement, asker)

    monkeypatch.setattr(RecordReader, "_search", counted)
    of = [{"__typename": "Post", "id": id} for id in posts] + [{"__typename": "Shelf", "id": id} for id in shelves]
    found = (await asked(server, ENTITIES, of=of))["data"]["_entities"]
    assert [each.get("title") or each["name"] for each in found] == [*map(str, range(40)), *map(str, range(3))]
    assert len(statements) == 2


@pytest.mark.parametrize(
    "representation",
    [{"__typename": "Comment", "id": "a"}, {"__typename": "Post"}, {"id": "a"}, "a", {"__typename": [], "id": "a"},
     {"__typename": "Post", "id": True}],
    ids=str,
)  # fmt: skip
async def test_what_is_no_representation(server: Server, representation: object) -> None:
    """What names no type with a key and an id is null, with an error at its place."""
    post = await written(server, "posts", title="One")
    of = [{"__typename": "Post", "id": post}, representation]
    response = await asked(server, ENTITIES, of=of)
    [error] = response["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("invalid_query", ["_entities", 1])
    assert [each and each["title"] for each in response["data"]["_entities"]] == ["One", None]


async def test_hidden_fields_and_many(server: Server) -> None:
    """A field that is hidden from the caller is null, and one that is closed to it is an error at each entity of
    the type; too many at once are refused."""
    ada, _ = await signed_up(server, "Ada")
    id = await written(server, "diaries", ada, text="open", secret="s")
    document = "query ($of: [_Any!]!) { _entities(representations: $of) { ... on Diary { secret } } }"
    response = await asked(server, document, ada, of=[{"__typename": "Diary", "id": id}])
    assert response == {"data": {"_entities": [{"secret": "s"}]}}
    response = await asked(server, document, of=[{"__typename": "Diary", "id": id}])
    assert response == {"data": {"_entities": [{"secret": None}]}}
    response = await asked(server, document.replace("secret", "closed"), of=[{"__typename": "Diary", "id": id}])
    assert response["data"] == {"_entities": [None]}
    assert [(error["extensions"]["code"], error["path"]) for error in response["errors"]] == [
        ("forbidden", ["_entities", 0])
    ]
    many = await asked(server, document, ada, of=[{"__typename": "Diary", "id": id}] * 1_001)
    assert [error["extensions"]["code"] for error in many["errors"]] == ["invalid_query"]


async def test_it_is_off(storage: Storage) -> None:
    """Without the setting the schema has none of it."""
    server = Server(app(), storage)
    async with server.running():
        response = await asked(server, "{ _service { sdl } }")
    assert "_service" in response["errors"][0]["message"]
