"""From a checked tree to an SQL condition over the columns of a record.

NULL is *error*, in SQL's own three-valued logic. What does not read the record (literals, ``auth``, ``old``) is
evaluated in Python when the parameters are bound, so that the statement's text is made once for a rule; what does, is
compiled, with the column bare on one side of a comparison, so that indexes serve.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from hinterland.kit.cel import operations
from hinterland.kit.cel.asking import equal_sides, finding_link
from hinterland.kit.cel.dialects import BOUND, Dialect
from hinterland.kit.cel.fragments import QUALIFIED, Fragment, Parameter, Piece, applied, filled_in, in_list, in_turn
from hinterland.kit.cel.growth import check_growth
from hinterland.kit.cel.metering import METER, Meter
from hinterland.kit.cel.moments import NOW, now
from hinterland.kit.cel.predicates import Variables
from hinterland.kit.cel.seeking import terms_of
from hinterland.kit.cel.sql_lists import Element, macro, member_of_made, size_of_made
from hinterland.kit.cel.tree import fail
from hinterland.kit.cel.typed import (
    RELATED,
    Apply,
    Choice,
    Constant,
    Exists,
    HasValue,
    Item,
    Items,
    Logic,
    Macro,
    Made,
    Member,
    Path,
    Typed,
)
from hinterland.kit.cel.types import BOOL, BYTES, TIMESTAMP, UINT, ListType, Type

Resolver = Callable[[str], str]
"""From a field's name to its column, qualified by its table (``r."title"``) since a subquery has columns of its own;
from "" to the JSON document that holds the fields which are not declared."""


class RelatedTable:
    """The table of a collection that is asked: its name, how its columns are found, and the fields that indexes are
    over."""

    __slots__ = ("indexed", "name", "resolver")

    def __init__(self, name: str, resolver: Resolver, indexed: Container[str]) -> None:
        self.name = name
        self.resolver = resolver
        self.indexed = indexed


Tables = Callable[[str, str], RelatedTable]
"""From a collection's name and the alias that its table gets."""


class Sql:
    """An SQL condition: ``text``, and ``bind`` for its parameters in order.

    ``next_number`` is the number that the next parameter of the statement has (PostgreSQL). True allows; false and
    NULL deny.
    """

    __slots__ = ("_bind_list", "_is_metered", "_reads_now", "next_number", "parameters", "text")

    def __init__(self, text: str, parameters: Sequence[Parameter], next_number: int, dialect: Dialect) -> None:
        self.text = text
        self.parameters = tuple(parameters)
        self.next_number = next_number
        self._bind_list = dialect.bind_list
        self._reads_now = any(parameter.reads_now for parameter in parameters)
        self._is_metered = any(parameter.is_metered for parameter in parameters)

    def bind(self, variables: Variables | None = None) -> list[object]:
        """The parameters for given variables (``{"auth": …}``; the record is not needed); None is NULL.

        What would cost more than ``MOST_STEPS`` is an error, as in a predicate."""
        values = variables or {}
        if self._reads_now and not values.get(NOW):
            values = {**values, NOW: now()}
        if self._is_metered:
            values = {**values, METER: Meter()}
        return [self._bound(parameter, parameter.value(values)) for parameter in self.parameters]

    def _bound(self, parameter: Parameter, value: object) -> object:
        if parameter.read is None or value is None:
            return value
        elements = [parameter.read(element) for element in value]  # type: ignore[attr-defined]
        if parameter.is_searched:
            elements = [element for element in elements if element is not None]
        return self._bind_list(elements)


def to_sql(
    tree: Typed,
    dialect: Dialect,
    resolver: Resolver,
    *,
    start: int = 1,
    variable: str = "record",
    is_exact: bool = False,
    tables: Tables | None = None,
    is_search: bool = False,
) -> Sql:
    """The condition of a checked tree over the columns of ``variable``.

    Parameters are numbered from ``start`` (PostgreSQL). As a condition of WHERE, false and NULL need no distinction,
    and indexes serve best without; with ``is_exact`` the value is false or NULL as the predicate's is false or None.
    Questions to other collections are asked of ``tables``; ``is_search``: of many records, which an index may find by
    the answer.
    """
    check_growth(tree)
    fragment = SqlWriter(dialect, resolver, variable, tables, is_search=is_search).write(tree, is_exact)
    return _render(fragment, dialect, start)


