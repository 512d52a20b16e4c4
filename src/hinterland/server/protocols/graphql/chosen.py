"""The fields that an operation selects, with what is known of their types, and the arguments of lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import FieldNode, GraphQLField, GraphQLObjectType, get_named_type

from hinterland.contract.errors import Refusal
from hinterland.contract.query import DEFAULT_LIMIT, MAX_LIMIT


class Chosen(NamedTuple):
    """A field of the response under a `key`: all its nodes, which are selected together."""

    key: str
    field: GraphQLField
    nodes: list[FieldNode]


def name_of(chosen: Chosen) -> str:
    """The name of a field in the schema."""
    return chosen.nodes[0].name.value


def object_type(chosen: Chosen) -> GraphQLObjectType:
    """The type of a field's value, or of the items of its list."""
    named = get_named_type(chosen.field.type)
    assert isinstance(named, GraphQLObjectType)
    return named


def limit_of(given: Mapping[str, Any], name: str = "limit", default: int = DEFAULT_LIMIT, least: int = 1) -> int:
    """How many records are wanted at most. Raises `invalid_query`."""
    limit = given.get(name)
    limit = default if limit is None else limit
    if not least <= limit <= MAX_LIMIT:
        raise Refusal("invalid_query", f"{name} must be {least} to {MAX_LIMIT:,}")
    return int(limit)


def offset_of(given: Mapping[str, Any]) -> int:
    """How many records are left out. Raises `invalid_query`."""
    offset = given.get("offset") or 0
    if not 0 <= offset <= 1_000_000:
        raise Refusal("invalid_query", "offset must be 0 to 1,000,000")
    return int(offset)
