"""A schema as a subgraph of a federation (Apollo Federation 2): what a gateway asks for, and the text that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    is_introspection_type,
    is_specified_scalar_type,
    print_type,
)

_LINK = (
    'extend schema @link(url: "https://specs.apollo.dev/link/v1.0")'
    ' @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])'
)
KEYS = "keys"
"""The key of `extensions` under which the union of all entities has the keys of each."""
_OWN = frozenset({"_Any", "_Entity", "_Service"})
_SHARED = frozenset({"PageInfo"})
"""Types that other subgraphs have too, with the same fields."""


def subgraph_fields(
    keys: Mapping[str, Sequence[str]], types: Sequence[GraphQLObjectType], extensions: Mapping[str, Mapping[str, Any]]
) -> dict[str, GraphQLField]:
    """The root fields that a gateway asks: the schema, and the records of `types` by their `keys`, by the name of the
    type."""
    service = GraphQLObjectType("_Service", {"sdl": GraphQLField(GraphQLNonNull(GraphQLString))})
    fields = {"_service": GraphQLField(GraphQLNonNull(service), extensions={**extensions["_service"]})}
    if types:
        representations = GraphQLNonNull(GraphQLList(GraphQLNonNull(GraphQLScalarType("_Any"))))
        fields["_entities"] = GraphQLField(
            GraphQLNonNull(GraphQLList(GraphQLUnionType("_Entity", types, extensions={KEYS: keys}))),
            args={"representations": GraphQLArgument(representations)},
            extensions={**extensions["_entities"]},
        )
    return fields


def subgraph_text(schema: GraphQLSchema) -> str:
    """The schema with the directives of a federation, without the fields that each subgraph has."""
    union = schema.type_map.get("_Entity")
    keys: Mapping[str, Sequence[str]] = {} if union is None else union.extensions[KEYS]
    parts = [_LINK]
    if any(isinstance(each, GraphQLInputObjectType) and each.is_one_of for each in schema.type_map.values()):
        parts.append("directive @oneOf on INPUT_OBJECT")  # which composition does not know
    for name, each in schema.type_map.items():
        if is_introspection_type(each) or is_specified_scalar_type(each) or name in _OWN:
            continue
        if each is schema.query_type:
            kept = {
                key: field for key, field in schema.query_type.fields.items() if key not in ("_service", "_entities")
            }
            each = GraphQLObjectType(name, kept)
        keyed = " ".join([f'@key(fields: "{key}")' for key in keys.get(name, ())])
        directive = keyed or ("@shareable" if name in _SHARED else "")
        parts.append(_with_directive(each, directive))
    return "\n\n".join(parts)


def _with_directive(type: GraphQLNamedType, directive: str) -> str:
    text = f"\n{print_type(type)}"
    if not directive:
        return text[1:]
    head = f"\ntype {type.name} {{"  # the only line of it without indentation; descriptions come before
    before, _, after = text.rpartition(head)
    return f"{before}\ntype {type.name} {directive} {{{after}"[1:]
