"""A device's edit meets what others did to the record since the device saw it: field by field, by declared policy."""

from __future__ import annotations

from collections.abc import Collection as AnyCollection
from collections.abc import Sequence
from typing import Any, NamedTuple

from hinterland.contract import changes
from hinterland.contract.records import Collection, Document
from hinterland.contract.sync import Lost
from hinterland.server.data import documents
from hinterland.server.storage.protocol import Change, LogEntry


class Edit(NamedTuple):
    """What a device wants its fields to be: from where, when, and of the record that is now `old`. What became of the
    fields in `unseen` its user is not told."""

    body: Document
    origin: str
    stamp: float
    old: Document
    unseen: AnyCollection[str]


def merged(collection: Collection, edit: Edit, history: Sequence[LogEntry | Change]) -> tuple[Document, list[Lost]]:
    """The edit's body after it met the record's `history` since the device saw it, and what of it is lost."""
    steps = [_Step.of(change) for change in history]
    lost: list[Lost] = []
    body = {name: _meet(collection, edit, steps, name, value, lost) for name, value in edit.body.items()}
    return body, lost


def _meet(collection: Collection, edit: Edit, steps: Sequence[_Step], name: str, value: Any, lost: list[Lost]) -> Any:
    field, now = collection.fields.get(name), edit.old.get(name)
    changing = [step for step in steps if step.changes(name)]
    mine = [step for step in changing if step.origin == edit.origin]
    theirs = [step.stamp for step in changing if step.origin != edit.origin]
    seen = mine[-1].after.get(name) if mine else steps[0].before.get(name)
    if field is None or not theirs or seen == now:
        return value
    met = changes.merge(field.merge, seen, now, value, is_device_newer=edit.stamp >= max(theirs))
    if met.is_lost:
        lost.append(Lost(name, value, None if name in edit.unseen else met.value))
    return met.value


class _Step(NamedTuple):
    """A change with its documents."""

    origin: str
    stamp: float
    before: Document
    after: Document

    @classmethod
    def of(cls, change: LogEntry | Change) -> _Step:
        before = documents.document_of(change.before) if change.before is not None else {}
        after = documents.document_of(change.after) if change.after is not None else {}
        return cls(change.origin, change.stamp, before, after)

    def changes(self, name: str) -> bool:
        return bool(self.before.get(name) != self.after.get(name))
