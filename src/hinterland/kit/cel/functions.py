"""The functions and methods of the language, and why others are refused.

A strict function has overloads: the types of its operands, of its result, and the operation. Others are checked by a
function of their own.
"""

from __future__ import annotations

from collections.abc import Callable

from hinterland.kit.cel import conversions, macros, math_functions, operations, text_functions, time_functions
from hinterland.kit.cel.errors import nearest
from hinterland.kit.cel.overloads import Overload, fits
from hinterland.kit.cel.tree import FunctionCall, Name, fail
from hinterland.kit.cel.typed import Apply, Constant, HasValue, Path, Typed
from hinterland.kit.cel.types import BOOL, BYTES, INT, STRING, ListType

TYPE_CHECKING = False  # as in typing, whose import takes five milliseconds
if TYPE_CHECKING:
    from hinterland.kit.cel.checking import Checker

_Check = Callable[["Checker", FunctionCall], Typed]


class Function:
    """How a function is called ("global", "method" or "both"), with how many operands, an example, and its check."""

    __slots__ = ("check", "counts", "example", "form")

    def __init__(self, form: str, counts: frozenset[int], example: str, check: _Check) -> None:
        self.form = form
        self.counts = counts
        self.example = example
        self.check = check


def call(checker: Checker, node: FunctionCall) -> Typed:
    """A call of a function or method."""
    node = _qualified(checker, node)
    entry = FUNCTIONS.get(node.function)
    if entry is None:
        hint = _REFUSED.get(node.function) or nearest(node.function, list(FUNCTIONS))
        raise fail(node, f'unknown function "{node.function}"', hint)
    if (node.is_method and entry.form == "global") or (not node.is_method and entry.form == "method"):
        raise fail(node, f"{node.function}() is not called like this", f"write {entry.example}")
    if len(node.arguments) not in entry.counts:
        raise fail(node, f"{node.function}() has other arguments", f"write {entry.example}")
    return entry.check(checker, node)


def _qualified(checker: Checker, node: FunctionCall) -> FunctionCall:
    """``math.abs(x)`` reads as a method of "math", and is a function of that name."""
    owner = node.arguments[0] if node.is_method else None
    if not isinstance(owner, Name) or owner.name not in _NAMESPACES or checker.is_variable(owner.name):
        return node
    name = f"{owner.name}.{node.function}"
    return FunctionCall(node.source, node.start, node.end, name, node.arguments[1:])


def _strict(form: str, example: str, overloads: tuple[Overload, ...]) -> Function:
    """A strict function: the first overload whose types fit is meant."""

    def check(checker: Checker, node: FunctionCall) -> Typed:
        trees = [checker.operand(argument) for argument in node.arguments]
        for overload in overloads:
            if len(overload.parameters) == len(trees) and all(map(fits, trees, overload.parameters)):
                return overload.applied(checker, node, trees)
        raise _unfit(node, trees, overloads, example)

    return Function(form, frozenset(len(each.parameters) for each in overloads), example, check)


def _unfit(node: FunctionCall, trees: list[Typed], overloads: tuple[Overload, ...], example: str) -> Exception:
    known = [each for each in overloads if len(each.parameters) == len(trees)]
    for number, tree in enumerate(trees):
        wanted = dict.fromkeys(each.parameters[number].phrase for each in known)
        if not any(fits(tree, each.parameters[number]) for each in known):
            return fail(tree.origin, f"this is {tree.type.phrase}, but {' or '.join(wanted)} is needed")
    return fail(node, f"{node.function}() does not take these types together", f"write {example}")


def _has(checker: Checker, node: FunctionCall) -> Typed:
    path = checker.any(node.arguments[0])
    if not isinstance(path, Path) or not path.fields:
        raise fail(node, "has() takes a field", "write has(record.title)")
    return HasValue(node, path, is_negated=False)


def _size(checker: Checker, node: FunctionCall) -> Typed:
    tree = checker.value(node.arguments[0])
    if isinstance(tree.type, ListType):
        return Apply(node, INT, operations.LIST_SIZE, (tree,))
    if tree.type is STRING:
        return Apply(node, INT, operations.TEXT_SIZE, (tree,))
    if tree.type is BYTES:
        return Apply(node, INT, text_functions.BYTES_SIZE, (tree,))
    raise fail(node, f"{tree.type.phrase} has no size", "strings, bytes and lists have one")


def _dyn(checker: Checker, node: FunctionCall) -> Typed:
    """The operand as it is: its type stays known, and what its type does not allow is refused all the same."""
    return checker.any(node.arguments[0])


def _search(checker: Checker, node: FunctionCall) -> Typed:
    receiver = node.arguments[0]
    found = checker.any(receiver)
    if isinstance(found.type, ListType):
        item = node.arguments[1]
        raise fail(node, f"{node.function}() is for strings", f"write {item.text} in {receiver.text}")
    text, part = checker.text_of(receiver, found), checker.text(node.arguments[1])
    if node.function == "startsWith" and isinstance(part, Constant) and isinstance(part.value, str):
        end = operations.prefix_end(part.value)
        if end is not None:
            return Apply(node, BOOL, operations.BETWEEN, (text, part, Constant(part.origin, STRING, end)))
    return Apply(node, BOOL, operations.METHODS[node.function], (text, part))


def _entry(form: str, counts: tuple[int, ...], example: str, check: _Check) -> Function:
    return Function(form, frozenset(counts), example, check)


FUNCTIONS: dict[str, Function] = {
    "has": _entry("global", (1,), "has(record.title)", _has),
    "size": _entry("both", (1,), "record.title.size()", _size),
    "contains": _entry("method", (2,), 'record.title.contains("word")', _search),
    "startsWith": _entry("method", (2,), 'record.title.startsWith("word")', _search),
    "endsWith": _entry("method", (2,), 'record.title.endsWith("word")', _search),
    "dyn": _entry("global", (1,), "dyn(record.count)", _dyn),
    **{name: _entry(*entry) for name, entry in {**macros.MACROS, **time_functions.CHECKED, **text_functions.CHECKED,
       **math_functions.CHECKED}.items()},
    **{name: _strict(*entry) for name, entry in {**conversions.STRICT, **time_functions.STRICT,
       **text_functions.STRICT, **math_functions.STRICT}.items()},
}  # fmt: skip
_NAMESPACES = frozenset({name.partition(".")[0] for name in FUNCTIONS if "." in name})
_REFUSED = {
    "lower": "use lowerAscii(), which changes A to Z only",
    "upper": "use upperAscii(), which changes a to z only",
    "toLowerCase": "use lowerAscii(), which changes A to Z only",
    "toUpperCase": "use upperAscii(), which changes a to z only",
    "includes": 'use "in" for lists and contains() for strings',
    "length": "use size()",
    "len": "use size()",
}
