"""Which fields of a record a caller may set."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from hinterland.contract import changes
from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.records import Document
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.requests import HookedWrite
from hinterland.server.storage.protocol import StoredRecord

_UNHOOKED = HookedWrite()


def settable(
    entry: Entry, write: Write, old: Document, hidden: AbstractSet[str], hooked: HookedWrite = _UNHOOKED
) -> Document:
    """The body of a write without the admin-only fields that it leaves as they are: these take no part in what follows.
    Those that hooks set do: the app has set them. What the caller sent in them is judged all the same, since a hook may
    have made its value of that.

    Raises `validation` for the fields that only administrators may set: the same for all values, sent
    and stored, of a field that is `hidden` from them.
    """
    by_hooks = hooked.fields
    shape, body = entry.shape, write.body
    if not hidden and shape.admin_only.isdisjoint(body):
        return body
    errors = {
        name: ["can't be transformed; it is hidden from you, so send a value"]
        for name in hidden - by_hooks
        if write.act == "patch" and name in body and changes.is_transform(body[name])
    }
    errors |= shape.readonly_violations({**_without(body, by_hooks), **hooked.sent}, old, hidden)
    if errors:
        raise shape.refusal(errors)
    return _without(body, shape.admin_only - by_hooks)


def _without(body: Document, names: AbstractSet[str]) -> Document:
    return {name: value for name, value in body.items() if name not in names}


def check_preconditions(write: Write, before: StoredRecord | None) -> None:
    """Raises `stale` where the record that is written over, as far as the caller may know it, is not as the write asks
    for."""
    if write.exists is True and before is None:
        raise Refusal("stale", f"{write.collection}/{write.id} no longer exists")
    if write.exists is False and before is not None:
        raise Refusal("stale", f"{write.collection}/{write.id} already exists")
    if write.revision is not None and (before is None or before.revision != (write.revision or None)):
        raise Refusal("stale", f"{write.collection}/{write.id} was changed meanwhile; read it again")
