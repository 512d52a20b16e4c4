"""Functions of numbers (cel-go's math extension)."""

from __future__ import annotations

import math
from collections.abc import Callable

from hinterland.kit.cel.numbers import are_numbers, element
from hinterland.kit.cel.operations import LOWEST, Operator, in_python, registered
from hinterland.kit.cel.overloads import Overload
from hinterland.kit.cel.tree import FunctionCall, fail
from hinterland.kit.cel.typed import Apply, Typed
from hinterland.kit.cel.types import BOOL, DOUBLE, INT, INT64, UINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hinterland.kit.cel.checking import Checker

_BITS = 2**64
MOST_OPERANDS = 20
"""Of greatest() and least()."""


def _round(value: float) -> float:
    """The nearest whole number; of two, the one that is farther from zero."""
    whole = float(math.trunc(value))
    return whole + math.copysign(1.0, value) if abs(value - whole) >= 0.5 else whole


def _signed(bits: int) -> int:
    return bits - _BITS if bits >= _BITS // 2 else bits


def _shift(move: Callable[[int, int], int], most: int, *, is_signed: bool) -> Callable[[int, int], int | None]:
    def shifted(value: int, by: int) -> int | None:
        if by < 0:
            return None
        bits = 0 if by >= 64 else move(value % _BITS, by) % _BITS
        return _signed(bits) if is_signed else bits

    return shifted


def _sign(value: float) -> float:
    return (value > 0) - (value < 0)


_ROUND_POSTGRES = "CASE WHEN abs({0} - trunc({0})) >= 0.5 THEN trunc({0}) + sign({0}) ELSE trunc({0}) END"
GREATER = Operator("greatest", max, "CASE WHEN {0} >= {1} THEN {0} WHEN {0} < {1} THEN {1} END")
LESSER = Operator("least", min, "CASE WHEN {0} <= {1} THEN {0} WHEN {0} > {1} THEN {1} END")
ABS = Operator(
    "abs", lambda value: abs(value) if value != LOWEST else None, f"CASE WHEN {{0}} <> {LOWEST} THEN abs({{0}}) END"
)
ABS_DOUBLE = Operator("abs", abs, "abs({0})")
SIGN = Operator("sign", _sign, "CASE WHEN {0} > 0 THEN 1 WHEN {0} < 0 THEN -1 WHEN {0} = 0 THEN 0 END")
_SIGN_DOUBLE = "CASE WHEN {0} > 0 THEN 1.0 WHEN {0} < 0 THEN -1.0 WHEN {0} = 0 THEN 0.0 END"
SIGN_DOUBLE = Operator("sign", lambda value: float(_sign(value)), _SIGN_DOUBLE, f"({_SIGN_DOUBLE})::double precision")
CEIL = registered("ceil", lambda value: float(math.ceil(value)), 1, "ceil({0})")
FLOOR = registered("floor", lambda value: float(math.floor(value)), 1, "floor({0})")
TRUNC = registered("trunc", lambda value: float(math.trunc(value)), 1, "trunc({0})")
ROUND = registered("round", _round, 1, _ROUND_POSTGRES)
IS_FINITE = Operator("isFinite", math.isfinite, "CASE WHEN {0} IS NOT NULL THEN TRUE END")
IS_INFINITE = Operator("isInf", math.isinf, "CASE WHEN {0} IS NOT NULL THEN FALSE END")
IS_NAN = Operator("isNaN", math.isnan, "CASE WHEN {0} IS NOT NULL THEN FALSE END")
BIT_AND = Operator("bitAnd", lambda a, b: a & b, "{0} & {1}")
BIT_OR = Operator("bitOr", lambda a, b: a | b, "{0} | {1}")
BIT_XOR = Operator("bitXor", lambda a, b: a ^ b, "({0} | {1}) - ({0} & {1})", "{0} # {1}")
BIT_NOT = Operator("bitNot", lambda a: ~a, "~{0}")


