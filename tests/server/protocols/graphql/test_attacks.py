"""What no honest client asks of GraphQL: by every way nothing hidden is shown, and no document costs much."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Number, Object, Reference, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import Socket, ask, bearer
from tests.server.protocols.graphql.asking import Ask, asking, codes, signed_up

PLANTED = "9e7c-planted"
OWN = "record.owner_id == auth.id"
RULES = Rules(list=OWN, view=OWN, create="auth.id != ''", update=OWN, delete=OWN)
APP = App(
    collections=[
        Collection(name="users", fields={"name": Text(), "phone": Text(read="auth.id == record.id")}, rules=EVERYBODY),
        Collection(
            name="posts",
            fields={
                "title": Text(max_length=50_000, search=True),
                "secret": Text(read="false", search=True),
                "price": Number(read="auth.id == record.author"),
                "author": Reference(to="users", index=True),
                "place": Object(fields={"city": Object(fields={"name": Text()})}),
            },
            rules=EVERYBODY,
        ),
        Collection(
            name="diaries",
            fields={
                "owner_id": Text(fill="auth.id"),
                "text": Text(search=True),
                "slug": Text(unique=True),
                "post": Reference(to="posts", index=True),
            },
            rules=RULES,
        ),
        Collection(name="pages", parent="diaries", fields={"text": Text()}, rules=Rules(list="true", view="true")),
    ],
    settings=Settings(
        auth=AuthSettings(hash_memory_kib=8, hash_passes=1), graphql_introspection=False, graphql_root_fields=100
    ),
)


class Planted:
    """A server with a post whose secret and price are hidden, and Ada's diary with a page; Bob attacks."""

    def __init__(self, server: Server) -> None:
        assert server.backend is not None
        self.server = server
        self.graphql: Ask = asking(server)
        self.admin = bearer(server.backend.control.decode())
        self.bob = ""
        self.ids: dict[str, str] = {}

    async def plant(self) -> None:
        """Make what is attacked."""
        ada, ada_id = await signed_up(self.graphql, "Ada")
        self.bob, _ = await signed_up(self.graphql, "Bob")
        body = {"title": "open", "secret": PLANTED, "price": 12345.5, "author": ada_id}
        self.ids["post"] = await self._made("posts", body, self.admin)
        self.ids["diary"] = await self._made(
            "diaries", {"text": PLANTED, "slug": PLANTED, "post": self.ids["post"]}, bearer(ada)
        )
        self.ids["page"] = await self._made(f"diaries/{self.ids['diary']}/pages", {"text": PLANTED}, self.admin)
        phone = {"phone": PLANTED}
        await ask(self.server, "PATCH", f"/v1/records/users/{ada_id}", phone, self.admin)

    async def _made(self, path: str, body: Any, headers: dict[str, str]) -> str:
        answer = await ask(self.server, "POST", f"/v1/records/{path}", body, headers)
        assert answer.status == 201, answer.body
        id: str = answer.json["id"]
        return id


@pytest.fixture
async def planted(tmp_path: Path) -> AsyncIterator[Planted]:
    """A running server with what is attacked."""
    server = Server(APP, SqliteStorage(tmp_path))
    async with server.running():
        made = Planted(server)
        await made.plant()
        yield made


# ------------------------------------------------------------ hidden fields

READS = [
    "{ posts { x: secret } }",
    "{ posts { ...f } } fragment f on Post { title secret }",
    "{ posts { ... on Post { ... { secret } } } }",
    "query ($yes: Boolean = true) { posts { secret @include(if: $yes) } }",
    "{ postsConnection { edges { node { secret } } nodes { title } } }",
    "{ users { posts { secret } } }",
    "{ users { postsConnection { nodes { secret } } } }",
    "{ users { posts { author { posts { s: secret } } } } }",
    '{ posts(where: {secret: {contains: "9"}}) { id } }',
    '{ posts(where: {secret: {startsWith: "12"}}) { id } }',
    '{ posts(where: {NOT: {secret: {eq: "x"}}}) { id } }',
    '{ posts(where: {OR: [{title: {eq: "open"}}, {secret: {exists: true}}]}) { id } }',
    "{ posts(filter: \"record.secret.startsWith('9')\") { id } }",
    '{ posts(filter: "has(record.secret)") { id } }',
    "{ posts(sort: [secret_ASC]) { id } }",
    "{ posts(sort: [price_DESC]) { id } }",
    "{ posts(where: {price: {gt: 12345}}) { id } }",
    "{ postsConnection(last: 1, sort: [secret_DESC]) { edges { cursor } } }",
    "{ users { posts(sort: [price_ASC]) { id } } }",
    '{ users { postsConnection(filter: "record.price > 1.0") { totalCount } } }',
    "{ postsAggregate { groups { max_secret } } }",
    "{ postsAggregate { groups { sum_price } } }",
    "{ postsAggregate { groups { count_distinct_secret } } }",
    "{ postsAggregate(groupBy: [secret]) { groups { count } } }",
    '{ postsAggregate(having: "min_price > 12345.0") { groups { min_price } } }',
    '{ postsAggregate(where: {secret: {eq: "9e7c-planted"}}) { groups { count } } }',
    'mutation { updatePost(id: "POST", patch: {title: "b"}) { secret } }',
    """mutation { batch(writes: [{updatePost: {id: "POST", patch: {title: "b"}}}]) {
      results { record { ... on Post { s: secret } } } } }""",
]


