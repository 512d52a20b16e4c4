"""Connections of GraphQL: pages both ways, at the root and within records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Number, Reference, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import Settings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import ask
from tests.server.protocols.graphql.asking import Ask, asking, codes

APP = App(
    collections=[
        Collection(name="authors", fields={"name": Text()}, rules=EVERYBODY),
        Collection(
            name="posts",
            fields={
                "title": Text(search=True),
                "score": Number(index=True),
                "author": Reference(to="authors"),
                "is_hidden": Text(),
                "secret": Text(read="false"),
            },
            rules=Rules(list="!has(record.is_hidden)", view="true", create="true", update="true", delete="true"),
        ),
        Collection(name="comments", parent="posts", fields={"text": Text(), "stars": Number()}, rules=EVERYBODY),
    ],
    settings=Settings(graphql_cost=1_000),
)
SCORES = (3, None, 1, 2, None, 3, 1)
PAGE = """query ($first: Int, $after: String, $last: Int, $before: String, $sort: [PostSort!], $where: PostWhere) {
  postsConnection(first: $first, after: $after, last: $last, before: $before, sort: $sort, where: $where) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { id } } } }"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A running server that has some posts, and one that is hidden."""
    made = Server(APP, SqliteStorage(tmp_path))
    async with made.running():
        for number, score in enumerate(SCORES):
            body = {"id": f"p{number}", "title": f"Post {number}", "score": score}
            assert (await ask(made, "POST", "/v1/records/posts", body)).status == 201
        await ask(made, "POST", "/v1/records/posts", {"id": "p8", "title": "x", "is_hidden": "yes"})
        yield made


@pytest.fixture
def graphql(server: Server) -> Ask:
    """Asks the server."""
    return asking(server)


async def page(graphql: Ask, **words: Any) -> Any:
    """A page of posts."""
    answer = await graphql(PAGE, **words)
    assert "errors" not in answer, answer
    return answer["data"]["postsConnection"]


def ids(shown: Any) -> list[str]:
    """The ids of a page's records."""
    return [edge["node"]["id"] for edge in shown["edges"]]


@pytest.mark.parametrize(
    "sort", [None, ["id_DESC"], ["score_ASC"], ["score_DESC"], ["score_DESC", "title_ASC"], ["score_ASC", "id_DESC"]]
)
@pytest.mark.parametrize("size", [1, 3])
async def test_both_ways(graphql: Ask, sort: list[str] | None, size: int) -> None:
    """Pages forward and backward have the same records in the same order, and know whether there are more on either
    side."""
    all_ids = [post["id"] for post in (await graphql(LIST, sort=sort))["data"]["posts"]]
    assert len(all_ids) == len(SCORES)
    cursor, seen = None, list[str]()
    for number in range(0, len(all_ids), size):
        shown = await page(graphql, first=size, after=cursor, sort=sort)
        seen += ids(shown)
        info = shown["pageInfo"]
        assert (info["hasPreviousPage"], info["hasNextPage"]) == (number > 0, number + size < len(all_ids))
        assert shown["totalCount"] == len(all_ids)
        cursor = info["endCursor"]
    assert seen == all_ids
    cursor, seen = None, []
    for number in range(0, len(all_ids), size):
        shown = await page(graphql, last=size, before=cursor, sort=sort)
        seen = ids(shown) + seen
        info = shown["pageInfo"]
        assert (info["hasNextPage"], info["hasPreviousPage"]) == (number > 0, number + size < len(all_ids))
        assert [info["startCursor"], info["endCursor"]] == [shown["edges"][0]["cursor"], shown["edges"][-1]["cursor"]]
        cursor = info["startCursor"]
    assert seen == all_ids


LIST = "query ($sort: [PostSort!]) { posts(sort: $sort) { id } }"


async def test_other_side_of_a_cursor(graphql: Ask) -> None:
    """Whether there are records on the other side of a cursor is what is true now, also of an empty page."""
    first = await page(graphql, first=1)
    assert (await page(graphql, first=9, after=first["pageInfo"]["endCursor"]))["pageInfo"]["hasPreviousPage"]
    await graphql('mutation { deletePost(id: "p0") }')
    shown = await page(graphql, first=9, after=first["pageInfo"]["endCursor"])
    assert (ids(shown)[0], shown["pageInfo"]["hasPreviousPage"]) == ("p1", False)
    end = await page(graphql, first=9, after=shown["pageInfo"]["endCursor"])
    assert (end["edges"], end["pageInfo"]["hasPreviousPage"], end["pageInfo"]["endCursor"]) == ([], True, None)
    for number in range(1, 7):
        await graphql("mutation ($id: ID!) { deletePost(id: $id) }", id=f"p{number}")
    empty = (await page(graphql, last=9, before=first["pageInfo"]["startCursor"]))["pageInfo"]
    assert not empty["hasNextPage"]
    assert not empty["hasPreviousPage"]


