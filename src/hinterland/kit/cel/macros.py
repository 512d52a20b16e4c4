"""Macros: exists(), all(), exists_one(), filter() and map(), nested as they please."""

from __future__ import annotations

from hinterland.kit.cel.asking import exists_in, is_collection
from hinterland.kit.cel.tree import FunctionCall, Name, Node, fail
from hinterland.kit.cel.typed import UNNAMED, Macro, Made, Typed
from hinterland.kit.cel.types import DYN, INT, ListType, Type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hinterland.kit.cel.checking import Checker

_FORMS = {"exists": "exists", "all": "all", "exists_one": "one", "existsOne": "one"}


def _list(checker: Checker, node: FunctionCall) -> Typed:
    """The list that a macro is over; what may hold anything is read as a list of anything."""
    tree = checker.any(node.arguments[0])
    if tree.type is DYN:
        return checker.as_wanted(tree, ListType(DYN))
    if not isinstance(tree.type, ListType):
        checker.valued(node.arguments[0], tree)
        raise fail(node, f"{node.function}() is for lists, this is {tree.type.phrase}")
    return tree


def _names(checker: Checker, node: FunctionCall, container: Typed, count: int) -> tuple[str, str, dict[str, Type]]:
    """The names of an element's place and of the element, and their types."""
    assert isinstance(container.type, ListType)
    found = [_name(checker, node, argument) for argument in node.arguments[1 : count + 1]]
    if len(set(found)) < len(found):
        raise fail(node.arguments[2], "the element and its place have different names")
    index = found[0] if count > 1 else UNNAMED
    return index, found[-1], {**({index: INT} if count > 1 else {}), found[-1]: container.type.element}


def _name(checker: Checker, node: FunctionCall, name: Node) -> str:
    if not isinstance(name, Name):
        hint = f"write {_EXAMPLES[node.function]}"
        raise fail(name, f"the first argument of {node.function}() names the element", hint)
    if name.name in checker.environment.variables or name.name in checker.environment.collections:
        raise fail(name, f'"{name.name}" is already a variable', "choose another name for the element")
    return name.name


def _macro(checker: Checker, node: FunctionCall) -> Typed:
    if is_collection(checker, node):
        if len(node.arguments) > 3:
            raise fail(node, "records of a collection have no place", _ASKED)
        return exists_in(checker, node)
    container = _list(checker, node)
    index, name, kinds = _names(checker, node, container, len(node.arguments) - 2)
    body = checker.within(kinds, lambda: checker.boolean(node.arguments[-1]))
    return Macro(node, _FORMS[node.function], container, name, body, index)


def _filter(checker: Checker, node: FunctionCall) -> Typed:
    container = _list(checker, node)
    index, name, kinds = _names(checker, node, container, 1)
    condition = checker.within(kinds, lambda: checker.boolean(node.arguments[2]))
    return Made(node, container, name, condition, None, index)


def _map(checker: Checker, node: FunctionCall) -> Typed:
    container = _list(checker, node)
    count = 2 if node.function == "transformList" else 1
    index, name, kinds = _names(checker, node, container, count)
    condition = None
    if len(node.arguments) > count + 2:
        condition = checker.within(kinds, lambda: checker.boolean(node.arguments[-2]))
    result = checker.within(kinds, lambda: checker.value(node.arguments[-1]))
    return Made(node, container, name, condition, result, index)


_ASKED = "write members.exists(m, m.user == auth.id)"
_EXAMPLES = {
    "exists": 'record.tags.exists(tag, tag == "new")',
    "all": "record.tags.all(tag, tag.size() < 20)",
    "exists_one": 'record.tags.exists_one(tag, tag == "new")',
    "existsOne": 'record.tags.existsOne(index, tag, tag == "new")',
    "filter": 'record.tags.filter(tag, tag != "old").size() > 0',
    "map": "record.tags.map(tag, tag.size())",
    "transformList": "record.tags.transformList(index, tag, index)",
}
MACROS = {
    **{name: ("method", (3, 4), _EXAMPLES[name], _macro) for name in ("exists", "all", "existsOne")},
    "exists_one": ("method", (3,), _EXAMPLES["exists_one"], _macro),
    "filter": ("method", (3,), _EXAMPLES["filter"], _filter),
    "map": ("method", (3, 4), _EXAMPLES["map"], _map),
    "transformList": ("method", (4, 5), _EXAMPLES["transformList"], _map),
}
