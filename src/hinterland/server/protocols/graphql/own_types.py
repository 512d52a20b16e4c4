"""The types of an app's own operations: arguments and results as their annotations have them."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Iterator
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLFloat,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
)
from msgspec import inspect

from hinterland.contract.graphql_names import NAME, pascal
from hinterland.contract.operations import Operation
from hinterland.contract.transfers import Download, body_field
from hinterland.server.protocols.graphql.meaning import MEANING, Meaning
from hinterland.server.protocols.graphql.scalars import BYTES_TEXT, DATE_TIME, INTEGER, JSON

log = logging.getLogger("hinterland.graphql")
_PLAIN: dict[type[inspect.Type], Any] = {
    inspect.StrType: GraphQLString, inspect.IntType: INTEGER, inspect.FloatType: GraphQLFloat,
    inspect.BoolType: GraphQLBoolean, inspect.DateTimeType: DATE_TIME, inspect.DateType: GraphQLString,
    inspect.TimeType: GraphQLString, inspect.TimeDeltaType: GraphQLString, inspect.DecimalType: GraphQLString,
    inspect.UUIDType: GraphQLString, inspect.BytesType: BYTES_TEXT, inspect.ByteArrayType: BYTES_TEXT,
    inspect.MemoryViewType: BYTES_TEXT,
}  # fmt: skip
_LISTS = (
    inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType, inspect.CollectionType,
)  # fmt: skip
_LITERALS = frozenset({"true", "false", "null"})


class OwnTypes:
    """Makes the fields of operations. `taken`: names of types that the schema has already."""

    def __init__(self, taken: Container[str]) -> None:
        self._taken = taken
        self._made: dict[str, Any] = {}
        self._named: dict[tuple[Any, bool], Any] = {}

    def fields(
        self, rows: Iterable[Operation], queries: Container[str], mutations: Container[str]
    ) -> tuple[dict[str, GraphQLField], dict[str, GraphQLField]]:
        """Those of queries and of mutations, beside others that have their names already."""
        made: tuple[dict[str, GraphQLField], dict[str, GraphQLField]] = ({}, {})
        for row in rows:
            if body_field(row.input) or row.output is Download:
                continue  # bytes, which have a path of their own
            is_query, name = row.method == "GET", _camel(row.name)
            taken = queries if is_query else mutations
            if name in taken or name in made[not is_query]:
                log.warning(
                    "the operation %r is not in GraphQL's schema: there is a field %s; rename it", row.name, name
                )
            elif (arguments := self._arguments(row)) is None:
                log.warning("the operation %r is not in GraphQL's schema: an input has no name for it", row.name)
            else:
                made[not is_query][name] = GraphQLField(
                    self._result(row),
                    args=arguments,
                    description=row.summary,
                    extensions={MEANING: Meaning("own", None, row.name)},
                )
        return made

    def _arguments(self, row: Operation) -> dict[str, GraphQLArgument] | None:
        if row.input is None:
            return {}
        struct = inspect.type_info(row.input)
        if not isinstance(struct, inspect.StructType) or not _has_names(struct):
            return None
        place = pascal(row.name)
        return {name: GraphQLArgument(of) for name, of in self._members(struct, place, is_input=True)}

    def _result(self, row: Operation) -> Any:
        if row.output is None:
            return GraphQLBoolean
        made = self._of(inspect.type_info(row.output), pascal(row.name), is_input=False)
        return made.of_type if isinstance(made, GraphQLNonNull) else made  # null where it is refused

    def _of(self, kind: inspect.Type, place: str, *, is_input: bool) -> Any:
        """The type of a value, at a `place` whose name is that of a type which has none."""
        kind = _plain(kind)
        if isinstance(kind, inspect.UnionType):
            rest = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
            made = self._of(rest[0], place, is_input=is_input) if len(rest) == 1 else JSON
            return made.of_type if isinstance(made, GraphQLNonNull) and len(rest) < len(kind.types) else made
        if isinstance(kind, _LISTS):
            return GraphQLNonNull(GraphQLList(self._of(kind.item_type, place, is_input=is_input)))
        if (plain := _PLAIN.get(type(kind))) is not None:
            return GraphQLNonNull(plain)
        if isinstance(kind, (inspect.EnumType, inspect.LiteralType)):
            return GraphQLNonNull(self._enum(kind, place))
        if _is_object(kind) and _has_names(kind):
            return GraphQLNonNull(self._object(kind, place, is_input=is_input))
        return JSON

    def _enum(self, kind: inspect.EnumType | inspect.LiteralType, place: str) -> Any:
        cls = kind.cls if isinstance(kind, inspect.EnumType) else None
        values = [*kind.values] if isinstance(kind, inspect.LiteralType) else [each.value for each in kind.cls]
        names = [value for value in values if isinstance(value, str) and NAME.fullmatch(value)]
        if len(names) < len(values) or _LITERALS & {*names}:
            return INTEGER if all(type(value) is int for value in values) else GraphQLString
        key = (cls or tuple(sorted(names)), False)
        if key not in self._named:
            name = self._name(place if cls is None else cls.__name__, place)
            self._named[key] = self._made[name] = GraphQLEnumType(name, {value: value for value in names})
        return self._named[key]

    def _object(self, kind: Any, place: str, *, is_input: bool) -> Any:
        key = (kind.cls, is_input)
        if key not in self._named:
            name = self._name(kind.cls.__name__ + ("Input" if is_input else ""), place)
            if is_input:
                made: Any = GraphQLInputObjectType(name, lambda: dict(self._input_fields(kind, name)))
            else:
                made = GraphQLObjectType(name, lambda: dict(self._output_fields(kind, name)))
            self._named[key] = self._made[name] = made
        return self._named[key]

    def _name(self, wanted: str, place: str) -> str:
        """A name that no other type has."""
        for name in (wanted, f"{place}{wanted}", *(f"{place}{wanted}{number}" for number in range(2, 1_000))):
            if name not in self._taken and name not in self._made and NAME.fullmatch(name):
                return name
        raise ValueError(f"there are too many types called {wanted}; rename one")

    def _input_fields(self, kind: Any, place: str) -> Iterator[tuple[str, GraphQLInputField]]:
        for name, of in self._members(kind, place, is_input=True):
            yield name, GraphQLInputField(of)

    def _output_fields(self, kind: Any, place: str) -> Iterator[tuple[str, GraphQLField]]:
        for name, of in self._members(kind, place, is_input=False):
            yield name, GraphQLField(of, extensions={MEANING: Meaning("member", None, name)})

    def _members(self, kind: Any, place: str, *, is_input: bool) -> Iterator[tuple[str, Any]]:
        for field in kind.fields:
            made = self._of(field.type, f"{place}{pascal(field.encode_name)}", is_input=is_input)
            can_be_absent = not field.required and (is_input or _leaves_out(kind))
            is_bare = can_be_absent and isinstance(made, GraphQLNonNull)
            yield field.encode_name, made.of_type if is_bare else made


def _plain(kind: inspect.Type) -> inspect.Type:
    """A type without what is only said of it."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return kind


def _is_object(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.StructType):
        return not kind.array_like and kind.tag is None
    return isinstance(kind, (inspect.DataclassType, inspect.TypedDictType))


def _has_names(kind: Any) -> bool:
    return bool(kind.fields or not _is_object(kind)) and all(NAME.fullmatch(each.encode_name) for each in kind.fields)


def _leaves_out(kind: Any) -> bool:
    """Whether what is not given may be absent of its JSON."""
    config: Any = getattr(kind.cls, "__struct_config__", None)
    return config is None or bool(config.omit_defaults)


def _camel(name: str) -> str:
    made = pascal(name)
    return made[:1].lower() + made[1:]