async def test_page_without_records(graphql: Ask) -> None:
    """`first: 0` and `last: 0` have no edges, and say whether there are records on both sides."""
    first = (await page(graphql, first=1))["pageInfo"]["endCursor"]
    for words, sides in (
        ({"first": 0}, (False, True)), ({"first": 0, "after": first}, (True, True)),
        ({"last": 0}, (True, False)), ({"last": 0, "before": first}, (False, True)),
    ):  # fmt: skip
        shown = await page(graphql, **words)
        info = shown["pageInfo"]
        assert (shown["edges"], shown["totalCount"]) == ([], len(SCORES))
        assert (info["hasPreviousPage"], info["hasNextPage"], info["startCursor"], info["endCursor"]) == (
            *sides, None, None,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("first: 1, last: 1", "invalid_query"),
        ('first: 1, before: "x"', "invalid_query"),
        ('after: "x", last: 1', "invalid_query"),
        ("first: -1", "invalid_query"),
        ("last: -1", "invalid_query"),
        ("first: 1001", "invalid_query"),
        ('last: 1, search: "post"', "invalid_query"),
        ('last: 1, before: "x"', "invalid_cursor"),
        ("last: 900, sort: [secret_ASC]", "forbidden"),
    ],
)
async def test_bad_pages(graphql: Ask, arguments: str, code: str) -> None:
    """Pages that can't be are refused."""
    assert codes(await graphql(f"{{ postsConnection({arguments}) {{ totalCount }} }}")) == [(code, ["postsConnection"])]


async def test_cursors_of_other_lists(graphql: Ask) -> None:
    """A cursor is one of its list: with another filter or order it is refused."""
    cursor = (await page(graphql, first=1))["pageInfo"]["endCursor"]
    for words in ({"sort": ["score_ASC"]}, {"where": {"title": {"ne": "x"}}}):
        assert codes(await graphql(PAGE, before=cursor, **words)) == [("invalid_cursor", ["postsConnection"])]


async def test_searches(graphql: Ask) -> None:
    """A sorted search has pages backward too."""
    document = """{ postsConnection(last: 2, search: "post", sort: [title_ASC]) { nodes { title }
      pageInfo { hasPreviousPage } } }"""
    assert (await graphql(document))["data"]["postsConnection"] == {
        "nodes": [{"title": "Post 5"}, {"title": "Post 6"}], "pageInfo": {"hasPreviousPage": True},
    }  # fmt: skip


async def test_several_selections(graphql: Ask) -> None:
    """Each selection of a page's records has its own fields and related records."""
    author = (await graphql('mutation { createAuthor(input: {name: "Ada"}) { id } }'))["data"]["createAuthor"]["id"]
    await graphql('mutation ($a: ID) { updatePost(id: "p0", patch: {author: $a}) { id } }', a=author)
    await graphql('mutation { createComment(postId: "p0", input: {text: "c"}) { id } }')
    answer = await graphql(
        """{ postsConnection(first: 1) {
          nodes { x: title author { name } } edges { __typename cursor node { x: id author { id } } again: cursor }
          more: edges { node { comments { text } } } __typename } }"""
    )
    shown = answer["data"]["postsConnection"]
    assert shown["nodes"] == [{"x": "Post 0", "author": {"name": "Ada"}}]
    (edge,) = shown["edges"]
    assert [*edge] == ["__typename", "cursor", "node", "again"]
    assert edge["node"] == {"x": "p0", "author": {"id": author}}
    assert edge["cursor"] == edge["again"]
    assert shown["more"] == [{"node": {"comments": [{"text": "c"}]}}]
    assert shown["__typename"] == "PostConnection"


# ------------------------------------------------------------ within records


