"""What a field of the schema means, which is kept beside it."""

from __future__ import annotations

from typing import NamedTuple

from hinterland.server.data.catalogue import Entry
from hinterland.server.data.relations import Relation

MEANING = "hinterland"
"""The key of `extensions` under which a field of the schema has its `Meaning`."""


class Meaning(NamedTuple):
    """What a field of the schema stands for. `act`: what a root field does, or how a field of a record is found: a
    `value` of the record's field `name`, its `node_id`, the `parent_id` of the record above it at the place `name`, or
    the records of a `relation`, as `one`, a `list` or a `connection`."""

    act: str
    entry: Entry | None = None
    name: str = ""
    relation: Relation | None = None


def above_of(meaning: Meaning) -> str:
    """The collection below whose records those of a field are; "" for others."""
    relation, entry = meaning.relation, meaning.entry
    return entry.collection.parent if relation is not None and entry and not relation.by and not relation.back else ""
