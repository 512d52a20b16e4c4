"""Macros as SQL: an aggregate over the elements of a list.

Rows of elements have an alias of their own (``_e1``, ``_e2``, …), so that macros may be nested. A list that another
macro made is a subquery whose rows say in ``bad`` whether one of its conditions or results was an error.
"""

from __future__ import annotations

from hinterland.kit.cel.fragments import Fragment, Piece, applied, filled_in
from hinterland.kit.cel.tree import fail
from hinterland.kit.cel.typed import UNNAMED, Constant, Items, Macro, Made, Typed
from hinterland.kit.cel.types import DYN, ListType, ObjectType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hinterland.kit.cel.sql import SqlWriter


class Element:
    """The variable of a macro: the alias of its rows; ``is_json``: its values are JSON, whatever they hold.

    ``is_place``: it is not the element, but its place in the list."""

    __slots__ = ("alias", "is_json", "is_place")

    def __init__(self, alias: str, is_json: bool, is_place: bool = False) -> None:
        self.alias = alias
        self.is_json = is_json
        self.is_place = is_place


class _Elements:
    """The elements of a list: what is true where the list is an error, what follows FROM, the alias, whether the values
    are JSON, and whether the rows have ``bad``."""

    __slots__ = ("alias", "has_bad", "is_error", "is_json", "source")

    def __init__(self, is_error: Fragment, source: Fragment, alias: str, is_json: bool, has_bad: bool = False) -> None:
        self.is_error = is_error
        self.source = source
        self.alias = alias
        self.is_json = is_json
        self.has_bad = has_bad


def _rows(writer: SqlWriter, tree: Typed) -> _Elements:
    if isinstance(tree, Made):
        return _made_rows(writer, tree)
    assert isinstance(tree.type, ListType)
    is_json = tree.type.element is DYN or isinstance(tree.type.element, ObjectType | ListType)
    alias = writer.new_alias()
    templates = writer.dialect.templates
    if isinstance(tree, Items):
        return _written_rows(writer, tree, alias)
    container = writer.exact(tree)
    is_bound = not writer.reads_row(tree)
    name = "rows bound" if is_bound else "rows of json" if is_json else "rows"
    return _Elements(
        ("(", *container, " IS NULL)"), filled_in(templates[name].replace("{e}", alias), [container]), alias, is_json
    )


def _written_rows(writer: SqlWriter, tree: Items, alias: str) -> _Elements:
    source: list[Piece] = ["("]
    is_error: list[Piece] = ["(FALSE"]
    for number, element in enumerate(tree.elements):
        value = writer.exact(element)
        source += [" UNION ALL " if number else "", "SELECT ", *value, f" AS value, {number + 1} AS n, {number} AS key"]
        if not isinstance(element, Constant):
            is_error += [" OR ", *value, " IS NULL"]
    return _Elements((*is_error, ")"), (*source, f") AS {alias}"), alias, False)


def _made_rows(writer: SqlWriter, tree: Made) -> _Elements:
    inner = _rows(writer, tree.container)
    templates = writer.dialect.templates
    condition, result = _bodies(writer, tree, inner)
    alias, kept = writer.new_alias(), templates["kept"]
    value: Fragment = (f"{inner.alias}.value",) if result is None else result
    is_json = inner.is_json and tree.result is None
    carried = templates["carried"].replace("{e}", inner.alias) if is_json else ""
    pieces: list[Piece] = ["(SELECT _q.value AS value", ", _q.type AS type" if carried else "", ", (_q.bad"]
    pieces += [" OR _q.c IS NULL" if condition else "", " OR (_q.c AND _q.value IS NULL)" if result else ""]
    pieces += [") AS bad FROM (SELECT ", *_only_where(condition, value), " AS value", carried]
    pieces += [f", {inner.alias}.bad AS bad" if inner.has_bad else ", FALSE AS bad", ", "]
    pieces += [*(condition or ("TRUE",)), " AS c FROM ", *inner.source]
    # An element that is an error already makes the list one, whatever a later condition says of it.
    pieces.append(f" {kept}) AS _q WHERE (_q.c IS NULL OR _q.c{' OR _q.bad' if inner.has_bad else ''})")
    return _Elements(inner.is_error, (*pieces, f") AS {alias}"), alias, is_json, True)


