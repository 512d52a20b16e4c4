"""Node ids: how records are distinguished and found again, whatever their type and whatever they are below."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinterland.contract.fields import Reference, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.protocol import Storage
from tests.server.protocols.asgi import Stream, ask
from tests.server.protocols.graphql.asking import Ask, asking

APP = App(
    collections=[
        Collection(name="users", fields={"name": Text()}, rules=EVERYBODY),
        Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY, ids="integer"),
        Collection(
            name="comments",
            parent="posts",
            fields={"text": Text(), "author": Reference(to="tags")},
            rules=EVERYBODY,
        ),
        Collection(name="likes", parent="comments", fields={"by": Text()}, rules=EVERYBODY),
        Collection(name="tags", fields={"nodeId": Text()}, rules=EVERYBODY),
        Collection(name="diaries", fields={}, rules=Rules(view="auth.id != ''", create="true")),
    ],
    settings=Settings(auth=AuthSettings(hash_memory_kib=8, hash_passes=1)),
)


@pytest.fixture
async def server(storage: Storage) -> AsyncIterator[Server]:
    """A running server with two posts, which have comments and likes with equal ids below, on each database."""
    made = Server(APP, storage)
    async with made.running():
        for post in (1, 2):
            await ask(made, "POST", "/v1/records/posts", {"title": f"t{post}"})
            comment = {"id": 'a"é', "text": f"of {post}", "author": "t"}
            if post == 1:
                await ask(made, "POST", "/v1/records/tags", {"id": "t", "nodeId": "own"})
            created = await ask(made, "POST", f"/v1/records/posts/{post}/comments", comment)
            assert created.status == 201, created.body
            path = f"/v1/records/posts/{post}/comments/" + "a%22%C3%A9/likes"
            assert (await ask(made, "POST", path, {"id": "x", "by": f"of {post}"})).status == 201
        yield made


@pytest.fixture
def graphql(server: Server) -> Ask:
    """Asks it."""
    return asking(server)


async def shown(graphql: Ask, query: str, **variables: Any) -> Any:
    """What a query shows."""
    answer = await graphql(query, **variables)
    assert "errors" not in answer, answer
    return answer["data"]


COMMENTS = [{"nodeId": f'Comment:{post}/a"é', "postId": str(post), "text": f"of {post}"} for post in (1, 2)]
LIKES = [{"nodeId": f'Like:{post}/a"é/x', "postId": str(post), "commentId": 'a"é'} for post in (1, 2)]


async def test_every_way_to_a_record(graphql: Ask) -> None:
    """A record has the same node id, and the same ids of those above it, however it is read: in lists and connections
    at the root and within records, alone, after a write, and by a record that it refers to."""
    comment, like = "nodeId postId text", "nodeId postId commentId"
    found = await shown(
        graphql,
        f"""{{
          posts {{ nodeId comments {{ {comment} likes {{ {like} }} }} commentsConnection {{ nodes {{ {comment} }} }} }}
          comments(postId: 1) {{ {comment} likesConnection {{ edges {{ node {{ {like} }} }} }} }}
          commentsConnection(postId: 2, first: 1) {{ edges {{ node {{ {comment} }} }} }}
          comment(postId: 2, id: "a\\"é") {{ {comment} likes {{ {like} }} }}
          likes(postId: 2, commentId: "a\\"é") {{ {like} by }}
          tags {{ nodeId comments {{ {comment} likes {{ {like} }} }} }}
        }}""",
    )
    with_likes = [{**comment, "likes": [like]} for comment, like in zip(COMMENTS, LIKES, strict=True)]
    assert found["posts"] == [
        {"nodeId": f"Post:{number}", "comments": [one], "commentsConnection": {"nodes": [COMMENTS[number - 1]]}}
        for number, one in ((1, with_likes[0]), (2, with_likes[1]))
    ]
    assert found["comments"] == [{**COMMENTS[0], "likesConnection": {"edges": [{"node": LIKES[0]}]}}]
    assert found["commentsConnection"] == {"edges": [{"node": COMMENTS[1]}]}
    assert found["comment"] == with_likes[1]
    assert found["likes"] == [{**LIKES[1], "by": "of 2"}]
    assert found["tags"] == [{"nodeId": "own", "comments": with_likes}]
    written = await shown(
        graphql,
        f"""mutation {{
        updateComment(postId: 1, id: "a\\"é", patch: {{text: "of 1"}}) {{ {comment} likes {{ {like} }} }}
        one: createLike(postId: 1, commentId: "a\\"é", id: "y", input: {{}}) {{ {like} }}
        batch(writes: [{{createComment: {{postId: 2, id: "b", input: {{}}}}}}]) {{
          results {{ record {{ ... on Comment {{ nodeId postId }} }} }} }} }}""",
    )
    assert written["updateComment"] == with_likes[0]
    assert written["one"] == {**LIKES[0], "nodeId": 'Like:1/a"é/y'}
    assert written["batch"]["results"] == [{"record": {"nodeId": "Comment:2/b", "postId": "2"}}]


async def test_fast_lists(graphql: Ask) -> None:
    """Node ids of records that are below no other are made by the database, whatever their ids are."""
    await graphql('mutation { createUser(id: "q\\"\\\\ü", input: {name: "n"}) { id } }')
    found = await shown(graphql, "{ posts(sort: [id_ASC]) { x: nodeId id } users { nodeId } }")
    assert found == {
        "posts": [{"x": "Post:1", "id": "1"}, {"x": "Post:2", "id": "2"}],
        "users": [{"nodeId": 'User:q"\\ü'}],
    }


@pytest.mark.parametrize(
    ("given", "text"),
    [('Comment:1/a"é', "of 1"), ('Comment:2/a"é', "of 2"), ('Like:2/a"é/x', "of 2"), ("Post:2", "t2")],
)
async def test_found_again(graphql: Ask, given: str, text: str) -> None:
    """`node` finds the record of a node id, as an object of its type."""
    document = """query ($id: ID!) { node(nodeId: $id) { __typename nodeId
      ... on Comment { text } ... on Like { text: by } ...post ... on Node { same: nodeId } } }
      fragment post on Post { text: title }"""
    found = (await shown(graphql, document, id=given))["node"]
    assert found == {"__typename": given.partition(":")[0], "nodeId": given, "text": text, "same": given}


@pytest.mark.parametrize(
    "given",
    ["", "Post", "Post:", "Post:9", "Post:x", "Post:1/2", 'Comment:a"é', 'Comment:3/a"é', "Comment:1/", "Comment:1/..",
     "PageInfo:1", "Query:1", "Nothing:1", "users/1", "Diary:d", ":", "Comment:1/~x", "Post:1\0"],
)  # fmt: skip
async def test_nothing_to_find(server: Server, graphql: Ask, given: str) -> None:
    """A node id that no record has, and one of a record that the caller can't see, is null."""
    await ask(server, "POST", "/v1/records/diaries", {"id": "d"})
    answer = await graphql("query ($id: ID!) { node(nodeId: $id) { nodeId } }", id=given)
    assert answer.get("data") == {"node": None} or "\0" in given


async def test_changes(server: Server) -> None:
    """A change has the node id of its record, also where that is gone."""
    query = 'subscription { comments(filter: "true") { kind recordNodeId record { nodeId postId } } }'
    stream = Stream(server, "/graphql", ("query", query), headers={"Accept": "text/event-stream"})
    await ask(server, "POST", "/v1/records/posts/2/comments", {"id": "n"})
    made = (await stream.next()).data
    await ask(server, "DELETE", "/v1/records/posts/2/comments/n")
    gone = (await stream.next()).data
    assert '"kind":"create","recordNodeId":"Comment:2/n","record":{"nodeId":"Comment:2/n","postId":"2"}' in made
    assert '"kind":"delete","recordNodeId":"Comment:2/n","record":null' in gone
    stream.leave()
    await stream.task
