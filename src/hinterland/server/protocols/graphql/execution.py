"""Carries out an operation of a document: each root field is one call of an operation of the table."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)
from graphql.execution.values import get_variable_values
from msgspec.structs import replace

from hinterland.contract.errors import Refusal
from hinterland.contract.graphql_names import graphql_names
from hinterland.contract.query import Query
from hinterland.server.backend import Backend
from hinterland.server.data.catalogue import Entry
from hinterland.server.operations.call import UNCONDITIONAL, Call, Preconditions
from hinterland.server.operations.records import Listing, RecordAddress, list_array, list_records, view_text
from hinterland.server.protocols.graphql import entities, mutations
from hinterland.server.protocols.graphql.aggregates import aggregate
from hinterland.server.protocols.graphql.batches import batch, bulk
from hinterland.server.protocols.graphql.chosen import Chosen, limit_of, name_of, offset_of
from hinterland.server.protocols.graphql.conditions import where_of
from hinterland.server.protocols.graphql.connections import connection
from hinterland.server.protocols.graphql.documents import PlannedDocument
from hinterland.server.protocols.graphql.errors import RequestError, error_of
from hinterland.server.protocols.graphql.introspection import Introspection
from hinterland.server.protocols.graphql.meaning import MEANING, Meaning
from hinterland.server.protocols.graphql.nodes import node
from hinterland.server.protocols.graphql.own_operations import own
from hinterland.server.protocols.graphql.selections import Selector
from hinterland.server.protocols.graphql.shapes import read

log = logging.getLogger("hinterland.graphql")
_INTROSPECTION = frozenset({"__schema", "__type"})
_OF_KEYS = frozenset({"in_progress", "key_reused"})


class Executed(NamedTuple):
    """The data of a response, and what went wrong in it. `is_replayed`: an earlier request with its idempotency key did
    all of it."""

    data: dict[str, Any]
    errors: list[dict[str, Any]]
    is_replayed: bool = False


def operation_of(document: PlannedDocument, name: str) -> OperationDefinitionNode:
    """The operation of a document that is asked for. Raises `RequestError`."""
    if document.errors:
        raise RequestError(*document.errors)
    if not name and len(document.operations) == 1:
        return next(iter(document.operations.values()))
    found = document.operations.get(name)
    if found is None:
        known = ", ".join(islice(filter(None, document.operations), 10)) or "none with a name"
        problem = f"there is no operation {name[:64]!r}" if name else "operationName is missing"
        raise RequestError(GraphQLError(f"{problem}; the document has {known}"))
    return found


def values_of(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any], *, sees_schema: bool
) -> Any:
    """The values of an operation's variables. Raises `RequestError`."""
    values = get_variable_values(
        schema,
        operation.variable_definitions or (),
        dict(variables),
        max_errors=10,
        hide_suggestions=not sees_schema,
    )
    if isinstance(values, list):
        raise RequestError(*values)
    return values


