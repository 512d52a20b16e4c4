"""Carries out an operation of a document: each root field is one call of an operation of the table."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import msgspec
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute_sync,
)
from graphql.execution.values import get_variable_values
from msgspec.structs import replace

from hinterland.contract.errors import Refusal
from hinterland.contract.query import Query
from hinterland.server.backend import Backend
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.projection import Projection
from hinterland.server.operations.call import UNCONDITIONAL, Call, Preconditions
from hinterland.server.operations.records import Listing, RecordAddress, list_records, view_text
from hinterland.server.protocols.graphql import entities, mutations
from hinterland.server.protocols.graphql.aggregates import aggregate
from hinterland.server.protocols.graphql.batches import batch, bulk
from hinterland.server.protocols.graphql.documents import PlannedDocument
from hinterland.server.protocols.graphql.schema import MEANING, Meaning, parent_argument
from hinterland.server.protocols.graphql.selections import (
    Chosen,
    Selector,
    limit_of,
    name_of,
    object_type,
    offset_of,
    read,
    where_of,
)

log = logging.getLogger("hinterland.graphql")
_INTROSPECTION = frozenset({"__schema", "__type"})
_decode = msgspec.json.decode


class RequestError(Exception):
    """The document can't be carried out at all; `errors` say why."""

    def __init__(self, *errors: GraphQLError, code: str = "invalid_query") -> None:
        self.errors = errors
        self.code = code
        super().__init__(str(errors[0]))


class Executed(NamedTuple):
    """The data of a response, and what went wrong in it."""

    data: dict[str, Any]
    errors: list[dict[str, Any]]


def operation_of(document: PlannedDocument, name: str) -> OperationDefinitionNode:
    """The operation of a document that is asked for. Raises `RequestError`."""
    if document.errors:
        raise RequestError(*document.errors)
    if not name and len(document.operations) == 1:
        return next(iter(document.operations.values()))
    found = document.operations.get(name)
    if found is None:
        known = ", ".join(filter(None, document.operations)) or "none with a name"
        problem = f"there is no operation {name[:64]!r}" if name else "operationName is missing"
        raise RequestError(GraphQLError(f"{problem}; the document has {known}"))
    return found


