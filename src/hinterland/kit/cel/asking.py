"""The one construct that asks another collection: ``members.exists(m, m.team == record.team && m.user == auth.id)``.

Its value is that of ``exists()`` over a list of the collection's records: true where the body is true for one; else an
error where it is one for some record; else false. No rule of the other collection is asked.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from hinterland.kit.cel import operations
from hinterland.kit.cel.seeking import is_seeking, terms_of
from hinterland.kit.cel.tree import FunctionCall, Name, fail
from hinterland.kit.cel.typed import RELATED, Apply, Choice, Exists, Logic, Path, Typed, walk

TYPE_CHECKING = False  # as in typing, whose import takes five milliseconds
if TYPE_CHECKING:
    from hinterland.kit.cel.checking import Checker

DEEPEST = 2
"""How many collections may be asked inside of one another."""

_EXAMPLE = "write members.exists(m, m.team == record.team && m.user == auth.id)"


def is_collection(checker: Checker, node: FunctionCall) -> bool:
    """Whether the receiver of a method is a collection, which no variable hides."""
    owner = node.arguments[0]
    known = checker.environment
    return isinstance(owner, Name) and owner.name in known.collections and owner.name not in known.variables


def exists_in(checker: Checker, node: FunctionCall) -> Typed:
    """The checked question to a collection. Raises ``CelError``."""
    owner, name, body = node.arguments
    assert isinstance(owner, Name)
    if node.function != "exists":
        hint = f"write {'!' if node.function == 'all' else ''}{owner.name}.exists(…)"
        hint += " with the opposite condition" if node.function == "all" else ", the only question to a collection"
        raise fail(node, f"{node.function}() is for lists, {owner.name} is a collection", hint)
    if not isinstance(name, Name):
        raise fail(name, "the first argument of exists() names the record", _EXAMPLE)
    taken = name.name in checker.environment.variables or name.name in checker.environment.collections
    if taken or name.name in checker.scope:
        raise fail(name, f'"{name.name}" is already a variable', "choose another name for the record")
    if checker.is_in_macro:
        raise fail(node, "a collection can't be asked for each element of a list", "ask it once, outside of the list")
    if len(checker.scope) >= DEEPEST:
        raise fail(node, f"collections are asked inside of one another at most {DEEPEST} deep", "")
    checker.scope[name.name] = checker.environment.collections[owner.name]
    condition = checker.boolean(body)
    del checker.scope[name.name]
    return Exists(node, owner.name, name.name, condition)


def asks_of(tree: Typed) -> Iterator[Exists]:
    """The questions of an expression to other collections, without those inside of such a question."""
    if isinstance(tree, Exists):
        yield tree
        return
    for part in tree.parts():
        yield from asks_of(part)


def inner_asks(ask: Exists) -> tuple[Exists, ...]:
    """The questions inside of one."""
    return tuple(asks_of(ask.body))


def collections_of(tree: Typed) -> frozenset[str]:
    """The names of all collections that an expression asks."""
    return frozenset(part.collection for part in walk(tree) if isinstance(part, Exists))


def exact_asks(tree: Typed, is_exact: bool = False) -> Iterator[Exists]:
    """The questions of which it matters whether they are false or an error: those that are negated, or decide between
    branches."""
    if isinstance(tree, Exists):
        if is_exact:
            yield tree
    elif isinstance(tree, Logic):
        for term in tree.terms:
            yield from exact_asks(term, is_exact)
    elif isinstance(tree, Choice):
        yield from exact_asks(tree.condition, True)
        for branch in (tree.then, tree.otherwise):
            yield from exact_asks(branch, is_exact)
    else:
        for part in tree.parts():
            yield from exact_asks(part, True)


def equal_sides(ask: Exists, term: Typed) -> tuple[Path, Typed] | None:
    """Of a term ``m.team == …``: the field of the asked record, which has a column of its own, and the other side, in
    which that record does not occur; None for any other term."""
    if not isinstance(term, Apply) or term.operation is not operations.EQUAL:
        return None
    for own, other in (term.arguments, term.arguments[::-1]):
        if is_column(own, ask.name) and ask.name not in other.variables and RELATED not in other.variables:
            assert isinstance(own, Path)
            return own, other
    return None


def is_column(tree: Typed, variable: str) -> bool:
    """Whether it is a field of ``variable`` with a column of its own."""
    return isinstance(tree, Path) and tree.variable == variable and len(tree.fields) == 1 and tree.declared is None


class ColumnLink:
    """A term by which a column of the asked records, ``own``, equals a column of the variable, ``outer``."""

    __slots__ = ("outer", "own", "term")

    def __init__(self, term: Typed, own: Path, outer: Path) -> None:
        self.term = term
        self.own = own
        self.outer = outer


def link_of(ask: Exists, variable: str) -> ColumnLink | None:
    """The first link of a question to ``variable``; None where there is none."""
    for term in terms_of(ask.body):
        sides = equal_sides(ask, term)
        if sides is not None and is_column(sides[1], variable):
            assert isinstance(sides[1], Path)
            return ColumnLink(term, sides[0], sides[1])
    return None


def finding_link(ask: Exists, variable: str, indexed: Container[str]) -> ColumnLink | None:
    """The link by which records are found from those that are asked, where an index over one of the ``indexed`` fields
    finds these without looking at ``variable``."""
    link = link_of(ask, variable)
    if link is None:
        return None
    others = [term for term in terms_of(ask.body) if variable not in term.variables]
    return link if any(is_seeking(term, indexed, ask.name) for term in others) else None
