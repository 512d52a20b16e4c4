"""A device's edit meets what others did to the record since the device saw it: field by field, by declared policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Collection as AnyCollection
from typing import Any, NamedTuple

from hinterland.contract import changes
from hinterland.contract.changes import Merged
from hinterland.contract.patches import merge_patch
from hinterland.contract.records import Collection, Document
from hinterland.contract.sync import Lost
from hinterland.contract.values import is_same
from hinterland.server.data import documents
from hinterland.server.storage.protocol import Change, LogEntry, StoredRecord


class Edit(NamedTuple):
    """What a device wants its fields to be: from where, when, and of the record that is now `old`.

    `unreadable` names the fields of an earlier state of the record that the device's user could not read.
    """

    body: Document
    origin: str
    stamp: float
    old: Document
    unreadable: Callable[[StoredRecord], AnyCollection[str]]


def merged(collection: Collection, edit: Edit, history: Sequence[LogEntry | Change]) -> tuple[Document, list[Lost]]:
    """What of the edit's body stands after it met the record's `history` since the device saw it, and what is lost.

    Where the user could not read a field when the device saw it, there is nothing to compare with: the edit is taken as
    one that names no base.
    """
    steps = [_Step.of(change) for change in history]
    lost: list[Lost] = []
    body: Document = {}
    for name, value in edit.body.items():
        met = _meet(collection, edit, steps, name, value)
        is_object = type(value) is dict  # of which a part may be lost
        if met.is_lost:
            lost.append(Lost(name, value, merge_patch(edit.old.get(name), met.value) if is_object else met.value))
        if is_object or not met.is_lost:
            body[name] = met.value
    return body, lost


def _meet(collection: Collection, edit: Edit, steps: Sequence[_Step], name: str, value: Any) -> Merged:
    field, now = collection.fields.get(name), edit.old.get(name)
    changing = [step for step in steps if step.changes(name)]
    mine = [step for step in changing if step.origin == edit.origin]
    theirs = [step.stamp for step in changing if step.origin != edit.origin]
    base, seen = (mine[-1].after, mine[-1].new) if mine else (steps[0].before, steps[0].old)
    if field is None or not theirs or base is None or is_same(seen.get(name), now) or name in edit.unreadable(base):
        return Merged(value)
    return changes.merge(field.merge, seen.get(name), now, value, is_device_newer=edit.stamp >= max(theirs))


class _Step(NamedTuple):
    """A change with its documents: `old` of the record `before`, `new` of the one `after`."""

    origin: str
    stamp: float
    before: StoredRecord | None
    after: StoredRecord | None
    old: Document
    new: Document

    @classmethod
    def of(cls, change: LogEntry | Change) -> _Step:
        old, new = ({} if record is None else documents.document_of(record) for record in (change.before, change.after))
        return cls(change.origin, change.stamp, change.before, change.after, old, new)

    def changes(self, name: str) -> bool:
        return not is_same(self.old.get(name), self.new.get(name))
