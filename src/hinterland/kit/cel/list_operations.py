"""Operations on whole lists, which no column holds: on lists of the language, in Python."""

from __future__ import annotations

from collections.abc import Callable

from hinterland.kit.cel.operations import Operator, characters, in_python
from hinterland.kit.cel.typed import Typed
from hinterland.kit.cel.types import DYN, INT64, ListType, Type, is_integer
from hinterland.kit.cel.values import reader


def common_list(left: Typed, right: Typed) -> ListType | None:
    """The type that two lists have in common; None if they have none."""
    kind = _common(left.type, right.type)
    return kind if isinstance(kind, ListType) else None


def _common(left: Type, right: Type) -> Type | None:
    if isinstance(left, ListType) and isinstance(right, ListType):
        element = _common(left.element, right.element)
        return None if element is None else ListType(element)
    if left == right:
        return left
    if is_integer(left) and is_integer(right):
        return INT64
    return right if left is DYN else left if right is DYN else None


def _read(kind: Type) -> Callable[[object], object]:
    """A function from what a list holds to the value; None for error."""
    if not isinstance(kind, ListType):
        return reader(kind)
    element = _read(kind.element)

    def read(values: object) -> object:
        if not isinstance(values, list | tuple):
            return None
        found = [element(value) for value in values]
        return None if any(value is None for value in found) else found

    return read


def compared_lists(kind: ListType, *, is_equal: bool) -> Operator:
    """Whether two lists have the same elements in the same order."""
    read = _read(kind)

    def compare(left: object, right: object) -> bool | None:
        a, b = read(left), read(right)
        return None if a is None or b is None else (a == b) is is_equal

    return in_python("==" if is_equal else "!=", compare, characters)


def joined_lists(kind: ListType) -> Operator:
    """The elements of one list and then those of the other."""
    read = _read(kind)

    def join(left: object, right: object) -> list[object] | None:
        a, b = read(left), read(right)
        return [*a, *b] if isinstance(a, list) and isinstance(b, list) else None

    return in_python("+", join, characters)
