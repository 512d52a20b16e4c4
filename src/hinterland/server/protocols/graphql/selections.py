"""What a selection asks of records, and how their values become the selection's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLID,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
)
from graphql.execution.values import get_argument_values, get_directive_values
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective

from hinterland.contract.errors import Refusal
from hinterland.contract.kinds.undeclared import UNDECLARED
from hinterland.contract.matching import wanted
from hinterland.contract.query import DEFAULT_LIMIT, MAX_LIMIT
from hinterland.kit.cel.conditions import Condition, and_, contains, eq, ge, gt, has, in_, le, lt, ne, not_, or_
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.projection import Included, Projection
from hinterland.server.data.select.question import JsonMember
from hinterland.server.protocols.graphql.schema import MEANING, Meaning

Shape = Callable[[Mapping[str, Any]], Any]
"""Makes a value of the selection of what was read."""
TYPENAME = "__typename"
_COMPARED: dict[str, Callable[..., Condition]] = {"eq": eq, "ne": ne, "lt": lt, "lte": le, "gt": gt, "gte": ge}


class Chosen(NamedTuple):
    """A field of the response under a `key`: all its nodes, which are selected together."""

    key: str
    field: GraphQLField
    nodes: list[FieldNode]


class Selector:
    """Reads the selections of one operation, whose variables have values."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], variables: Any, cost: int
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._most = cost
        self._cost = 0

    # ---------------------------------------------------------------- fields

    def chosen(self, type: GraphQLObjectType, sets: Sequence[SelectionSetNode]) -> list[tuple[str, Chosen | None]]:
        """The fields of the response in order, each under its key; `__typename` without a field."""
        nodes: dict[str, list[FieldNode]] = {}
        for each in sets:
            for key, node in self._collected(type, each):
                nodes.setdefault(key, []).append(node)
        found: list[tuple[str, Chosen | None]] = []
        for key, same in nodes.items():
            name = same[0].name.value
            field = None if name == TYPENAME else self._schema.get_field(type, name)
            found.append((key, None if field is None else Chosen(key, field, same)))
        return found

    def _collected(self, type: GraphQLObjectType, selected: SelectionSetNode) -> Iterator[tuple[str, FieldNode]]:
        for node in selected.selections:
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                yield node.alias.value if node.alias else node.name.value, node
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or self._is_of(type, node.type_condition.name.value):
                    yield from self._collected(type, node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                if self._is_of(type, fragment.type_condition.name.value):
                    yield from self._collected(type, fragment.selection_set)

    def _is_of(self, type: GraphQLObjectType, name: str) -> bool:
        """Whether a type is the one of this name, or belongs to it."""
        wider = None if name == type.name else self._schema.get_type(name)
        return name == type.name or (is_abstract_type(wider) and self._schema.is_sub_type(wider, type))

    def _is_included(self, node: Any) -> bool:
        if not node.directives:
            return True
        skip = get_directive_values(GraphQLSkipDirective, node, self._variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self._variables)
        return not (skip and skip["if"]) and not (include and not include["if"])

    def object_type(self, name: str) -> GraphQLObjectType:
        """The type of this name."""
        found = self._schema.get_type(name)
        assert isinstance(found, GraphQLObjectType)
        return found

    def inner(self, chosen: Chosen) -> list[SelectionSetNode]:
        """What is selected inside a field."""
        return [node.selection_set for node in chosen.nodes if node.selection_set is not None]

    def arguments(self, chosen: Chosen) -> dict[str, Any]:
        """A field's arguments."""
        return get_argument_values(chosen.field, chosen.nodes[0], self._variables)

    # ---------------------------------------------------------------- records

    def records(
        self, type: GraphQLObjectType, sets: Sequence[SelectionSetNode], number: int
    ) -> tuple[Projection, Shape]:
        """What is to be read of `number` records at most, and the shape of each. Where the projection has members, a
        record is read in its shape already. Raises `too_costly`."""
        self.count(number)
        names: dict[str, None] = {}
        related: list[Included] = []
        parts: list[tuple[str, Shape]] = []
        members: list[JsonMember | None] = []
        for key, chosen in self.chosen(type, sets):
            if chosen is None:
                parts.append((key, _constant(type.name)))
                members.append(JsonMember(key, constant=type.name))
                continue
            meaning: Meaning = chosen.field.extensions[MEANING]
            if meaning.act == "value":
                names[meaning.name] = None
                shape = self._shape_of(chosen)
                parts.append((key, _member(meaning.name, shape)))
                is_plain = shape is None or (shape is _id and _has_text_ids(meaning))
                members.append(JsonMember(key, meaning.name) if is_plain else None)
            else:
                included, shape = self._related(chosen, meaning, number)
                related.append(included)
                parts.append((key, _expanded(key, shape, is_one=meaning.act == "one")))
                members.append(JsonMember(key, include=key) if included.projection.members else None)
        if all(members):
            return Projection(tuple(names), tuple(related), tuple(filter(None, members))), _object(parts)
        return without_members(Projection(tuple(names), tuple(related))), _object(parts)

    def count(self, number: int) -> None:
        """Count records, or groups of them, that may be read. Raises `too_costly`."""
        self._cost += number
        if self._cost > self._most:
            message = f"the document may read over {self._most:,} records; give smaller limits, or ask for less at once"
            raise Refusal("too_costly", message)

    def _related(self, chosen: Chosen, meaning: Meaning, number: int) -> tuple[Included, Shape]:
        inner = get_named_type(chosen.field.type)
        assert isinstance(inner, GraphQLObjectType)
        assert meaning.entry is not None
        sets = self.inner(chosen)
        if meaning.act == "one":
            projection, shape = self.records(inner, sets, number)
            return Included(meaning.name, projection, key=chosen.key), shape
        given = self.arguments(chosen)
        if given.get("search"):
            raise Refusal("invalid_query", f"{chosen.key}: search is for lists of their own; leave it out here")
        limit = limit_of(given)
        projection, shape = self.records(inner, sets, number * limit)
        included = Included(
            meaning.name,
            projection,
            given.get("filter") or "",
            tuple(given.get("sort") or ()),
            limit,
            key=chosen.key,
            where=where_of(meaning.entry, given),
            offset=offset_of(given),
        )
        return included, shape

    def _value(self, type: GraphQLObjectType, sets: Sequence[SelectionSetNode]) -> Shape:
        parts: list[tuple[str, Shape]] = []
        for key, chosen in self.chosen(type, sets):
            if chosen is None:
                parts.append((key, _constant(type.name)))
                continue
            parts.append((key, _member(chosen.field.extensions[MEANING].name, self._shape_of(chosen))))
        return _object(parts)

    def _shape_of(self, chosen: Chosen) -> Shape | None:
        """The shape of a field's value; None: as it is stored."""
        inner = get_named_type(chosen.field.type)
        if isinstance(inner, GraphQLObjectType):
            return self._value(inner, self.inner(chosen))
        return _id if inner is GraphQLID else None


def name_of(chosen: Chosen) -> str:
    """The name of a field in the schema."""
    return chosen.nodes[0].name.value


def object_type(chosen: Chosen) -> GraphQLObjectType:
    """The type of a field's value, or of the items of its list."""
    named = get_named_type(chosen.field.type)
    assert isinstance(named, GraphQLObjectType)
    return named


def read(projection: Projection, shape: Shape, text: str) -> Any:
    """A record's JSON in the form that is selected of it."""
    return msgspec.Raw(text.encode()) if projection.members else shape(msgspec.json.decode(text))


def limit_of(given: Mapping[str, Any], name: str = "limit", default: int = DEFAULT_LIMIT) -> int:
    """How many records are wanted at most. Raises `invalid_query`."""
    limit = given.get(name)
    limit = default if limit is None else limit
    if not 1 <= limit <= MAX_LIMIT:
        raise Refusal("invalid_query", f"{name} must be 1 to {MAX_LIMIT:,}")
    return int(limit)


def offset_of(given: Mapping[str, Any]) -> int:
    """How many records are left out. Raises `invalid_query`."""
    offset = given.get("offset") or 0
    if not 0 <= offset <= 1_000_000:
        raise Refusal("invalid_query", "offset must be 0 to 1,000,000")
    return int(offset)


def where_of(entry: Entry, given: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The condition of the argument `where`. Raises `invalid_query`."""
    condition = _condition(entry, given["where"]) if given.get("where") else None
    return () if condition is None else (condition,)


def _condition(entry: Entry, where: Mapping[str, Any]) -> Condition | None:
    """All of what a where says; None where it says nothing."""
    parts: list[Condition] = []
    for name, asked in where.items():
        if name in ("AND", "OR") and asked is not None:
            inner = [each for one in asked if (each := _condition(entry, one)) is not None]
            parts += [(and_ if name == "AND" else or_)(*inner)] if inner else []
        elif name == "NOT" and asked is not None:
            inside = _condition(entry, asked)
            parts += [not_(inside)] if inside is not None else []
        elif asked is not None:
            parts += [_compared(entry, name, word, value) for word, value in asked.items()]
    return and_(*parts) if parts else None


def _compared(entry: Entry, name: str, word: str, value: Any) -> Condition:
    kind = entry.book.kinds[name]
    if word == "exists":
        return has(name) if value else not_(has(name))
    if word == "in":
        return in_(name, [_held(entry, name, each) for each in value or ()], kind)
    if word == "contains":
        return contains(name, value)
    if value is None and word not in ("eq", "ne"):
        raise Refusal("invalid_query", f"{name}: {word} takes a value, not null")
    return _COMPARED[word](name, None if value is None else _held(entry, name, value), kind)


def _held(entry: Entry, name: str, value: Any) -> Any:
    return value if entry.collection.field(name) is UNDECLARED else wanted(entry.collection, name, value)


# -------------------------------------------------------------------- shapes


def _object(parts: Sequence[tuple[str, Shape]]) -> Shape:
    def shape(value: Mapping[str, Any]) -> dict[str, Any]:
        return {key: make(value) for key, make in parts}

    return shape


def _constant(value: str) -> Shape:
    return lambda _: value


def _member(name: str, shape: Shape | None) -> Shape:
    if shape is None:
        return lambda value: value.get(name)
    return lambda value: _each(value.get(name), shape)


def _each(value: Any, shape: Shape) -> Any:
    """A value's shape, that of each item where it is a list; a value of another kind, from before, is null."""
    if isinstance(value, list):
        return [_each(item, shape) for item in value]
    return shape(value) if isinstance(value, Mapping) or shape is _id else None


def _has_text_ids(meaning: Meaning) -> bool:
    """Whether what an id is read as is a text already; a record's own is in any case."""
    link = None if meaning.entry is None else meaning.entry.links.get(meaning.name)
    return meaning.name == "id" or (link is not None and link.ids == "string")


def without_members(projection: Projection) -> Projection:
    """The same, read as it is stored."""
    related = [each._replace(projection=without_members(each.projection)) for each in projection.related]
    return Projection(projection.fields, tuple(related))


def _id(value: Any) -> Any:
    """An id, which is a text in GraphQL (§3.5.5)."""
    return None if value is None else str(value)


def _expanded(key: str, shape: Shape, *, is_one: bool) -> Shape:
    if is_one:

        def one(value: Mapping[str, Any]) -> Any:
            inner = value["_expand"][key]
            return None if inner is None else shape(inner)

        return one
    return lambda value: [shape(item) for item in value["_expand"][key]["items"]]
