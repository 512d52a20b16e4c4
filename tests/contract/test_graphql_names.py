"""The names that collections have in GraphQL."""

from __future__ import annotations

import pytest
from graphql import GraphQLObjectType, is_introspection_type

from hinterland.contract.fields import Object, Reference, Text
from hinterland.contract.graphql_names import RESERVED, claims, collision, graphql_names
from hinterland.contract.naming import plural, singular
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.server.data.catalogue import Catalogue, DeclarationError
from hinterland.server.protocols.graphql.schema import schema_of


def named(name: str, graphql: str = "", **fields: object) -> Collection:
    """A collection that everybody may use."""
    return Collection(name=name, graphql=graphql, fields=fields, rules=EVERYBODY)  # type: ignore[arg-type]


PLACE = Object(fields={"city": Text(), "geo": Object(fields={"name": Text()})})
COLLECTIONS = [
    users(),
    named("posts", title=Text(unique=True), place=PLACE, author=Reference(to="users")),
    Collection(name="comments", parent="posts", fields={}, rules=EVERYBODY),
    named("news"),
    named("post_links", "Hyperlink", title=Text(unique=True), place=PLACE),
]


def test_all_names_of_the_schema() -> None:
    """Every type of a schema, and every field of its operations, is one that was claimed, or that every schema has."""
    schema = schema_of(Catalogue(COLLECTIONS, "sqlite"))
    known = [(claim.where, claim.name) for collection in COLLECTIONS for claim in claims(collection)]
    known += [(where, name) for where, names in RESERVED.items() for name in names]
    roots = {"query": schema.query_type, "mutation": schema.mutation_type, "subscription": schema.subscription_type}
    made = [("type", name) for name, each in schema.type_map.items() if not is_introspection_type(each)]
    made += [(where, name) for where, of in roots.items() if isinstance(of, GraphQLObjectType) for name in of.fields]
    assert [*{*made} - {*known}] == []
    assert len(made) > 100


def test_a_name_of_its_own() -> None:
    """`graphql` names the type of a collection, and the fields go by that."""
    schema = schema_of(Catalogue(COLLECTIONS, "sqlite"))
    assert schema.query_type is not None
    assert {"hyperlink", "hyperlinks", "hyperlinksConnection"} <= schema.query_type.fields.keys()
    assert "postLinks" not in schema.query_type.fields
    assert str(schema.query_type.fields["hyperlinks"].type) == "[Hyperlink!]"


@pytest.mark.parametrize(
    ("collections", "problem"),
    [
        ([named("posts"), named("post_edges")], "'post_edges' and the collection 'posts' would both have"),
        ([named("posts_connection"), named("posts")], "would both have the query postsConnection"),
        ([named("posts"), named("articles", "Post")], "would both have the type Post "),
        ([named("posts", edge=PLACE)], "the field 'edge' of 'posts' and the collection 'posts' would both"),
        ([named("posts", a_b=PLACE, aB=PLACE)], "the field 'aB' of 'posts' and the field 'a_b' of 'posts' would both"),
        ([named("posts", place=PLACE), named("post_places")], "would both have the type PostPlace"),
        *[([named(name)], f"the type {kind} in GraphQL, which is in every schema") for name, kind in (
            ("nodes", "Node"), ("query", "Query"), ("mutations", "Mutation"), ("int", "Int"), ("sessions", "Session"),
            ("page_infos", "PageInfo"))],
        ([named("me")], "the query me in GraphQL, which is in every schema"),
    ],
)  # fmt: skip
def test_collisions(collections: list[Collection], problem: str) -> None:
    """Two that would have one name in the schema are refused where they are declared, with what to do."""
    with pytest.raises(DeclarationError) as caught:
        Catalogue(collections, "sqlite")
    assert problem in str(caught.value)
    assert 'graphql="…"' in str(caught.value) or "rename the field" in str(caught.value)


def test_what_nobody_uses() -> None:
    """A collection that no rule opens is not in the schema, and takes no name."""
    assert not collision([named("posts"), named("post_edges", "PostLink")])
    Catalogue([named("posts"), Collection(name="post_edges"), Collection(name="nodes")], "sqlite")
    Catalogue([named("nodes", "Vertex"), named("posts")], "sqlite")


@pytest.mark.parametrize("name", ["post", "Post Type", "__Post", "1Post", "P" * 64, "Pöst"])
def test_no_type_name(name: str) -> None:
    """A name that no type can have is refused."""
    with pytest.raises(ValueError, match="begins with a capital"):
        named("posts", name)


@pytest.mark.parametrize("name", ["Article", "Category", "Box", "News", "Day", "BlogPerson", "Status", "Class"])
def test_plurals(name: str) -> None:
    """The plural of a type's name is another name, of which it is the singular."""
    many = plural(name)
    assert many != name
    assert singular(many) == name or many == f"{name}List"
    assert graphql_names(named("x", name)).many == many[0].lower() + many[1:]
