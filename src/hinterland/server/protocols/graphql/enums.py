"""Enumerations: the types of texts that are one of several names."""

from __future__ import annotations

from graphql import GraphQLEnumType

from hinterland.contract.graphql_names import enum_name, named_choices
from hinterland.contract.kinds.field import Field
from hinterland.contract.records import Collection


class Enums:
    """Makes each of them once."""

    def __init__(self) -> None:
        self._made: dict[str, GraphQLEnumType] = {}

    def of(self, collection: Collection, name: str, field: Field | None) -> GraphQLEnumType | None:
        """The type of a field's value, or of the items of a list; None for one whose values are no names."""
        choices = () if field is None else named_choices(field)
        if not choices:
            return None
        title = enum_name(collection, name)
        if title not in self._made:
            self._made[title] = GraphQLEnumType(title, {choice: choice for choice in choices})
        return self._made[title]
