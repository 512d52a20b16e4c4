"""Pieces of SQL text with the parameters between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from hinterland.kit.cel.metering import OverBudget, is_metered
from hinterland.kit.cel.moments import NOW
from hinterland.kit.cel.predicates import Variables, evaluator
from hinterland.kit.cel.typed import Typed
from hinterland.kit.cel.types import ListType
from hinterland.kit.cel.values import reader

_OPERAND = re.compile(r"\{(\d)\}")
QUALIFIED = re.compile(r'(?:[A-Za-z_][\w$]*|"[^"]+")(?:\.(?:[A-Za-z_][\w$]*|"[^"]+"))+(?:::jsonb)?')
_LITERAL = re.compile(r"'(?:[^']|'')*'")


class Parameter:
    """A parameter: what is evaluated for it, and its type.

    Elements of another kind than a list's are NULL, and left out where the list ``is_searched``: nothing equals them.
    """

    __slots__ = ("_evaluate", "is_metered", "is_searched", "kind", "read", "reads_now")

    def __init__(self, tree: Typed, is_searched: bool = False) -> None:
        kind = tree.type
        self._evaluate = evaluator(tree)
        self.kind = kind
        self.reads_now = NOW in tree.variables
        self.is_metered = is_metered(tree)
        self.is_searched = is_searched
        self.read = reader(kind.element) if isinstance(kind, ListType) else None

    def value(self, variables: Variables) -> object:
        """What it is for these variables; None for an error, or where it costs more than their meter holds."""
        try:
            return self._evaluate(variables)
        except OverBudget:
            return None


Piece = str | Parameter
Fragment = tuple[Piece, ...]


@lru_cache(maxsize=1_000)
def _parts(template: str) -> tuple[tuple[str | int, ...], frozenset[int]]:
    """A template's texts and the numbers of its operands, in order; and the operands that it names twice."""
    split = _OPERAND.split(template)
    numbers = [int(part) for part in split[1::2]]
    parts = [int(part) if index % 2 else part for index, part in enumerate(split) if part]
    return tuple(parts), frozenset([number for number in numbers if numbers.count(number) > 1])


def filled_in(template: str, arguments: Sequence[Fragment]) -> Fragment:
    """A template with its operands in place."""
    pieces: list[Piece] = []
    for part in _parts(template)[0]:
        if isinstance(part, int):
            pieces.extend(arguments[part])
        else:
            pieces.append(part)
    return tuple(pieces)


def _is_atom(fragment: Fragment) -> bool:
    if len(fragment) != 1:
        return False
    piece = fragment[0]
    return isinstance(piece, Parameter) or bool(QUALIFIED.fullmatch(piece) or _LITERAL.fullmatch(piece))


def applied(template: str, arguments: Sequence[Fragment]) -> Fragment:
    """A template filled, in brackets. An operand that it names twice is computed once, in a subquery.

    LIMIT keeps PostgreSQL from drawing the subquery into the outer query: it would write the operand out twice after
    all, and a chain of such would double with every link.
    """
    if all(_is_atom(arguments[number]) for number in _parts(template)[1]):
        return ("(", *filled_in(template, arguments), ")")
    names: list[Fragment] = [(f"_v{number}",) for number in range(len(arguments))]
    defined: list[Piece] = []
    for number, argument in enumerate(arguments):
        defined += [", " if number else "", *argument, f" AS _v{number}"]
    return ("(SELECT ", *filled_in(template, names), " FROM (SELECT ", *defined, " LIMIT 1) AS _t)")


def in_list(item: Fragment, elements: Sequence[Fragment]) -> Fragment:
    """That the item is one of the elements."""
    pieces: list[Piece] = ["(", *item, " IN ("]
    for number, element in enumerate(elements):
        pieces += [", " if number else "", *element]
    return (*pieces, "))")


def in_turn(terms: Sequence[Fragment], operator: str) -> Fragment:
    """Terms in brackets, halved and halved again, since databases limit how deep a chain may be."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return ("(", *in_turn(terms[:middle], operator), operator, *in_turn(terms[middle:], operator), ")")
