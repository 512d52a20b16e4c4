"""The functions and methods of the language, and why others are refused."""

from __future__ import annotations

from collections.abc import Callable

from hinterland.kit.cel import operations
from hinterland.kit.cel.asking import exists_in, is_collection
from hinterland.kit.cel.errors import nearest
from hinterland.kit.cel.literals import timestamp
from hinterland.kit.cel.tree import FunctionCall, Literal, Name, Node, fail
from hinterland.kit.cel.typed import Apply, Constant, HasValue, Macro, Path, Typed
from hinterland.kit.cel.types import BOOL, DOUBLE, INT, INT64, STRING, TIMESTAMP, ListType, ObjectType, is_integer

TYPE_CHECKING = False  # as in typing, whose import takes five milliseconds
if TYPE_CHECKING:
    from hinterland.kit.cel.checking import Checker


def call(checker: Checker, node: FunctionCall) -> Typed:
    """A call of a function or method."""
    entry = _FUNCTIONS.get(node.function)
    if entry is None:
        hint = _REFUSED.get(node.function) or nearest(node.function, list(_FUNCTIONS))
        raise fail(node, f'unknown function "{node.function}"', hint)
    form, count, function = entry
    if (node.is_method and form == "global") or (not node.is_method and form == "method"):
        hint = f"write {_EXAMPLES[node.function]}"
        raise fail(node, f"{node.function}() is not called like this", hint)
    if len(node.arguments) != count:
        raise fail(node, f"{node.function}() has other arguments", f"write {_EXAMPLES[node.function]}")
    return function(checker, node)


def _text(checker: Checker, node: Node) -> Typed:
    tree = checker.scalar(node, STRING)
    if tree.type is not STRING:
        raise fail(node, f"this is {tree.type.phrase}, but a string is needed")
    return tree


def _has(checker: Checker, node: FunctionCall) -> Typed:
    path = checker.any(node.arguments[0])
    if not isinstance(path, Path) or not path.fields:
        raise fail(node, "has() takes a field", f"write {_EXAMPLES['has']}")
    return HasValue(node, path, is_negated=False)


def _size(checker: Checker, node: FunctionCall) -> Typed:
    tree = checker.value(node.arguments[0])
    if isinstance(tree.type, ListType):
        return Apply(node, INT, operations.LIST_SIZE, (tree,))
    if tree.type is STRING:
        return Apply(node, INT, operations.TEXT_SIZE, (tree,))
    raise fail(node, f"{tree.type.phrase} has no size", "strings and lists have one")


def _search(checker: Checker, node: FunctionCall) -> Typed:
    receiver = node.arguments[0]
    if isinstance(checker.any(receiver).type, ListType):
        item = node.arguments[1]
        raise fail(node, f"{node.function}() is for strings", f"write {item.text} in {receiver.text}")
    text, part = _text(checker, receiver), _text(checker, node.arguments[1])
    if node.function == "startsWith" and isinstance(part, Constant) and isinstance(part.value, str):
        end = operations.prefix_end(part.value)
        if end is not None:
            return Apply(node, BOOL, operations.BETWEEN, (text, part, Constant(part.origin, STRING, end)))
    return Apply(node, BOOL, operations.METHODS[node.function], (text, part))


def _case(checker: Checker, node: FunctionCall) -> Typed:
    return Apply(node, STRING, operations.CASES[node.function], (_text(checker, node.arguments[0]),))


def _timestamp(checker: Checker, node: FunctionCall) -> Typed:
    written = node.arguments[0]
    if not isinstance(written, Literal) or not isinstance(written.value, str):
        raise fail(node, "timestamp() takes a literal string", f"write {_EXAMPLES['timestamp']}")
    value = timestamp(written.value)
    if value is None:
        hint = f"write it as RFC 3339 with at most six digits of seconds: {_EXAMPLES['timestamp']}"
        raise fail(written, "this is not a moment", hint)
    return Constant(node, TIMESTAMP, value)


def _int(checker: Checker, node: FunctionCall) -> Typed:
    tree = checker.scalar(node.arguments[0])
    if is_integer(tree.type):
        return tree
    if tree.type is DOUBLE:
        return Apply(node, INT64, operations.TO_INTEGER, (tree,))
    raise fail(node, f"{tree.type.phrase} cannot be converted to an int the same way everywhere")


