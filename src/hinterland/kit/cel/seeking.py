"""Which parts of an expression an index answers."""

from __future__ import annotations

from collections.abc import Container, Sequence

from hinterland.kit.cel import operations
from hinterland.kit.cel.typed import Apply, Logic, Member, Path, Typed

_TABLES = (operations.COMPARISONS, operations.TEXT_COMPARISONS)
_ORDERED = frozenset(table[name] for table in _TABLES for name in ("==", "<", "<=", ">", ">=")) | {operations.BETWEEN}


def terms_of(tree: Typed) -> Sequence[Typed]:
    """The operands of the outermost `&&`: the expression is true exactly where each of them is."""
    return tree.terms if isinstance(tree, Logic) and tree.is_and else (tree,)


def is_seeking(tree: Typed, columns: Container[str], variable: str = "record") -> bool:
    """Whether a search in an index over one of `columns` answers `tree`: it compares such a field of `variable` with
    what is given."""
    if isinstance(tree, Logic):
        return all(is_seeking(term, columns, variable) for term in tree.terms)
    if isinstance(tree, Member):
        return _is_column(tree.item, columns, variable) and variable not in tree.container.variables
    if not isinstance(tree, Apply) or tree.operation not in _ORDERED:
        return False
    reading = [argument for argument in tree.arguments if variable in argument.variables]
    return len(reading) == 1 and _is_column(reading[0], columns, variable)


def _is_column(tree: Typed, columns: Container[str], variable: str) -> bool:
    return isinstance(tree, Path) and tree.variable == variable and len(tree.fields) == 1 and tree.fields[0] in columns
