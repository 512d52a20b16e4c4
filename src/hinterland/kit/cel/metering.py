"""How much work an expression may be on one record: counted in steps, so that it is the same on every machine.

A part of the expression that is no literal is a step; one in the body of a macro is one for each element. 64 characters
that are searched, joined or converted are a step too. It takes about 0.1 microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping

from hinterland.kit.cel.typed import Apply, Constant, Items, Macro, Made, Member, Typed, walk
from hinterland.kit.cel.types import BOOL, ListType
from hinterland.kit.cel.values import EXACT

METER = ""
"""The variable that holds the meter: no expression can name it."""

MOST_STEPS = 200_000
"""What one evaluation may cost: searching some 12 million characters, or looking at some 50,000 list elements."""

STEP_CHARACTERS = 64
STEP_ELEMENTS = 8
"""A search through a list of plain values looks at so many of them in a step."""

_READ_STEPS = 2  # for an element whose value must be read before it can be compared
_FREE_SEARCHES = 2  # of lists, which are quick enough to go uncounted
_JOINING = frozenset({"+", "replace", "join"})


class OverBudget(Exception):
    """An evaluation would cost more steps than its meter holds."""


class Meter:
    """Holds `left` steps for one evaluation or several; `spent` counts them."""

    __slots__ = ("_steps", "left")

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self._steps = steps
        self.left = steps

    @property
    def spent(self) -> int:
        """The steps taken so far, those of the one that was too many included."""
        return self._steps - self.left

    def spend(self, steps: int) -> None:
        """Take steps, before they are done. Raises OverBudget."""
        self.left -= steps
        if self.left < 0:
            raise OverBudget


def spend(variables: Mapping[str, object], steps: int) -> None:
    """Take steps from the meter among the variables, if there is one. Raises OverBudget."""
    meter = variables.get(METER)
    if isinstance(meter, Meter):
        meter.spend(steps)


def search_steps(count: int, is_read: bool) -> int:
    """The steps of looking for a value in a list of `count`, whose elements must be read first or not."""
    return count * _READ_STEPS if is_read else count // STEP_ELEMENTS


def is_read_search(tree: Member) -> bool:
    """Whether the elements of the list must be read before they can be compared.

    A document's list may hold true where 1 is looked for, and 64-bit integers as text.
    """
    assert isinstance(tree.container.type, ListType)
    kind = tree.container.type.element
    return not isinstance(tree.container, Constant | Items) and (kind not in EXACT or kind is BOOL)


def size(tree: Typed) -> int:
    """The number of the tree's parts, without literals: the steps of one evaluation, but for what grows with values."""
    return sum(1 for part in walk(tree) if not isinstance(part, Constant))


def is_metered(tree: Typed) -> bool:
    """Whether an evaluation must be counted, since its work grows with texts or lists."""
    parts = [*walk(tree)]
    searches = [part for part in parts if isinstance(part, Member)]
    return (
        len(searches) > _FREE_SEARCHES
        or any(map(is_read_search, searches))
        or any(isinstance(part, Macro | Made) or _is_text_work(part) for part in parts)
    )


def multiplies(tree: Typed) -> bool:
    """Whether the work can grow with the product of two sizes: texts are joined, or searched for each element."""
    inner = (
        part
        for macro in walk(tree)
        if isinstance(macro, Macro | Made)
        for body in macro.parts()[1:]
        for part in walk(body)
    )
    is_searched = any(isinstance(part, Macro | Made | Member) or _is_text_work(part) for part in inner)
    return is_searched or any(
        isinstance(part, Apply) and part.operation.name in _JOINING and part.operation.work is not None
        for part in walk(tree)
    )


def _is_text_work(part: Typed) -> bool:
    return isinstance(part, Apply) and part.operation.work is not None
