"""The views of live subscribers, found by the values of the records that change: the work grows with the views that
match, not with all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from hinterland.kit.cel.equalities import Equalities, Equality, FieldPath, values_of
from hinterland.server.data.views import Delta, Version, View
from hinterland.server.storage.statements import META_COLUMNS

_Views = dict[View, None]  # in the order in which they came


class ViewIndex:
    """Views of one collection. A view is kept by the equalities without which it shows no record, such as
    `record.room == "x"`; `others` are those that have none."""

    def __init__(self) -> None:
        self.others: _Views = {}
        self._fields: dict[FieldPath, _FieldIndex] = {}
        self._kept: dict[View, Equalities] = {}

    def add(self, view: View) -> None:
        """Keep a view, which is not kept yet."""
        needed = self._kept[view] = view.equalities(self._crowd)
        if needed is None:
            self.others[view] = None
        for equality in needed or ():
            field = self._fields.get(equality.field)
            if field is None:
                field = self._fields[equality.field] = _FieldIndex(equality.field)
            field.add(equality.value, view)

    def remove(self, view: View) -> None:
        """Keep it no longer."""
        needed = self._kept.pop(view)
        if needed is None:
            del self.others[view]
        for equality in needed or ():
            field = self._fields[equality.field]
            field.remove(equality.value, view)
            if not field.views:
                del self._fields[equality.field]

    def of(self, delta: Delta) -> Collection[View]:
        """The views that may show the record before or after a change, `others` left out."""
        found: _Views = {}
        states = [state for state in (delta.before, delta.after) if state is not None]
        for field in self._fields.values():
            for state in states:
                field.find(state, found)
        return found

    def _crowd(self, equality: Equality) -> int:
        """How many views are kept by an equality already; the fewer, the more it tells."""
        field = self._fields.get(equality.field)
        return 1 + (len(field.views.get(equality.value, ())) if field is not None else 0)


class _FieldIndex:
    """Views by the value that they need of one field."""

    def __init__(self, field: FieldPath) -> None:
        self.views: dict[object, _Views] = {}
        self._needs_document = field.fields[0] not in META_COLUMNS
        self._values: Callable[[Mapping[str, Any]], list[object] | None] = values_of(field, "record")

    def add(self, value: object, view: View) -> None:
        self.views.setdefault(value, {})[view] = None

    def remove(self, value: object, view: View) -> None:
        views = self.views[value]
        del views[view]
        if not views:
            del self.views[value]

    def find(self, state: Version, found: _Views) -> None:
        """Add the views that the record's value finds; all where it has too many values."""
        values = self._values({"record": state.values(needs_document=self._needs_document)})
        for value in self.views if values is None else values:
            if (views := self.views.get(value)) is not None:
                found.update(views)
