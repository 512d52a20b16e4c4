"""The tree that the parser makes: what was written, nothing decided yet.

Every operator is a ``FunctionCall`` with the operator's sign as function (``&&`` and ``||`` with two or more arguments,
``?:`` with three, ``has`` with one). Each node knows its place in the source, so that messages show the user's words.
"""

from __future__ import annotations

from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.types import Type

GIVEN = "$"
"""The variable that holds given values by number, as texts: no expression can name it."""


class Node:
    """A part of an expression; ``text`` is how the user wrote it."""

    __slots__ = ("end", "source", "start")

    def __init__(self, source: str, start: int, end: int) -> None:
        self.source = source
        self.start = start
        self.end = end

    @property
    def text(self) -> str:
        """The source text of this part."""
        return self.source[self.start : self.end]

    def parts(self) -> tuple[Node, ...]:
        """The direct parts, in the order they were written."""
        return ()


class Literal(Node):
    """A value: bool, int, float, str, None, or bytes as base64; ``kind`` is the type's name."""

    __slots__ = ("kind", "value")

    def __init__(self, source: str, start: int, end: int, kind: str, value: object) -> None:
        super().__init__(source, start, end)
        self.kind = kind
        self.value = value


class Name(Node):
    """A variable."""

    __slots__ = ("name",)

    def __init__(self, source: str, start: int, end: int, name: str) -> None:
        super().__init__(source, start, end)
        self.name = name


class FieldAccess(Node):
    """``operand.field``."""

    __slots__ = ("field", "operand")

    def __init__(self, source: str, start: int, end: int, operand: Node, field: str) -> None:
        super().__init__(source, start, end)
        self.operand = operand
        self.field = field

    def parts(self) -> tuple[Node, ...]:
        """The operand."""
        return (self.operand,)


class Index(Node):
    """``operand[index]``."""

    __slots__ = ("index", "operand")

    def __init__(self, source: str, start: int, end: int, operand: Node, index: Node) -> None:
        super().__init__(source, start, end)
        self.operand = operand
        self.index = index

    def parts(self) -> tuple[Node, ...]:
        """The operand and the index."""
        return (self.operand, self.index)


class Sequence(Node):
    """``[a, b]``."""

    __slots__ = ("items",)

    def __init__(self, source: str, start: int, end: int, items: tuple[Node, ...]) -> None:
        super().__init__(source, start, end)
        self.items = items

    def parts(self) -> tuple[Node, ...]:
        """The elements."""
        return self.items


class FunctionCall(Node):
    """A function, a method (its receiver is the first argument) or an operator."""

    __slots__ = ("arguments", "function", "is_method")

    def __init__(
        self, source: str, start: int, end: int, function: str, arguments: tuple[Node, ...], is_method: bool = False
    ) -> None:
        super().__init__(source, start, end)
        self.function = function
        self.arguments = arguments
        self.is_method = is_method

    def parts(self) -> tuple[Node, ...]:
        """The arguments."""
        return self.arguments


class Given(Node):
    """A value that is given beside the expression, the ``number``-th from 0; ``kind`` is its type.

    Expressions that differ only in such values are checked and compiled once.
    """

    __slots__ = ("kind", "number")

    def __init__(self, kind: Type, number: int) -> None:
        super().__init__("?", 0, 1)
        self.kind = kind
        self.number = number


def fail(node: Node, message: str, hint: str = "") -> CelError:
    """The error at a node."""
    return CelError(message, node.source, node.start, node.end, hint)
