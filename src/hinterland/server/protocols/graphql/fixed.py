"""What of a document depends on no variable: it is worked out once for all requests that send the document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

from hinterland.server.data.projection import Projection
from hinterland.server.protocols.graphql.chosen import Chosen
from hinterland.server.protocols.graphql.meaning import MEANING
from hinterland.server.protocols.graphql.shapes import Shape

_READS = frozenset({"view", "list", "connection", "aggregate"})


class FixedRecords(NamedTuple):
    """What is to be read of each record of a field, its shape, how many records that counts as, and how many fields are
    selected."""

    projection: Projection
    shape: Shape
    cost: int
    selected: int


class FixedParts:
    """The parts of one document, by the identity of its nodes, which live as long."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._fixed_fragments: dict[str, bool] = {}
        self._records: dict[int, FixedRecords | None] = {}
        self._only_reads: dict[int, bool] = {}

    def records(self, chosen: Chosen, make: Callable[[], FixedRecords]) -> FixedRecords | None:
        """What is selected of the records of a field, made once; None where it depends on variables."""
        if len(chosen.nodes) > 1:  # which of them count may depend on variables too
            return None
        node = chosen.nodes[0]
        if id(node) not in self._records:
            self._records[id(node)] = make() if self._is_fixed(node.selection_set) else None
        return self._records[id(node)]

    def only_reads(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> bool:
        """Whether an operation is a query of records, each of which is a field of its own selection."""
        known = self._only_reads.get(id(operation))
        if known is None:
            known = operation.operation is OperationType.QUERY and all(
                _reads(schema, node) for node in operation.selection_set.selections
            )
            self._only_reads[id(operation)] = known
        return known

    def _is_fixed(self, selected: SelectionSetNode | None) -> bool:
        return selected is None or all(self._is_node_fixed(node) for node in selected.selections)

    def _is_node_fixed(self, node: SelectionNode) -> bool:
        given = [argument.value for directive in node.directives or () for argument in directive.arguments or ()]
        if isinstance(node, FieldNode):
            given += [argument.value for argument in node.arguments or ()]
        if _have_variables(given):
            return False
        if isinstance(node, FragmentSpreadNode):
            return self._is_fragment_fixed(node.name.value)
        return not isinstance(node, FieldNode | InlineFragmentNode) or self._is_fixed(node.selection_set)

    def _is_fragment_fixed(self, name: str) -> bool:
        """Looked at once: fragments within fragments may repeat it without end."""
        if name not in self._fixed_fragments:
            self._fixed_fragments[name] = self._is_fixed(self._fragments[name].selection_set)
        return self._fixed_fragments[name]


def _have_variables(values: Iterable[ValueNode]) -> bool:
    return any(
        isinstance(value, VariableNode)
        or (isinstance(value, ListValueNode) and _have_variables(value.values))
        or (isinstance(value, ObjectValueNode) and _have_variables([field.value for field in value.fields]))
        for value in values
    )


def _reads(schema: GraphQLSchema, node: SelectionNode) -> bool:
    if not isinstance(node, FieldNode) or schema.query_type is None:
        return False
    field = schema.get_field(schema.query_type, node.name.value)
    meaning = None if field is None else field.extensions.get(MEANING)
    return meaning is not None and meaning.act in _READS
