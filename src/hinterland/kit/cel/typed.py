"""The checked tree: every name resolved, every operation chosen, every type known.

Values are as Python holds them after reading (an INT64 is an int, a timestamp the fixed text, bytes base64); None
means *error* everywhere, since a value that is null or missing is an error when it is read. So all operations
are strict (None in, None out) but for ``&&``, ``||``, ``?:``, ``in`` and macros.
"""

from __future__ import annotations

from collections.abc import Iterator

from hinterland.kit.cel.operations import Operator
from hinterland.kit.cel.tree import Node
from hinterland.kit.cel.types import BOOL, ListType, Type

_NONE: frozenset[str] = frozenset()
RELATED = "@"
"""The variable that answers questions to other collections (`Related`): no expression can name it."""
_ASKED = frozenset({"record", "auth", RELATED})
UNNAMED = "#"
"""The name of an element's place that no body reads: no expression can name it."""


class Typed:
    """A checked part of an expression.

    ``variables`` are the names it reads, those of macro variables included.
    """

    __slots__ = ("origin", "type", "variables")

    def __init__(self, origin: Node, kind: Type, *parts: Typed) -> None:
        self.origin = origin
        self.type = kind
        self.variables: frozenset[str] = _NONE
        for part in parts:
            self.variables = self.variables | part.variables if self.variables else part.variables

    @property
    def text(self) -> str:
        """The part as the user wrote it."""
        return self.origin.text

    def parts(self) -> tuple[Typed, ...]:
        """The direct parts."""
        return ()


class Constant(Typed):
    """A literal; a list of literals is a tuple."""

    __slots__ = ("value",)

    def __init__(self, origin: Node, kind: Type, value: object) -> None:
        super().__init__(origin, kind)
        self.value = value


class Path(Typed):
    """A variable (``fields`` empty) or a field of one. Without a value it is an error.

    ``declared`` says how many of the fields have a type of their own where not all have: what follows is inside of a
    value that may be anything, and a value of another type than the path's is an error.
    """

    __slots__ = ("declared", "fields", "variable")

    def __init__(
        self, origin: Node, kind: Type, variable: str, fields: tuple[str, ...], declared: int | None = None
    ) -> None:
        super().__init__(origin, kind)
        self.variable = variable
        self.fields = fields
        self.declared = declared
        self.variables = frozenset((variable,))


class Item(Typed):
    """The element of a list at a constant index; an error where there is none."""

    __slots__ = ("index", "operand")

    def __init__(self, origin: Node, kind: Type, operand: Typed, index: int) -> None:
        super().__init__(origin, kind, operand)
        self.operand = operand
        self.index = index

    def parts(self) -> tuple[Typed, ...]:
        """The list."""
        return (self.operand,)


class HasValue(Typed):
    """``has(path)``, ``path != null`` and, negated, ``path == null``: an error only if its parent has no value."""

    __slots__ = ("is_negated", "path")

    def __init__(self, origin: Node, path: Path, is_negated: bool) -> None:
        super().__init__(origin, BOOL, path)
        self.path = path
        self.is_negated = is_negated

    def parts(self) -> tuple[Typed, ...]:
        """The path."""
        return (self.path,)


class Apply(Typed):
    """A strict operation on its arguments."""

    __slots__ = ("arguments", "operation")

    def __init__(self, origin: Node, kind: Type, operation: Operator, arguments: tuple[Typed, ...]) -> None:
        super().__init__(origin, kind, *arguments)
        self.operation = operation
        self.arguments = arguments

    def parts(self) -> tuple[Typed, ...]:
        """The arguments."""
        return self.arguments


class Logic(Typed):
    """``a && b && …`` or ``a || b || …``: an operand that decides it makes errors in the others irrelevant."""

    __slots__ = ("is_and", "terms")

    def __init__(self, origin: Node, is_and: bool, terms: tuple[Typed, ...]) -> None:
        super().__init__(origin, BOOL, *terms)
        self.is_and = is_and
        self.terms = terms

    def parts(self) -> tuple[Typed, ...]:
        """The operands."""
        return self.terms


