"""Node ids: of all records of all types, each has another one, `Post:42`, or `Comment:42/7` below the post 42.

A record below others has their ids first, since those of two records below different ones may be equal. Clients find a
record again by its node id (Relay's object identification), and keep it under that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from graphql import GraphQLObjectType

from hinterland.contract.errors import Refusal
from hinterland.server.operations.records import RecordAddress, view_text
from hinterland.server.protocols.graphql.chosen import Chosen
from hinterland.server.protocols.graphql.meaning import MEANING, Meaning
from hinterland.server.protocols.graphql.shapes import PARENT, read

if TYPE_CHECKING:
    from hinterland.server.data.catalogue import Entry
    from hinterland.server.protocols.graphql.execution import Execution
    from hinterland.server.protocols.graphql.selections import Selector


class NodePlace(NamedTuple):
    """Where the record of a node id is."""

    type: GraphQLObjectType
    entry: Entry
    parent: str
    id: str


def node_id(type: str, parent: str, id: Any) -> str:
    """The node id of a record."""
    return f"{type}:{'/'.join([*_ids(parent), str(id)])}"


def identity(type: str, meaning: Meaning) -> Callable[[Mapping[str, Any]], str]:
    """What makes the node id of a record, or the id of the record above it that `meaning` names by its place."""
    if meaning.act == "node_id":
        return lambda value: node_id(type, value.get(PARENT, ""), value["id"])
    place = int(meaning.name)
    return lambda value: _ids(value[PARENT])[place]


async def node(execution: Execution, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
    """The record with a node id; null for one that does not exist, or that the caller can't see."""
    place = place_of(execution, str(selector.arguments(chosen)["nodeId"]))
    if place is None:
        return None
    projection, shape = selector.records(place.type, selector.inner(chosen), 1)
    address = RecordAddress(place.entry, place.parent, place.id, projection)
    try:
        found = await view_text(execution.backend, execution.of(address))
    except Refusal as refusal:
        if refusal.code == "not_found":
            return None
        raise
    return read(projection, shape, found.text, place.parent)


def place_of(execution: Execution, given: str) -> NodePlace | None:
    """Where a node id leads; None for one that no record can have."""
    name, _, rest = given.partition(":")
    kind, ids = execution.schema.get_type(name), rest.split("/")
    meaning = kind.extensions.get(MEANING) if isinstance(kind, GraphQLObjectType) else None
    if meaning is None or meaning.act != "record":
        return None
    assert isinstance(kind, GraphQLObjectType)
    entries = [meaning.entry]
    while above := entries[0].collection.parent:
        entries.insert(0, execution.backend.catalogue[above])
    if len(ids) != len(entries):
        return None
    try:
        for entry, id in zip(entries, ids, strict=True):
            entry.parse_id(id)
    except Refusal:  # no record can have this id
        return None
    parts = [part for entry, id in zip(entries[:-1], ids[:-1], strict=True) for part in (entry.name, id)]
    return NodePlace(kind, meaning.entry, "/".join(parts), ids[-1])


def _ids(path: str) -> list[str]:
    """The ids of a record's path."""
    return path.split("/")[1::2]
