"""Stand-ins for ids that only the server gives: finding them in writes, and putting the real ids in their place.

One may be a record's id, in the path of a parent, and as a value in a body (a reference to another record). It is
`~` and an id, a *temporary* id; a device that does not know that the server gives the ids of a collection uses an
ordinary id in its place. A stand-in belongs to the place of its record, its collection and parent. As a value it is
known by its text alone, so there it must have been made at random, and the field must be able to hold a number. In a
batch a temporary id of any form is known, in references and in fields of numbers, members of objects too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from msgspec.structs import replace

from hinterland.contract.changes import Write
from hinterland.contract.identity import TEMPORARY_PREFIX, RecordId, is_made_id, is_record_id, is_temporary
from hinterland.contract.kinds.field import Field, item_type
from hinterland.contract.kinds.list import List
from hinterland.contract.kinds.object import Object
from hinterland.kit.cel.types import DOUBLE, DYN, INT, INT64

_DEEPEST = 64  # levels of a parent's path in which stand-ins are looked for
DeclaredFields = Mapping[str, Field]
"""The declared fields of a collection; others may hold any value."""


class Place(NamedTuple):
    """Where a stand-in belongs: the collection, the parent's path with the real ids in it, and the stand-in."""

    collection: str
    parent: str
    name: str


class StandIns:
    """The ids that the server gave for stand-ins; of several for one place, the last. `is_batch`: for those of one."""

    def __init__(self, given: Iterable[tuple[Place, RecordId]] = (), *, is_batch: bool = False) -> None:
        self._is_batch = is_batch
        self._ids: dict[Place, RecordId] = {}
        self._values: dict[str, dict[Place, RecordId]] = {}
        for place, id in given:
            self.add(place, id)

    def __bool__(self) -> bool:
        return bool(self._ids)

    def __iter__(self) -> Iterator[tuple[Place, RecordId]]:
        return iter(self._ids.items())

    def add(self, place: Place, id: RecordId) -> None:
        """Learn the id that was given for a stand-in."""
        self._ids[place] = id
        if self._is_batch or _is_made(place.name):
            self._values.setdefault(place.name, {})[place] = id

    def learn(self, writes: Sequence[Write], ids: Mapping[int, RecordId]) -> dict[int, Place]:
        """Learn the `ids` that were given to creations of a mutation, by position; returns the places of those that had
        stand-ins."""
        found: dict[int, Place] = {}
        for index, write in enumerate(writes if ids else ()):
            id = ids.get(index)
            if isinstance(id, int) and write.act == "create" and is_stand_in(write.id):
                found[index] = Place(write.collection, self.parent(write.parent), str(write.id))
                self.add(found[index], id)
        return found

    def without(self, writes: Sequence[Write]) -> StandIns:
        """What is known but for the records that `writes` create."""
        made = {(write.collection, self.parent(write.parent), write.id) for write in writes if write.act == "create"}
        return StandIns((place, id) for place, id in self._ids.items() if place not in made)

    def id(self, collection: str, parent: str, id: RecordId) -> RecordId:
        """The id of the record that is named `id` below `parent`, a path with real ids."""
        return self._ids.get(Place(collection, parent, id), id) if isinstance(id, str) else id

    def parent(self, path: str) -> str:
        """A parent's path with the real ids in it."""
        parts = _segments(path)
        for end in range(2, len(parts) + 1, 2):
            parts[end - 1] = str(self.id(parts[end - 2], "/".join(parts[: end - 2]), parts[end - 1]))
        return "/".join(parts) if parts else path

    def write(self, write: Write, fields: DeclaredFields, *, is_whole: bool = False) -> Write:
        """The write with the real ids in it; a creation keeps its own id unless `is_whole`."""
        parent = self.parent(write.parent)
        keeps_id = write.act == "create" and not is_whole
        id = write.id if keeps_id else self.id(write.collection, parent, write.id)
        body = {name: self._in_field(value, fields.get(name)) for name, value in write.body.items()}
        for name, old, new in (("id", write.id, id), ("parent", write.parent, parent)):
            if name in body:  # says again where the record is
                body[name] = new if write.body[name] == old else write.body[name]
        return replace(write, id=id, parent=parent, body=body)

    def _in_field(self, value: Any, field: Field | None) -> Any:
        link = None if field is None else field.link
        if link is not None:  # of the place that it names, whatever its text
            refer = partial(self.id, link.to, "")
            return [refer(item) for item in value] if isinstance(value, list) else refer(value)
        if self._is_batch and isinstance(field, List) and isinstance(value, list):
            return [self._in_field(item, field.of) for item in value]
        if self._is_batch and isinstance(field, Object) and isinstance(value, dict):
            return {name: self._in_field(item, field.fields.get(name)) for name, item in value.items()}
        may_refer = _holds_numbers(field) if self._is_batch else _may_refer(field)
        return self._value(value) if may_refer else value

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._value(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._value(item) for item in value]
        found = self._values.get(value, {}) if isinstance(value, str) else {}
        return next(iter(found.values())) if len(found) == 1 else value


def is_stand_in(id: RecordId) -> bool:
    """Whether a device may create a record under this id where the server gives the ids: one that reads as a number
    would name another record in a path."""
    return is_temporary(id) or (is_record_id(id) and not str(id).isdigit())


def created(write: Write) -> str:
    """The temporary id that this write brings into the world; "" if none."""
    return str(write.id) if write.act == "create" and is_temporary(write.id) else ""


def references(write: Write) -> set[str]:
    """The temporary ids that the write needs to be known, its own creation's not among them."""
    found = {part for part in _segments(write.parent)[1::2] if is_temporary(part)}
    found.update(text for text in _texts(write.body) if is_temporary(text) and _is_made(text))
    if is_temporary(write.id) and not created(write):
        found.add(str(write.id))
    return found


def candidates(write: Write, fields: DeclaredFields) -> set[str]:
    """The ids in the write that may be stand-ins, the one of its own creation left out."""
    values = [value for name, value in write.body.items() if _may_refer(fields.get(name))]
    linked = [value for name, value in write.body.items() if name in fields and fields[name].link is not None]
    found = {*_segments(write.parent)[1::2], *filter(_is_made, _texts(values)), *_texts(linked)}
    if write.act != "create" and isinstance(write.id, str):
        found.add(write.id)
    return {name for name in found if is_stand_in(name)}


def _segments(path: str) -> list[str]:
    """The segments of a parent's path; none of one that is deeper than any collection."""
    return path.split("/") if path and path.count("/") < 2 * _DEEPEST else []


def _is_made(text: str) -> bool:
    """Whether `text` has so many random characters that no other text is it by chance."""
    return is_made_id(text.removeprefix(TEMPORARY_PREFIX))


def _may_refer(field: Field | None) -> bool:
    """Whether the id of a record, a number, may be in the field; None: it is not declared."""
    return field is None or item_type(field) in (INT, DOUBLE, INT64, DYN)


def _holds_numbers(field: Field | None) -> bool:
    """Whether no text can be in the field."""
    return field is not None and item_type(field) in (INT, DOUBLE, INT64)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
