"""Comparison of integers with doubles, exact or refused.

PostgreSQL would compare in double precision and lose what is beyond 2^53. So a literal is converted to the other
side's type, an integer that is known to be within ±(2^53-1) is converted to a double, and the rest is refused.
"""

from __future__ import annotations

from math import ceil, floor

from hinterland.kit.cel import operations
from hinterland.kit.cel.tree import Node, fail
from hinterland.kit.cel.typed import Apply, Constant, Typed
from hinterland.kit.cel.types import DOUBLE, INT, INT64, Type, is_integer


def are_numbers(left: Typed, right: Typed) -> bool:
    """Whether both are numbers."""
    return all(side.type is DOUBLE or is_integer(side.type) for side in (left, right))


def comparable(node: Node, left: Typed, operator: str, right: Typed) -> tuple[Typed, Typed, str]:
    """Two numbers in one type, and the operator between them."""
    if left.type is DOUBLE and is_integer(right.type):
        right, left, operator = comparable(node, right, operations.MIRRORED[operator], left)
        return left, right, operations.MIRRORED[operator]
    if is_integer(left.type) and right.type is DOUBLE:
        if isinstance(right, Constant) and not isinstance(left, Constant):
            return left, _whole(node, operator, right), operator
        return element(left, DOUBLE), right, operator
    return left, right, operator


def _whole(node: Node, operator: str, literal: Constant) -> Constant:
    """The integer that compares as a double literal does: n < 2.5 is n < 3."""
    value = literal.value
    assert isinstance(value, float)
    if operator in ("==", "!="):
        if not value.is_integer():
            raise fail(node, "an integer never equals a number with a fraction")
        whole = int(value)
    else:
        whole = ceil(value) if operator in ("<", ">=") else floor(value)
    if not operations.LOWEST <= whole <= operations.HIGHEST:
        raise fail(literal.origin, "this number is beyond every 64-bit integer")
    return Constant(literal.origin, INT if abs(whole) < 2**53 else INT64, whole)


def element(tree: Typed, wanted: Type) -> Typed:
    """A number as a double, if that is exact; ``CelError`` if it may not be."""
    if tree.type is wanted:
        return tree
    if isinstance(tree, Constant) and isinstance(tree.value, int):
        if int(float(tree.value)) == tree.value:
            return Constant(tree.origin, DOUBLE, float(tree.value))
        raise fail(tree.origin, "no double equals this integer exactly", "write it as a double")
    if tree.type is INT:
        return Apply(tree.origin, DOUBLE, operations.TO_DOUBLE, (tree,))
    hint = f"write double({tree.text}) if rounding beyond 2^53 is meant"
    raise fail(tree.origin, "a 64-bit integer and a double cannot be compared exactly in both databases", hint)
