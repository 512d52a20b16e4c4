"""How long the texts of an expression may become: a short one can double a text with each of its parts.

A database works without a meter, so what could fill its memory is refused when it is compiled. A stored text counts as
10,000 characters, and so do the texts of a stored list together.
"""

from __future__ import annotations

from collections.abc import Mapping

from hinterland.kit.cel import operations, text_functions
from hinterland.kit.cel.text_functions import MOST_CHARACTERS
from hinterland.kit.cel.tree import fail
from hinterland.kit.cel.typed import Apply, Choice, Constant, Item, Items, Macro, Made, Typed
from hinterland.kit.cel.types import BOOL, DOUBLE, DURATION, INT, INT64, TIMESTAMP, UINT

MOST_GROWN = 50_000_000
_STORED = 10_000
_NUMBER = 40
_SHORT = frozenset({BOOL, INT, INT64, UINT, DOUBLE, TIMESTAMP, DURATION})
_Scope = Mapping[str, int]
_KEPT = frozenset({
    operations.LOWER, operations.UPPER, text_functions.TRIM, text_functions.REVERSE, text_functions.SUBSTRING,
    text_functions.SUBSTRING_FROM, text_functions.CHAR_AT, text_functions.SPLIT,
})  # fmt: skip
_GROWING = frozenset({
    operations.CONCATENATE, text_functions.QUOTE, text_functions.REPLACE, text_functions.JOIN,
    text_functions.BASE64_ENCODE, text_functions.TEXT_BYTES,
})  # fmt: skip


def check_growth(tree: Typed) -> None:
    """Raises CelError where a text may become longer than a database should hold."""
    _grown(tree, {})


def _grown(tree: Typed, scope: _Scope) -> int:
    """The most characters of a value, of all elements together where it is a list."""
    if isinstance(tree, Constant):
        return _length(tree.value)
    if isinstance(tree, Macro | Made):
        return _of_each(tree, scope)
    parts = [_grown(part, scope) for part in tree.parts()]
    if isinstance(tree, Choice):
        size = max(parts[1:])
    elif isinstance(tree, Items):
        size = sum(parts)
    elif isinstance(tree, Item):
        size = parts[0]
    elif isinstance(tree, Apply):
        size = _applied(tree, parts)
    else:
        size = _NUMBER if tree.type in _SHORT else scope.get(next(iter(tree.variables), ""), _STORED)
    if size > MOST_GROWN:
        message = f"{tree.text[:100]} may become too long a text"
        raise fail(tree.origin, message, "join, replace or repeat fewer texts")
    return size


def _of_each(tree: Macro | Made, scope: _Scope) -> int:
    inner = {**scope, tree.name: _grown(tree.container, scope), tree.index: _NUMBER}
    sizes = [_grown(part, inner) for part in tree.parts()[1:]]
    is_made = isinstance(tree, Made) and tree.result is not None
    return sizes[-1] if is_made else inner[tree.name]


def _applied(tree: Apply, parts: list[int]) -> int:
    operation = tree.operation
    if operation in _KEPT:
        return parts[0]
    if operation in (text_functions.REPLACE, text_functions.JOIN):
        return min(MOST_CHARACTERS, parts[0] * (parts[-1] + 1))
    if operation in _GROWING:
        return 2 * parts[0] + 2 if len(parts) == 1 else sum(parts)
    return _NUMBER


def _length(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    return sum(map(_length, value)) if isinstance(value, tuple | list) else _NUMBER
