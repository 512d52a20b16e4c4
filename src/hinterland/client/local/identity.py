"""Ids as the store has them: made here for new records, and numbers where the server gives numbers."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from hinterland.client.places import checked_parent
from hinterland.contract.changes import Write
from hinterland.contract.identity import TEMPORARY_PREFIX, RecordId
from hinterland.contract.kinds.field import Ids


def stored(record_id: RecordId, ids: Ids) -> RecordId:
    """The id as the store has it: a number that the server gave may be said as text, as in a path."""
    text = str(record_id)
    return int(text) if ids == "integer" and text.isascii() and text.isdigit() else record_id


def identified(write: Write, ids: Ids, new_id: Callable[[], str]) -> Write:
    """The write with its record's id. A creation without one gets the one in its body, else a new one, a temporary one
    where the server gives the ids. Raises ValidationFailed for what is not a parent."""
    checked_parent(write.parent, is_local=True)
    if write.act != "create" or write.id != "":
        return replace(write, id=stored(write.id, ids))
    body = dict(write.body)
    given = body.pop("id", None) or (f"{TEMPORARY_PREFIX}{new_id()}" if ids == "integer" else new_id())
    return replace(write, id=stored(given, ids), body=body)
