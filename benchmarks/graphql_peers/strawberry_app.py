"""The measured questions in Strawberry, as its documentation writes them: types, data loaders, its ASGI application.

`python -m benchmarks.graphql_peers.strawberry_app PORT FOLDER` serves it under uvicorn. Documents are parsed
and validated once, by Strawberry's own caches.
"""

# No postponed annotations: Strawberry reads them where they are written.

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import strawberry
import uvicorn
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

from benchmarks.graphql_peers.store import Store, Tokens
from benchmarks.related_data import COMMENTS, LIKES

FOLDER = Path(sys.argv[2]) if len(sys.argv) > 2 else Path()


@strawberry.type
class Article:
    """A record of six fields."""

    id: strawberry.ID
    title: str
    rank: float
    category: str
    done: bool
    due: str


@strawberry.type
class Like:
    """A like of a comment."""

    id: strawberry.ID
    title: str
    rank: float
    done: bool


@strawberry.type
class Comment:
    """A comment with its likes."""

    id: strawberry.ID
    title: str
    rank: float
    done: bool

    @strawberry.field
    async def likes(self, info: strawberry.Info) -> list[Like]:
        """By a loader, which asks for those of all comments at once."""
        found: list[Like] = await info.context["likes"].load(self.id)
        return found


@strawberry.type
class Post:
    """A post with its comments."""

    id: strawberry.ID
    title: str
    rank: float
    done: bool

    @strawberry.field
    async def comments(self, info: strawberry.Info) -> list[Comment]:
        """By a loader, which asks for those of all posts at once."""
        found: list[Comment] = await info.context["comments"].load(self.id)
        return found


@strawberry.type
class Query:
    """What is asked, by users who are signed in."""

    @strawberry.field
    def articles(self, info: strawberry.Info, category: str, limit: int) -> list[Article]:
        """Those of a category, lowest rank first."""
        _check(info)
        return [
            Article(id=id, title=title, rank=rank, category=category, done=bool(done), due=due)
            for id, title, rank, category, done, due in info.context["store"].articles(category, limit)
        ]

    @strawberry.field
    def posts(self, info: strawberry.Info, limit: int) -> list[Post]:
        """Lowest rank first."""
        _check(info)
        return [
            Post(id=id, title=title, rank=rank, done=bool(done))
            for id, title, rank, done in info.context["store"].posts(limit)
        ]


def _check(info: strawberry.Info) -> None:
    if not info.context["user"]:
        raise PermissionError("sign in")


class Application(GraphQL[Any, Any]):
    """Strawberry's application, with the user and the loaders of each request."""

    def __init__(self, schema: strawberry.Schema, folder: Path) -> None:
        super().__init__(schema)
        self._store, self._tokens = Store(folder), Tokens(folder)

    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:
        """What resolvers get."""
        store = self._store

        async def comments(ids: list[str]) -> list[list[Comment]]:
            found = store.referring("comments", "post", ids, COMMENTS)
            return [[Comment(id=id, title=title, rank=rank, done=bool(done)) for id, title, rank, done in found[post]]
                    for post in ids]  # fmt: skip

        async def likes(ids: list[str]) -> list[list[Like]]:
            found = store.referring("likes", "comment", ids, LIKES)
            return [[Like(id=id, title=title, rank=rank, done=bool(done)) for id, title, rank, done in found[comment]]
                    for comment in ids]  # fmt: skip

        user = self._tokens.user(request.headers.get("authorization", ""))
        loaders = {"comments": DataLoader(load_fn=comments), "likes": DataLoader(load_fn=likes)}
        return {"request": request, "response": response, "store": store, "user": user, **loaders}


schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])

if __name__ == "__main__":
    uvicorn.run(Application(schema, FOLDER), port=int(sys.argv[1]), lifespan="off", access_log=False, log_level="error")