class Execution:
    """One operation, for one caller. `call` has who calls, the deadline, and the idempotency key of a mutation."""

    def __init__(
        self,
        backend: Backend,
        schema: GraphQLSchema,
        document: PlannedDocument,
        call: Call[None],
        limits: tuple[int, int],
        introspection: Introspection,
    ) -> None:
        self.backend = backend
        self.schema = schema
        self._document = document
        self._call = call
        self.caller = call.caller
        self._most_fields, self._most_cost = limits
        self._introspection = introspection
        self._errors: list[dict[str, Any]] = []
        self._replayed: set[str] = set()

    async def run(self, operation: OperationDefinitionNode, variables: Mapping[str, Any], values: Any) -> Executed:
        """Carry it out. `values`: those that its variables have by `values_of`. Raises `RequestError`."""
        selector = Selector(self.schema, self._document, values, self._most_cost, self.backend.reader)
        root = self.schema.get_root_type(operation.operation)
        assert root is not None
        chosen = selector.chosen(root, [operation.selection_set])
        if len(chosen) > self._most_fields:
            message = f"the operation has {len(chosen)} fields at its root; {self._most_fields} are allowed"
            raise RequestError(GraphQLError(message))
        asked = [node for _, each in chosen if each and name_of(each) in _INTROSPECTION for node in each.nodes]
        introspected = await self._introspected(operation, asked, variables) if asked else {}
        data: dict[str, Any] = {}
        for place, (key, each) in enumerate(chosen):
            if self._call.key and len(chosen) > 1:  # which no client's key is: they have no line breaks
                self._call = replace(self._call, part_key=f"{self._call.key}\n{place}")
            if each is None:
                data[key] = root.name
            elif name_of(each) in _INTROSPECTION:
                data[key] = introspected.get(key)
            else:
                data[key] = await self._field(selector, each)
        done = {key for key, each in chosen if each is not None}
        return Executed(data, self._errors, bool(done) and done == self._replayed)

    async def _introspected(
        self, operation: OperationDefinitionNode, asked: list[FieldNode], variables: Mapping[str, Any]
    ) -> dict[str, msgspec.Raw]:
        alone = OperationDefinitionNode(
            operation=OperationType.QUERY,
            name=None,
            variable_definitions=operation.variable_definitions,
            directives=(),
            selection_set=SelectionSetNode(selections=tuple(asked)),
        )
        document = DocumentNode(definitions=(alone, *self._document.fragments.values()))
        name = operation.name.value if operation.name else ""
        key = (self._document.text, name, msgspec.json.encode(variables, order="sorted"))
        try:
            return await self._introspection.answer(self.schema, key, document, variables)
        except GraphQLError as error:
            raise RequestError(error, code="too_costly") from None

    async def _field(self, selector: Selector, chosen: Chosen) -> Any:
        meaning: Meaning = chosen.field.extensions[MEANING]
        try:
            act = _ACTS[meaning.act]
            return await act(self, selector, chosen, meaning)
        except Refusal as refusal:
            if self._call.key and refusal.code in _OF_KEYS:
                raise  # which is the request's, as a whole
            self.note(chosen, refusal)
        except GraphQLError as error:  # of an argument whose variable is null
            self.note(chosen, Refusal("invalid_query", error.message))
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("the field %s failed", chosen.nodes[0].name.value)
            self.note(chosen, Refusal("internal", "internal error; the server's log has the details"))
        return None

    def note(self, chosen: Chosen, refusal: Refusal, *places: str | int) -> None:
        """Report what went wrong with a field, or at places inside of its value."""
        self._errors.append(error_of(refusal, [chosen.key, *places], chosen))

    def note_replay(self, chosen: Chosen) -> None:
        """Report that an earlier request with this idempotency key did what a field does."""
        self._replayed.add(chosen.key)

    # ---------------------------------------------------------------- queries

    async def _view(self, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
        entry, given = _entry(meaning), selector.arguments(chosen)
        projection, shape = selector.records_of(chosen, 1)
        parent = self.parent(entry, given)
        address = RecordAddress(entry, parent, str(given["id"]), projection)
        try:
            found = await view_text(self.backend, self.of(address))
        except Refusal as refusal:
            if refusal.code == "not_found":
                return None
            raise
        return read(projection, shape, found.text, parent)

    async def _list(self, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
        entry, given = _entry(meaning), selector.arguments(chosen)
        limit = limit_of(given)
        projection, shape = selector.records_of(chosen, limit)
        listing = Listing(
            entry,
            self.parent(entry, given),
            _query(given, limit),
            where_of(entry, given),
            offset_of(given),
            projection,
        )
        if projection.members:
            return msgspec.Raw((await list_array(self.backend, self.of(listing))).encode())
        page = await list_records(self.backend, self.of(listing))
        return [read(projection, shape, text, listing.parent) for text in page.texts or ()]

    # ---------------------------------------------------------------- parts

    def of(self, input: Any, preconditions: Preconditions = UNCONDITIONAL) -> Call[Any]:
        """The call of an operation, by the caller of the request."""
        return replace(self._call, input=input, preconditions=preconditions)

    def parent(self, entry: Entry, given: Mapping[str, Any]) -> str:
        """The path of the record below which the records are. Raises `invalid_query` for an id that is none."""
        for above in _above(self.backend, entry):
            above.parse_id(str(given[graphql_names(above.collection).parent]))
        return self.path_above(entry, given)

    def path_above(self, entry: Entry, given: Mapping[str, Any]) -> str:
        """The same, of ids that may be none."""
        above = [(each.name, graphql_names(each.collection).parent) for each in _above(self.backend, entry)]
        return "/".join([part for name, argument in above for part in (name, str(given[argument]))])


def _above(backend: Backend, entry: Entry) -> list[Entry]:
    found: list[Entry] = []
    while entry.collection.parent:
        entry = backend.catalogue[entry.collection.parent]
        found.insert(0, entry)
    return found


def _entry(meaning: Meaning) -> Entry:
    assert meaning.entry is not None
    return meaning.entry


def _query(given: Mapping[str, Any], limit: int) -> Query:
    return Query(
        limit=limit,
        filter=given.get("filter") or "",
        search=given.get("search") or "",
        sort=tuple(given.get("sort") or ()),
    )


_ACTS: dict[str, Any] = {
    "view": Execution._view, "list": Execution._list, "connection": connection, "me": mutations.me,
    "aggregate": aggregate, "batch": batch, "bulk": bulk, "service": entities.service, "entities": entities.entities,
    "own": own, "node": node,
    **dict.fromkeys(("create", "patch", "replace", "delete", "upsert"), mutations.change),
    **dict.fromkeys(("sign_up", "log_in", "refresh", "log_out"), mutations.account),
}  # fmt: skip
