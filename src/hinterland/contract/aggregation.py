"""A question to a collection for counts, sums and other values of groups of its records.

On the wire it is a query string: `group` (fields, or parts of a time: `created_at:month`), `count` (`*`, `name`,
`distinct:name`), `sum`, `avg`, `min`, `max`, `having` (CEL over the columns of the result), `sort` (columns), `limit`,
`cursor`, `filter`, `search` and `field=value`. `distinct` is another word for `group`. Where nothing is asked for, it
is `count=*`.

The columns of the result are called `category`, `created_at_month`, `count`, `count_name`, `count_distinct_name`,
`sum_price`, `avg_price`, `min_price` and `max_price`. Null is left out of all values but `count=*`, as in SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.query import MAX_LIMIT, RESERVED, WHERE, names_of, split, whole_number

VALUES: tuple[Literal["count", "sum", "avg", "min", "max"], ...] = ("count", "sum", "avg", "min", "max")
AGGREGATE_WORDS = ("group", "distinct", *VALUES, "having", "sort", "limit", "cursor", "filter", "search")


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
    search: str = ""
    equals: dict[str, Any] = {}


class AggregatePage(msgspec.Struct, frozen=True):
    """Rows of the result, each with its columns by name; `next` continues after them ("" at the end)."""

    items: list[dict[str, Any]]
    next: str = ""


def parse(parameters: Iterable[tuple[str, str]]) -> Aggregation:
    """The question of a decoded query string. Raises `invalid_query`."""
    words, equals = split(parameters, AGGREGATE_WORDS, _compared_field, "separate its fields by commas")
    lists = {word: names_of(words.get(word, "")) for word in ("group", *VALUES, "sort")}
    lists["group"] += names_of(words.get("distinct", ""))
    return Aggregation(
        **lists,
        having=words.get("having", ""),
        limit=whole_number(words, "limit", MAX_LIMIT) if "limit" in words else MAX_LIMIT,
        cursor=words.get("cursor", ""),
        filter=words.get("filter", ""),
        search=words.get("search", ""),
        equals=equals,
    )


def _compared_field(name: str) -> str:
    if name in RESERVED:
        allowed = ", ".join(AGGREGATE_WORDS)
        hint = f"compare a field of this name with {WHERE}{name}="
        raise Refusal("invalid_query", f"aggregates have no parameter {name!r}; allowed: {allowed}; {hint}")
    return name.removeprefix(WHERE)


def parameters(asked: Aggregation) -> list[tuple[str, str]]:
    """The query string's pairs for a question: the opposite of `parse`."""
    words = {*RESERVED, *AGGREGATE_WORDS}
    pairs = []
    for name, value in asked.equals.items():
        text = ("true" if value else "false") if isinstance(value, bool) else str(value)
        pairs.append((f"{WHERE}{name}" if name in words or name.startswith(WHERE) else name, text))
    lists = [(word, ",".join(getattr(asked, word))) for word in ("group", *VALUES, "sort")]
    texts = [("having", asked.having), ("cursor", asked.cursor), ("filter", asked.filter), ("search", asked.search)]
    pairs += [(word, text) for word, text in (*lists, *texts) if text]
    if asked.limit != MAX_LIMIT:
        pairs.append(("limit", str(asked.limit)))
    return pairs
