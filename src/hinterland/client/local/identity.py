"""Ids as the store has them: made here for new records, and numbers where the server gives numbers."""

from __future__ import annotations

from msgspec.structs import replace

from hinterland.client.places import checked_parent
from hinterland.contract.changes import Write
from hinterland.contract.identity import TEMPORARY_PREFIX, RecordId, new_id
from hinterland.contract.records import Ids


def stored(record_id: RecordId, ids: Ids) -> RecordId:
    """The id as the store has it: a number that the server gave may be said as text, as in a path."""
    text = str(record_id)
    return int(text) if ids == "integer" and text.isascii() and text.isdigit() else record_id


def identified(write: Write, ids: Ids, now: float) -> Write:
    """The write with its record's id. A creation without one gets the one in its body, else a new one (`now` in seconds
    since 1970), a temporary one where the server gives the ids. Raises ValidationFailed for what is no parent."""
    checked_parent(write.parent, is_local=True)
    if write.act != "create" or write.id != "":
        return replace(write, id=stored(write.id, ids))
    body = dict(write.body)
    given = body.pop("id", None) or _new(ids, now)
    return replace(write, id=stored(given, ids), body=body)


def _new(ids: Ids, now: float) -> str:
    return f"{TEMPORARY_PREFIX}{new_id(now)}" if ids == "integer" else new_id(now)
