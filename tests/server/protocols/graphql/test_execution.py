"""Questions and changes in GraphQL."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Instant, Integer, List, Number, Object, Reference, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import Answer, Stream, ask, bearer
from tests.server.protocols.graphql.asking import Ask, asking, codes, signed_up

APP = App(
    collections=[
        Collection(name="users", fields={"name": Text(), "phone": Text(read="auth.id == record.id")}, rules=EVERYBODY),
        Collection(
            name="posts",
            fields={
                "title": Text(required=True, search=True),
                "slug": Text(unique=True),
                "author": Reference(to="users", index=True),
                "address": Object(fields={"city": Text(), "zip": Integer()}),
                "tags": List(of=Text()),
                "score": Number(),
                "at": Instant(),
            },
            rules=EVERYBODY,
        ),
        Collection(name="comments", parent="posts", fields={"text": Text()}, rules=EVERYBODY),
        Collection(name="shelves", fields={"name": Text()}, rules=EVERYBODY, ids="integer"),
        Collection(
            name="books",
            fields={"shelf": Reference(to="shelves"), "others": List(of=Reference(to="shelves"))},
            rules=EVERYBODY,
            ids="integer",
        ),
        Collection(
            name="diaries",
            fields={"owner_id": Text(fill="auth.id", index=True), "text": Text()},
            rules=Rules(
                list="record.owner_id == auth.id", view="record.owner_id == auth.id", create="auth.id != ''",
                update="record.owner_id == auth.id", delete="record.owner_id == auth.id",
            ),
        ),
    ],
    settings=Settings(
        auth=AuthSettings(hash_memory_kib=8, hash_passes=1),
        graphql_depth=6, graphql_root_fields=5, graphql_introspection=True,
    ),
)  # fmt: skip


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A running server."""
    made = Server(APP, SqliteStorage(tmp_path))
    async with made.running():
        yield made


@pytest.fixture
def graphql(server: Server) -> Ask:
    """Asks the server."""

    return asking(server)


async def posted(graphql: Ask, **body: Any) -> str:
    """A new post's id."""
    made = await graphql("mutation ($post: PostInput!) { createPost(input: $post) { id } }", post=body)
    id: str = made["data"]["createPost"]["id"]
    return id


# ------------------------------------------------------------ queries


async def test_selection(graphql: Ask) -> None:
    """The response has what is selected, under its keys and in its order: aliases, fragments, related records."""
    _, ada = await signed_up(graphql, "Ada")
    post = await posted(graphql, title="One", author=ada, address={"city": "Rome", "zip": 7}, tags=["a", "b"])
    await graphql('mutation ($p: ID!) { createComment(postId: $p, input: {text: "t"}) { id } }', p=post)
    answer = await graphql(
        """query ($no: Boolean!, $post: ID!) {
          posts { ...parts t: title score author { __typename name } authorId skipped: title @include(if: $no)
            first: comments(limit: 1) { text } all: comments { ... on Comment { id text } } }
          post(id: $post) { tags address { town: city } }
        }
        fragment parts on Post { id address { zip } }""",
        no=False,
        post=post,
    )
    (shown,) = answer["data"]["posts"]
    assert [*shown] == ["id", "address", "t", "score", "author", "authorId", "first", "all"]
    assert shown["address"] == {"zip": 7}
    assert shown["author"] == {"__typename": "User", "name": "Ada"}
    assert shown["authorId"] == ada
    assert shown["score"] is None
    assert shown["first"] == [{"text": "t"}]
    assert [item["text"] for item in shown["all"]] == ["t"]
    assert answer["data"]["post"] == {"tags": ["a", "b"], "address": {"town": "Rome"}}