def _of_bits(name: str, signed: Operator, unsigned: Operator) -> tuple[str, str, tuple[Overload, ...]]:
    overloads = (Overload((INT, INT), INT64, signed), Overload((UINT, UINT), UINT, unsigned))
    return "global", f"math.{name}(record.count, 1)", overloads


def _of_shifts(name: str, move: Callable[[int, int], int]) -> tuple[str, str, tuple[Overload, ...]]:
    signed, unsigned = (in_python(name, _shift(move, 64, is_signed=each)) for each in (True, False))
    overloads = (Overload((INT, INT), INT64, signed), Overload((UINT, INT), UINT, unsigned))
    return "global", f"math.{name}(record.count, 1)", overloads


def _of_double(name: str, operation: Operator) -> tuple[str, str, tuple[Overload, ...]]:
    return "global", f"math.{name}(record.price)", (Overload((DOUBLE,), DOUBLE, operation),)


def _of_class(name: str, operation: Operator) -> tuple[str, str, tuple[Overload, ...]]:
    return "global", f"math.{name}(record.price)", (Overload((DOUBLE,), BOOL, operation),)


def _extreme(checker: Checker, node: FunctionCall) -> Typed:
    trees = [checker.scalar(argument) for argument in node.arguments]
    if not all(are_numbers(tree, tree) or tree.type is UINT for tree in trees):
        raise fail(node, f"{node.function}() takes numbers", f"write {node.function}(record.count, 1)")
    if any(tree.type is DOUBLE for tree in trees):
        trees = [element(tree, DOUBLE) for tree in trees]
    elif len({tree.type is UINT for tree in trees}) > 1:
        raise fail(node, "int and uint are not compared here", "convert one of them")
    operation = GREATER if node.function == "math.greatest" else LESSER
    found = trees[0]
    for tree in trees[1:]:
        kind = found.type if found.type is tree.type else INT64
        found = Apply(node, kind, operation, (found, tree))
    return found


CHECKED = {
    name: ("global", tuple(range(1, MOST_OPERANDS + 1)), f"{name}(record.count, 1)", _extreme)
    for name in ("math.greatest", "math.least")
}
STRICT: dict[str, tuple[str, str, tuple[Overload, ...]]] = {
    "math.abs": ("global", "math.abs(record.count)", (
        Overload((INT,), INT64, ABS), Overload((DOUBLE,), DOUBLE, ABS_DOUBLE), Overload((UINT,), UINT, None))),
    "math.sign": ("global", "math.sign(record.count)", (
        Overload((INT,), INT, SIGN), Overload((DOUBLE,), DOUBLE, SIGN_DOUBLE),
        Overload((UINT,), UINT, in_python("sign", _sign)))),
    "math.ceil": _of_double("ceil", CEIL), "math.floor": _of_double("floor", FLOOR),
    "math.round": _of_double("round", ROUND), "math.trunc": _of_double("trunc", TRUNC),
    "math.isNaN": _of_class("isNaN", IS_NAN), "math.isInf": _of_class("isInf", IS_INFINITE),
    "math.isFinite": _of_class("isFinite", IS_FINITE),
    "math.bitAnd": _of_bits("bitAnd", BIT_AND, in_python("bitAnd", lambda a, b: a & b)),
    "math.bitOr": _of_bits("bitOr", BIT_OR, in_python("bitOr", lambda a, b: a | b)),
    "math.bitXor": _of_bits("bitXor", BIT_XOR, in_python("bitXor", lambda a, b: a ^ b)),
    "math.bitNot": ("global", "math.bitNot(record.count)", (
        Overload((INT,), INT64, BIT_NOT), Overload((UINT,), UINT, in_python("bitNot", lambda a: a ^ (_BITS - 1))))),
    "math.bitShiftLeft": _of_shifts("bitShiftLeft", lambda value, by: value << by),
    "math.bitShiftRight": _of_shifts("bitShiftRight", lambda value, by: value >> by),
}  # fmt: skip