async def test_within_records(graphql: Ask) -> None:
    """Records that come with others have pages both ways, by cursors that go on for each of them."""
    for number, stars in enumerate((2, None, 1, 2, 5)):
        for post in ("p0", "p1"):
            body = {"text": f"{post} {number}", "stars": stars}
            await graphql(
                "mutation ($p: ID!, $c: CommentInput!) { createComment(postId: $p, input: $c) { id } }", p=post, c=body
            )
    document = """query ($first: Int, $after: String, $last: Int, $before: String, $sort: [CommentSort!]) {
      post(id: "p0") { title page: commentsConnection(
          first: $first, after: $after, last: $last, before: $before, sort: $sort, where: {text: {ne: "p0 4"}}) {
        totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        edges { cursor node { text } } } } }"""
    for sort, texts in ((None, "0123"), (["stars_DESC"], "3021"), (["stars_ASC"], "1203")):
        forward, cursor = "", None
        for has_next in (True, False):
            shown = (await graphql(document, first=2, after=cursor, sort=sort))["data"]["post"]["page"]
            forward += "".join(edge["node"]["text"][-1] for edge in shown["edges"])
            info = shown["pageInfo"]
            assert (info["hasNextPage"], info["hasPreviousPage"]) == (has_next, cursor is not None)
            assert shown["totalCount"] == 4
            cursor = info["endCursor"]
        backward, cursor = "", None
        for has_previous in (True, True, False):
            shown = (await graphql(document, last=2 if has_previous and not cursor else 1, before=cursor, sort=sort))[
                "data"
            ]["post"]["page"]
            backward = "".join(edge["node"]["text"][-1] for edge in shown["edges"]) + backward
            info = shown["pageInfo"]
            assert (info["hasPreviousPage"], info["hasNextPage"]) == (has_previous, cursor is not None)
            cursor = info["startCursor"]
        assert forward == backward == texts, sort


async def test_within_connections(graphql: Ask) -> None:
    """Connections are nested in lists and connections, beside plain lists of the same records, and alone have a
    number."""
    for number in range(3):
        await graphql('mutation ($t: String) { createComment(postId: "p1", input: {text: $t}) { id } }', t=str(number))
    answer = await graphql(
        """{ postsConnection(first: 2) { edges { node { id
          comments(limit: 1) { text } commentsConnection(first: 2) { nodes { text } pageInfo { hasNextPage } }
          number: commentsConnection { totalCount } } } } }"""
    )
    (first, second) = [edge["node"] for edge in answer["data"]["postsConnection"]["edges"]]
    empty: dict[str, Any] = {"nodes": [], "pageInfo": {"hasNextPage": False}}
    assert first == {"id": "p0", "comments": [], "commentsConnection": empty, "number": {"totalCount": 0}}
    assert second == {
        "id": "p1", "comments": [{"text": "0"}], "number": {"totalCount": 3},
        "commentsConnection": {"nodes": [{"text": "0"}, {"text": "1"}], "pageInfo": {"hasNextPage": True}},
    }  # fmt: skip


async def test_cost(graphql: Ask) -> None:
    """Pages within records count for each of them, also where they are only counted."""
    for inner in ("nodes { text }", "totalCount"):
        answer = await graphql(f"{{ posts(limit: 100) {{ commentsConnection(first: 10) {{ {inner} }} }} }}")
        assert codes(answer) == [("too_costly", ["posts"])]


async def test_hidden_records(graphql: Ask) -> None:
    """Back references are by the rules: what a list hides is in no page, no number and on no side of a page."""
    author = (await graphql('mutation { createAuthor(input: {name: "Ada"}) { id } }'))["data"]["createAuthor"]["id"]
    for post in ("p0", "p8"):
        await graphql("mutation ($p: ID!, $a: ID) { updatePost(id: $p, patch: {author: $a}) { id } }", p=post, a=author)
    answer = await graphql(
        """{ authors { postsConnection(first: 1) { totalCount pageInfo { hasNextPage } nodes { id } } } }"""
    )
    assert answer["data"]["authors"] == [
        {"postsConnection": {"totalCount": 1, "pageInfo": {"hasNextPage": False}, "nodes": [{"id": "p0"}]}}
    ]
    for inner in ("sort: [secret_ASC]", 'where: {secret: {eq: "x"}}', "filter: \"record.secret == 'x'\""):
        refused = await graphql(f"{{ authors {{ postsConnection({inner}) {{ totalCount }} }} }}")
        assert codes(refused) == [("forbidden", ["authors"])], inner


async def test_page_without_records_within(graphql: Ask) -> None:
    """`first: 0` within a record has the total alone, and says whether there are records."""
    await graphql('mutation { createComment(postId: "p0", input: {text: "c"}) { id } }')
    inner = "totalCount edges { cursor } pageInfo { hasNextPage endCursor }"
    for id, total in (("p0", 1), ("p1", 0)):
        answer = await graphql(f'{{ post(id: "{id}") {{ commentsConnection(first: 0) {{ {inner} }} }} }}')
        assert answer["data"]["post"]["commentsConnection"] == {
            "totalCount": total, "edges": [], "pageInfo": {"hasNextPage": total > 0, "endCursor": None},
        }  # fmt: skip