async def test_arguments(graphql: Ask) -> None:
    """Lists are filtered by typed conditions and by CEL, sorted, searched and cut."""
    for number in range(5):
        await posted(graphql, title=f"Title {number}", score=number, at="2026-01-01T00:00:00Z" if number else None)
    for arguments, titles in (
        ("where: {score: {gte: 2, lt: 4}}", "23"),
        ('where: {OR: [{title: {eq: "Title 1"}}, {score: {in: [3, 4]}}]}', "134"),
        ("where: {NOT: {score: {gt: 1}}}", "01"),
        ("where: {at: {exists: false}}", "0"),
        ('where: {title: {contains: "le 2"}}', "2"),
        ('where: {title: {startsWith: "Title", endsWith: "3"}}', "3"),
        ('where: {title: {startsWith: "itle"}}', ""),
        ('where: {OR: [{title: {endsWith: "e 1"}}, {title: {startsWith: ""}, score: {lt: 1}}]}', "01"),
        ("where: {at: {eq: null}}", "0"),
        ('filter: "record.score > 2.0"', "34"),
        ('search: "title 4"', "4"),
        ("sort: [score_DESC], limit: 2, offset: 1", "32"),
        ("where: {}", "01234"),
    ):
        answer = await graphql(f"{{ posts({arguments}) {{ title }} }}")
        assert "".join(post["title"][-1] for post in answer["data"]["posts"]) == titles, arguments


async def test_integer_ids(graphql: Ask) -> None:
    """Ids are texts, also those of collections whose ids are numbers, and texts are taken for them."""
    shelf = (await graphql('mutation { createShelf(input: {name: "A"}) { id } }'))["data"]["createShelf"]["id"]
    assert shelf == "1"
    document = """mutation ($s: ID!) { createBook(input: {shelf: $s, others: [$s]}) {
      id shelfId shelf { id name } othersIds } }"""
    made = await graphql(document, s=shelf)
    assert made["data"]["createBook"] == {
        "id": "1", "shelfId": "1", "shelf": {"id": "1", "name": "A"}, "othersIds": ["1"],
    }  # fmt: skip
    found = await graphql(
        "query ($s: ID) { books(where: {shelf: {eq: $s}, id: {in: [1]}}) { id } book(id: 1) { id } }", s=shelf
    )
    assert found["data"] == {"books": [{"id": "1"}], "book": {"id": "1"}}


async def test_connection(graphql: Ask) -> None:
    """Pages in the form of Relay's specification: each edge has its cursor, and the pages together have all records."""
    for number in range(5):
        await posted(graphql, title=str(number))
    after, seen = None, ""
    document = """query ($after: String) { postsConnection(first: 2, after: $after, sort: [title_DESC]) {
      totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor n: node { title } }
      nodes { title } } }"""
    for page in range(3):
        shown = (await graphql(document, after=after))["data"]["postsConnection"]
        assert shown["totalCount"] == 5
        info, edges = shown["pageInfo"], shown["edges"]
        assert (info["hasNextPage"], info["hasPreviousPage"]) == (page < 2, page > 0)
        assert (info["startCursor"], info["endCursor"]) == (edges[0]["cursor"], edges[-1]["cursor"])
        assert [edge["n"] for edge in edges] == shown["nodes"]
        seen += "".join(edge["n"]["title"] for edge in edges)
        after = edges[0]["cursor"] if page == 1 else info["endCursor"]
        seen = seen[:-1] if page == 1 else seen  # from the middle of a page
    assert seen == "432" + "10"
    empty = await graphql('{ postsConnection(first: 1, where: {title: {eq: "no"}}) { edges { cursor } } }')
    assert empty["data"]["postsConnection"]["edges"] == []
    wrong = await graphql('{ postsConnection(after: "x") { totalCount } }')
    assert codes(wrong) == [("invalid_cursor", ["postsConnection"])]