class Choice(Typed):
    """``condition ? then : otherwise``; errors in the branch not taken are irrelevant."""

    __slots__ = ("condition", "otherwise", "then")

    def __init__(self, origin: Node, kind: Type, condition: Typed, then: Typed, otherwise: Typed) -> None:
        super().__init__(origin, kind, condition, then, otherwise)
        self.condition = condition
        self.then = then
        self.otherwise = otherwise

    def parts(self) -> tuple[Typed, ...]:
        """The condition and both branches."""
        return (self.condition, self.then, self.otherwise)


class Items(Typed):
    """A written list with elements that are not all literals; it is allowed only on the right of ``in``."""

    __slots__ = ("elements",)

    def __init__(self, origin: Node, kind: Type, elements: tuple[Typed, ...]) -> None:
        super().__init__(origin, kind, *elements)
        self.elements = elements

    def parts(self) -> tuple[Typed, ...]:
        """The elements."""
        return self.elements


class Member(Typed):
    """``item in container``."""

    __slots__ = ("container", "item")

    def __init__(self, origin: Node, item: Typed, container: Typed) -> None:
        super().__init__(origin, BOOL, item, container)
        self.item = item
        self.container = container

    def parts(self) -> tuple[Typed, ...]:
        """The item and the list."""
        return (self.item, self.container)


class Macro(Typed):
    """``container.exists(name, body)``, ``.all`` or ``.exists_one``: the body is asked of each element.

    ``form`` is "exists" (``||`` of the bodies), "all" (``&&``) or "one" (just one is true, and none is an error);
    ``index`` names the element's place, if anything does.
    """

    __slots__ = ("body", "container", "form", "index", "name")

    def __init__(self, origin: Node, form: str, container: Typed, name: str, body: Typed, index: str = UNNAMED) -> None:
        super().__init__(origin, BOOL, container, body)
        self.variables = container.variables | (body.variables - {name, index})
        self.form = form
        self.container = container
        self.name = name
        self.index = index
        self.body = body

    def parts(self) -> tuple[Typed, ...]:
        """The list and the body."""
        return (self.container, self.body)


class Exists(Typed):
    """``collection.exists(name, body)``: whether a record of another collection is one for which the body is true.

    It depends on more than its operands, so it counts as reading the record and the caller, whatever it reads.
    """

    __slots__ = ("body", "collection", "name")

    def __init__(self, origin: Node, collection: str, name: str, body: Typed) -> None:
        super().__init__(origin, BOOL, body)
        self.variables = (body.variables - {name}) | _ASKED
        self.collection = collection
        self.name = name
        self.body = body

    def parts(self) -> tuple[Typed, ...]:
        """The body."""
        return (self.body,)


class Made(Typed):
    """``container.filter(name, condition)`` or ``.map(name, [condition,] result)``: a list, an error where any of the
    conditions and results is one."""

    __slots__ = ("condition", "container", "index", "name", "result")

    def __init__(
        self,
        origin: Node,
        container: Typed,
        name: str,
        condition: Typed | None,
        result: Typed | None,
        index: str = UNNAMED,
    ) -> None:
        assert isinstance(container.type, ListType)
        inner = [part for part in (condition, result) if part is not None]
        kind = container.type if result is None else ListType(result.type)
        super().__init__(origin, kind, container, *inner)
        self.variables = container.variables.union(*(part.variables - {name, index} for part in inner))
        self.container = container
        self.name = name
        self.index = index
        self.condition = condition
        self.result = result

    def parts(self) -> tuple[Typed, ...]:
        """The list, and the condition and the result where there are any."""
        return (self.container, *(part for part in (self.condition, self.result) if part is not None))


def walk(tree: Typed) -> Iterator[Typed]:
    """The tree and all its parts, parents first, in the order they were written."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(part.parts()[::-1])


def reads(tree: Typed, variable: str) -> frozenset[str]:
    """The dotted paths that an expression reads of a variable, ``{"id", "roles"}``; "" is the variable as a whole.

    ``has(record.x)`` and ``record.x == null`` read x too.
    """
    paths = (part for part in walk(tree) if isinstance(part, Path))
    return frozenset(".".join(path.fields) for path in paths if path.variable == variable)