@pytest.mark.parametrize("query", READS)
async def test_hidden_fields(planted: Planted, query: str) -> None:
    """A field that is hidden from everybody, or from the caller, is refused by every way of asking for it."""
    answer = await planted.graphql(query.replace("POST", planted.ids["post"]), token=planted.bob)
    assert [code for code, _ in codes(answer)] == ["forbidden"], answer
    assert PLANTED not in json.dumps(answer)
    assert "12345" not in json.dumps(answer["data"])
    assert all(value is None for value in answer["data"].values())


@pytest.mark.parametrize(
    "query",
    [
        "{ posts { a: title price b: price } users { phone } }",
        "{ users { ...f } } fragment f on User { id phone }",
        "{ posts { author { phone } } postsConnection { nodes { price author { p: phone } } } }",
        'mutation { updatePost(id: "POST", patch: {title: "b"}) { price author { phone } } }',
        """mutation { batch(writes: [{updatePost: {id: "POST", patch: {title: "b"}}}]) {
          results { record { ... on Post { price author { phone } } } } } }""",
    ],
)  # fmt: skip
async def test_fields_hidden_by_record(planted: Planted, query: str) -> None:
    """A field that only its owner sees is null for everybody else."""
    answer = await planted.graphql(query.replace("POST", planted.ids["post"]), token=planted.bob)
    assert "errors" not in answer
    assert PLANTED not in json.dumps(answer)
    assert "12345" not in json.dumps(answer)


# ------------------------------------------------------------ hidden records


@pytest.mark.parametrize(
    "query",
    [
        '{ diary(id: "ID") { text } }',
        '{ a: diary(id: "ID") { ...f } } fragment f on Diary { text pages { text } }',
        '{ page(diaryId: "ID", id: "PAGE") { text } }',
        'mutation { updateDiary(id: "ID", patch: {text: "x"}) { text } }',
        'mutation { updateDiary(id: "ID", patch: {text: "x"}, revision: 1) { text } }',
        'mutation { replaceDiary(id: "ID", input: {slug: "x"}) { text } }',
        'mutation { deleteDiary(id: "ID", revision: 999) }',
        'mutation { batch(writes: [{deleteDiary: {id: "ID"}}]) { results { id } } }',
        """mutation { batch(writes: [{updateDiary: {id: "ID", patch: {slug: "x"}}}]) {
          results { record { ... on Diary { text } } } } }""",
        'mutation { createPage(diaryId: "ID", input: {text: "x"}) { id } }',
        'mutation { createPages(diaryId: "ID", input: [{text: "x"}]) { ids } }',
    ],
)  # fmt: skip
async def test_hidden_records(planted: Planted, query: str) -> None:
    """What is answered of a record that the caller may not see is what is answered of none."""
    if "page(" in query:
        query = query.replace("PAGE", planted.ids["page"])
        assert (await planted.graphql(query.replace("ID", "none"), token=planted.bob))["data"] == {"page": None}
        return
    answers = []
    for id in (planted.ids["diary"], "0" * len(planted.ids["diary"])):
        answer = await planted.graphql(query.replace("ID", id), token=planted.bob)
        answers.append(json.dumps(answer).replace(id, "ID"))
    assert answers[0] == answers[1]
    assert PLANTED not in answers[0]


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ("{ x: diaries { text } }", []),
        ('{ x: diaries(search: "planted") { id } }', []),
        ('{ x: diaries(where: {slug: {eq: "9e7c-planted"}}) { id } }', []),
        ("{ x: diariesConnection { totalCount pageInfo { hasNextPage } } }",
         {"totalCount": 0, "pageInfo": {"hasNextPage": False}}),
        ("{ x: diariesConnection(last: 1) { totalCount pageInfo { hasPreviousPage endCursor } } }",
         {"totalCount": 0, "pageInfo": {"hasPreviousPage": False, "endCursor": None}}),
        ("{ x: diariesAggregate { groups { count max_text } } }", {"groups": [{"count": 0, "max_text": None}]}),
        ("{ x: diariesAggregate(groupBy: [slug]) { groups { slug } next } }", {"groups": [], "next": None}),
        ("{ x: posts { diaries { text } diariesConnection { totalCount } } }",
         [{"diaries": [], "diariesConnection": {"totalCount": 0}}]),
    ],
)  # fmt: skip
async def test_counts_of_hidden_records(planted: Planted, query: str, data: Any) -> None:
    """Hidden records are in no list, number, page or group."""
    assert await planted.graphql(query, token=planted.bob) == {"data": {"x": data}}


