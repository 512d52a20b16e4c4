"""Which records belong to others, by the names under which callers ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from hinterland.contract.kinds.field import Field
from hinterland.kit.cel.types import ListType

if TYPE_CHECKING:
    from hinterland.server.data.catalogue import Catalogue, Entry


class Relation(NamedTuple):
    """How records of `collection` belong to a record: its field `by` holds the id, or several (not `is_one`); their
    field `back` holds its id; else they are below it."""

    collection: str
    by: str = ""
    back: str = ""
    is_one: bool = False


class Relations:
    """The relations of each collection of a catalogue, by name."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._of: dict[str, Mapping[str, Relation]] = {}

    def of(self, entry: Entry) -> Mapping[str, Relation]:
        """References by the field's name, collections below by theirs; records that refer to one of `entry` by
        `comments_via_author`, and by the collection's name where one of its fields alone refers to `entry`."""
        if entry.name not in self._of:
            self._of[entry.name] = self._found(entry)
        return self._of[entry.name]

    def _found(self, entry: Entry) -> dict[str, Relation]:
        back = [*self._back(entry)]
        names = [relation.collection for relation in back]
        found = {relation.collection: relation for relation in back if names.count(relation.collection) == 1}
        found |= {f"{relation.collection}_via_{relation.back}": relation for relation in back}
        found |= {name: Relation(name) for name in entry.children}
        return found | {relation.by: relation for relation in self._references(entry)}

    def _references(self, entry: Entry) -> Iterator[Relation]:
        id = {name: other.book.kinds["id"] for name, other in self._catalogue.entries.items()}
        for name, field in entry.collection.fields.items():
            is_list = isinstance(field.type, ListType)
            held = field.type.element if isinstance(field.type, ListType) else field.type
            to = target_of(field)
            if to in id and id[to] is held:
                yield Relation(to, by=name, is_one=not is_list)

    def _back(self, entry: Entry) -> Iterator[Relation]:
        """Those by fields with an index: without one, each record would have all others searched."""
        for other in self._catalogue.entries.values():
            for relation in self._references(other):
                field = other.collection.fields[relation.by]
                if relation.collection == entry.name and relation.is_one and (field.index or field.unique):
                    yield Relation(other.name, back=relation.by)


def target_of(field: Field) -> str:
    """The collection whose ids a field holds; "" where it is not declared. What is filled with callers' ids holds those
    of users."""
    return field.link.to if field.link is not None else "users" if field.fill == "auth.id" else ""
