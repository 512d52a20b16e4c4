"""The strict operations: for each, a Python function and the same in the SQL of both databases.

A Python function gets values (never None) and answers a value, or None for *error*; it never raises. An SQL template
answers NULL where the function answers None, never fails the statement, and names its operands ``{0}``, ``{1}``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

LOWEST, HIGHEST = -(2**63), 2**63 - 1
SMALLEST_FACTOR, GREATEST_FACTOR = 1e-150, 1e150
"""Doubles that arithmetic accepts, by magnitude (and zero): whatever it answers is then finite and no underflow."""

# The SQL of both databases splits where only one has the function or a cast must be named.
_IN_RANGE = f"BETWEEN {LOWEST} AND {HIGHEST}"
_LOWEST_BY_MINUS_ONE = f"({{0}} = {LOWEST} AND {{1}} = -1)"


Work = Callable[..., int]
"""From an operation's operands to the characters that it looks at or makes."""


def characters(*operands: object) -> int:
    """The work that grows with texts and lists: their lengths together."""
    return sum(len(operand) for operand in operands if isinstance(operand, str | list | tuple))


class Operator:
    """A strict operation: its Python function and its SQL templates, None where no SQL has the same meaning.

    `work` counts what one use costs where that grows with the operands; None: it does not.
    """

    __slots__ = ("name", "postgres", "python", "sqlite", "work")

    def __init__(
        self,
        name: str,
        python: Callable[..., object],
        sqlite: str | None,
        postgres: str | None = None,
        work: Work | None = None,
    ) -> None:
        self.name = name
        self.python = python
        self.sqlite = sqlite
        self.postgres = sqlite if postgres is None else postgres
        self.work = work


REGISTERED: dict[str, tuple[int, Callable[..., object]]] = {}
"""The functions that a connection of SQLite is given (`sqlite_functions.register`): operands and function by name."""


def registered(
    name: str, python: Callable[..., object], operands: int, postgres: str, work: Work | None = None, suffix: str = ""
) -> Operator:
    """An operation that SQLite has no words for: its connections are given the Python function."""
    function = f"cel_{name}{suffix}".lower()
    REGISTERED[function] = (operands, python)
    places = ", ".join(f"{{{number}}}" for number in range(operands))
    return Operator(name, python, f"{function}({places})", postgres, work)


def in_python(name: str, python: Callable[..., object], work: Work | None = None) -> Operator:
    """An operation that no SQL has, so that no stored value can be its operand."""
    return Operator(name, python, None, None, work)


# ---------------------------------------------------------------- comparison, logic

EQUAL = Operator("==", operator.eq, "{0} = {1}")
UNEQUAL = Operator("!=", operator.ne, "{0} <> {1}")
LESS = Operator("<", operator.lt, "{0} < {1}")
LESS_EQUAL = Operator("<=", operator.le, "{0} <= {1}")
GREATER = Operator(">", operator.gt, "{0} > {1}")
GREATER_EQUAL = Operator(">=", operator.ge, "{0} >= {1}")
NOT = Operator("!", operator.not_, "NOT {0}")

COMPARISONS = {o.name: o for o in (EQUAL, UNEQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL)}
TEXT_COMPARISONS = {
    o.name: o if o in (EQUAL, UNEQUAL) else Operator(o.name, o.python, o.sqlite, f'{{0}} {o.name} {{1}} COLLATE "C"')
    for o in COMPARISONS.values()
}
"""Text is ordered by code point: SQLite's BINARY and PostgreSQL's "C" compare UTF-8 octets, which is the same order."""

MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


# ---------------------------------------------------------------- 64-bit integers


def _bounded_integer(result: int) -> int | None:
    return result if LOWEST <= result <= HIGHEST else None


def _integer(name: str, python: Callable[[int, int], int]) -> Operator:
    # SQLite answers a real where an integer would overflow; PostgreSQL fails, so it is asked in numeric first.
    return Operator(
        name,
        lambda a, b: _bounded_integer(python(a, b)),
        f"CASE WHEN typeof({{0}} {name} {{1}}) = 'integer' THEN {{0}} {name} {{1}} END",
        f"CASE WHEN {{0}}::numeric {name} {{1}}::numeric {_IN_RANGE} THEN {{0}} {name} {{1}} END",
    )


def _divide(a: int, b: int) -> int | None:
    if b == 0:
        return None
    quotient = abs(a) // abs(b)
    return _bounded_integer(quotient if (a < 0) == (b < 0) else -quotient)


def _remainder(a: int, b: int) -> int | None:
    if b == 0 or (a == LOWEST and b == -1):
        return None
    return -(-a % abs(b)) if a < 0 else a % abs(b)


_DIVIDING = f"CASE WHEN {{1}} = 0 OR {_LOWEST_BY_MINUS_ONE} THEN NULL ELSE {{0}} %s {{1}} END"

INTEGER_ARITHMETIC = {
    "+": _integer("+", operator.add),
    "-": _integer("-", operator.sub),
    "*": _integer("*", operator.mul),
    "/": Operator("/", _divide, _DIVIDING % "/"),
    "%": Operator("%", _remainder, _DIVIDING % "%"),
}
HIGHEST_UNSIGNED = 2**64 - 1


