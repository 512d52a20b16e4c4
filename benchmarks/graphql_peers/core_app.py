"""The measured questions in graphql-core, with resolvers by hand over sqlite3 and as little around it as can be.

`python -m benchmarks.graphql_peers.core_app PORT FOLDER` serves it under uvicorn. Documents are parsed
and validated once; records that refer to others are read with one statement a level; resolvers are plain functions.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from graphql import DocumentNode, ExecutionResult, GraphQLResolveInfo, build_schema, execute, parse, validate
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

from benchmarks.graphql_peers.store import Store, Tokens
from benchmarks.related_data import COMMENTS, LIKES

SDL = """
type Article { id: ID! title: String! rank: Float! category: String! done: Boolean! due: String! }
type Like { id: ID! title: String! rank: Float! done: Boolean! }
type Comment { id: ID! title: String! rank: Float! done: Boolean! likes: [Like!]! }
type Post { id: ID! title: String! rank: Float! done: Boolean! comments: [Comment!]! }
type Query { articles(category: String!, limit: Int!): [Article!]! posts(limit: Int!): [Post!]! }
"""
schema = build_schema(SDL)


def _resolve_articles(_: Any, info: GraphQLResolveInfo[Any], category: str, limit: int) -> list[dict[str, Any]]:
    names = ("id", "title", "rank", "category", "done", "due")
    return [dict(zip(names, row, strict=True)) for row in info.context.articles(category, limit)]


def _resolve_posts(_: Any, info: GraphQLResolveInfo[Any], limit: int) -> list[dict[str, Any]]:
    """Posts with everything below them, one statement a level."""
    store = info.context
    posts = [_record(row) for row in store.posts(limit)]
    comments = store.referring("comments", "post", [post["id"] for post in posts], COMMENTS)
    likes = store.referring("likes", "comment", [row[0] for rows in comments.values() for row in rows], LIKES)
    for post in posts:
        post["comments"] = [_record(row) for row in comments[post["id"]]]
        for comment in post["comments"]:
            comment["likes"] = [_record(row) for row in likes[comment["id"]]]
    return posts


def _record(row: tuple[Any, ...]) -> dict[str, Any]:
    id, title, rank, done = row
    return {"id": id, "title": title, "rank": rank, "done": done == 1}


_query = schema.query_type
assert _query is not None
_query.fields["articles"].resolve = _resolve_articles
_query.fields["posts"].resolve = _resolve_posts


@lru_cache(100)
def _document(text: str) -> DocumentNode:
    document = parse(text)
    if errors := validate(schema, document):
        raise errors[0]
    return document


class CoreApplication:
    """The ASGI application."""

    def __init__(self, folder: Path) -> None:
        self._store, self._tokens = Store(folder), Tokens(folder)

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one request."""
        assert scope["type"] == "http"
        header = dict(scope["headers"]).get(b"authorization", b"").decode()
        if scope["method"] == "GET":
            await _answer(send, 200, b"")
            return
        body, more = b"", True
        while more:
            message: Any = await receive()
            body, more = body + message["body"], message["more_body"]
        if not self._tokens.user(header):
            await _answer(send, 401, b'{"errors":[{"message":"sign in"}]}')
            return
        asked = msgspec.json.decode(body)
        variables = asked.get("variables")
        done = execute(schema, _document(asked["query"]), context_value=self._store, variable_values=variables)
        assert isinstance(done, ExecutionResult)
        await _answer(send, 200, msgspec.json.encode(done.formatted))


async def _answer(send: ASGISendCallable, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})


if __name__ == "__main__":
    app: Any = CoreApplication(Path(sys.argv[2]))
    uvicorn.run(app, port=int(sys.argv[1]), lifespan="off", access_log=False, log_level="error")
