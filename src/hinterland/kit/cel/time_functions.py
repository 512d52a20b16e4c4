"""Functions of instants and durations, ``now()`` among them."""

from __future__ import annotations

from hinterland.kit.cel import moments, operations
from hinterland.kit.cel.literals import timestamp
from hinterland.kit.cel.moments import GETTERS, IN_ZONE, MICROS, MOMENT, NOW, SPAN_GETTERS
from hinterland.kit.cel.operations import in_python
from hinterland.kit.cel.overloads import Overload
from hinterland.kit.cel.tree import FunctionCall, fail
from hinterland.kit.cel.typed import Apply, Constant, Path, Typed
from hinterland.kit.cel.types import DURATION, INT, INT64, STRING, TIMESTAMP, is_integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hinterland.kit.cel.checking import Checker

PARSE_MOMENT = in_python("timestamp", timestamp, operations.characters)
PARSE_SPAN = in_python("duration", moments.span_of, operations.characters)
_EXAMPLE = 'timestamp("2026-01-02T03:04:05Z")'


def _timestamp(checker: Checker, node: FunctionCall) -> Typed:
    tree = checker.scalar(node.arguments[0])
    if tree.type is TIMESTAMP:
        return tree
    if is_integer(tree.type):
        return Apply(node, TIMESTAMP, moments.MOMENT_OF_SECONDS, (tree,))
    if tree.type is not STRING:
        raise fail(node, "timestamp() takes a string or seconds since 1970", f"write {_EXAMPLE}")
    if not isinstance(tree, Constant):
        return Apply(node, TIMESTAMP, PARSE_MOMENT, (tree,))
    value = timestamp(str(tree.value))
    if value is None:
        hint = f"write it as RFC 3339 with at most six digits of seconds: {_EXAMPLE}"
        raise fail(tree.origin, "this is not a moment", hint)
    return Constant(node, TIMESTAMP, value)


def _duration(checker: Checker, node: FunctionCall) -> Typed:
    tree = checker.scalar(node.arguments[0])
    if tree.type is DURATION:
        return tree
    if tree.type is not STRING:
        raise fail(node, "duration() takes a string", 'write duration("1h30m")')
    if not isinstance(tree, Constant):
        return Apply(node, DURATION, PARSE_SPAN, (tree,))
    value = moments.span_of(str(tree.value))
    if value is None:
        hint = 'write it as "1h30m", "90s" or "250ms", no finer than a microsecond and at most 292 years'
        raise fail(tree.origin, "this is not a duration", hint)
    return Constant(node, DURATION, value)


def _now(checker: Checker, node: FunctionCall) -> Typed:
    return Path(node, TIMESTAMP, NOW, ())


def _get(checker: Checker, node: FunctionCall) -> Typed:
    moment = checker.scalar(node.arguments[0])
    if moment.type is DURATION and node.function in SPAN_GETTERS and len(node.arguments) == 1:
        return Apply(node, INT, SPAN_GETTERS[node.function], (moment,))
    if moment.type is not TIMESTAMP:
        raise fail(node, f"{moment.type.phrase} has no {node.function}()", "instants have one, and some durations")
    if len(node.arguments) > 1:
        moment = _in_zone(node, moment, checker.text(node.arguments[1]))
    return Apply(node, INT, GETTERS[node.function], (moment,))


def _in_zone(node: FunctionCall, moment: Typed, zone: Typed) -> Typed:
    ahead = moments.offset_of(str(zone.value)) if isinstance(zone, Constant) else None
    if ahead is None:
        return Apply(node, TIMESTAMP, IN_ZONE, (moment, zone))
    return moment if ahead == 0 else moved(node, "+", moment, Constant(zone.origin, DURATION, ahead))


def moved(node: FunctionCall, operator: str, moment: Typed, by: Typed) -> Typed:
    """An instant and a duration after it, or before."""
    micros = Apply(node, INT64, MICROS, (moment,))
    return Apply(node, TIMESTAMP, MOMENT, (Apply(node, INT64, operations.INTEGER_ARITHMETIC[operator], (micros, by)),))


def time_arithmetic(node: FunctionCall, operator: str, left: Typed, right: Typed) -> Typed | None:
    """The sum or difference of instants and durations; None if it is none."""
    kinds = (left.type, right.type)
    if kinds == (TIMESTAMP, DURATION) and operator in "+-":
        return moved(node, operator, left, right)
    if kinds == (DURATION, TIMESTAMP) and operator == "+":
        return moved(node, operator, right, left)
    if kinds == (TIMESTAMP, TIMESTAMP) and operator == "-":
        left, right = (Apply(node, INT64, MICROS, (side,)) for side in (left, right))
    elif kinds != (DURATION, DURATION) or operator not in "+-":
        return None
    difference = Apply(node, INT64, operations.INTEGER_ARITHMETIC[operator], (left, right))
    return Apply(node, DURATION, moments.SPAN, (difference,))


CHECKED = {
    "timestamp": ("global", (1,), _EXAMPLE, _timestamp),
    "duration": ("global", (1,), 'duration("1h30m")', _duration),
    "now": ("global", (0,), "now()", _now),
    **{name: ("method", (1, 2), f"record.created_at.{name}()", _get) for name in GETTERS},
}
STRICT: dict[str, tuple[str, str, tuple[Overload, ...]]] = {}
