"""A device's edit meets what others did to the record since the device saw it: field by field, by declared policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Collection as AnyCollection
from typing import Any, NamedTuple

import msgspec

from hinterland.contract import changes
from hinterland.contract.changes import Merged
from hinterland.contract.patches import merge_patch
from hinterland.contract.records import Collection, Document
from hinterland.contract.sync import Lost
from hinterland.contract.values import is_same
from hinterland.server.data import documents
from hinterland.server.storage.protocol import Change, LogEntry, Since, StoredRecord

_value = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
OwnChanges = Mapping[str, tuple[Any, Any]]
"""What each field of a record was before the changes of one request, and is after them."""


class DeviceEdit(NamedTuple):
    """What a device wants its fields to be: from where, when, and of the record that is now `old`.

    `unreadable` names the fields of an earlier state of the record that the device's user could not read; None: all.
    """

    body: Document
    origin: str
    timestamp: float
    old: Document
    unreadable: Callable[[StoredRecord], AnyCollection[str] | None]


class Past:
    """What happened to the fields of an edit since the device saw the record, added change by change.

    Of the record's versions only this is kept: what the device takes each field to be, which is what was in `base` and
    the differences that its own changes made, and the newest timestamp of others who changed it. `names` are the fields
    that changed at all."""

    def __init__(self, collection: Collection, edit: DeviceEdit, since: Since, base: StoredRecord | None) -> None:
        fields = [name for name in edit.body if collection.field(name) is not None]
        self._now = documents.texts_of(base, fields)
        self.names = [
            name for name in fields if since.has_own or not is_same(_value(self._now[name]), edit.old.get(name))
        ]
        self._collection = collection
        self._edit = edit
        self._theirs: dict[str, float] = {}
        hidden = None if base is None else edit.unreadable(base) if self.names else ()
        self._seen = {name: self._now[name] for name in self.names if hidden is not None and name not in hidden}

    def add(self, history: Iterable[LogEntry | Change]) -> None:
        """The next changes of the record, in order; in the end all since `base`."""
        for change in history:
            before, self._now = self._now, documents.texts_of(change.after, self.names)
            if change.kind == "create" and change.origin == self._edit.origin:
                self._create(change.after)
                continue
            changed = [name for name in self.names if not _is_same_text(before[name], self._now[name])]
            if change.origin != self._edit.origin:
                self._theirs |= {
                    name: max(change.timestamp, self._theirs.get(name, change.timestamp)) for name in changed
                }
            elif changed:
                hidden = None if change.after is None else self._edit.unreadable(change.after)
                for name in changed:
                    self._follow(name, before[name], self._now[name], is_hidden=hidden is None or name in hidden)

    def _create(self, record: StoredRecord | None) -> None:
        """The device itself made the record anew: what was before does not matter any longer."""
        hidden = None if record is None else self._edit.unreadable(record)
        self._theirs = {}
        self._seen = {name: self._now[name] for name in self.names if hidden is not None and name not in hidden}

    def add_own(self, own: OwnChanges) -> None:
        """The changes that the device's own request has made of the record until now."""
        for name in self.names:
            was, now = own.get(name, (None, None))
            if name in self._seen and not is_same(was, now):
                self._follow(name, _encode(was), _encode(now), is_hidden=False)

    def _follow(self, name: str, was: bytes, now: bytes, *, is_hidden: bool) -> None:
        """The device itself made `now` of a field that was `was`."""
        seen = self._seen.pop(name, was)
        if is_hidden:
            return
        if not _is_same_text(seen, was):
            field = self._collection.field(name)
            assert field is not None
            now = _encode(changes.followed(field.merge, _value(seen), _value(was), _value(now)))
        self._seen[name] = now

    def of(self, name: str) -> tuple[Any, float] | None:
        """What a field was when the device saw it, and the newest timestamp of others who changed it since. None where
        nobody else did, and where the user could not read it: then there is nothing to compare with."""
        if name not in self._theirs or name not in self._seen:
            return None
        return _value(self._seen[name]), self._theirs[name]


def merged(collection: Collection, edit: DeviceEdit, past: Past) -> tuple[Document, list[Lost]]:
    """The edit's body merged with the record's `past` since the device saw it, and the edits that are lost.

    Where the user could not read a field when the device saw it, the edit is taken as one that names no base.
    """
    lost: list[Lost] = []
    body: Document = {}
    for name, value in edit.body.items():
        met = _meet(collection, edit, past, name, value)
        is_object = type(value) is dict  # of which a part may be lost
        if met.is_lost:
            lost.append(Lost(name, value, merge_patch(edit.old.get(name), met.value) if is_object else met.value))
        if is_object or not met.is_lost:
            body[name] = met.value
    return body, lost


def _meet(collection: Collection, edit: DeviceEdit, past: Past, name: str, value: Any) -> Merged:
    met, now = past.of(name), edit.old.get(name)
    if met is None or is_same(met[0], now):
        return Merged(value)
    seen, theirs = met
    field = collection.field(name)
    assert field is not None  # nothing happened to what is not a field
    return changes.merge(field.merge, seen, now, value, is_device_newer=edit.timestamp >= theirs)


def _is_same_text(one: bytes, other: bytes) -> bool:
    return one == other or is_same(_value(one), _value(other))