async def test_by_the_rules(graphql: Ask) -> None:
    """Everybody is shown what the rules let them see; what is hidden is as what does not exist."""
    (ada, ada_id), (bob, _) = await signed_up(graphql, "Ada"), await signed_up(graphql, "Bob")
    made = await graphql('mutation { createDiary(input: {text: "mine"}) { id owner { name } } }', token=ada)
    assert made["data"]["createDiary"]["owner"] == {"name": "Ada"}
    id = made["data"]["createDiary"]["id"]
    document = "query ($id: ID!) { diary(id: $id) { text } diaries { text } diariesConnection { totalCount } }"
    mine = await graphql(document, token=ada, id=id)
    assert mine["data"]["diary"] == {"text": "mine"}
    other = await graphql(document, token=bob, id=id)
    unknown = await graphql(document, token=bob, id="none")
    assert other == unknown == {"data": {"diary": None, "diaries": [], "diariesConnection": {"totalCount": 0}}}
    for change in ('updateDiary(id: $id, patch: {text: "x"}) { id }', "deleteDiary(id: $id)"):
        answers = [await graphql(f"mutation ($id: ID!) {{ a: {change} }}", token=bob, id=each) for each in (id, "none")]
        assert [codes(answer) for answer in answers] == [[("not_found", ["a"])]] * 2
    assert (await graphql("{ users { phone } }"))["data"]["users"] == [{"phone": None}] * 2
    assert codes(await graphql('{ users(where: {phone: {eq: "1"}}) { id } }')) == [("forbidden", ["users"])]
    assert (await graphql("query ($id: ID!) { user(id: $id) { diaries { text } } }", token=bob, id=ada_id))["data"] == {
        "user": {"diaries": []}
    }


# ------------------------------------------------------------ mutations


async def test_changes(graphql: Ask) -> None:
    """Mutations are carried out in order, each by itself: one that is refused undoes no other."""
    id = await posted(graphql, title="One", slug="one", address={"city": "Rome"})
    answer = await graphql(
        """mutation ($id: ID!) {
          a: updatePost(id: $id, patch: {address: {zip: 5}}) { address { city zip } revision }
          b: updatePost(id: $id, patch: {title: null}) { id }
          c: updatePost(id: $id, patch: {title: "Two"}, revision: 1) { id }
          d: replacePost(id: $id, input: {title: "Three"}) { title slug address { city } }
          e: deletePost(id: $id)
        }""",
        id=id,
    )
    assert answer["data"]["a"]["address"] == {"city": "Rome", "zip": 5}
    assert answer["data"]["d"] == {"title": "Three", "slug": None, "address": None}
    assert answer["data"]["e"] == id
    assert codes(answer) == [("validation", ["b"]), ("stale", ["c"])]
    assert answer["errors"][0]["extensions"]["errors"] == {"title": ["is required"]}
    assert (await graphql("query ($id: ID!) { post(id: $id) { id } }", id=id))["data"] == {"post": None}


async def test_upsert(graphql: Ask) -> None:
    """An upsert by a unique field creates the record, or changes the one that has the value."""
    document = """mutation ($title: String) {
      upsertPost(by: slug, input: {slug: "one", title: $title}) { id title } }"""
    first = (await graphql(document, title="One"))["data"]["upsertPost"]
    second = (await graphql(document, title="Two"))["data"]["upsertPost"]
    assert second == {"id": first["id"], "title": "Two"}
    own = await graphql('mutation { createPost(id: "my-own", input: {title: "x"}) { id } }')
    assert own["data"]["createPost"] == {"id": "my-own"}