@pytest.mark.parametrize("kind", ["diaries", "posts"])
async def test_subscriptions(planted: Planted, kind: str) -> None:
    """Subscriptions hear nothing of hidden records, and nothing of hidden fields by selections and filters."""
    headers = bearer(planted.bob)
    for query in (
        'subscription { posts(where: {secret: {eq: "x"}}) { id } }',
        'subscription { posts(filter: "record.price > 1.0") { id } }',
    ):
        refused = Socket(planted.server, "/graphql", subprotocol="graphql-transport-ws", headers=headers)
        await refused.asked(type="connection_init")
        error = await refused.asked(type="subscribe", id="1", payload={"query": query})
        assert (error["type"], error["payload"][0]["extensions"]["code"]) == ("error", "forbidden"), error
        await refused.leave()
    socket = Socket(planted.server, "/graphql", subprotocol="graphql-transport-ws", headers=headers)
    await socket.asked(type="connection_init")
    fields = "id text slug" if kind == "diaries" else "id secret price author: authorId"
    payload = {"query": f"subscription {{ x: {kind} {{ kind record {{ {fields} }} }} }}", "extensions": {"cursor": ""}}
    assert (await socket.asked(type="subscribe", id="1", payload=payload))["payload"]["data"] == {"x": []}
    change = {"text": f"{PLANTED} 2"} if kind == "diaries" else {"secret": f"{PLANTED} 2", "price": 12345.75}
    path = f"/v1/records/{kind}/{planted.ids['diary' if kind == 'diaries' else 'post']}"
    assert (await ask(planted.server, "PATCH", path, change, planted.admin)).status == 200
    mark = "mutation { createDiary(input: {text: \"mine\"}) { id } }" if kind == "diaries" else (
        'mutation { createPost(input: {title: "mine"}) { id } }'
    )  # fmt: skip
    id = next(iter((await planted.graphql(mark, token=planted.bob))["data"].values()))["id"]
    heard = ""
    while id not in heard:
        heard = json.dumps(await socket.next())
        assert PLANTED not in heard
        assert "12345" not in heard
    await socket.leave()


# ------------------------------------------------------------ introspection


@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { queryType { name } } }",
        '{ t: __type(name: "Post") { name } }',
        "{ ... { __schema { types { name } } } }",
        "{ ...f } fragment f on Query { ...g } fragment g on Query { __schema { types { name } } }",
        "query a { __typename } query b { __schema { types { name } } }",
        "{ posts { titel } }",
        "{ post { id } }",
        "{ posts(wher: 1) { id } }",
        'mutation { createPost(input: {titel: "x"}) { id } }',
    ],
)
async def test_introspection_that_is_turned_off(planted: Planted, query: str) -> None:
    """Where the schema can't be asked for, no document tells it, and no message names what the document does not."""
    answer = await planted.graphql(query, token=planted.bob)
    assert "data" not in answer
    text = json.dumps(answer["errors"])
    assert "did you mean" not in text.lower()
    assert not any(f"'{name}'" in text for name in ("title", "where", "secret"))
    wrong = await planted.graphql("mutation ($p: PostInput!) { createPost(input: $p) { id } }", p={"titel": "x"})
    assert "did you mean" not in json.dumps(wrong).lower()


# ------------------------------------------------------------ documents that cost much

CYCLE = "{ posts { ...a } } fragment a on Post { author { ...b } } fragment b on User { posts { ...a } }"
DOUBLED = " ".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(60))
SPREAD = " ".join(
    f"fragment f{n} on {'User' if n % 2 else 'Post'} {{ "
    + " ".join(f"a{i}: {'posts(limit: 1)' if n % 2 else 'author'} {{ ...f{n + 1} }}" for i in range(30))
    + " }"
    for n in range(8)
)