def _double(checker: Checker, node: FunctionCall) -> Typed:
    tree = checker.scalar(node.arguments[0])
    if tree.type is DOUBLE:
        return tree
    if is_integer(tree.type):
        return Apply(node, DOUBLE, operations.TO_DOUBLE, (tree,))
    raise fail(node, f"{tree.type.phrase} cannot be converted to a double the same way everywhere")


def _string(checker: Checker, node: FunctionCall) -> Typed:
    tree = checker.scalar(node.arguments[0])
    if tree.type is STRING:
        return tree
    if is_integer(tree.type):
        return Apply(node, STRING, operations.INTEGER_TEXT, (tree,))
    if tree.type is BOOL:
        return Apply(node, STRING, operations.BOOLEAN_TEXT, (tree,))
    raise fail(node, f"{tree.type.phrase} is not written the same way everywhere, so string() cannot convert it")


def _macro(checker: Checker, node: FunctionCall) -> Typed:
    if is_collection(checker, node):
        return exists_in(checker, node)
    container, name = checker.value(node.arguments[0]), node.arguments[1]
    if not isinstance(container.type, ListType):
        raise fail(node, f"{node.function}() is for lists, this is {container.type.phrase}")
    if not isinstance(name, Name):
        hint = f"write {_EXAMPLES[node.function]}"
        raise fail(name, f"the first argument of {node.function}() names the element", hint)
    if any(not isinstance(kind, ObjectType) for kind in checker.scope.values()):
        raise fail(node, "exists() and all() cannot be nested")
    if name.name in checker.environment.variables or name.name in checker.scope:
        raise fail(name, f'"{name.name}" is already a variable', "choose another name for the element")
    checker.scope[name.name] = container.type.element
    body = checker.boolean(node.arguments[2])
    del checker.scope[name.name]
    return Macro(node, node.function == "all", container, name.name, body)


_Function = Callable[["Checker", FunctionCall], Typed]
_FUNCTIONS: dict[str, tuple[str, int, _Function]] = {
    "has": ("global", 1, _has),
    "size": ("both", 1, _size),
    "contains": ("method", 2, _search),
    "startsWith": ("method", 2, _search),
    "endsWith": ("method", 2, _search),
    "lowerAscii": ("method", 1, _case),
    "upperAscii": ("method", 1, _case),
    "timestamp": ("global", 1, _timestamp),
    "int": ("global", 1, _int),
    "double": ("global", 1, _double),
    "string": ("global", 1, _string),
    "exists": ("method", 3, _macro),
    "all": ("method", 3, _macro),
}
_EXAMPLES = {
    "has": "has(record.title)",
    "size": "record.title.size()",
    "contains": 'record.title.contains("word")',
    "startsWith": 'record.title.startsWith("word")',
    "endsWith": 'record.title.endsWith("word")',
    "lowerAscii": "record.title.lowerAscii()",
    "upperAscii": "record.title.upperAscii()",
    "timestamp": 'timestamp("2026-01-02T03:04:05Z")',
    "int": "int(record.price)",
    "double": "double(record.count)",
    "string": "string(record.count)",
    "exists": 'record.tags.exists(tag, tag == "new")',
    "all": "record.tags.all(tag, tag.size() < 20)",
}
_REFUSED = {
    "matches": "regular expressions differ between the databases; use startsWith(), endsWith() or contains()",
    "exists_one": "use exists()",
    "map": "lists cannot be made; use exists() or all()",
    "filter": "lists cannot be made; use exists() or all()",
    "uint": "there are no unsigned integers",
    "duration": "compare two moments instead",
    "now": "an expression has no clock",
    "lower": "use lowerAscii(), which changes A to Z only",
    "upper": "use upperAscii(), which changes a to z only",
    "toLowerCase": "use lowerAscii(), which changes A to Z only",
    "toUpperCase": "use upperAscii(), which changes a to z only",
    "includes": 'use "in" for lists and contains() for strings',
    "length": "use size()",
    "len": "use size()",
}