def _only_where(condition: Fragment | None, value: Fragment) -> Fragment:
    """A result is computed only where the condition is true."""
    return value if condition is None or len(value) == 1 else ("(CASE WHEN ", *condition, " THEN ", *value, " END)")


def _bodies(writer: SqlWriter, tree: Made, inner: _Elements) -> tuple[Fragment | None, Fragment | None]:
    if tree.result is not None and isinstance(tree.result.type, ListType | ObjectType):
        raise fail(tree.origin, f"{tree.text} is a list of lists, which no database makes")
    outer = _enter(writer, tree, inner)
    condition = None if tree.condition is None else writer.exact(tree.condition)
    result = None if tree.result is None else writer.exact(tree.result)
    writer.elements = outer
    return condition, result


def _enter(writer: SqlWriter, tree: Macro | Made, rows: _Elements) -> dict[str, Element]:
    """Let what is written next read the element; returns what it could read before."""
    outer = writer.elements
    writer.elements = {**outer, tree.name: Element(rows.alias, rows.is_json)}
    if tree.index != UNNAMED:
        if rows.has_bad:
            raise fail(tree.origin, "a database knows no places in a list that is made")
        writer.elements[tree.index] = Element(rows.alias, False, is_place=True)
    return outer


_FOLDS = {
    "exists": "WHEN {any} THEN TRUE WHEN count(*) > count(_b) THEN NULL ELSE FALSE",
    "all": "WHEN NOT {every} THEN FALSE WHEN count(*) > count(_b) THEN NULL ELSE TRUE",
    "one": "WHEN count(*) > count(_b) THEN NULL ELSE count(CASE WHEN _b THEN 1 END) = 1",
    "size": "ELSE count(*)",
}
"""What the values _b of the bodies make: an aggregate never sees NULL."""


def _folded(writer: SqlWriter, form: str, rows: _Elements, body: Fragment) -> Fragment:
    templates = writer.dialect.templates
    fold = _FOLDS[form]
    for name in ("any", "every"):
        fold = fold.replace(f"{{{name}}}", templates[name].replace("{0}", "_b"))
    bad = f" WHEN {templates['any'].replace('{0}', '_bad')} THEN NULL" if rows.has_bad else ""
    pieces: list[Piece] = [
        "(SELECT CASE WHEN ",
        *rows.is_error,
        f" THEN NULL{bad} {fold} END FROM (SELECT ",
        *body,
        " AS _b",
    ]
    pieces += [f", {rows.alias}.bad AS _bad" if rows.has_bad else "", " FROM ", *rows.source]
    return (*pieces, f" {templates['kept']}) AS _f)")


def macro(writer: SqlWriter, tree: Macro, is_exact: bool) -> Fragment:
    """exists(), all() or exists_one()."""
    rows = _rows(writer, tree.container)
    outer = _enter(writer, tree, rows)
    body = writer.exact(tree.body)
    writer.elements = outer
    return _folded(writer, tree.form, rows, body)


def size_of_made(writer: SqlWriter, tree: Typed) -> Fragment:
    """How many elements a list has that a macro made, or that is written."""
    return _folded(writer, "size", _rows(writer, tree), ("1",))


def member_of_made(writer: SqlWriter, item: Fragment, tree: Made) -> Fragment:
    """Whether an item is in a list that a macro made."""
    assert isinstance(tree.type, ListType)
    rows = _rows(writer, tree)
    if rows.is_json:
        raise fail(tree.origin, f"{tree.text} may hold anything", "use exists()")
    value = writer.of_element(f"{rows.alias}.value", tree.type.element)
    equal = applied("{0} IS NOT NULL AND {0} = {1}", [(value,), item])
    found = _folded(writer, "exists", rows, ("CASE WHEN ", *equal, " THEN TRUE ELSE FALSE END"))
    return applied("CASE WHEN {0} IS NOT NULL THEN {1} END", [item, found])
