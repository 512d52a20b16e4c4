"""Operands as the checker makes them: literals, and what may hold anything read as what is wanted."""

from __future__ import annotations

from hinterland.kit.cel import operations
from hinterland.kit.cel.numbers import element
from hinterland.kit.cel.overloads import READABLE
from hinterland.kit.cel.tree import FunctionCall, Literal, Node, fail
from hinterland.kit.cel.typed import Apply, Constant, Member, Path, Typed
from hinterland.kit.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT,
    INT64,
    NULL,
    STRING,
    TIMESTAMP,
    UINT,
    ListType,
    Type,
    is_integer,
)

SAFE = 2**53 - 1
_LITERALS = {"bool": BOOL, "double": DOUBLE, "string": STRING, "bytes": BYTES, "null": NULL, "uint": UINT}


def read_as(tree: Typed, wanted: Type) -> Typed:
    """What may hold anything, read as a ``wanted`` value: numbers of every kind as doubles."""
    assert isinstance(tree, Path)
    kind = DOUBLE if is_integer(wanted) else wanted
    if kind not in READABLE and not (isinstance(kind, ListType) and kind.element in (*READABLE, DYN)):
        hint = "compare it as a string" if kind is TIMESTAMP else ""
        raise fail(tree.origin, f"{tree.text} may hold anything, but never {wanted.phrase}", hint)
    return Path(tree.origin, kind, tree.variable, tree.fields, tree.declared)


def inside_of(node: Node, owner: Path, field: str) -> Path:
    """A value inside of one that may hold anything, or a field that is not declared."""
    if not field or any(sign < " " or sign in '"\\' for sign in field):
        raise fail(node, "a name inside of a value is not empty and has no quotation marks, backslashes or controls")
    declared = len(owner.fields) if owner.declared is None else owner.declared
    return Path(node, DYN, owner.variable, (*owner.fields, field), declared)


def member_of_anything(node: FunctionCall, item: Typed, container: Typed) -> Typed:
    """``item in container``, where the container may hold anything."""
    item = element(item, DOUBLE) if is_integer(item.type) else item
    if item.type not in READABLE:
        raise fail(item.origin, f"{item.type.phrase} is not looked for in what may hold anything")
    return Member(node, item, read_as(container, ListType(item.type)))


def literal(node: Literal) -> Typed:
    """A literal."""
    if isinstance(node.value, int) and node.kind == "int":
        return Constant(node, INT if abs(node.value) <= SAFE else INT64, node.value)
    return Constant(node, _LITERALS[node.kind], node.value)


def constant_list(node: Node, items: tuple[Typed, ...], fallback: Type = STRING) -> Constant:
    """A list of literals, which are of one type; of none, its elements are of the type ``fallback``."""
    kinds = {item.type for item in items}
    kind = fallback if not kinds else INT64 if len(kinds) > 1 else kinds.pop()
    return Constant(node, ListType(kind), tuple(_value(item) for item in items))


def _value(item: Typed) -> object:
    assert isinstance(item, Constant)
    return item.value


def as_element(item: Typed, wanted: Type) -> Typed:
    """An item as one that may be in a list of ``wanted``."""
    if item.type is wanted or (is_integer(item.type) and is_integer(wanted)):
        return item
    if wanted is DOUBLE and is_integer(item.type):
        return element(item, DOUBLE)
    raise fail(item.origin, f"{item.type.phrase} is never in a list of {wanted}", mixed_hint(item, wanted))


def mixed_hint(tree: Typed, other: Type) -> str:
    """What to try where ``tree`` meets a value of another type."""
    if tree.type is STRING and other is TIMESTAMP:
        return 'write a moment as timestamp("2026-01-02T03:04:05Z")'
    if tree.type is STRING and isinstance(tree, Constant):
        return f"write it without quotes if {other.phrase} is meant" if other is not BYTES else 'write bytes as b"…"'
    if is_integer(tree.type) and other is STRING:
        return f"write string({tree.text}) to compare as strings"
    return ""


def factor(tree: Typed) -> Typed:
    """An operand of double arithmetic, kept within the magnitudes that are exact everywhere."""
    if not isinstance(tree, Constant):
        return Apply(tree.origin, DOUBLE, operations.FACTOR, (tree,))
    if isinstance(tree.value, float) and not operations.is_factor(tree.value):
        raise fail(tree.origin, "arithmetic takes doubles of magnitude 1e-150 to 1e150, and 0")
    return tree
