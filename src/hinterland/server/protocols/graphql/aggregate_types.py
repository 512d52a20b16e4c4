"""The types of aggregates.

The columns of the result are fields, under the names that REST gives them (`contract/result_columns.py`): `count`,
`sum_price`, `created_at_month`. Those that are selected are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
)

from hinterland.contract.aggregation import VALUES, Aggregation
from hinterland.contract.errors import Refusal
from hinterland.contract.graphql_names import NAME
from hinterland.contract.matching import sortable_names
from hinterland.contract.query import MAX_LIMIT
from hinterland.contract.records import META, Collection
from hinterland.contract.result_columns import ResultColumn, columns_of, parts_of
from hinterland.server.protocols.graphql.enums import Enums
from hinterland.server.protocols.graphql.scalars import JSON, SCALARS

GROUP = "group"
COLUMN = "column"
"""The key of `extensions` under which a field of a group has the word of the question and what it asks of it."""


def aggregate_type(name: str, collection: Collection, enums: Enums) -> GraphQLObjectType:
    """The type of the aggregates of a collection, whose type is called `name`."""
    row = GraphQLObjectType(f"{name}Group", lambda: _columns(collection, enums))
    return GraphQLObjectType(
        f"{name}Aggregate",
        {
            "groups": GraphQLField(GraphQLNonNull(GraphQLList(GraphQLNonNull(row)))),
            "next": GraphQLField(GraphQLString, description="What `after` takes for the groups behind these"),
        },
    )


def aggregate_arguments(
    name: str, collection: Collection, of_lists: Mapping[str, GraphQLArgument]
) -> dict[str, GraphQLArgument]:
    """The arguments of the aggregates: those of lists, but for groups."""
    found = {word: of_lists[word] for word in ("where", "filter", "search")}
    groups = {column.name: text for (word, text), column in _known(collection).items() if word == GROUP}
    by = GraphQLEnumType(f"{name}GroupBy", groups)
    columns = "Columns of the result that are selected or grouped by"
    return {
        "groupBy": GraphQLArgument(GraphQLList(GraphQLNonNull(by))),
        **found,
        "having": GraphQLArgument(GraphQLString, description=f"An expression in CEL. {columns}"),
        "sort": GraphQLArgument(GraphQLList(GraphQLNonNull(GraphQLString)), description=f"`-sum_price`. {columns}"),
        "limit": GraphQLArgument(GraphQLInt, default_value=MAX_LIMIT),
        "after": GraphQLArgument(GraphQLString),
    }


def _known(collection: Collection) -> dict[tuple[str, str], ResultColumn]:
    """The columns that can be asked for, by the word of the question and its text; of two with one name the first."""
    named: dict[str, tuple[tuple[str, str], ResultColumn]] = {}
    for word, text in _questions(collection):
        asked: dict[str, Any] = {word: (text,)}
        try:
            (column,) = columns_of(collection, Aggregation(**asked))
        except Refusal:
            continue  # a sum of what is no number
        if NAME.fullmatch(column.name):
            named.setdefault(column.name, ((word, text), column))
    return dict(named.values())


def _questions(collection: Collection) -> Iterator[tuple[str, str]]:
    sortable = list(dict.fromkeys(sortable_names(collection)))
    for name in sortable:
        yield GROUP, name
        yield from [(GROUP, f"{name}:{part}") for part in parts_of(collection, name)]
    for text in ("*", *collection.fields, *META, *[f"distinct:{name}" for name in sortable]):
        yield "count", text
    for word in VALUES[1:]:
        yield from [(word, name) for name in sortable]


def _columns(collection: Collection, enums: Enums) -> dict[str, GraphQLField]:
    return {
        column.name: GraphQLField(_type(collection, column, enums), extensions={COLUMN: question})
        for question, column in _known(collection).items()
    }


def _type(collection: Collection, column: ResultColumn, enums: Enums) -> Any:
    field = collection.fields.get(column.field)
    is_value = column.act in (GROUP, "min", "max") and not column.part
    if is_value and (column.field == "id" or (field is not None and field.link is not None)):
        return GraphQLID
    made = (enums.of(collection, column.field, field) if is_value else None) or SCALARS.get(column.type, JSON)
    return GraphQLNonNull(made) if column.act in ("count", "distinct") else made
