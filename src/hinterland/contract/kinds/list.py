"""Lists of one kind."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Self

import msgspec

from hinterland.contract.identity import RecordId
from hinterland.contract.kinds.boolean import Boolean
from hinterland.contract.kinds.date import Date
from hinterland.contract.kinds.field import Check, Field, Ids, Link, NestedErrors, Transform, length_problem, register
from hinterland.contract.kinds.instant import Instant
from hinterland.contract.kinds.integer import Integer
from hinterland.contract.kinds.number import Number
from hinterland.contract.kinds.object import Object
from hinterland.contract.kinds.reference import Reference
from hinterland.contract.kinds.text import Text
from hinterland.contract.values import identity
from hinterland.kit import strict_json
from hinterland.kit.cel.types import ListType, Type


@register
class List(Field, frozen=True, kw_only=True, omit_defaults=True, tag="list"):
    """Up to `max_items` values of one kind `of`.

    A list of references loses the item whose record is deleted with `on_delete="set_null"`.
    """

    of: Text | Integer | Number | Boolean | Instant | Date | Reference | Object = Text()
    max_items: int = 1_000

    merges = ("newest", "server", "set")
    is_sortable = False
    is_indexable = False

    @property
    def type(self) -> Type:
        """A list of what `of` has."""
        return ListType(self.of.type)

    @property
    def name(self) -> str:
        """The kind with that of its items."""
        return f"{type(self).__name__}(of={self.of.name})"

    def checker(self) -> Check:
        """A list whose items pass the check of `of`."""
        item, longest = self.of.checker(), self.max_items

        def check(value: Any) -> list[Any]:
            if type(value) is not list:
                raise ValueError("must be a list")
            if len(value) > longest:
                raise ValueError(f"must have at most {longest} items, has {len(value)}")
            try:
                return [item(element) for element in value]
            except ValueError:  # which of them
                return _items(item, value)

        return check

    def json_schema(self) -> dict[str, Any]:
        """An array."""
        return {"type": "array", "items": self.of.json_schema(), "maxItems": self.max_items}

    def transforms(self) -> dict[str, Transform]:
        """`$add` and `$remove`, of items."""
        check, schema = self.checker(), self.json_schema()  # in the store's form, in which the stored ones are
        return {
            "$add": Transform(lambda old, operand, _now: add(_held(old), check(operand)), schema),
            "$remove": Transform(lambda old, operand, _now: remove(_held(old), check(operand)), schema),
        }

    def from_text(self, text: str) -> Any:
        """A JSON array."""
        try:
            return strict_json.decode(text.encode())
        except ValueError:
            return text

    @property
    def searched(self) -> Sequence[str]:
        """What is searched of an item."""
        item: Field = self.of
        return item.searched

    def texts(self, value: Any) -> Sequence[str]:
        """Those of the items, of which no phrase is in two."""
        item: Field = self.of
        return [text for each in value for text in item.texts(each)] if type(value) is list else ()

    def contradiction(self) -> str:
        """A length below 0, or items that can't be."""
        if self.link is not None and self.link.on_delete == "cascade":
            return "a list's record is not deleted with one of its items; use on_delete='restrict' or 'set_null'"
        return length_problem(max_items=self.max_items) or self.of.contradiction()

    def takes_all_of(self, old: Self) -> bool:
        """Whether it may be as long, of items that `of` takes."""
        item: Field = self.of
        return self.max_items >= old.max_items and item.takes_all_of(old.of)

    # ------------------------------------------------------------ references

    @property
    def link(self) -> Link | None:
        """What the items refer to."""
        return self.of.link

    def linked(self, ids: Ids) -> Self:
        """The list where the ids of what its items refer to are `ids`."""
        of = self.of.linked(ids)
        return self if of is self.of else msgspec.structs.replace(self, of=of)

    def referring_within(self, known: Container[str]) -> Self:
        """The list without the name of what its items refer to, where that is not known."""
        of = self.of.referring_within(known)
        return self if of is self.of else msgspec.structs.replace(self, of=of)

    def ids_in(self, value: Any) -> Sequence[RecordId]:
        """The items."""
        return value if self.link is not None and isinstance(value, list) else ()

    def without(self, value: Any, id: RecordId) -> Any:
        """The list without the item."""
        return [item for item in value if item != id] if isinstance(value, list) else value

    # ------------------------------------------------------------ its column

    def to_column(self, value: Any) -> Any:
        """JSON text."""
        return None if value is None else msgspec.json.encode(value).decode()


def _held(old: Any) -> list[Any]:
    """The list that a record has; a device's record may have what an earlier declaration allowed. Raises ValueError."""
    if old is not None and type(old) is not list:
        raise ValueError("needs a list or nothing in the record")
    return old or []


def add(old: list[Any], items: list[Any]) -> list[Any]:
    """`old` and those `items` that it lacks, in order."""
    result, known = list(old), set(map(identity, old))
    for item in items:
        key = identity(item)
        if key not in known:
            known.add(key)
            result.append(item)
    return result


def remove(old: list[Any], items: list[Any]) -> list[Any]:
    """`old` without `items`."""
    gone = set(map(identity, items))
    return [item for item in old if identity(item) not in gone]


def _items(check: Check, values: list[Any]) -> list[Any]:
    """The items. Raises ValueError for the first that is not valid, and `NestedErrors` where they have insides."""
    errors: dict[str, str] = {}
    found = []
    for index, element in enumerate(values):
        try:
            found.append(check(element))
        except NestedErrors as error:
            NestedErrors.add(errors, str(index), error)
        except ValueError as error:
            if not errors:
                raise ValueError(f"item {index}: {error}") from None
            NestedErrors.add(errors, str(index), error)
    if errors:
        raise NestedErrors(errors)
    return found
