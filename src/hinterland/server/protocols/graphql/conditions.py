"""The argument `where` as a condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.contract.kinds.undeclared import UNDECLARED
from hinterland.contract.matching import wanted
from hinterland.kit.cel.conditions import (
    Condition,
    and_,
    contains,
    ends_with,
    eq,
    ge,
    gt,
    has,
    in_,
    le,
    lt,
    ne,
    not_,
    or_,
    starts_with,
)
from hinterland.server.data.catalogue import Entry

_COMPARED: dict[str, Callable[..., Condition]] = {"eq": eq, "ne": ne, "lt": lt, "lte": le, "gt": gt, "gte": ge}
_TEXTS: dict[str, Callable[[str, str], Condition]] = {
    "contains": contains, "startsWith": starts_with, "endsWith": ends_with,
}  # fmt: skip
_MOST_COMPARED = 1_000
_MOST_NODES = 10_000  # with the objects and lists that hold them


def where_of(entry: Entry, given: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The condition of the argument `where`. Raises `invalid_query`."""
    check_size(given.get("where"))
    condition = _condition(entry, given["where"]) if given.get("where") else None
    return () if condition is None else (condition,)


def check_size(where: Any) -> None:
    """Raises `invalid_query` for a `where` that compares too much."""
    leaves = nodes = 0
    waiting = [where]
    while waiting and leaves <= _MOST_COMPARED and nodes <= _MOST_NODES:
        each = waiting.pop()
        nodes += 1
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, Mapping):
            waiting += each.values()
        else:
            leaves += 1
    if leaves > _MOST_COMPARED or nodes > _MOST_NODES:
        raise Refusal("invalid_query", f"where has over {_MOST_COMPARED:,} values; ask in several requests")


def _condition(entry: Entry, where: Mapping[str, Any]) -> Condition | None:
    """All of what a where says; None where it says nothing."""
    parts: list[Condition] = []
    for name, asked in where.items():
        if name in ("AND", "OR") and asked is not None:
            inner = [each for one in asked if (each := _condition(entry, one)) is not None]
            parts += [(and_ if name == "AND" else or_)(*inner)] if inner else []
        elif name == "NOT" and asked is not None:
            inside = _condition(entry, asked)
            parts += [not_(inside)] if inside is not None else []
        elif asked is not None:
            parts += [_compared(entry, name, word, value) for word, value in asked.items()]
    return and_(*parts) if parts else None


def _compared(entry: Entry, name: str, word: str, value: Any) -> Condition:
    kind = entry.book.kinds[name]
    if word == "exists":
        return has(name) if value else not_(has(name))
    if word == "in":
        return in_(name, [_held(entry, name, each) for each in value or ()], kind)
    if word in _TEXTS:
        if value is None:
            raise Refusal("invalid_query", f"{name}: {word} takes a value, not null")
        return _TEXTS[word](name, value)
    if value is None and word not in ("eq", "ne"):
        raise Refusal("invalid_query", f"{name}: {word} takes a value, not null")
    return _COMPARED[word](name, None if value is None else _held(entry, name, value), kind)


def _held(entry: Entry, name: str, value: Any) -> Any:
    return value if entry.collection.field(name) is UNDECLARED else wanted(entry.collection, name, value)