class Execution:
    """One operation, for one caller. `call` has who calls, and the deadline."""

    def __init__(
        self,
        backend: Backend,
        schema: GraphQLSchema,
        document: PlannedDocument,
        call: Call[None],
        limits: tuple[int, int],
    ) -> None:
        self.backend = backend
        self.schema = schema
        self._document = document
        self._call = call
        self.caller = call.caller
        self._most_fields, self._most_cost = limits
        self._errors: list[dict[str, Any]] = []

    async def run(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Executed:
        """Carry it out. Raises `RequestError`."""
        values = get_variable_values(self.schema, operation.variable_definitions or (), dict(variables), max_errors=10)
        if isinstance(values, list):
            raise RequestError(*values)
        selector = Selector(self.schema, self._document.fragments, values, self._most_cost)
        root = self.schema.get_root_type(operation.operation)
        assert root is not None
        chosen = selector.chosen(root, [operation.selection_set])
        if len(chosen) > self._most_fields:
            message = f"the operation has {len(chosen)} fields at its root; {self._most_fields} are allowed"
            raise RequestError(GraphQLError(message))
        data: dict[str, Any] = {}
        for key, each in chosen:
            if each is None:
                data[key] = root.name
            elif each.nodes[0].name.value in _INTROSPECTION:
                data[key] = self._introspected(operation, each, variables)
            else:
                data[key] = await self._field(selector, each)
        return Executed(data, self._errors)

    def _introspected(self, operation: OperationDefinitionNode, chosen: Chosen, variables: Mapping[str, Any]) -> Any:
        alone = OperationDefinitionNode(
            operation=OperationType.QUERY,
            name=None,
            variable_definitions=operation.variable_definitions,
            directives=(),
            selection_set=SelectionSetNode(selections=tuple(chosen.nodes)),
        )
        document = DocumentNode(definitions=(alone, *self._document.fragments.values()))
        result = execute_sync(self.schema, document, variable_values=dict(variables))
        return (result.data or {}).get(chosen.key)

    async def _field(self, selector: Selector, chosen: Chosen) -> Any:
        meaning: Meaning = chosen.field.extensions[MEANING]
        try:
            act = _ACTS[meaning.act]
            return await act(self, selector, chosen, meaning)
        except Refusal as refusal:
            self.note(chosen, refusal)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("the field %s failed", chosen.nodes[0].name.value)
            self.note(chosen, Refusal("internal", "internal error; the server's log has the details"))
        return None

    def note(self, chosen: Chosen, refusal: Refusal, *places: str | int) -> None:
        """Report what went wrong with a field, or at places inside of its value."""
        self._errors.append(error_of(refusal, [chosen.key, *places], chosen))

    # ---------------------------------------------------------------- queries

    async def _view(self, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
        entry, given = _entry(meaning), selector.arguments(chosen)
        projection, shape = selector.records(object_type(chosen), selector.inner(chosen), 1)
        address = RecordAddress(entry, self.parent(entry, given), str(given["id"]), projection)
        try:
            found = await view_text(self.backend, self.of(address))
        except Refusal as refusal:
            if refusal.code == "not_found":
                return None
            raise
        return read(projection, shape, found.text)

    async def _list(self, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
        entry, given = _entry(meaning), selector.arguments(chosen)
        limit = limit_of(given)
        projection, shape = selector.records(object_type(chosen), selector.inner(chosen), limit)
        listing = Listing(
            entry,
            self.parent(entry, given),
            _query(given, limit),
            where_of(entry, given),
            offset_of(given),
            projection,
        )
        page = await list_records(self.backend, self.of(listing))
        if projection.members:
            return msgspec.Raw(f"[{','.join(page.texts or ())}]".encode())
        return [shape(record) for record in map(_decode, page.texts or ())]

    async def _connection(self, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
        entry, given = _entry(meaning), selector.arguments(chosen)
        limit = limit_of(given, "first")
        return await _Connection(selector, chosen, limit).read(self, entry, given)

    async def page(self, entry: Entry, given: Mapping[str, Any], query: Query, projection: Any) -> Any:
        """A page of records with their cursors."""
        listing = Listing(
            entry, self.parent(entry, given), query, where_of(entry, given), None, projection, has_cursors=True
        )
        return await list_records(self.backend, self.of(listing))

    # ---------------------------------------------------------------- parts

    def of(self, input: Any, preconditions: Preconditions = UNCONDITIONAL) -> Call[Any]:
        """The call of an operation, by the caller of the request."""
        return replace(self._call, input=input, preconditions=preconditions)

    def parent(self, entry: Entry, given: Mapping[str, Any]) -> str:
        """The path of the record below which the records are. Raises `invalid_query` for an id that is none."""
        for above in _above(self.backend, entry):
            above.parse_id(str(given[parent_argument(above.name)]))
        return self.path_above(entry, given)

    def path_above(self, entry: Entry, given: Mapping[str, Any]) -> str:
        """The same, of ids that may be none."""
        above = [each.name for each in _above(self.backend, entry)]
        return "/".join([part for name in above for part in (name, str(given[parent_argument(name)]))])


def _above(backend: Backend, entry: Entry) -> list[Entry]:
    found: list[Entry] = []
    while entry.collection.parent:
        entry = backend.catalogue[entry.collection.parent]
        found.insert(0, entry)
    return found


def _entry(meaning: Meaning) -> Entry:
    assert meaning.entry is not None
    return meaning.entry


def _query(given: Mapping[str, Any], limit: int, cursor: str = "", *, total: bool = False) -> Query:
    return Query(
        limit=limit,
        cursor=cursor,
        filter=given.get("filter") or "",
        search=given.get("search") or "",
        sort=tuple(given.get("sort") or ()),
        total=total,
    )


class _Connection:
    """A page of records in the form of Relay's specification of connections."""

    def __init__(self, selector: Selector, chosen: Chosen, limit: int) -> None:
        self._selector = selector
        self._limit = limit
        self._chosen = selector.chosen(object_type(chosen), selector.inner(chosen))
        self._type = object_type(chosen)

    async def read(self, execution: Execution, entry: Entry, given: Mapping[str, Any]) -> dict[str, Any]:
        """The connection of a collection's records."""
        names = {each.nodes[0].name.value for _, each in self._chosen if each is not None}
        projection, shapes = self._shapes()
        query = _query(given, self._limit, given.get("after") or "", total="totalCount" in names)
        page = await execution.page(entry, given, query, projection)
        cursors = page.cursors
        made: dict[str, Any] = {}
        for key, each in self._chosen:
            name = each.nodes[0].name.value if each is not None else ""
            if each is None:
                made[key] = self._type.name
            elif name == "totalCount":
                made[key] = page.total
            elif name == "pageInfo":
                made[key] = self._page_info(each, page, given)
            else:
                made[key] = [shapes[key](*item) for item in zip(cursors, page.texts or (), strict=True)]
        return made

    def _shapes(self) -> tuple[Projection, dict[str, Callable[[str, Any], Any]]]:
        """What is read of each record for all that is selected of it, and what each selection makes of its cursor and
        the record."""
        selector = self._selector
        listed = [(key, each) for key, each in self._chosen if each is not None and name_of(each) in ("edges", "nodes")]
        edges = {
            key: selector.chosen(object_type(each), selector.inner(each))
            for key, each in listed
            if name_of(each) == "edges"
        }
        nodes = [each for _, each in listed if name_of(each) == "nodes"]
        nodes += [one for edge in edges.values() for _, one in edge if one is not None and name_of(one) == "node"]
        projection, shape = Projection(("id",)), _no_members
        if nodes:
            sets = [each for node in nodes for each in selector.inner(node)]
            projection, of_record = selector.records(object_type(nodes[0]), sets, self._limit)
            shape = partial(read, projection, of_record)
        made: dict[str, Callable[[str, Any], Any]] = {}
        for key, each in listed:
            made[key] = _edge(object_type(each).name, edges[key], shape) if key in edges else _node(shape)
        return projection, made

    def _page_info(self, chosen: Chosen, page: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        values = {
            "hasNextPage": bool(page.next),
            "hasPreviousPage": bool(given.get("after")),
            "startCursor": page.cursors[0] if page.cursors else None,
            "endCursor": page.cursors[-1] if page.cursors else None,
        }
        selected = self._selector.chosen(object_type(chosen), self._selector.inner(chosen))
        return {key: values[each.nodes[0].name.value] if each else "PageInfo" for key, each in selected}


def _no_members(text: str) -> Any:
    return {}


def _node(shape: Callable[[str], Any]) -> Callable[[str, Any], Any]:
    return lambda cursor, text: shape(text)


def _edge(
    name: str, selected: list[tuple[str, Chosen | None]], shape: Callable[[str], Any]
) -> Callable[[str, Any], Any]:
    def edge(cursor: str, record: Any) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, one in selected:
            if one is None:
                made[key] = name
            else:
                made[key] = cursor if name_of(one) == "cursor" else shape(record)
        return made

    return edge


def error_of(refusal: Refusal, path: list[str | int] | None = None, chosen: Chosen | None = None) -> dict[str, Any]:
    """A refusal as an error of a response."""
    extensions: dict[str, Any] = {"code": refusal.code}
    if refusal.errors:
        extensions["errors"] = refusal.errors
    if refusal.retry_after is not None:
        extensions["retry_after"] = refusal.retry_after
    if refusal.details:
        extensions["details"] = refusal.details
    error: dict[str, Any] = {"message": refusal.message}
    if chosen is not None and (place := chosen.nodes[0].loc) is not None:
        line, column = place.source.get_location(place.start)
        error["locations"] = [{"line": line, "column": column}]
    if path is not None:
        error["path"] = path
    return {**error, "extensions": extensions}


_ACTS: dict[str, Any] = {
    "view": Execution._view, "list": Execution._list, "connection": Execution._connection, "me": mutations.me,
    "aggregate": aggregate, "batch": batch, "bulk": bulk, "service": entities.service, "entities": entities.entities,
    **dict.fromkeys(("create", "patch", "replace", "delete", "upsert"), mutations.change),
    **dict.fromkeys(("sign_up", "log_in", "refresh", "log_out"), mutations.account),
}  # fmt: skip
