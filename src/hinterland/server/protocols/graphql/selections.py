"""What a selection asks of records, and how their values become the selection's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
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
from hinterland.server.data.projection import Included, Projection
from hinterland.server.data.select.question import JsonMember
from hinterland.server.protocols.graphql.chosen import Chosen, limit_of, object_type, offset_of
from hinterland.server.protocols.graphql.conditions import where_of
from hinterland.server.protocols.graphql.connections import connected
from hinterland.server.protocols.graphql.fixed import FixedRecords
from hinterland.server.protocols.graphql.meaning import MEANING, Meaning, above_of
from hinterland.server.protocols.graphql.nodes import identity
from hinterland.server.protocols.graphql.shapes import (
    Shape,
    constant,
    each_of,
    expanded,
    has_text_ids,
    id_text,
    member,
    object_of,
    without_members,
)

if TYPE_CHECKING:
    from hinterland.server.data.reader import RecordReader
    from hinterland.server.protocols.graphql.documents import PlannedDocument

TYPENAME = "__typename"
MOST_SELECTED = 10_000
"""Fields, each as often as fragments and aliases repeat it."""
MOST_KEYS = 5
"""The keys under which one value of a record is selected."""


class Selector:
    """Reads the selections of one operation, whose variables have values."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: PlannedDocument,
        variables: Any,
        cost: int,
        reader: RecordReader,
    ) -> None:
        self._schema = schema
        self._document = document
        self._fragments = document.fragments
        self._variables = variables
        self._most = cost
        self._reader = reader
        self._cost = 0
        self._selected = 0

    # ---------------------------------------------------------------- fields

    def chosen(self, type: GraphQLObjectType, sets: Sequence[SelectionSetNode]) -> list[tuple[str, Chosen | None]]:
        """The fields of the response in order, each under its key; `__typename` without a field."""
        nodes: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for each in sets:
            for key, node in self._collected(type, each, seen):
                nodes.setdefault(key, []).append(node)
        self._count_selected(len(nodes))
        found: list[tuple[str, Chosen | None]] = []
        for key, same in nodes.items():
            name = same[0].name.value
            field = None if name == TYPENAME else self._schema.get_field(type, name)
            found.append((key, None if field is None else Chosen(key, field, same)))
        return found

    def _count_selected(self, number: int) -> None:
        self._selected += number
        if self._selected > MOST_SELECTED:
            raise Refusal("too_costly", f"the document selects over {MOST_SELECTED:,} fields; select fewer")

    def _collected(
        self, type: GraphQLObjectType, selected: SelectionSetNode, seen: set[str]
    ) -> Iterator[tuple[str, FieldNode]]:
        """The fields of a selection; those of a fragment once (GraphQL §6.3.2)."""
        for node in selected.selections:
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                yield node.alias.value if node.alias else node.name.value, node
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or self._is_of(type, node.type_condition.name.value):
                    yield from self._collected(type, node.selection_set, seen)
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name not in seen and self._is_of(type, self._fragments[name].type_condition.name.value):
                    seen.add(name)
                    yield from self._collected(type, self._fragments[name].selection_set, seen)

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
        self, type: GraphQLObjectType, sets: Sequence[SelectionSetNode], number: int, prefix: str = ""
    ) -> tuple[Projection, Shape]:
        """What is to be read of `number` records at most, and the shape of each. Where the projection has members, a
        record is read in its shape already. What comes with it has `prefix` and its key as name. Raises `too_costly`.
        """
        self.count(number)
        names: dict[str, None] = {}
        related: list[Included] = []
        parts: list[tuple[str, Shape]] = []
        members: list[JsonMember | None] = []
        selected = self.chosen(type, sets)
        times = _times(selected, 1)
        for key, chosen in selected:
            if chosen is None:
                parts.append((key, constant(type.name)))
                members.append(JsonMember(key, constant=type.name))
                continue
            meaning: Meaning = chosen.field.extensions[MEANING]
            if meaning.act == "value":
                names[meaning.name] = None
                shape = self._shape_of(chosen, times[meaning.name])
                parts.append((key, member(meaning.name, shape)))
                is_plain = shape is None or (shape is id_text and has_text_ids(meaning))
                members.append(JsonMember(key, meaning.name) if is_plain else None)
            elif meaning.act in ("node_id", "parent_id"):
                parts.append((key, identity(type.name, meaning)))
                is_alone = meaning.entry is not None and not meaning.entry.collection.parent
                members.append(JsonMember(key, "id", constant=f"{type.name}:") if is_alone else None)
            else:
                included, shape = self._related(chosen, meaning, number, prefix + key)
                related.append(included)
                parts.append((key, shape))
                members.append(JsonMember(key, include=prefix + key) if included.projection.members else None)
        if all(members):
            return Projection(tuple(names), tuple(related), tuple(filter(None, members))), object_of(parts)
        return without_members(Projection(tuple(names), tuple(related))), object_of(parts)

    def records_of(self, chosen: Chosen, number: int) -> tuple[Projection, Shape]:
        """`records` of what is selected inside a field, kept with the document where that depends on no variable."""
        fixed = self._document.fixed.records(chosen, lambda: self._records_of_one(chosen))
        if fixed is None:
            return self.records(object_type(chosen), self.inner(chosen), number)
        self.count(number * fixed.cost)
        self._count_selected(fixed.selected)
        return fixed.projection, fixed.shape

    def _records_of_one(self, chosen: Chosen) -> FixedRecords:
        alone = Selector(self._schema, self._document, self._variables, self._most, self._reader)
        projection, shape = alone.records(object_type(chosen), alone.inner(chosen), 1)
        return FixedRecords(projection, shape, alone._cost, alone._selected)

    def count(self, number: int) -> None:
        """Count records, or groups of them, that may be read. Raises `too_costly`."""
        self._cost += number
        if self._cost > self._most:
            message = f"the document may read over {self._most:,} records; give smaller limits, or ask for less at once"
            raise Refusal("too_costly", message)

    def _related(self, chosen: Chosen, meaning: Meaning, number: int, key: str) -> tuple[Included, Shape]:
        assert meaning.entry is not None
        if meaning.act == "related_connection":
            return connected(self._reader, self, chosen, meaning, number, key)
        inner, sets = object_type(chosen), self.inner(chosen)
        if meaning.act == "one":
            projection, shape = self.records(inner, sets, number)
            return Included(meaning.name, projection, key=key), expanded(key, shape, is_one=True)
        given = self.arguments(chosen)
        limit = limit_of(given)
        projection, shape = self.records(inner, sets, number * limit)
        included = Included(
            meaning.name,
            projection,
            given.get("filter") or "",
            tuple(given.get("sort") or ()),
            limit,
            key=key,
            where=where_of(meaning.entry, given),
            offset=offset_of(given),
        )
        return included, expanded(key, shape, is_one=False, below=above_of(meaning))

    def value_shape(self, chosen: Chosen) -> Shape | None:
        """The shape of a value that is no record, or of each of a list; None: as it is."""
        shape = self._shape_of(chosen, 1)
        return None if shape is None else lambda value: each_of(value, shape)

    def _value(self, type: GraphQLObjectType, sets: Sequence[SelectionSetNode], above: int) -> Shape:
        parts: list[tuple[str, Shape]] = []
        selected = self.chosen(type, sets)
        times = _times(selected, above)
        for key, chosen in selected:
            if chosen is None:
                parts.append((key, constant(type.name)))
                continue
            name = chosen.field.extensions[MEANING].name
            parts.append((key, member(name, self._shape_of(chosen, times[name]))))
        return object_of(parts)

    def _shape_of(self, chosen: Chosen, times: int) -> Shape | None:
        """The shape of a field's value, which a record has so many `times`; None: as it is stored."""
        inner = get_named_type(chosen.field.type)
        if isinstance(inner, GraphQLObjectType):
            return self._value(inner, self.inner(chosen), times)
        return id_text if inner is GraphQLID else None


def _times(selected: Sequence[tuple[str, Chosen | None]], above: int) -> Mapping[str, int]:
    """How often each field of a record, or of an object that it has as often as `above`, is selected. Raises
    `too_costly`: a large value would be sent so often."""
    meanings: list[Meaning] = [each.field.extensions[MEANING] for _, each in selected if each is not None]
    times = Counter([each.name for each in meanings if each.act in ("value", "member")])
    for name, count in times.items():
        times[name] = above * count
        if times[name] > MOST_KEYS:
            raise Refusal("too_costly", f"{name} is selected under {times[name]} names; {MOST_KEYS} are allowed")
    return times