def _render(fragment: Fragment, dialect: Dialect, start: int) -> Sql:
    pieces: list[str] = []
    parameters: list[Parameter] = []
    is_numbered = dialect.placeholder(1, BOOL) != dialect.placeholder(2, BOOL)
    numbers: dict[Parameter, int] = {}
    for piece in fragment:
        if isinstance(piece, str):
            pieces.append(piece)
            continue
        if not is_numbered or piece not in numbers:
            numbers[piece] = start + len(parameters)
            parameters.append(piece)
        pieces.append(dialect.placeholder(numbers[piece], piece.kind))
    return Sql("".join(pieces), parameters, start + len(parameters), dialect)


class SqlWriter:
    """Writes one condition."""

    def __init__(
        self, dialect: Dialect, resolver: Resolver, variable: str, tables: Tables | None, *, is_search: bool
    ) -> None:
        self.dialect = dialect
        self.variable = variable
        self.resolvers = {variable: resolver}
        self.tables = tables
        self.is_search = is_search
        self.elements: dict[str, Element] = {}
        self.aliases = 0
        self.asked = 0
        self.is_either = False  # within `||`
        self.parameters: dict[tuple[object, ...], Parameter] = {}

    def write(self, tree: Typed, is_exact: bool) -> Fragment:
        """A tree; if not ``is_exact``, false and NULL may stand for one another."""
        if not self.reads_row(tree):
            return self.parameter(tree)
        return _WRITERS[type(tree)](self, tree, is_exact)

    def reads_row(self, tree: Typed) -> bool:
        """Whether it reads what only the database has."""
        return (
            RELATED in tree.variables
            or not tree.variables.isdisjoint(self.resolvers)
            or not tree.variables.isdisjoint(self.elements)
        )

    def new_alias(self) -> str:
        """An alias for rows of elements, which no other rows of the statement have."""
        self.aliases += 1
        return f"_e{self.aliases}"

    def exact(self, tree: Typed) -> Fragment:
        return self.write(tree, True)

    def parameter(self, tree: Typed) -> Fragment:
        """What does not read the record: a parameter, or a literal boolean as such."""
        kind = tree.type.element if isinstance(tree.type, ListType) else tree.type
        if kind not in BOUND:
            hint = "convert it with int()" if kind is UINT else "give its items one type"
            raise fail(tree.origin, f"{tree.text} is {tree.type.phrase}, which no database is given", hint)
        if isinstance(tree, Constant):
            if tree.type is BOOL:
                return ("TRUE" if tree.value else "FALSE",)
            return (self.shared((tree.type, repr(tree.value)), tree),)
        if isinstance(tree, Path):
            return (self.shared((tree.type, tree.variable, tree.fields), tree),)
        return (Parameter(tree),)

    def shared(self, key: tuple[object, ...], tree: Typed) -> Parameter:
        """One parameter for the same literal or path, however often it is read."""
        if key not in self.parameters:
            self.parameters[key] = Parameter(tree)
        return self.parameters[key]

    # ------------------------------------------------------------------ leaves

    def path(self, tree: Path, is_exact: bool) -> Fragment:
        element = self.elements.get(tree.variable)
        if element is not None and element.is_place:
            return (self.dialect.templates["place"].replace("{e}", element.alias),)
        if element is not None and not element.is_json and not tree.fields:
            return (self.of_element(f"{element.alias}.value", tree.type),)
        if element is not None or tree.declared is not None:
            return self.inside(tree, tree.fields, _inside(tree))
        if len(tree.fields) != 1:
            raise fail(tree.origin, f"{tree.text} has no column of its own, so no database can search by it")
        return (self.column(tree.variable, tree.fields[0]),)

    def column(self, variable: str, name: str) -> str:
        column = self.resolvers[variable](name)
        if not QUALIFIED.fullmatch(column):
            raise ValueError(f'a column must be qualified by its table, as r."title"; this is {column}')
        return column

    def inside(self, tree: Path, fields: tuple[str, ...], template: str) -> Fragment:
        """A template, filled with a value in a column of JSON, in the whole document, or in an element of a list."""
        if tree.variable in self.elements:
            return self.inside_element(tree, fields, template)
        assert tree.declared is not None
        if tree.declared > 1:
            raise fail(tree.origin, f"{tree.text} has no column of its own, so no database can search by it")
        column = self.column(tree.variable, fields[0] if tree.declared else "")
        operands = self.dialect.inside(column, fields[tree.declared :])
        return applied(self.dialect.templates[template], [(operand,) for operand in operands])

    def inside_element(self, tree: Path, fields: tuple[str, ...], template: str) -> Fragment:
        if self.dialect.of_json is None or template not in self.dialect.templates:
            raise fail(tree.origin, f"{tree.text} is not read by a database")
        alias = self.elements[tree.variable].alias
        return (f"({self.dialect.of_json(self.dialect.templates[template], alias, fields)})",)

    def of_element(self, sql: str, kind: Type) -> str:
        return self.dialect.elements.get(kind, "{0}").replace("{0}", sql)

    def item(self, tree: Item, is_exact: bool) -> Fragment:
        unpacked = applied(self.dialect.templates["item"] % tree.index, [self.exact(tree.operand)])
        return filled_in(self.of_element("{0}", tree.type), [unpacked])

    def has_value(self, tree: HasValue, is_exact: bool) -> Fragment:
        if not tree.path.fields:
            return ("FALSE" if tree.is_negated else "TRUE",)
        path = tree.path
        if path.variable not in self.elements and (path.declared is None or len(path.fields) == path.declared):
            is_null = "{0} IS NULL" if tree.is_negated else "{0} IS NOT NULL"
            column = (self.column(path.variable, path.fields[0]),) if path.declared else self.path(path, True)
            return applied(is_null, [column])
        test = "CASE WHEN {0} THEN {1} END" if tree.is_negated else "CASE WHEN {0} THEN NOT {1} END"
        parent = self.inside(path, path.fields[:-1], "inside object")
        return applied(test, [parent, self.inside(path, path.fields, "inside null")])

    # ------------------------------------------------------------------ operations

    def apply(self, tree: Apply, is_exact: bool) -> Fragment:
        if tree.operation is operations.LIST_SIZE and isinstance(tree.arguments[0], Made | Items):
            return size_of_made(self, tree.arguments[0])
        operation, arguments = tree.operation, [self.operand(argument) for argument in tree.arguments]
        if operation.name in operations.MIRRORED and isinstance(arguments[0][0], Parameter) and len(arguments[0]) == 1:
            table = operations.TEXT_COMPARISONS if operation in _TEXT else operations.COMPARISONS
            operation, arguments = table[operations.MIRRORED[operation.name]], arguments[::-1]
        template = self.dialect.operation(operation)
        if template is None:
            raise fail(tree.origin, f"{tree.text} cannot be asked of a database exactly", "ask it of what is no record")
        return applied(template, arguments)

    def operand(self, tree: Typed) -> Fragment:
        """An operand of an operation; a list is JSON there."""
        fragment = self.exact(tree)
        if isinstance(tree.type, ListType) and len(fragment) == 1 and isinstance(fragment[0], Parameter):
            return filled_in(self.dialect.templates["bound as column"], [fragment])
        return fragment

    def logic(self, tree: Logic, is_exact: bool) -> Fragment:
        outside, self.is_either = self.is_either, self.is_either or not tree.is_and
        terms = [self.write(term, is_exact) for term in tree.terms]
        self.is_either = outside
        return in_turn(terms, " AND " if tree.is_and else " OR ")

    def choice(self, tree: Choice, is_exact: bool) -> Fragment:
        condition = self.exact(tree.condition)
        branches = [self.write(branch, is_exact or tree.type is not BOOL) for branch in (tree.then, tree.otherwise)]
        return applied("CASE {0} WHEN TRUE THEN {1} WHEN FALSE THEN {2} END", [condition, *branches])

    # ------------------------------------------------------------------ lists

    def member(self, tree: Member, is_exact: bool) -> Fragment:
        item, container = self.exact(tree.item), tree.container
        if isinstance(container, Made):
            return member_of_made(self, item, container)
        if isinstance(container, Items):
            return self.member_of_items(item, container, is_exact)
        if isinstance(container, Constant):
            return self.member_of_constant(item, container, is_exact)
        assert isinstance(container.type, ListType)
        templates = self.dialect.templates
        if self.reads_row(container):
            searched = self.exact(container)
            place = "list" if isinstance(container, Path) and container.declared is not None else "column"
            test = templates.get(f"in {place} of {container.type.element}", templates["in column"])
        else:
            searched = (Parameter(container, is_searched=True),)
            test = templates["in bound"]
        if is_exact:
            test = f"CASE WHEN {{0}} IS NULL OR {{1}} IS NULL THEN NULL ELSE {test} END"
        return applied(test, [item, searched])

    def member_of_constant(self, item: Fragment, container: Constant, is_exact: bool) -> Fragment:
        assert isinstance(container.type, ListType)
        kind, values = container.type.element, container.value
        assert isinstance(values, tuple)
        if not values:
            return applied("CASE WHEN {0} IS NOT NULL THEN FALSE END", [item])
        parameters = [self.parameter(Constant(container.origin, kind, value)) for value in values]
        return in_list(item, parameters)

    def member_of_items(self, item: Fragment, container: Items, is_exact: bool) -> Fragment:
        elements = [self.exact(element) for element in container.elements]
        missing = [
            applied("{0} IS NOT NULL", [fragment])
            for fragment, element in zip(elements, container.elements, strict=True)
            if not isinstance(element, Constant)
        ]
        are_there = in_turn(missing, " AND ")
        return applied("CASE WHEN {0} THEN {1} END", [are_there, in_list(item, elements)])

    def made(self, tree: Typed, is_exact: bool) -> Fragment:
        raise fail(
            tree.origin, f"{tree.text} is a list, which no column holds", "ask for its size, or an element in it"
        )

    # ------------------------------------------------------------------ other collections

    def exists(self, tree: Exists, is_exact: bool) -> Fragment:
        if self.tables is None:
            raise fail(tree.origin, "only a rule can ask another collection")
        self.asked += 1
        alias = f"x{self.asked}"
        table = self.tables(tree.collection, alias)
        is_outermost = len(self.resolvers) == 1
        self.resolvers[tree.name] = table.resolver
        found = self.found_by_index(tree, table, alias) if self.is_search and is_outermost and not is_exact else None
        if found is None:
            found = ("EXISTS (SELECT 1 FROM ", f"{table.name} {alias} WHERE ", *self.write(tree.body, False), ")")
        if is_exact:
            possible = self.possible(tree, table, alias)
            found = ("(CASE WHEN ", *found, " THEN TRUE WHEN ", *possible, " THEN NULL ELSE FALSE END)")
        del self.resolvers[tree.name]
        return found

    def found_by_index(self, tree: Exists, table: RelatedTable, alias: str) -> Fragment | None:
        """The same for many records, found by the values that the asked records of one caller hold: those are looked up
        once, by an index; None where no index finds them."""
        link = finding_link(tree, self.variable, table.indexed)
        if link is None:
            return None
        terms = [self.write(term, False) for term in terms_of(tree.body) if term is not link.term]
        own, outer, rest = self.write(link.own, False), self.write(link.outer, False), in_turn(terms, " AND ")
        records = ("SELECT ", *own, f" FROM {table.name} {alias} WHERE ", *rest)
        return filled_in(self.dialect.templates["among or" if self.is_either else "among"], [outer, records])

    def possible(self, tree: Exists, table: RelatedTable, alias: str) -> Fragment:
        """Whether the body is not false for some record, asked where it is true for none: it is an error for that one.

        An index that finds a value finds the records without one too; it serves where the other side has a value.
        """
        tests = [applied("{0} IS NOT FALSE", [self.exact(term)]) for term in terms_of(tree.body)]
        records = ("EXISTS (SELECT 1 FROM ", f"{table.name} {alias} WHERE ", *in_turn(tests, " AND "))
        cases: list[Piece] = []
        for term in terms_of(tree.body):
            sides = equal_sides(tree, term)
            if sides is not None and sides[0].fields[0] in table.indexed:
                own, other = map(self.exact, sides)
                sought = (" AND (", *own, " = ", *other, " OR ", *own, " IS NULL))")
                cases += [" WHEN ", *applied("{0} IS NOT NULL", [other]), " THEN ", *records, *sought]
        return ("(CASE", *cases, " ELSE ", *records, ") END)") if cases else (*records, ")")


def _inside(tree: Path) -> str:
    """The template for a value inside of JSON."""
    kind = "list" if isinstance(tree.type, ListType) else _AS_TEXT.get(tree.type, tree.type.name)
    return f"inside {kind}"


_AS_TEXT = {TIMESTAMP: "string", BYTES: "string"}
_TEXT = frozenset(operations.TEXT_COMPARISONS.values())
_WRITERS: dict[type[Typed], Callable[..., Fragment]] = {
    Path: SqlWriter.path,
    Item: SqlWriter.item,
    HasValue: SqlWriter.has_value,
    Apply: SqlWriter.apply,
    Logic: SqlWriter.logic,
    Choice: SqlWriter.choice,
    Member: SqlWriter.member,
    Macro: macro,
    Made: SqlWriter.made,
    Items: SqlWriter.made,
    Exists: SqlWriter.exists,
}