async def test_accounts(graphql: Ask, server: Server) -> None:
    """Accounts sign up, log in, renew and log out; `me` is the signed-in user's own record."""
    token, ada = await signed_up(graphql, "Ada")
    logged = await graphql(
        """mutation { logIn(email: "ada@example.org", password: "correct horse battery") {
          refresh_token token_type expires_in user { id posts { id } __typename } } }"""
    )
    session = logged["data"]["logIn"]
    assert session["user"] == {"id": ada, "posts": [], "__typename": "User"}
    renewed = await graphql(
        "mutation ($t: String!) { refresh(refresh_token: $t) { access_token } }", t=session["refresh_token"]
    )
    assert renewed["data"]["refresh"]["access_token"]
    assert (await graphql("{ me { name posts { id } phone } }", token=token))["data"]["me"] == {
        "name": "Ada", "posts": [], "phone": None,
    }  # fmt: skip
    assert (await graphql("{ me { id } }"))["data"] == {"me": None}
    wrong = await graphql('mutation { logIn(email: "ada@example.org", password: "wrong") { access_token } }')
    assert codes(wrong) == [("invalid_credentials", ["logIn"])]
    assert codes(await graphql("mutation { logOut }")) == [("unauthorized", ["logOut"])]
    assert (await graphql("mutation { logOut }", token=token))["data"] == {"logOut": True}
    answer = await ask(server, "POST", "/graphql", {"query": "{ me { id } }"}, bearer(token))
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert answer.json["errors"][0]["extensions"]["code"] == "unauthorized"


# ------------------------------------------------------------ the schema


async def test_sign_in_with_a_dead_token(server: Server, graphql: Ask) -> None:
    """A token that is no longer valid is ignored by what signs in alone, since clients send theirs with everything."""
    token, _ = await signed_up(graphql, "ada")
    await graphql("mutation { logOut }", token=token)
    log_in = 'logIn(email: "ada@example.org", password: "correct horse battery") { refresh_token }'
    for accept in ("application/json", "application/json, text/event-stream"):
        headers = {**bearer(token), "Accept": accept}
        answer = await ask(server, "POST", "/graphql", {"query": f"mutation {{ {log_in} }}"}, headers)
        held = answer.json["data"]["logIn"]["refresh_token"]
        query = "mutation ($token: String!) { refresh(refresh_token: $token) { access_token } }"
        body = {"query": query, "variables": {"token": held}}
        assert (await ask(server, "POST", "/graphql", body, headers)).json["data"]["refresh"]["access_token"]
    for other in ("{ posts { id } }", f"mutation {{ {log_in} logOut }}", "mutation { logOut }", "{", "mutation { no }"):
        assert (await ask(server, "POST", "/graphql", {"query": other}, bearer(token))).status == 401


async def test_introspection(graphql: Ask) -> None:
    """The schema is asked for with `__schema` and `__type`, beside other fields."""
    answer = await graphql(
        """query ($name: String!) { s: __schema { queryType { ...named } }
          __type(name: $name) { fields { name } } t: __typename } fragment named on __Type { name }""",
        name="Post",
    )
    assert answer["data"]["s"] == {"queryType": {"name": "Query"}}
    assert answer["data"]["t"] == "Query"
    assert {"title", "author", "authorId", "comments"} <= {each["name"] for each in answer["data"]["__type"]["fields"]}


async def test_collection_that_is_added(graphql: Ask, server: Server) -> None:
    """A collection that is declared while the server runs is in the schema at once."""
    assert server.backend is not None
    document = 'mutation { createEvent(input: {name: "x"}) { id } }'
    assert "errors" in await graphql(document)
    body = {"collections": [{"name": "events", "fields": {"name": {"kind": "text"}}, "rules": {"create": "true"}}]}
    answer = await ask(server, "POST", "/v1/admin/schema", body, bearer(server.backend.control.decode()))
    assert answer.status == 200, answer.body
    assert (await graphql(document))["data"]["createEvent"]["id"]


# ------------------------------------------------------------ HTTP


async def test_get(server: Server) -> None:
    """A query may be a GET, which changes nothing: a mutation is refused there."""

    answer = await _get(server, "{ posts { id } }")
    assert (answer.status, answer.json) == (200, {"data": {"posts": []}})
    refused = await _get(server, "mutation { logOut }")
    assert (refused.status, refused.headers["allow"]) == (405, "POST")
    assert (await ask(server, "DELETE", "/graphql")).status == 405


