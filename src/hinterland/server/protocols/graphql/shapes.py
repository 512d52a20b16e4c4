"""How what was read becomes what is selected of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from hinterland.server.data.projection import Projection
from hinterland.server.protocols.graphql.meaning import Meaning

Shape = Callable[[Mapping[str, Any]], Any]
"""Makes a value of the selection of what was read."""


PARENT = "_parent"
"""The member in which a record that was read has the path of the record that it is below."""


def read(projection: Projection, shape: Shape, text: str, parent: str = "") -> Any:
    """A record's JSON in the form that is selected of it; it is below the record `parent`."""
    if projection.members:
        return msgspec.Raw(text.encode())
    record = msgspec.json.decode(text)
    if parent:
        record[PARENT] = parent
    return shape(record)


def placed(above: Mapping[str, Any], collection: str, records: list[Any]) -> list[Any]:
    """Records that were read below another one, of this collection."""
    path = f"{above[PARENT]}/{collection}" if PARENT in above else collection
    for record in records:
        record[PARENT] = f"{path}/{above['id']}"
    return records


def object_of(parts: Sequence[tuple[str, Shape]]) -> Shape:
    """An object with some members."""

    def shape(value: Mapping[str, Any]) -> dict[str, Any]:
        return {key: make(value) for key, make in parts}

    return shape


def constant(value: str) -> Shape:
    """A text, whatever was read."""
    return lambda _: value


def member(name: str, shape: Shape | None) -> Shape:
    """The value of a field, null where there is none."""
    if shape is None:
        return lambda value: value.get(name)
    return lambda value: each_of(value.get(name), shape)


def each_of(value: Any, shape: Shape) -> Any:
    """A value's shape, that of each item where it is a list; a value of another kind, from before, is null."""
    if isinstance(value, list):
        return [each_of(item, shape) for item in value]
    return shape(value) if isinstance(value, Mapping) or shape is id_text else None


def has_text_ids(meaning: Meaning) -> bool:
    """Whether what an id is read as is a text already; a record's own is in any case."""
    link = None if meaning.entry is None else meaning.entry.links.get(meaning.name)
    return meaning.name == "id" or (link is not None and link.ids == "string")


def without_members(projection: Projection) -> Projection:
    """The same, read as it is stored."""
    related = [each._replace(projection=without_members(each.projection)) for each in projection.related]
    return Projection(projection.fields, tuple(related))


def id_text(value: Any) -> Any:
    """An id, which is a text in GraphQL (§3.5.5)."""
    return None if value is None else str(value)


def expanded(key: str, shape: Shape, *, is_one: bool, below: str = "") -> Shape:
    """What comes with a record under a key; `below`: the record's collection, where it is below the record."""
    if below:
        return lambda value: [shape(item) for item in placed(value, below, value["_expand"][key]["items"])]
    if is_one:

        def one(value: Mapping[str, Any]) -> Any:
            inner = value["_expand"][key]
            return None if inner is None else shape(inner)

        return one
    return lambda value: [shape(item) for item in value["_expand"][key]["items"]]
