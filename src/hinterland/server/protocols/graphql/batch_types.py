"""The types of mutations that write many records: `batch`, and the bulk inserts of each collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
    GraphQLUnionType,
)

from hinterland.server.protocols.graphql.scalars import INTEGER, JSON


def batch_type(types: Sequence[GraphQLObjectType]) -> GraphQLObjectType:
    """What a batch did; the records are of `types`."""
    record = GraphQLUnionType("AnyRecord", types)
    result = GraphQLObjectType(
        "BatchWriteResult",
        {
            "status": GraphQLField(GraphQLNonNull(GraphQLInt), description="201: created, 200: changed, 204: deleted"),
            "id": GraphQLField(GraphQLNonNull(GraphQLID)),
            "record": GraphQLField(record, description="As the whole batch leaves it"),
        },
    )
    results = GraphQLNonNull(GraphQLList(GraphQLNonNull(result)))
    return GraphQLObjectType(
        "BatchResult", {"revision": GraphQLField(GraphQLNonNull(INTEGER)), "results": GraphQLField(results)}
    )


def batch_arguments(mutations: Mapping[str, GraphQLField]) -> dict[str, GraphQLArgument]:
    """The writes of a batch: each is one of the `mutations`, with the arguments that this has."""
    fields = {
        name: GraphQLInputField(_arguments_type(name, field), extensions=field.extensions)
        for name, field in mutations.items()
    }
    write = GraphQLInputObjectType("BatchWrite", fields, is_one_of=True)
    return {"writes": GraphQLArgument(GraphQLNonNull(GraphQLList(GraphQLNonNull(write))))}


def _arguments_type(name: str, mutation: GraphQLField) -> GraphQLInputObjectType:
    fields: dict[str, Any] = {
        word: GraphQLInputField(argument.type, description=argument.description)
        for word, argument in mutation.args.items()
    }
    return GraphQLInputObjectType(f"{name[0].upper()}{name[1:]}Write", fields)


def bulk_type() -> GraphQLObjectType:
    """What a bulk insert did."""
    left_out = GraphQLObjectType(
        "LeftOutRow",
        {
            "row": GraphQLField(GraphQLNonNull(GraphQLInt), description="Its place from 0"),
            "code": GraphQLField(GraphQLNonNull(GraphQLString)),
            "message": GraphQLField(GraphQLNonNull(GraphQLString)),
            "errors": GraphQLField(JSON, description="The messages of each field"),
        },
    )
    return GraphQLObjectType(
        "BulkResult",
        {
            "created": GraphQLField(GraphQLNonNull(GraphQLInt)),
            "changed": GraphQLField(GraphQLNonNull(GraphQLInt)),
            "ids": GraphQLField(GraphQLNonNull(GraphQLList(GraphQLID)), description="null: the row was left out"),
            "refused": GraphQLField(GraphQLNonNull(GraphQLList(GraphQLNonNull(left_out)))),
            "revision": GraphQLField(GraphQLNonNull(INTEGER)),
        },
    )


def bulk_arguments(upsert: GraphQLField | None, body: GraphQLArgument) -> dict[str, GraphQLArgument]:
    """The arguments of a bulk insert of several of `body`; `upsert` is the mutation that writes to what it finds."""
    of = body.type.of_type if isinstance(body.type, GraphQLNonNull) else body.type
    made = {"input": GraphQLArgument(GraphQLNonNull(GraphQLList(GraphQLNonNull(of))))}
    if upsert is not None:
        by = upsert.args["by"].type
        made["by"] = GraphQLArgument(
            by.of_type if isinstance(by, GraphQLNonNull) else by,
            description="A unique field: records that have a row's value in it are changed",
        )
    atomic = "Whether nothing is written where a row is refused; else such rows are left out"
    return {**made, "atomic": GraphQLArgument(GraphQLBoolean, default_value=True, description=atomic)}