def _unsigned(name: str, python: Callable[[int, int], int | None]) -> Operator:
    def bounded(left: int, right: int) -> int | None:
        result = python(left, right)
        return result if result is not None and 0 <= result <= HIGHEST_UNSIGNED else None

    return in_python(name, bounded)


UNSIGNED_ARITHMETIC = {
    "+": _unsigned("+", operator.add),
    "-": _unsigned("-", operator.sub),
    "*": _unsigned("*", operator.mul),
    "/": _unsigned("/", lambda a, b: a // b if b else None),
    "%": _unsigned("%", lambda a, b: a % b if b else None),
}
NEGATE_INTEGER = Operator("-", lambda a: _bounded_integer(-a), f"CASE WHEN {{0}} <> {LOWEST} THEN -{{0}} END")


# ---------------------------------------------------------------- doubles


def is_factor(value: float) -> bool:
    """Whether arithmetic accepts a double."""
    return value == 0 or SMALLEST_FACTOR <= abs(value) <= GREATEST_FACTOR


FACTOR = Operator(
    "double",
    lambda a: a if is_factor(a) else None,
    f"CASE WHEN {{0}} = 0 OR abs({{0}}) BETWEEN {SMALLEST_FACTOR} AND {GREATEST_FACTOR} THEN {{0}} END",
)
"""Wraps every operand of double arithmetic: PostgreSQL fails a statement on overflow and underflow, SQLite answers
infinity and zero. Beyond these magnitudes, and for a division by zero, the answer is an error everywhere."""

DOUBLE_ARITHMETIC = {
    "+": Operator("+", operator.add, "{0} + {1}"),
    "-": Operator("-", operator.sub, "{0} - {1}"),
    "*": Operator("*", operator.mul, "{0} * {1}"),
    "/": Operator("/", lambda a, b: a / b if b else None, "{0} / NULLIF({1}, 0)"),
}
NEGATE_DOUBLE = Operator("-", operator.neg, "-{0}")


# ---------------------------------------------------------------- conversion


def _truncate(value: float) -> int | None:
    return int(value) if -(2.0**63) < value < 2.0**63 else None


_TRUNCATING = "CASE WHEN {0} > -9223372036854775808.0 AND {0} < 9223372036854775808.0 THEN %s END"

TO_DOUBLE = Operator("double", float, "CAST({0} AS REAL)", "CAST({0} AS double precision)")
TO_INTEGER = Operator("int", _truncate, _TRUNCATING % "CAST({0} AS INTEGER)", _TRUNCATING % "trunc({0})::bigint")
INTEGER_TEXT = Operator("string", str, "CAST({0} AS TEXT)")
BOOLEAN_TEXT = Operator(
    "string", lambda a: "true" if a else "false", "CASE {0} WHEN TRUE THEN 'true' WHEN FALSE THEN 'false' END"
)


# ---------------------------------------------------------------- strings and lists


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else _octets(text).lower().decode("utf-8", "surrogatepass")


def _upper(text: str) -> str:
    return text.upper() if text.isascii() else _octets(text).upper().decode("utf-8", "surrogatepass")


def _octets(text: str) -> bytes:
    """The text in UTF-8; lower() and upper() of bytes change letters of ASCII only."""
    return text.encode("utf-8", "surrogatepass")


_ENDS = "length({0}) >= length({1}) AND substr({0}, length({0}) - length({1}) + 1) = {1}"

CONCATENATE = Operator("+", operator.add, "{0} || {1}", work=characters)
CONTAINS = Operator("contains", operator.contains, "instr({0}, {1}) > 0", "strpos({0}, {1}) > 0", work=characters)
STARTS = Operator(
    "startsWith", str.startswith, "substr({0}, 1, length({1})) = {1}", "starts_with({0}, {1})", work=characters
)
ENDS = Operator("endsWith", str.endswith, _ENDS, "right({0}, length({1})) = {1}", work=characters)
LOWER = Operator("lowerAscii", _lower, "lower({0})", 'lower({0} COLLATE "C")', work=characters)
UPPER = Operator("upperAscii", _upper, "upper({0})", 'upper({0} COLLATE "C")', work=characters)
TEXT_SIZE = Operator("size", len, "length({0})")
LIST_SIZE = Operator("size", len, "json_array_length({0})", "jsonb_array_length({0})")
BETWEEN = Operator(
    "startsWith",
    lambda a, low, high: low <= a < high,
    "{0} >= {1} AND {0} < {2}",
    '{0} >= {1} COLLATE "C" AND {0} < {2} COLLATE "C"',
)
"""``startsWith`` of a literal: a range, which an index answers."""


def prefix_end(prefix: str) -> str | None:
    """The least text that is greater than all that begin with ``prefix``; None if there is none."""
    for at in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[at]) + 1
        if code <= 0x10FFFF:
            return prefix[:at] + chr(0xE000 if 0xD800 <= code <= 0xDFFF else code)
    return None


METHODS = {"contains": CONTAINS, "startsWith": STARTS, "endsWith": ENDS}
