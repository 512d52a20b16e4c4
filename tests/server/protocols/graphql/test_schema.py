"""The schema of collections as they are declared, also on a running server."""

from __future__ import annotations

from typing import Any

from hinterland.contract.fields import List, Reference, Text
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.protocols.graphql.schema import schema_of
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


async def test_what_is_declared_for_readers(storage: Storage) -> None:
    """Descriptions and deprecations of collections and fields are in GraphQL's schema and in the API's description;
    a view stays what it is where they change."""
    fields = {
        "title": Text(description="Shown in lists"),
        "name": Text(deprecated="use title"),
        "author": Reference(to="users", description="Who wrote it", deprecated="gone soon"),
    }
    noted = Collection(name="posts", fields=fields, rules=EVERYBODY, description="What people write")
    async with serving(storage, collections=(users(), noted), graphql_introspection=True) as api:
        query = """{ __type(name: "Post") { description fields(includeDeprecated: true) {
          name description deprecationReason } } input: __type(name: "PostInput") {
          inputFields(includeDeprecated: true) { name description deprecationReason } } }"""
        data = (await asked(api, query))["data"]
        assert data["__type"]["description"] == "What people write"
        shown = {each["name"]: (each["description"], each["deprecationReason"]) for each in data["__type"]["fields"]}
        assert (shown["title"], shown["name"]) == (("Shown in lists", None), (None, "use title"))
        assert shown["author"] == shown["authorId"] == ("Who wrote it", "gone soon")
        inputs = {each["name"]: each["deprecationReason"] for each in data["input"]["inputFields"]}
        assert inputs == {"title": None, "name": "use title", "author": "gone soon"}
        schemas = (await api("GET", "/openapi.json")).json()["components"]["schemas"]
        for form in ("posts_record", "posts_body", "posts_patch"):
            found = schemas[form]["properties"]
            assert found["title"]["description"] == "Shown in lists"
            assert found["name"]["deprecated"] is True
        described = (await api("GET", "/v1/schema")).json()["collections"][1]
        assert (described["description"], described["fields"]["name"]["deprecated"]) == (
            "What people write",
            "use title",
        )
        plain = Catalogue([users(), Collection(name="posts", fields={**fields, "title": Text()})], "sqlite")["posts"]
        assert api.backend.catalogue["posts"].definition != plain.definition  # which has another rule
        same = Collection(name="posts", fields={**fields, "title": Text(), "name": Text()}, rules=EVERYBODY)
        assert api.backend.catalogue["posts"].definition == Catalogue([users(), same], "sqlite")["posts"].definition


def test_every_root_field_says_what_it_does() -> None:
    """Each field of a query, a mutation and a subscription has a description, for editors."""
    schema = schema_of(Catalogue([users(), POSTS], "sqlite"))
    roots = [schema.query_type, schema.mutation_type, schema.subscription_type]
    silent = [name for root in roots if root for name, field in root.fields.items() if not field.description]
    assert silent == []


def test_what_is_never_null() -> None:
    """A required field is never null where no rule hides it; inputs may leave it out."""
    fields = {
        "title": Text(required=True),
        "note": Text(),
        "secret": Text(required=True, read="auth.id == record.title"),
        "author": Reference(to="users", required=True),
        "tags": List(required=True),
        "state": Text(required=True, choices=("open", "done")),
    }
    found = schema_of(Catalogue([users(), Collection(name="posts", fields=fields, rules=EVERYBODY)], "sqlite"))
    types: Any = found.type_map
    shown = {name: str(each.type) for name, each in types["Post"].fields.items() if name in {*fields, "authorId"}}
    assert shown == {
        "title": "String!", "note": "String", "secret": "String", "author": "User", "authorId": "ID!",
        "tags": "[String!]!", "state": "PostState!",
    }  # fmt: skip
    assert {str(each.type) for each in types["PostInput"].fields.values()} == {"String", "ID", "[String]", "PostState"}
