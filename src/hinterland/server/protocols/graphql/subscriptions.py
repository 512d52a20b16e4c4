"""Subscriptions: the changes of a collection that one commit makes, in the form that a document selects.

They are the feed's, so that a subscriber resumes from a cursor: each response has it in its `extensions`, and a request
that has it there goes on behind it. What is selected of a record is what the change itself has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode, get_named_type

from hinterland.contract.errors import Refusal
from hinterland.contract.events import StreamQuery
from hinterland.server.backend import Backend
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.delivery import END
from hinterland.server.data.encoding import VisibleChange
from hinterland.server.data.subscription import Subscription
from hinterland.server.operations.call import Call
from hinterland.server.operations.sync import subscribe
from hinterland.server.protocols.graphql.cel_text import cel_of
from hinterland.server.protocols.graphql.chosen import Chosen, object_type
from hinterland.server.protocols.graphql.documents import PlannedDocument
from hinterland.server.protocols.graphql.endpoint import Parameters
from hinterland.server.protocols.graphql.errors import RequestError, errors_of
from hinterland.server.protocols.graphql.execution import values_of
from hinterland.server.protocols.graphql.meaning import MEANING
from hinterland.server.protocols.graphql.nodes import node_id
from hinterland.server.protocols.graphql.selections import Selector
from hinterland.server.protocols.graphql.shapes import PARENT

READY, POSITION, COMMIT, RESYNC, ENDED = b"r", b"p", b"c", b"y", b"e"
"""What an event begins with, before the JSON of a response."""
_encode, _decode = msgspec.json.encode, msgspec.json.decode
MakeChange = Callable[[VisibleChange, Any], Any]


class ResponseEncoder:
    """Events as responses to one operation. `make` makes a change of what is selected of it."""

    silence = END

    def __init__(self, key: str, make: MakeChange) -> None:
        self._key = _encode(key)
        self._make = make

    def ready(self, cursor: str) -> bytes:
        """Where it begins: nothing has changed."""
        return READY + self._nothing(cursor)

    def position(self, cursor: str) -> bytes:
        """A later cursor, without a change."""
        return POSITION + self._nothing(cursor)

    def resync(self, cursor: str, reason: str) -> bytes:
        """The cursor can't be continued: an error, behind which changes follow."""
        message = "the cursor can't be continued; read the records again"
        error = {"message": message, "extensions": {"code": "resync", "reason": reason}}
        return RESYNC + _extended(cursor) + b'"data":null,"errors":%b}\n' % _encode([error])

    def end(self, cursor: str, refusal: Refusal) -> bytes:
        """The server ends it, for a reason."""
        return ENDED + _extended(cursor) + b'"data":null,"errors":%b}\n' % _encode(errors_of(refusal))

    def changes(self, revision: int, changes: Sequence[VisibleChange]) -> bytes:
        """The changes of a commit."""
        made = [self._make(change, _record(change)) for change in changes]
        return b'"data":{%b:%b}}\n' % (self._key, _encode(made))

    def commit_head(self, cursor: str, changes: bytes) -> bytes:
        """What precedes them."""
        return COMMIT + _extended(cursor)

    def _nothing(self, cursor: str) -> bytes:
        return _extended(cursor) + b'"data":{%b:[]}}\n' % self._key


def _extended(cursor: str) -> bytes:
    return b'{"extensions":{"cursor":"%b"},' % cursor.encode()


def _record(change: VisibleChange) -> Any:
    record = change.seen.record
    return None if record is None else _decode(record.text)


class Followed(NamedTuple):
    """A subscription and how its events are read."""

    subscription: Subscription
    tells_cursor: bool


async def follow(
    backend: Backend,
    schema: GraphQLSchema,
    document: PlannedDocument,
    operation: OperationDefinitionNode,
    asked: Parameters,
    call: Call[None],
) -> Followed:
    """Begin a subscription. Raises `RequestError`, and what the feed refuses. With a `cursor` in `extensions`, which
    may be empty, its first response says where it begins."""
    values = values_of(schema, operation, asked.variables, sees_schema=asked.sees_schema)
    selector = Selector(schema, document, values, backend.settings.graphql_cost, backend.reader)
    root = schema.subscription_type
    assert root is not None
    selected = selector.chosen(root, [operation.selection_set])
    key, chosen = selected[0] if len(selected) == 1 else ("", None)
    if chosen is None:
        raise RequestError(GraphQLError("a subscription has one field (GraphQL §5.2.3.1)"))
    entry: Entry = chosen.field.extensions[MEANING].entry
    given = selector.arguments(chosen)
    filter = _filter(entry, given)
    cursor = asked.extensions.get("cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise RequestError(GraphQLError("extensions.cursor must be a text"))
    # One for all who ask the same, so that what they are sent is made once.
    name = (operation.name.value if operation.name else "", _encode(asked.variables, order="deterministic"))
    encoder = document.encoders.get(name)
    if encoder is None:
        encoder = document.encoders[name] = ResponseEncoder(key, _change(selector, chosen))
    wanted = StreamQuery(collection=[entry.name], filter=filter, cursor=cursor or "")
    by = Call(caller=call.caller, input=wanted, address=call.address)
    return Followed(await subscribe(backend, by, encoder), cursor is not None)


def _filter(entry: Entry, given: Mapping[str, Any]) -> str:
    parts = [given["filter"]] if given.get("filter") else []
    parts += [cel_of(entry, given["where"])] if given.get("where") else []
    return " && ".join([f"({part})" for part in parts if part])


def _change(selector: Selector, chosen: Chosen) -> MakeChange:
    """What makes a change of what is selected of it. Raises `invalid_query` for related records."""
    kind = object_type(chosen)
    of_records = get_named_type(kind.fields["record"].type).name
    parts: list[tuple[str, MakeChange]] = []
    for key, each in selector.chosen(kind, selector.inner(chosen)):
        if each is None:
            parts.append((key, lambda change, record: kind.name))
        elif each.nodes[0].name.value == "record":
            parts.append((key, _selected(selector, each)))
        elif each.nodes[0].name.value == "recordNodeId":
            parts.append((key, lambda change, record: node_id(of_records, change.delta.parent, change.delta.id)))
        else:
            parts.append((key, _FACTS[each.nodes[0].name.value]))

    def make(change: VisibleChange, record: Any) -> dict[str, Any]:
        return {key: part(change, record) for key, part in parts}

    return make


def _selected(selector: Selector, chosen: Chosen) -> MakeChange:
    projection, shape = selector.records(object_type(chosen), selector.inner(chosen), 1)
    if projection.related:
        names = ", ".join(related.key for related in projection.related)
        message = f"{names}: a change has its record alone; read related records by a query"
        raise Refusal("invalid_query", message)
    return lambda change, record: None if record is None else shape({**record, PARENT: change.delta.parent})


_FACTS: dict[str, MakeChange] = {
    "kind": lambda change, record: change.seen.kind,
    "id": lambda change, record: str(change.delta.id),
    "parent": lambda change, record: change.delta.parent or None,
    "revision": lambda change, record: change.delta.revision,
}
