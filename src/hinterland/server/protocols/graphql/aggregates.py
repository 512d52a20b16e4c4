"""Aggregates: values of groups of the records that a list would show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphql import GraphQLID, GraphQLObjectType

from hinterland.contract.aggregation import VALUES, Aggregation
from hinterland.contract.errors import Refusal
from hinterland.contract.query import MAX_LIMIT
from hinterland.server.operations.records import Aggregating, aggregate_records
from hinterland.server.protocols.graphql.aggregate_types import COLUMN, GROUP
from hinterland.server.protocols.graphql.chosen import Chosen, limit_of, object_type
from hinterland.server.protocols.graphql.conditions import where_of
from hinterland.server.protocols.graphql.selections import Selector

if TYPE_CHECKING:
    from hinterland.server.data.catalogue import Entry
    from hinterland.server.protocols.graphql.execution import Execution
    from hinterland.server.protocols.graphql.meaning import Meaning


async def aggregate(execution: Execution, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
    """The groups that are asked for, with the columns that are selected of them."""
    entry, given = meaning.entry, selector.arguments(chosen)
    assert entry is not None
    limit = limit_of(given, default=MAX_LIMIT)
    selector.count(limit)
    selected = selector.chosen(object_type(chosen), selector.inner(chosen))
    rows = {
        key: selector.chosen(object_type(each), selector.inner(each))
        for key, each in selected
        if each is not None and each.nodes[0].name.value == "groups"
    }
    asked = _asked(entry, given, limit, [each for row in rows.values() for _, each in row if each is not None])
    address = Aggregating(entry, execution.parent(entry, given), asked, where_of(entry, given))
    page = await aggregate_records(execution.backend, execution.of(address))
    made: dict[str, Any] = {}
    for key, each in selected:
        if key in rows:
            made[key] = [_shown(rows[key], item, object_type(each)) for item in page.items] if each else None
        else:
            made[key] = object_type(chosen).name if each is None else page.next or None
    return made


def _asked(entry: Entry, given: Mapping[str, Any], limit: int, columns: list[Chosen]) -> Aggregation:
    words: dict[str, dict[str, None]] = {word: {} for word in VALUES}
    groups = dict.fromkeys(given.get("groupBy") or ())
    for each in columns:
        word, text = each.field.extensions[COLUMN]
        if word != GROUP:
            words[word][text] = None
        elif text not in groups:
            name = each.nodes[0].name.value
            raise Refusal("invalid_query", f"{name} is not in groupBy; add it there, or leave it out")
    values: dict[str, Any] = {word: tuple(texts) for word, texts in words.items()}
    return Aggregation(
        group=tuple(groups),
        **values,
        having=given.get("having") or "",
        sort=tuple(given.get("sort") or ()),
        limit=limit,
        cursor=given.get("after") or "",
        filter=given.get("filter") or "",
        search=given.get("search") or "",
    )


def _shown(selected: list[tuple[str, Chosen | None]], item: Mapping[str, Any], of: GraphQLObjectType) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, each in selected:
        if each is None:
            made[key] = of.name
            continue
        value = item[each.nodes[0].name.value]
        made[key] = str(value) if each.field.type is GraphQLID and value is not None else value
    return made
