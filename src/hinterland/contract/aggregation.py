"""A question to a collection for counts, sums and other values of groups of its records.

On the wire it is a query string: `group` (fields, or parts of a time: `created_at:month`), `count` (`*`, `name`,
`distinct:name`), `sum`, `avg`, `min`, `max`, `having` (CEL over the columns of the result), `sort` (columns), `limit`,
`cursor`, `filter` and `field=value`. `distinct` is another word for `group`. Where nothing is asked for, it is
`count=*`.

The columns of the result are called `category`, `created_at_month`, `count`, `count_name`, `count_distinct_name`,
`sum_price`, `avg_price`, `min_price` and `max_price`. Null is left out of all values but `count=*`, as in SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.expressions import record_fields
from hinterland.contract.matching import sortable_names
from hinterland.contract.query import MAX_LIMIT, RESERVED, WHERE, check_name, names_of, whole_number
from hinterland.contract.records import META, TIMES, Collection
from hinterland.contract.values import MAX_INT64, MAX_SAFE_INTEGER, MIN_INT64
from hinterland.kit.cel.checking import check
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.parser import parse as parse_cel
from hinterland.kit.cel.tree import FieldAccess, FunctionCall, Index, Name, Node
from hinterland.kit.cel.tree import Sequence as NodeSequence
from hinterland.kit.cel.typed import Typed
from hinterland.kit.cel.types import (
    BOOL,
    DOUBLE,
    INT,
    INT64,
    STRING,
    Environment,
    ObjectType,
    Type,
    is_integer,
)
from hinterland.kit.closest_first import closest_first

AggregateAct = Literal["group", "count", "distinct", "sum", "avg", "min", "max"]
VALUES: tuple[Literal["count", "sum", "avg", "min", "max"], ...] = ("count", "sum", "avg", "min", "max")
AGGREGATE_WORDS = ("group", "distinct", *VALUES, "having", "sort", "limit", "cursor", "filter")
MAX_COLUMNS = 32
_LONGEST_HAVING = 4_000
_ROW = "$row"  # the variable of `having`: no expression can name it
_DISTINCT = "distinct:"
PARTS = {"year": 4, "month": 7, "day": 10, "hour": 13}
"""The parts of a time by which records are grouped, in UTC, and how much of its text says which it is in."""


class Aggregation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What values are asked for. `equals` maps a field to the text or value that it must have; `sort` holds columns of
    the result, `-` before one for descending; the columns of `group` follow."""

    group: tuple[str, ...] = ()
    count: tuple[str, ...] = ()
    sum: tuple[str, ...] = ()
    avg: tuple[str, ...] = ()
    min: tuple[str, ...] = ()
    max: tuple[str, ...] = ()
    having: str = ""
    sort: tuple[str, ...] = ()
    limit: int = MAX_LIMIT
    cursor: str = ""
    filter: str = ""
    equals: dict[str, Any] = {}


class AggregatePage(msgspec.Struct, frozen=True):
    """Rows of the result, each with its columns by name; `next` continues after them ("" at the end)."""

    items: list[dict[str, Any]]
    next: str = ""


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


def parse(parameters: Iterable[tuple[str, str]]) -> Aggregation:
    """The question of a decoded query string. Raises `invalid_query`."""
    words: dict[str, str] = {}
    equals: dict[str, Any] = {}
    for name, value in parameters:
        if "\0" in name or "\0" in value:
            raise Refusal("invalid_query", "a parameter has the character NUL; remove it")
        check_name(name)
        target, key = (words, name) if name in AGGREGATE_WORDS else (equals, _compared_field(name))
        if key in target:
            raise Refusal("invalid_query", f"parameter {name[:64]} appears twice; separate its fields by commas")
        target[key] = value
    lists = {word: names_of(words.get(word, "")) for word in ("group", *VALUES, "sort")}
    lists["group"] += names_of(words.get("distinct", ""))
    return Aggregation(
        **lists,
        having=words.get("having", ""),
        limit=whole_number(words, "limit", MAX_LIMIT) if "limit" in words else MAX_LIMIT,
        cursor=words.get("cursor", ""),
        filter=words.get("filter", ""),
        equals=equals,
    )


def _compared_field(name: str) -> str:
    if name in RESERVED:
        allowed = ", ".join(AGGREGATE_WORDS)
        raise Refusal("invalid_query", f"parameter {name!r} is not of aggregates; allowed: {allowed}, and fields")
    return name.removeprefix(WHERE)


def parameters(asked: Aggregation) -> list[tuple[str, str]]:
    """The query string's pairs for a question: the opposite of `parse`."""
    words = {*RESERVED, *AGGREGATE_WORDS}
    pairs = []
    for name, value in asked.equals.items():
        text = ("true" if value else "false") if isinstance(value, bool) else str(value)
        pairs.append((f"{WHERE}{name}" if name in words or name.startswith(WHERE) else name, text))
    lists = [(word, ",".join(getattr(asked, word))) for word in ("group", *VALUES, "sort")]
    texts = [("having", asked.having), ("cursor", asked.cursor), ("filter", asked.filter)]
    pairs += [(word, text) for word, text in (*lists, *texts) if text]
    if asked.limit != MAX_LIMIT:
        pairs.append(("limit", str(asked.limit)))
    return pairs


# ------------------------------------------------------------ the columns of the result


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
    if not (is_integer(kind) or kind is DOUBLE):
        raise Refusal("invalid_query", f"{act}: {text} is {kind.phrase}; name a number")
    return ResultColumn(name, act, text, DOUBLE if act == "avg" else kind)


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
        raise Refusal("invalid_query", f"{word}: {name} is a {field.name}, whose values have no order here")
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
        raise Refusal("invalid_query", f"having is longer than {_LONGEST_HAVING:,} characters")
    types = {column.name: column.type for column in columns}
    try:
        node = _over_row(parse_cel(text), types.keys())
        return Having(check(node, Environment({_ROW: ObjectType(types)})))
    except CelError as error:
        raise Refusal("invalid_query", f"having: {error}; the columns are {', '.join(types)}") from None


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
