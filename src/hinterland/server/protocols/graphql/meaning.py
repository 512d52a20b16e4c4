"""What a field of the schema means, which is kept beside it."""

from __future__ import annotations

from typing import NamedTuple

from hinterland.server.data.catalogue import Entry
from hinterland.server.data.relations import Relation

NODE_ID = "nodeId"
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


_DESCRIPTIONS = {
    "view": "The record of {} with this id; null for one that does not exist, or that the caller can't see",
    "list": "Records of {}",
    "connection": "Records of {}, page by page",
    "aggregate": "Values of groups of records of {}",
    "create": "Create a record of {}",
    "patch": "Change fields of a record of {}",
    "replace": "Replace all fields of a record of {}",
    "delete": "Delete a record of {}; its id",
    "upsert": "Change the record of {} that has the value of a unique field, or create it",
    "bulk": "Create many records of {} as one commit",
    "batch": "Carry out all of several writes, or none",
    "node": "The record with a node id; null for one that does not exist, or that the caller can't see",
    "me": "The signed-in user's own record; null for callers who are signed out",
    "sign_up": "Create a user and a session",
    "log_in": "Log in with e-mail and password",
    "refresh": "Renew a session by its refresh token",
    "log_out": "End the session",
}


def description_of(meaning: Meaning) -> str | None:
    """What a root field does, in words."""
    text = _DESCRIPTIONS.get(meaning.act)
    return None if text is None else text.format("" if meaning.entry is None else meaning.entry.name)


def above_of(meaning: Meaning) -> str:
    """The collection below whose records those of a field are; "" for others."""
    relation, entry = meaning.relation, meaning.entry
    return entry.collection.parent if relation is not None and entry and not relation.by and not relation.back else ""
