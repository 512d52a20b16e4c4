"""Why a rule refused: the value of each part, in the user's own words. For administrators, since it shows values."""

from __future__ import annotations

from collections.abc import Iterator

from hinterland.kit.cel.predicates import Variables, evaluator
from hinterland.kit.cel.typed import Apply, Choice, Constant, Exists, Item, Items, Logic, Macro, Made, Path, Typed
from hinterland.kit.cel.types import ObjectType


class Part:
    """A part of an expression, as it was written, and its value for given variables.

    ``value`` is None for an error, and ``reason`` then says why (else it is empty). ``start`` and ``end`` count
    characters of the expression from 0; ``depth`` is 0 for the whole and grows inwards.
    """

    __slots__ = ("depth", "end", "reason", "start", "text", "value")

    def __init__(self, tree: Typed, value: object, reason: str, depth: int) -> None:
        self.text = tree.text
        self.start = tree.origin.start
        self.end = tree.origin.end
        self.value = value
        self.reason = reason
        self.depth = depth

    def __repr__(self) -> str:
        return f"{self.text} → {f'error: {self.reason}' if self.value is None else _written(self.value)}"


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def explain(tree: Typed, variables: Variables) -> list[Part]:
    """Every part but literals with its value, the whole first, in the order it was written."""
    return list(_parts(tree, variables, 0))


def refusing(tree: Typed, variables: Variables) -> Part | None:
    """The smallest part that made the rule refuse; None if it allows."""
    value = evaluator(tree)(variables)
    if value is True:
        return None
    return _part(_decisive(tree, variables, value), variables, 0)


def _part(tree: Typed, variables: Variables, depth: int) -> Part:
    value = evaluator(tree)(variables)
    return Part(tree, value, _reason(tree, variables) if value is None else "", depth)


def _parts(tree: Typed, variables: Variables, depth: int) -> Iterator[Part]:
    if isinstance(tree, Constant) or isinstance(tree.type, ObjectType):
        return
    # Operands that the checker wrapped or converted have the place of what they wrap, and are shown once.
    wraps = [part for part in tree.parts() if part.origin is tree.origin]
    if not wraps:
        yield _part(tree, variables, depth)
    for part in _outer(tree):
        yield from _parts(part, variables, depth + (not wraps))


def _outer(tree: Typed) -> tuple[Typed, ...]:
    """The parts that have one value: a macro's body has one for each element, a question's for each record."""
    if isinstance(tree, Exists):
        return ()
    return (tree.container,) if isinstance(tree, Macro | Made) else tree.parts()


def _decisive(tree: Typed, variables: Variables, value: object) -> Typed:
    """The part that made a rule false or an error: of ``||`` that is false, all of them did."""
    if isinstance(tree, Logic) and (tree.is_and or value is None):
        for term in tree.terms:
            if evaluator(term)(variables) is value:
                return _decisive(term, variables, value)
    return tree


def _reason(tree: Typed, variables: Variables) -> str:
    """Why the value of a tree is an error: the reason of its first part that is one, or its own."""
    if isinstance(tree, Path):
        return _missing(tree, variables)
    if isinstance(tree, Exists):
        return f"{tree.body.text} is an error for a record of {tree.collection}"
    parts = (tree.container,) if isinstance(tree, Macro | Made) else _evaluated(tree, variables)
    for part in parts:
        if evaluator(part)(variables) is None:
            return _reason(part, variables)
    if isinstance(tree, Item):
        return f"{tree.operand.text} has no element {tree.index}"
    if isinstance(tree, Macro | Made):
        bodies = " or ".join(part.text for part in tree.parts()[1:])
        return f"{bodies} is an error for an element of {tree.container.text}"
    if isinstance(tree, Apply) and tree.operation.name in "/%" and evaluator(tree.arguments[1])(variables) == 0:
        return "division by zero"
    return f"{tree.text} is out of range"


def _evaluated(tree: Typed, variables: Variables) -> tuple[Typed, ...]:
    """The parts that have a value of their own and count: of ``?:`` not the branch that was not taken."""
    if isinstance(tree, Choice):
        taken = tree.then if evaluator(tree.condition)(variables) else tree.otherwise
        return (tree.condition, taken)
    if isinstance(tree, Items):
        return tree.elements
    return tree.parts()


def _missing(path: Path, variables: Variables) -> str:
    """Why a path has no value: the first name on the way that has none, or a value of another kind."""
    value: object = variables.get(path.variable)
    name = path.variable
    for field in path.fields:
        if value is None:
            return f"{name} is null" if name == path.variable else f"{name} has no value"
        value = value.get(field) if hasattr(value, "get") else None
        name = f"{name}.{field}"
    return f"{path.text} has no value" if value is None else f"{path.text} does not hold {path.type.phrase}"
