"""Stand-ins for ids that only the server gives: finding them in writes, and putting the real ids in their place.

One may stand as a record's id, in the path of a parent, and as a value in a body (a reference to another record). It is
`~` and an id, a *temporary* id; a device that does not know that the server gives the ids of a collection uses an
ordinary id in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from hinterland.contract.changes import Write
from hinterland.contract.identity import RecordId, is_made_id, is_temporary

Given = Mapping[str, RecordId]


def created(write: Write) -> str:
    """The temporary id that this write brings into the world; "" if none."""
    return str(write.id) if write.act == "create" and is_temporary(write.id) else ""


def references(write: Write) -> set[str]:
    """The temporary ids that the write needs to be known, its own creation's not among them."""
    found = {part for part in write.parent.split("/") if is_temporary(part)}
    found.update(_in(write.body))
    if is_temporary(write.id) and not created(write):
        found.add(str(write.id))
    return found


def candidates(write: Write) -> set[str]:
    """The ids in the write that may stand for others, the one of its own creation left out."""
    found = {*write.parent.split("/")[1::2], *filter(_is_stand_in, _texts(write.body))}
    if write.act != "create" and isinstance(write.id, str):
        found.add(write.id)
    return found


def _is_stand_in(text: str) -> bool:
    return is_temporary(text) or is_made_id(text)


def _in(value: Any) -> Iterator[str]:
    return filter(is_temporary, _texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def renamed(write: Write, given: Given) -> Write:
    """The write with the real ids of those stand-ins that `given` knows.

    In values only temporary ids and ids of the form that devices make are replaced: another text may mean something
    else.
    """
    record_id = given.get(str(write.id), write.id)
    return replace(write, id=record_id, parent=parent_of(write.parent, given), body=_body(write.body, given))


def parent_of(parent: str, given: Given) -> str:
    """A parent's path with the real ids in it."""
    return "/".join(str(given.get(part, part)) for part in parent.split("/")) if parent else parent


def _body(value: Any, given: Given) -> Any:
    if isinstance(value, dict):
        return {name: _body(item, given) for name, item in value.items()}
    if isinstance(value, list):
        return [_body(item, given) for item in value]
    return given.get(value, value) if isinstance(value, str) and _is_stand_in(value) else value
