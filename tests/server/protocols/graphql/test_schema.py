"""The schema of collections as they are declared, also on a running server."""

from __future__ import annotations

from typing import Any

from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.server.storage.protocol import Storage
from tests.server.api import Api, problem, serving

POSTS = Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY)
EDGES: dict[str, Any] = {"name": "post_edges", "fields": {"text": {"kind": "text"}}, "rules": {"list": "true"}}


async def asked(api: Api, query: str) -> Any:
    """The response to a query."""
    return (await api("POST", "/graphql", json={"query": query})).json()


async def test_names_that_are_taken(storage: Storage) -> None:
    """A collection that is added to a running server under a name that GraphQL's schema has already is refused, with
    both and what to do; the schema stays, and has the collection once it is given a name of its own, and another."""
    async with serving(storage, collections=(users(), POSTS)) as api:

        async def added(**more: str) -> Any:
            return await api("POST", "/v1/admin/schema", json={"collections": [{**EDGES, **more}]}, headers=api.admin)

        refused = problem(await added(), 400, "validation")
        assert "'post_edges' and the collection 'posts' would both have the type PostEdge" in refused["message"]
        assert 'graphql="…"' in refused["message"]
        problem(await added(graphql="post link"), 400, "validation")
        assert await asked(api, "{ posts { title } }") == {"data": {"posts": []}}
        for name, field in (("PostLink", "postLinks"), ("Hyperlink", "hyperlinks")):
            assert (await added(graphql=name)).status_code == 200
            query = f"{{ {field} {{ __typename text }} posts {{ id }} }}"
            assert await asked(api, query) == {"data": {field: [], "posts": []}}
        assert "errors" in await asked(api, "{ postLinks { text } }")
