"""Which values a variable's fields must have for an expression to be true: by them, the few expressions that a value
concerns are found among many."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import chain
from typing import Any, NamedTuple

from hinterland.kit.cel import operations
from hinterland.kit.cel.metering import METER, Meter, OverBudget
from hinterland.kit.cel.predicates import Evaluate, Variables, evaluator, value_at
from hinterland.kit.cel.typed import RELATED, Apply, Choice, Exists, Logic, Member, Path, Typed
from hinterland.kit.cel.types import ListType, Type
from hinterland.kit.cel.values import reader

MOST_ELEMENTS = 256
"""Of a list: a longer one tells nothing, since to look at all of it would take longer than it spares."""


class FieldPath(NamedTuple):
    """A field of the variable, by its path, and its type."""

    fields: tuple[str, ...]
    type: Type


class Equality(NamedTuple):
    """A field that has `value`; a list is one of whose elements it is."""

    field: FieldPath
    value: object


Equalities = Collection[Equality] | None
"""The expression is true only where one of these holds, never where there are none. None: equalities do
not decide it."""


def equalities(tree: Typed, variable: str, given: Variables, weight: Callable[[Equality], int]) -> Equalities:
    """What `tree` needs of `variable`, where the other variables are `given`; of what is possible, that of the least
    `weight` together."""
    if variable not in tree.variables:
        return None if _value(tree, given) in (True, _UNKNOWN) else ()
    if isinstance(tree, Logic):
        parts = [equalities(term, variable, given, weight) for term in tree.terms]
        return lightest(parts, weight) if tree.is_and else _of_any(parts)
    if isinstance(tree, Choice):
        return _of_choice(tree, variable, given, weight)
    return _of_comparison(tree, variable, given)


def lightest(parts: Iterable[Equalities], weight: Callable[[Equality], int]) -> Equalities:
    """Of several that are all needed, those of the least `weight` together."""
    known = [part for part in parts if part is not None]
    return min(known, key=lambda part: sum(map(weight, part)), default=None)


def _of_any(parts: Iterable[Equalities]) -> Equalities:
    known = [*parts]
    return None if None in known else frozenset(chain.from_iterable(part for part in known if part is not None))


def _of_choice(tree: Choice, variable: str, given: Variables, weight: Callable[[Equality], int]) -> Equalities:
    branches = [tree.then, tree.otherwise]
    if variable not in tree.condition.variables:
        condition = _value(tree.condition, given)
        branches = branches if condition is _UNKNOWN else [] if condition is None else [branches[not condition]]
    return _of_any([equalities(branch, variable, given, weight) for branch in branches])


def _of_comparison(tree: Typed, variable: str, given: Variables) -> Equalities:
    if isinstance(tree, Path):
        return _one(tree, True)
    if isinstance(tree, Exists):
        related: Any = given.get(RELATED)
        found: Equalities = None if related is None else related.equalities(tree)
        return found
    if isinstance(tree, Member):
        return _of_member(tree, variable, given)
    if not isinstance(tree, Apply):
        return None
    if tree.operation is operations.NOT and _is_field(tree.arguments[0], variable):
        return _one(tree.arguments[0], False)
    if tree.operation is operations.EQUAL:
        for field, other in (tree.arguments, tree.arguments[::-1]):
            if _is_field(field, variable) and variable not in other.variables:
                return _one(field, _value(other, given))
    return None


def _of_member(tree: Member, variable: str, given: Variables) -> Equalities:
    if _is_field(tree.container, variable) and variable not in tree.item.variables:
        return _one(tree.container, _value(tree.item, given))
    if not _is_field(tree.item, variable) or variable in tree.container.variables:
        return None
    assert isinstance(tree.container.type, ListType)
    values = _value(tree.container, given)
    if values is _UNKNOWN or (isinstance(values, list | tuple) and len(values) > MOST_ELEMENTS):
        return None
    found = _elements(tree.container.type, values)
    return frozenset(equality for value in found for equality in _one(tree.item, value) or ())


def _is_field(tree: Typed, variable: str) -> bool:
    return isinstance(tree, Path) and tree.variable == variable


def _one(field: Typed, value: object) -> Equalities:
    """The field has the value; where that is an error, the comparison is never true."""
    assert isinstance(field, Path)
    if value is _UNKNOWN:
        return None
    return () if value is None else frozenset((Equality(FieldPath(field.fields, field.type), value),))


def _elements(kind: ListType, values: object) -> list[object]:
    read = reader(kind.element)
    found = map(read, values) if isinstance(values, list | tuple) else ()
    return [value for value in found if value is not None]


_UNKNOWN = object()


def _value(tree: Typed, given: Variables) -> object:
    """The value of what doesn't read the variable; None for error, `_UNKNOWN` where it takes too long."""
    try:
        return evaluator(tree)({**given, METER: Meter()})
    except OverBudget:
        return _UNKNOWN


def values_of(field: FieldPath, variable: str) -> Callable[[Variables], list[object] | None]:
    """A function from the variables to the values with which equalities of `field` hold; None: these are too many."""
    get: Evaluate = value_at(variable, field.fields, field.type)
    kind = field.type
    if not isinstance(kind, ListType):
        return lambda variables: [] if (value := get(variables)) is None else [value]

    def elements(variables: Variables) -> list[object] | None:
        values = get(variables)
        is_long = isinstance(values, list | tuple) and len(values) > MOST_ELEMENTS
        return None if is_long else _elements(kind, values)

    return elements
