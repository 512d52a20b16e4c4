"""The types of the arguments that say which records are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
)

from hinterland.contract.graphql_names import NAME, graphql_names
from hinterland.contract.kinds.field import Field
from hinterland.contract.query import DEFAULT_LIMIT
from hinterland.contract.records import META
from hinterland.kit.cel.types import Type
from hinterland.server.data.catalogue import Entry
from hinterland.server.protocols.graphql.enums import Enums
from hinterland.server.protocols.graphql.scalars import JSON, SCALARS


class ArgumentTypes:
    """Makes each of them once."""

    def __init__(self, enums: Enums) -> None:
        self._enums = enums
        self._filters: dict[str, GraphQLInputObjectType] = {}
        self._wheres: dict[str, GraphQLInputObjectType] = {}
        self._sorts: dict[str, GraphQLEnumType] = {}

    def of_lists(self, entry: Entry) -> dict[str, GraphQLArgument]:
        """Those of a list."""
        return {
            "where": GraphQLArgument(self.where(entry)),
            "filter": GraphQLArgument(GraphQLString, description="An expression in CEL, as in REST's lists"),
            "search": GraphQLArgument(GraphQLString),
            "sort": GraphQLArgument(GraphQLList(GraphQLNonNull(self._sort(entry)))),
            "limit": GraphQLArgument(GraphQLInt, default_value=DEFAULT_LIMIT),
            "offset": GraphQLArgument(GraphQLInt),
        }

    def of_connections(self, entry: Entry) -> dict[str, GraphQLArgument]:
        """Those of a connection."""
        arguments = self.of_lists(entry)
        del arguments["limit"], arguments["offset"]
        places = {"first": GraphQLInt, "after": GraphQLString, "last": GraphQLInt, "before": GraphQLString}
        return {**arguments, **{name: GraphQLArgument(of) for name, of in places.items()}}

    def _sort(self, entry: Entry) -> GraphQLEnumType:
        made = self._sorts.get(entry.name)
        if made is None:
            sortable = [name for name, field in entry.collection.fields.items() if field.is_sortable]
            names = [name for name in dict.fromkeys([*META, *sortable]) if NAME.fullmatch(name)]
            values = {f"{name}_{way}": sign + name for name in names for way, sign in (("ASC", ""), ("DESC", "-"))}
            made = self._sorts[entry.name] = GraphQLEnumType(f"{graphql_names(entry.collection).type}Sort", values)
        return made

    def where(self, entry: Entry) -> GraphQLInputObjectType:
        """The type of conditions."""
        made = self._wheres.get(entry.name)
        if made is None:
            made = GraphQLInputObjectType(
                f"{graphql_names(entry.collection).type}Where", lambda: self._conditions(entry)
            )
            self._wheres[entry.name] = made
        return made

    def _conditions(self, entry: Entry) -> dict[str, GraphQLInputField]:
        own = self.where(entry)
        fields = {
            "AND": GraphQLInputField(GraphQLList(GraphQLNonNull(own))),
            "OR": GraphQLInputField(GraphQLList(GraphQLNonNull(own))),
            "NOT": GraphQLInputField(own),
        }
        kinds: Mapping[str, Type] = entry.book.kinds
        for name in dict.fromkeys([*META, *entry.collection.fields]):
            field = entry.collection.fields.get(name)
            if NAME.fullmatch(name) and name in kinds and (field is None or field.is_sortable):
                enum = self._enums.of(entry.collection, name, field)
                fields[name] = GraphQLInputField(self._filter(name, kinds[name], field, enum))
        return fields

    def _filter(
        self, name: str, kind: Type, field: Field | None, enum: GraphQLEnumType | None
    ) -> GraphQLInputObjectType:
        is_id = name == "id" or (field is not None and field.link is not None)
        scalar: Any = enum or (GraphQLID if is_id else SCALARS.get(kind, JSON))
        title = f"{scalar.name}Filter"
        made = self._filters.get(title)
        if made is None:
            has_order = scalar not in (enum, GraphQLBoolean, GraphQLID, JSON)
            words = ["eq", "ne", "lt", "lte", "gt", "gte"] if has_order else ["eq", "ne"]
            fields = {word: GraphQLInputField(scalar) for word in words}
            fields["in"] = GraphQLInputField(GraphQLList(GraphQLNonNull(scalar)))
            if scalar is GraphQLString:
                fields |= {word: GraphQLInputField(scalar) for word in ("contains", "startsWith", "endsWith")}
            fields["exists"] = GraphQLInputField(GraphQLBoolean)
            made = self._filters[title] = GraphQLInputObjectType(title, fields)
        return made