async def _get(server: Server, query: str) -> Answer:
    stream = Stream(server, "/graphql", ("query", query))
    await stream.task
    return Answer(stream.status, stream.headers, b"".join(stream.chunks))


@pytest.mark.parametrize(
    ("accept", "query", "status", "kind"),
    [
        ("", "{ posts { id } }", 200, "application/json"),
        ("*/*", "{ nope }", 200, "application/json"),
        ("application/graphql-response+json", "{ nope }", 400, "application/graphql-response+json"),
        ("application/graphql-response+json", "{", 400, "application/graphql-response+json"),
        ("application/json;q=0.5, application/graphql-response+json", "{ posts { id } }", 200,
         "application/graphql-response+json"),
        ("text/html", "{ posts { id } }", 406, "application/graphql-response+json"),
    ],
)  # fmt: skip
async def test_media_types(server: Server, accept: str, query: str, status: int, kind: str) -> None:
    """The response has the media type that is accepted, and the status that belongs to it."""
    answer = await ask(server, "POST", "/graphql", {"query": query}, {"Accept": accept} if accept else {})
    assert (answer.status, answer.headers["content-type"]) == (status, f"{kind}; charset=utf-8")


@pytest.mark.parametrize(
    "body",
    [{}, {"query": 7}, {"query": "{ me { id } }", "variables": []}, {"query": "{ me { id } }", "operationName": 1}, []],
)
async def test_bad_requests(server: Server, body: Any) -> None:
    """A request that has no document, or parameters of other types, is refused with what is wrong."""
    answer = await ask(server, "POST", "/graphql", body)
    assert answer.status == 400
    assert answer.json["errors"][0]["extensions"]["code"] == "invalid_body"


async def test_persisted_documents(server: Server) -> None:
    """A document that was sent with its digest is asked for by the digest alone from then on."""
    query = "{ posts { id } }"
    digest = hashlib.sha256(query.encode()).hexdigest()
    known = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}
    missing = await ask(server, "POST", "/graphql", known)
    assert missing.json["errors"][0]["message"] == "PersistedQueryNotFound"
    assert missing.json["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    wrong = await ask(server, "POST", "/graphql", {**known, "query": "{ me { id } }"})
    assert "digest" in wrong.json["errors"][0]["message"]
    for body in ({**known, "query": query}, known):
        assert (await ask(server, "POST", "/graphql", body)).json == {"data": {"posts": []}}


# ------------------------------------------------------------ limits


@pytest.mark.parametrize(
    "query",
    [
        "{ posts { author { posts { author { posts { author { id } } } } } } }",
        "query { " + " ".join(f"a{number}: posts {{ id }}" for number in range(6)) + " }",
        "{ posts(limit: 1000) { comments(limit: 1000) { id } } }",
        "{ posts { " + "title " * 6_000 + "} }",
        "query { ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
        "{" * 3_000,
        "{ posts { " + " ".join(f"a{n}: comments(limit: 500) {{ id }}" for n in range(60)) + " } }",
    ],
)
async def test_documents_that_ask_for_too_much(graphql: Ask, query: str) -> None:
    """Depth, aliases, records and length are bounded: a document beyond is refused, and nothing is read."""
    answer = await graphql(query)
    assert answer["errors"]
    assert not any((answer.get("data") or {}).values())
    assert len(json.dumps(answer)) < 10_000


async def test_several_operations(server: Server) -> None:
    """Of several operations one is named; a name that there is not is refused."""
    query = "query a { posts { id } } query b { x: posts { id } }"
    for name, data in (("a", "posts"), ("b", "x")):
        answer = await ask(server, "POST", "/graphql", {"query": query, "operationName": name})
        assert [*answer.json["data"]] == [data]
    for wrong in ({"operationName": "c"}, {}):
        answer = await ask(server, "POST", "/graphql", {"query": query, **wrong})
        assert "a, b" in answer.json["errors"][0]["message"]
