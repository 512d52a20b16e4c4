"""The root fields of a federation's subgraph: its schema, and records by their ids."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from graphql import GraphQLObjectType, GraphQLUnionType, get_named_type

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.contract.query import MAX_LIMIT
from hinterland.server.operations.records import RecordAddresses, view_texts
from hinterland.server.protocols.graphql.chosen import Chosen, object_type
from hinterland.server.protocols.graphql.federation import subgraph_text
from hinterland.server.protocols.graphql.meaning import MEANING, NODE_ID
from hinterland.server.protocols.graphql.nodes import place_of
from hinterland.server.protocols.graphql.selections import Selector
from hinterland.server.protocols.graphql.shapes import read

if TYPE_CHECKING:
    from hinterland.server.data.catalogue import Entry
    from hinterland.server.protocols.graphql.execution import Execution
    from hinterland.server.protocols.graphql.meaning import Meaning


async def service(execution: Execution, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
    """The schema as the text that a gateway composes."""
    selected = selector.chosen(object_type(chosen), selector.inner(chosen))
    return {key: "_Service" if each is None else subgraph_text(execution.schema) for key, each in selected}


async def entities(execution: Execution, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
    """The records of representations, each at its place; null for one that the caller can't see. The records of a type
    are found together."""
    representations = selector.arguments(chosen)["representations"]
    if len(representations) > MAX_LIMIT:
        message = f"{len(representations):,} representations; send at most {MAX_LIMIT:,} at once"
        raise Refusal("invalid_query", message)
    places = _by_type(execution, chosen, representations)
    found: list[Any] = [None] * len(representations)
    for (kind, parent), wanted in places.items():
        entry: Entry = kind.extensions[MEANING].entry
        projection, shape = selector.records(kind, selector.inner(chosen), len(wanted))
        try:
            addresses = RecordAddresses(entry, parent, [*{*wanted.values()}], projection)
            records = await view_texts(execution.backend, execution.of(addresses))
        except Refusal as refusal:
            for place in wanted:
                execution.note(chosen, refusal, place)
            continue
        for place, id in wanted.items():
            if id in records:
                found[place] = read(projection, shape, records[id].text, parent)
    return found


def _by_type(
    execution: Execution, chosen: Chosen, representations: list[Any]
) -> dict[tuple[GraphQLObjectType, str], dict[int, RecordId]]:
    """The ids that are wanted of each type, below each record, by their places. One that names no record is an error at
    its place."""
    union = get_named_type(chosen.field.type)
    assert isinstance(union, GraphQLUnionType)
    types = {each.name: each for each in union.types}
    places: dict[tuple[GraphQLObjectType, str], dict[int, RecordId]] = {}
    for place, representation in enumerate(representations):
        named = representation if isinstance(representation, dict) else {}
        name, keys = named.get("__typename"), (named.get("id"), named.get(NODE_ID))
        kind = types.get(name) if isinstance(name, str) else None
        entry: Entry | None = None if kind is None else kind.extensions[MEANING].entry
        id, node = keys if entry is None or not entry.collection.parent else (None, keys[1])
        if kind is None or entry is None or not (_is_id(id) or isinstance(node, str)):
            problem = "a representation has a __typename with a key, and the field that is its key"
            execution.note(chosen, Refusal("invalid_query", problem), place)
            continue
        parent = ""
        if not _is_id(id):
            found = place_of(execution, str(node))
            if found is None or found.type is not kind:
                continue
            parent, id = found.parent, found.id
        with suppress(Refusal):  # no record can have this id
            places.setdefault((kind, parent), {})[place] = entry.parse_id(str(id))
    return places


def _is_id(value: object) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)
