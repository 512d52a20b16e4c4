"""Conditions over a record as frozen trees: made of CEL text, or by constructors.

``eq("city", "Rome")`` and ``cel('record.city == "Rome"')`` mean the same. What a constructor compares with is kept
beside the tree, so that conditions of one structure are checked and compiled once, whatever their values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from string import ascii_uppercase
from typing import Any, NamedTuple

from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.operations import METHODS, prefix_end
from hinterland.kit.cel.parser import MAX_DEPTH, parse
from hinterland.kit.cel.tree import FieldAccess, FunctionCall, Given, Literal, Name, Node
from hinterland.kit.cel.types import BOOL, DOUBLE, INT, STRING, ListType, Type

PathNames = str | tuple[str, ...]
"""A field of the record, or the names that lead to a value inside one."""

_LOWER = {ord(upper): upper.lower() for upper in ascii_uppercase}
_KINDS: dict[type, Type] = {bool: BOOL, int: INT, float: DOUBLE, str: STRING}


class Condition(NamedTuple):
    """``key`` is the structure, hashable; ``values`` are what it compares with, in order."""

    key: tuple[Any, ...]
    values: tuple[object, ...] = ()

    @property
    def given(self) -> dict[str, object]:
        """The variable ``GIVEN``, which a compiled condition reads its values from."""
        return {str(number): value for number, value in enumerate(self.values)}

    def node(self) -> Node:
        """The tree to be checked. Raises ``CelError`` for CEL text that is none, and for too deep a tree."""
        return _node(self.key, count(), 0)


def cel(text: str) -> Condition:
    """The condition of a CEL text. It is checked when it is compiled."""
    return Condition(("cel", text))


def eq(path: PathNames, value: object, kind: Type | None = None) -> Condition:
    """The field equals ``value``, which is of a ``kind`` (by default that of its class); None: it has no value."""
    return Condition(("null", _names(path))) if value is None else _compared("==", path, value, kind)


def ne(path: PathNames, value: object, kind: Type | None = None) -> Condition:
    """The field has another value; None: it has one."""
    return has(path) if value is None else _compared("!=", path, value, kind)


def lt(path: PathNames, value: object, kind: Type | None = None) -> Condition:
    """The field is less than ``value``."""
    return _compared("<", path, value, kind)


def le(path: PathNames, value: object, kind: Type | None = None) -> Condition:
    """The field is at most ``value``."""
    return _compared("<=", path, value, kind)


def gt(path: PathNames, value: object, kind: Type | None = None) -> Condition:
    """The field is greater than ``value``."""
    return _compared(">", path, value, kind)


def ge(path: PathNames, value: object, kind: Type | None = None) -> Condition:
    """The field is at least ``value``."""
    return _compared(">=", path, value, kind)


def in_(path: PathNames, values: Sequence[object], kind: Type | None = None) -> Condition:
    """The field equals one of ``values``, which are of one kind."""
    kinds = {kind or _kind(value) for value in values} or {kind or STRING}
    if len(kinds) > 1:
        raise ValueError("the values of in_() must be of one kind")
    return Condition(("in", _names(path), ListType(kinds.pop())), (list(values),))


def contains(path: PathNames, part: str, *, ignores_case: bool = False) -> Condition:
    """The text of the field has ``part`` in it; ``ignores_case``: whatever the case of the letters A to Z."""
    given = part.translate(_LOWER) if ignores_case else part
    return Condition(("contains", _names(path), ignores_case), (given,))


def starts_with(path: PathNames, part: str) -> Condition:
    """The text of the field begins with ``part``: a range, which an index answers."""
    end = prefix_end(part)
    if end is None:
        return Condition(("startsWith", _names(path), False), (part,))
    return and_(ge(path, part, STRING), lt(path, end, STRING))


def ends_with(path: PathNames, part: str) -> Condition:
    """The text of the field ends with ``part``."""
    return Condition(("endsWith", _names(path), False), (part,))


def has(path: PathNames) -> Condition:
    """The field has a value."""
    return Condition(("has", _names(path)))


def and_(*conditions: Condition) -> Condition:
    """All of one or more conditions."""
    return _joined("&&", conditions)


def or_(*conditions: Condition) -> Condition:
    """Any of one or more conditions."""
    return _joined("||", conditions)


def not_(condition: Condition) -> Condition:
    """The opposite; an error stays one."""
    return Condition(("!", condition.key), condition.values)


def _compared(operator: str, path: PathNames, value: object, kind: Type | None) -> Condition:
    return Condition((operator, _names(path), kind or _kind(value)), (value,))


def _joined(operator: str, conditions: Sequence[Condition]) -> Condition:
    if len(conditions) < 2:
        return conditions[0]
    values = tuple(value for condition in conditions for value in condition.values)
    return Condition((operator, *(condition.key for condition in conditions)), values)


def _names(path: PathNames) -> tuple[str, ...]:
    return (path,) if isinstance(path, str) else path


def _kind(value: object) -> Type:
    kind = _KINDS.get(type(value))
    if kind is None:
        raise ValueError(f"a {type(value).__name__} is not a value that a condition compares with")
    return kind


def _node(key: tuple[Any, ...], numbers: Iterator[int], depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise CelError(f"the condition is nested deeper than {MAX_DEPTH} levels", "", 0)
    operator = key[0]
    if operator == "cel":
        return parse(key[1])
    if operator in ("&&", "||", "!"):
        parts = [_node(part, numbers, depth + 1) for part in key[1:]]
        return _call("!_", f"!({parts[0].text})", parts) if operator == "!" else _logic(operator, parts)
    path = _path(key[1])
    if operator == "has":
        return _call("has", f"has({path.text})", [path])
    if operator == "null":
        return _call("==", f"{path.text} == null", [path, Literal("null", 0, 4, "null", None)])
    if operator in METHODS:
        text = _method("lowerAscii", [path]) if key[2] else path
        return _method(operator, [text, Given(STRING, next(numbers))])
    return _call(operator, f"{path.text} {operator} ?", [path, Given(key[2], next(numbers))])


def _method(function: str, parts: Sequence[Node]) -> Node:
    receiver, *arguments = parts
    text = f"{receiver.text}.{function}({', '.join(part.text for part in arguments)})"
    return FunctionCall(text, 0, len(text), function, tuple(parts), is_method=True)


def _logic(operator: str, parts: Sequence[Node]) -> Node:
    return _call(operator, f" {operator} ".join(f"({part.text})" for part in parts), parts)


def _call(function: str, text: str, parts: Sequence[Node]) -> Node:
    return FunctionCall(text, 0, len(text), function, tuple(parts))


def _path(names: tuple[str, ...]) -> Node:
    node: Node = Name("record", 0, len("record"), "record")
    for name in names:
        text = f"{node.text}.{name}"
        node = FieldAccess(text, 0, len(text), node, name)
    return node
