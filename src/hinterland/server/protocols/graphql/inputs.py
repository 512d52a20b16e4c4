"""The types of what mutations write."""

from __future__ import annotations

from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
)

from hinterland.contract.graphql_names import NAME, graphql_names, pascal
from hinterland.contract.kinds.field import Field
from hinterland.kit.cel.types import ListType, ObjectType, Type
from hinterland.server.data.catalogue import Entry
from hinterland.server.protocols.graphql.enums import Enums
from hinterland.server.protocols.graphql.scalars import JSON, SCALARS


class Inputs:
    """Makes each of them once."""

    def __init__(self, enums: Enums) -> None:
        self._enums = enums
        self._inputs: dict[str, GraphQLInputObjectType] = {}

    def of(self, entry: Entry, end: str) -> GraphQLInputObjectType:
        """The type of a body of the collection: its fields' values. `end`: of what it is the body."""
        title = f"{graphql_names(entry.collection).type}{end}"
        made = self._inputs.get(title)
        if made is None:
            fields: dict[str, GraphQLInputField] = {}
            for name, field in entry.collection.fields.items():
                if NAME.fullmatch(name):
                    enum = self._enums.of(entry.collection, name, field)
                    kind = self._input_of(f"{title}{pascal(name)}", field, enum)
                    text, reason = field.description or None, field.deprecated or None
                    fields[name] = GraphQLInputField(kind, description=text, deprecation_reason=reason)
            fields = fields or {"_": GraphQLInputField(GraphQLBoolean, description="It has no fields")}
            made = self._inputs[title] = GraphQLInputObjectType(title, fields)
        return made

    def _input_of(self, place: str, field: Field, enum: GraphQLEnumType | None) -> Any:
        if enum is not None:
            return GraphQLList(enum) if isinstance(field.type, ListType) else enum
        if field.link is not None:
            return GraphQLList(GraphQLNonNull(GraphQLID)) if isinstance(field.type, ListType) else GraphQLID
        return self._input_type(place, field.type)

    def _input_type(self, place: str, kind: Type) -> Any:
        if isinstance(kind, ListType):
            return GraphQLList(self._input_type(place, kind.element))
        if isinstance(kind, ObjectType) and kind.fields and all(map(NAME.fullmatch, kind.fields)):
            made = self._inputs.get(place)
            if made is None:
                fields = {
                    name: GraphQLInputField(self._input_type(f"{place}{pascal(name)}", inner))
                    for name, inner in kind.fields.items()
                }
                made = self._inputs[place] = GraphQLInputObjectType(place, fields)
            return made
        return SCALARS.get(kind, JSON)
