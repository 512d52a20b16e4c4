"""What a list is sorted by, the place in it that a cursor names, and what `field=value` asks for: the same on the
server and on a device."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Boolean, Number
from hinterland.contract.identity import ID_HINT, is_record_id
from hinterland.contract.kinds.field import Field, Ids
from hinterland.contract.query import WORDS
from hinterland.contract.records import META, TIMES, Collection
from hinterland.contract.values import parse_instant
from hinterland.kit.cel.types import INT, STRING, ListType
from hinterland.kit.closest_first import closest_first

MAX_SORT = 16  # fields that a list is sorted by
_place = msgspec.json.Decoder(list[bool | int | float | str | None])
_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)  # what every database holds


class SortKey(NamedTuple):
    """A field that a list is sorted by, and whether the highest value comes first."""

    name: str
    is_down: bool


def sort_keys(sort: Sequence[str]) -> list[SortKey]:
    """The keys of a `sort`, with the id behind them to tell equal ones apart. Raises `invalid_query`."""
    if len(sort) > MAX_SORT:
        raise Refusal("invalid_query", f"sort names at most {MAX_SORT} fields")
    keys = [SortKey(name.removeprefix("-"), name.startswith("-")) for name in sort]
    names = [key.name for key in keys]
    if "id" in names:
        return keys[: names.index("id") + 1]
    return [*keys, SortKey("id", bool(keys) and keys[-1].is_down)]


def sortable_names(collection: Collection) -> list[str]:
    """What the collection can be sorted by."""
    fields = collection.fields.items()
    return [*(name for name, field in fields if field.is_sortable), *META]


def check_sort(collection: Collection, sort: Sequence[str]) -> None:
    """Raises `invalid_query` for the first name in `sort` that the collection can't be sorted by."""
    sortable = sortable_names(collection)
    unknown = next((name for name in (name.removeprefix("-") for name in sort) if name not in sortable), None)
    if unknown is not None:
        known = ", ".join(closest_first(unknown, sortable))
        field = collection.fields.get(unknown)
        problem = f"unknown sort field {unknown[:64]!r}" if field is None else f"can't sort by {unknown}, {field.name}"
        raise Refusal("invalid_query", f"{problem}; allowed: {known}")


def write_place(question: str, values: Sequence[Any]) -> str:
    """The cursor of the place behind the record whose sort keys have these `values`, the last of them its id.

    `question` tells the cursors of one list from those of others. It keeps values, so no record is shown twice or
    left out, whatever is written between two pages.
    """
    return base64.urlsafe_b64encode(msgspec.json.encode([question, *values])).decode().rstrip("=")


def read_place(question: str, cursor: str, count: int) -> list[Any]:
    """The `count` values that a cursor of the same question holds. Raises `invalid_cursor`."""
    try:
        asked, *values = _place.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, msgspec.MsgspecError):
        raise foreign_place() from None
    if asked != question or len(values) != count or values[-1] is None:
        raise foreign_place()
    return values


def foreign_place() -> Refusal:
    """The refusal of a cursor of another list, or of one whose values are not such as its list has."""
    return Refusal("invalid_cursor", "the cursor does not belong to this list; start again without a cursor")


def wanted(collection: Collection, name: str, value: Any) -> Any:
    """The value, in the record's form, that `name=value` asks for with a text or a value. Raises `invalid_query`."""
    if name not in META and name not in collection.fields:
        known = ", ".join(closest_first(name, (*sortable_names(collection), *WORDS)))
        raise Refusal("invalid_query", f"unknown parameter {name[:64]!r}; allowed: {known}")
    try:
        return meta_value(name, value, collection.ids) if name in META else _field(collection, name, value)
    except ValueError as error:
        raise Refusal("invalid_query", f"{name}: {error}") from None


def meanings(value: Any) -> list[Any]:
    """What `name=value` asks for in a field that is not declared: the text as it is, and the instant, number or truth
    value that it writes."""
    if not isinstance(value, str):
        return [value]
    found = [value]
    try:
        found.append(parse_instant(value))
    except ValueError:
        found += [read for kind in (Number(), Boolean()) if (read := kind.from_text(value)) != value]
    return list(dict.fromkeys(found))


def meta_value(name: str, value: Any, ids: Ids) -> Any:
    """The value, in the record's form, that a text or a value stands for in a field that every record has. Raises
    ValueError."""
    if name in TIMES:
        return parse_instant(str(value))
    if name == "revision" or (name == "id" and ids == "integer"):
        if _NUMBER.fullmatch(str(value)) is None:
            raise ValueError("must be a whole number")
        return int(value)
    if name == "id" and not is_record_id(value):
        raise ValueError(ID_HINT)
    return str(value)


def _filter_for(name: str, field: Field) -> str:
    """The filter that finds a value in a list; of other kinds, the word alone."""
    items = field.type.element if isinstance(field.type, ListType) else None
    item = "1" if items is INT else "'ID'" if field.link else "'a'"
    return f"filter={item} in record.{name}" if items in (INT, STRING) else "filter"


def _field(collection: Collection, name: str, value: Any) -> Any:
    field = collection.fields[name]
    if not field.is_sortable:
        raise ValueError(f"can't be compared for equality; use {_filter_for(name, field)}")
    return field.checker()(field.from_text(value) if isinstance(value, str) else value)
