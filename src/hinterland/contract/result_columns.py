"""The columns of a result of aggregates: their names, types and JSON values, their order, and `having` over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from hinterland.contract.aggregation import VALUES, Aggregation
from hinterland.contract.errors import Refusal
from hinterland.contract.expressions import record_fields
from hinterland.contract.matching import sortable_names
from hinterland.contract.records import META, TIMES, Collection
from hinterland.contract.values import MAX_INT64, MAX_SAFE_INTEGER, MIN_INT64
from hinterland.kit.cel.checking import check
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.tree import FieldAccess, FunctionCall, Index, Name, Node
from hinterland.kit.cel.tree import Sequence as NodeSequence
from hinterland.kit.cel.typed import Typed
from hinterland.kit.cel.types import BOOL, DOUBLE, INT, INT64, STRING, Environment, ObjectType, Type, is_integer
from hinterland.kit.closest_first import closest_first

AggregateAct = Literal["group", "count", "distinct", "sum", "avg", "min", "max"]
MAX_COLUMNS = 32
_LONGEST_HAVING = 4_000
_ROW = "$row"  # the variable of `having`: no expression can name it
_DISTINCT = "distinct:"
PARTS = {"year": 4, "month": 7, "day": 10, "hour": 13}
"""The parts of a time by which records are grouped, in UTC, and how much of its text says which it is in."""


class ResultColumn(NamedTuple):
    """A column of the result: what is done (`act`) to a `field` ("": to whole records), or to the `part` of a time."""

    name: str
    act: AggregateAct
    field: str
    type: Type
    part: str = ""

    def shown(self, value: Any) -> Any:
        """The JSON value of what a database gives. Raises `invalid_query` for a number that JSON can't hold exactly."""
        if value is None:
            return None
        if self.type is BOOL:
            return bool(value)
        if self.type is DOUBLE:
            return self._double(float(value))
        if not is_integer(self.type):
            return value
        is_text = self.type is INT64 and self.act != "count"
        low, high = (MIN_INT64, MAX_INT64) if is_text else (-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
        if not low <= value <= high:
            kind = "64 bits; use" if is_text else "±(2^53-1); declare the field as Int64, or use"
            raise Refusal("invalid_query", f"{self.name} of a group is beyond {kind} smaller groups or a filter")
        return str(value) if is_text else value

    def _double(self, value: float) -> float:
        if value - value != 0:
            message = f"{self.name} of a group is beyond a double; use smaller groups or a filter"
            raise Refusal("invalid_query", message)
        return value


def columns_of(collection: Collection, asked: Aggregation) -> tuple[ResultColumn, ...]:
    """The columns of the result, those of its groups first. Raises `invalid_query`."""
    columns = [_group(collection, text) for text in asked.group]
    for act in VALUES:
        columns += [_value(collection, act, text) for text in getattr(asked, act)]
    found = {column.name: column for column in columns or [_count(collection, "*")]}
    if len(found) > MAX_COLUMNS:
        raise Refusal("invalid_query", f"the result has {len(found)} columns; ask for at most {MAX_COLUMNS}")
    for column in columns:
        if column != found[column.name]:
            hint = "; count=id counts the same as count=*" if column.name == "count" else ""
            raise Refusal("invalid_query", f"two columns of the result are called {column.name}{hint}")
    return tuple(found.values())


def _group(collection: Collection, text: str) -> ResultColumn:
    name, _, part = text.partition(":")
    kind = _sortable(collection, "group", name)
    if not part:
        return ResultColumn(name, "group", name, kind)
    if part not in parts_of(collection, name):
        known = ", ".join([f"{name}:{each}" for each in parts_of(collection, name)])
        hint = f"allowed: {known}" if known else "only times and dates have parts"
        raise Refusal("invalid_query", f"group: {name} has no part {part[:20]!r}; {hint}")
    return ResultColumn(f"{name}_{part}", "group", name, STRING, part)


def parts_of(collection: Collection, name: str) -> tuple[str, ...]:
    """The parts of a field by which its records can be grouped."""
    field = collection.fields.get(name)
    return field.parts if field is not None else tuple(PARTS) if name in TIMES else ()


def _value(collection: Collection, act: Literal["count", "sum", "avg", "min", "max"], text: str) -> ResultColumn:
    if act == "count":
        return _count(collection, text)
    kind = _sortable(collection, act, text)
    name = f"{act}_{text}"
    if act in ("min", "max"):
        return ResultColumn(name, act, text, kind)
    if not _is_number(kind):
        message = f"{act}: {text} is {kind.phrase}, not a number; allowed: {', '.join(_numbers(collection))}"
        raise Refusal("invalid_query", message)
    return ResultColumn(name, act, text, DOUBLE if act == "avg" else kind)


def _is_number(kind: Type) -> bool:
    return is_integer(kind) or kind is DOUBLE


def _numbers(collection: Collection) -> list[str]:
    kinds = record_fields(collection)
    return [name for name in sortable_names(collection) if _is_number(kinds[name])]


def _count(collection: Collection, text: str) -> ResultColumn:
    if text == "*":
        return ResultColumn("count", "count", "", INT)
    if text.startswith(_DISTINCT):
        name = text.removeprefix(_DISTINCT)
        _sortable(collection, "count", name)
        return ResultColumn(f"count_distinct_{name}", "distinct", name, INT)
    known = (*collection.fields, *META)
    if text not in known:
        raise _unknown("count", text, ("*", *known))
    return ResultColumn(f"count_{text}", "count", text, INT)


def _sortable(collection: Collection, word: str, name: str) -> Type:
    """The type of a field whose values can be compared."""
    known = sortable_names(collection)
    if name not in known:
        field = collection.fields.get(name)
        if field is None:
            raise _unknown(word, name, known)
        allowed = ", ".join(_numbers(collection) if word in ("sum", "avg") else known)
        raise Refusal(
            "invalid_query", f"{word}: {name} is of kind {field.name}, which has no order; allowed: {allowed}"
        )
    return record_fields(collection)[name]


def _unknown(word: str, name: str, known: Iterable[str]) -> Refusal:
    allowed = ", ".join(closest_first(name, known))
    return Refusal("invalid_query", f"{word}: unknown field {name[:64]!r}; allowed: {allowed}")


def order_of(columns: Sequence[ResultColumn], sort: Sequence[str]) -> list[tuple[int, bool]]:
    """The places of the columns by which rows are ordered, and whether the highest comes first: those of `sort`, and
    then the groups', so that no two rows are equal. Raises `invalid_query`."""
    places = {column.name: place for place, column in enumerate(columns)}
    keys: dict[int, bool] = {}
    for text in sort:
        name = text.removeprefix("-")
        if name not in places:
            known = ", ".join(closest_first(name, places))
            raise Refusal("invalid_query", f"sort: the result has no column {name[:64]!r}; it has {known}")
        keys.setdefault(places[name], text.startswith("-"))
    for place, column in enumerate(columns):
        if column.act == "group":
            keys.setdefault(place, False)
    return [*keys.items()]


# ------------------------------------------------------------ having


class Having(NamedTuple):
    """A compiled `having`: its tree, over the fields of `variable`."""

    tree: Typed
    variable: str = _ROW


def having_of(columns: Sequence[ResultColumn], text: str) -> Having:
    """The condition of the rows that are wanted. Raises `invalid_query`."""
    if len(text) > _LONGEST_HAVING:
        raise Refusal("invalid_query", f"having is longer than {_LONGEST_HAVING:,} characters; shorten it")
    types = {column.name: column.type for column in columns}
    try:
        node = _over_row(parse(text), types.keys())
        return Having(check(node, Environment({**types, _ROW: ObjectType(types)})))
    except CelError as error:
        raise Refusal("invalid_query", f"having, over the columns {', '.join(types)}: {error}") from None


def _over_row(node: Node, names: Iterable[str]) -> Node:
    """The tree with members of one object in the place of the columns' names."""
    if isinstance(node, Name) and node.name in names:
        row = Name(node.source, node.start, node.end, _ROW)
        return FieldAccess(node.source, node.start, node.end, row, node.name)
    parts = tuple([_over_row(part, names) for part in node.parts()])
    place = (node.source, node.start, node.end)
    if isinstance(node, FunctionCall):
        return FunctionCall(*place, node.function, parts, node.is_method)
    if isinstance(node, NodeSequence):
        return NodeSequence(*place, parts)
    if isinstance(node, FieldAccess):
        return FieldAccess(*place, parts[0], node.field)
    return Index(*place, parts[0], parts[1]) if isinstance(node, Index) else node