@pytest.mark.parametrize(
    "query",
    [
        CYCLE,
        "{ ...a } fragment a on Query { ...a }",
        "{ " + "posts { id } " * 1_000 + "}",
        "{ posts { " + "title " * 4_900 + "} }",
        "{ posts { " + " ".join(f"a{n}: title" for n in range(1_600)) + " } }",
        "{ posts { author { id } place { city { name } } " + " ".join(f"a{n}: title" for n in range(6)) + " } }",
        "{ posts { place { a: city { x: name y: name z: name } b: city { x: name y: name z: name } } } }",
        "{ " + " ".join(f"a{n}: posts {{ id }}" for n in range(101)) + " }",
        "{ posts { id " + "@include(if: true) " * 700 + "} }",
        "{ posts { id " + "@unknown " * 2_000 + "} }",
        "{ posts(where: {" + "NOT: {" * 900 + "}" * 900 + "}) { id } }",
        "{ posts" + " { author { posts" * 20 + " { id }" + " } }" * 20 + " }",
        "{ posts { ...f0 } } " + SPREAD + " fragment f8 on Post { id }",
        "{ posts(limit: 1000) { author { posts(limit: 1000) { id } } } }",
        "{ posts(limit: 1000000) { id } }",
        "query " + " ".join(f"($v{n}: Int)" for n in range(900)) + " { __typename }",
        " ".join(f"query q{n} {{ __typename }}" for n in range(1_000)),
        "{ postsConnection(first: 1000) { edges { node { author { postsConnection(first: 100) { totalCount } } } } } }",
        "{ posts { "
        + " ".join(f"...f{n}" for n in range(300))
        + " } } "
        + " ".join(f"fragment f{n} on Post {{ id title }}" for n in range(300)),
        "{ " + ("... { " + "posts { id } " * 30 + "} ") * 15 + "}",
        "{",
        "\ufeff\x00{ posts { id } }",
        "{ posts { id } } " + "fragment f on Post { id } " * 100,
    ],
)
async def test_costly_documents(planted: Planted, query: str) -> None:
    """Documents that repeat, nest, spread or ask too much are refused by a short answer, and nothing is read."""
    answer = await planted.graphql(query, token=planted.bob)
    assert answer["errors"]
    assert not any((answer.get("data") or {}).values())
    assert len(json.dumps(answer)) < 10_000
    assert (await planted.graphql("{ posts { title } }"))["data"] == {"posts": [{"title": "open"}]}


async def test_costly_log_ins(planted: Planted) -> None:
    """What is too costly is refused before somebody is signed up, whose tokens would be lost."""
    sign_up = 'mutation { signUp(email: "cy@example.org", password: "correct horse battery") { user { %s } } }'
    costly = "posts(limit: 1000) { author { posts(limit: 1000) { id } } }"
    assert codes(await planted.graphql(sign_up % costly)) == [("too_costly", ["signUp"])]
    assert (await planted.graphql(sign_up % "posts { id }"))["data"] == {"signUp": {"user": {"posts": []}}}


async def test_fragments_that_double(planted: Planted) -> None:
    """A fragment is taken once for a selection, however often it is spread."""
    answer = await planted.graphql(f"{{ ...f0 }} {DOUBLED} fragment f60 on Query {{ posts {{ title }} }}")
    assert answer == {"data": {"posts": [{"title": "open"}]}}


@pytest.mark.parametrize(
    "where",
    [
        {"title": {"in": [str(number) for number in range(1_001)]}},
        {"OR": [{"title": {"eq": str(number)}} for number in range(1_001)]},
        {"OR": [{"AND": [{"title": {"eq": "x"}}] * 20}] * 60},
        {"OR": [{}] * 10_001},
    ],
)
async def test_large_conditions(planted: Planted, where: Any) -> None:
    """Conditions of over a thousand values are refused, in every list and aggregate."""
    document = """query ($w: PostWhere) { a: posts(where: $w) { id } b: postsConnection(where: $w) { totalCount }
      c: postsAggregate(where: $w) { groups { count } } d: users { posts(where: $w) { id } } }"""
    answer = await planted.graphql(document, w=where)
    assert codes(answer) == [("invalid_query", [key]) for key in "abcd"]


async def test_null_in_the_place_of_an_id(planted: Planted) -> None:
    """A variable with a default that is null after all is the request's mistake, not the server's."""
    answer = await planted.graphql('query ($id: ID = "x") { post(id: $id) { id } }', id=None)
    assert codes(answer) == [("invalid_query", ["post"])]


async def test_subscription_of_nothing(planted: Planted) -> None:
    """A subscription whose field is left out is refused, and its connection goes on."""
    socket = Socket(planted.server, "/graphql", subprotocol="graphql-transport-ws")
    await socket.asked(type="connection_init")
    for query in ("subscription { posts @skip(if: true) { id } }", "subscription { __typename }"):
        error = await socket.asked(type="subscribe", id="1", payload={"query": query})
        assert error["type"] == "error"
        assert error["payload"][0]["extensions"]["code"] == "invalid_query"
    assert (await socket.asked(type="ping"))["type"] == "pong"
    await socket.leave()
