"""An overload of a strict function: the types of its operands and of its result, and what it does."""

from __future__ import annotations

from hinterland.kit.cel.operations import Operator
from hinterland.kit.cel.tree import FunctionCall
from hinterland.kit.cel.typed import Apply, Typed
from hinterland.kit.cel.types import BOOL, DOUBLE, DYN, STRING, Type, is_integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hinterland.kit.cel.checking import Checker

READABLE = (BOOL, DOUBLE, STRING)
"""What a value that may hold anything is read as."""


class Overload:
    """`operation` is None where the operand is the result."""

    __slots__ = ("operation", "parameters", "result")

    def __init__(self, parameters: tuple[Type, ...], result: Type, operation: Operator | None) -> None:
        self.parameters = parameters
        self.result = result
        self.operation = operation

    def applied(self, checker: Checker, node: FunctionCall, trees: list[Typed]) -> Typed:
        """The call with these operands, which fit."""
        operands = tuple(checker.as_wanted(tree, wanted) for tree, wanted in zip(trees, self.parameters, strict=True))
        return operands[0] if self.operation is None else Apply(node, self.result, self.operation, operands)


def fits(tree: Typed, wanted: Type) -> bool:
    """Whether a tree can be the operand for which a ``wanted`` one is needed."""
    kind = tree.type
    if kind is wanted or kind == wanted:
        return True
    return (is_integer(kind) and is_integer(wanted)) or (kind is DYN and wanted in READABLE)
