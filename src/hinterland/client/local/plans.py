"""From a question to SQL over written columns, where that has the same answer as reading the records.

What the database can't tell exactly, such as a filter over values of other types than the declared ones, stays a test
in Python of the rows that the rest finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hinterland.client.local.columns import EMPTY, ID, INSIDE, MOST, ColumnForm, WrittenColumn
from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.equality import NEVER, ColumnCondition, Exactly, StandingFor, is_bindable
from hinterland.client.local.fields import Declared, Fields, declared
from hinterland.client.local.filters import Test, annotated, predicate_of
from hinterland.client.local.guesses import GuessedByColumns, Unplanned
from hinterland.client.local.indexing import IndexWanted, columns_of, quoted
from hinterland.client.local.order import LocalOrder, Term, folded, whole
from hinterland.client.local.question import Question, equality_of, occurs, order_of
from hinterland.client.local.records import decoded
from hinterland.contract.errors import Refusal
from hinterland.contract.records import META, Document
from hinterland.kit.cel import operations
from hinterland.kit.cel.dialects import SQLITE, Dialect
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.operations import Operator
from hinterland.kit.cel.seeking import terms_of
from hinterland.kit.cel.sql import to_sql
from hinterland.kit.cel.typed import Apply, Path, Typed, walk
from hinterland.kit.cel.types import BOOL, BYTES, DOUBLE, DYN, INT, INT64, STRING, TIMESTAMP, ListType, Type

_SAMPLE = 20  # records of which one has a field that there is
_LONGEST = 20_000  # characters of a condition; the database has a bound for its parameters
_WHOLE = "r.base"  # stands for the whole record where an expression needs a column
_SHORT = ("plain", "whole")
_ALL_KINDS = "bildtmTx"
_KINDS: dict[Type, tuple[ColumnForm, str]] = {  # the kinds of values that a filter reads as such
    STRING: ("plain", "tm"), TIMESTAMP: ("plain", "tm"), BYTES: ("plain", "tm"), BOOL: ("plain", "b"),
    INT: ("plain", "i"), DOUBLE: ("plain", "id"), INT64: ("whole", "wv"), DYN: ("plain", _ALL_KINDS),
    ListType(STRING): ("list", "T"), ListType(TIMESTAMP): ("list", "T"), ListType(BYTES): ("list", "T"),
}  # fmt: skip


def _operation(operation: Operator) -> str | None:
    """Doubles that were written without a fraction are integers in their columns, and must divide as doubles. None: the
    connection has no such function."""
    if operation.sqlite is not None and operation.sqlite.startswith("cel_"):
        return None
    if operation is operations.FACTOR:
        return f"CAST({operation.sqlite} AS REAL)"
    return operation.sqlite


_TEMPLATES = {
    **SQLITE.templates,
    **dict.fromkeys(("inside bool", "inside double", "inside string", "inside list"), "{0}"),
    "inside object": "TRUE",  # the record itself
    "inside null": "{0} IS NULL",
}


def _dialect(columns: Mapping[str, str]) -> Dialect:
    """SQLite's, with values inside of others in `columns` of their own, by name."""

    known = {column: name for name, column in columns.items()}

    def inside(column: str, names: tuple[str, ...]) -> tuple[str, ...]:
        above = known.get(column) or column.removeprefix('r."').removesuffix('"')
        return (columns.get(INSIDE.join(names if column == _WHOLE else (above, *names)), _WHOLE),)

    return Dialect(_operation, SQLITE.placeholder, SQLITE.bind_list, _TEMPLATES, SQLITE.elements, inside)


class LocalSource(NamedTuple):
    """The records of one collection below one parent, as the app's type `kind`. `may_index`: a question may ask for
    columns and indexes that are not there."""

    scope: Scope
    collection: str
    parent: str
    kind: type[Any]
    may_index: bool = True

    @property
    def sql(self) -> str:
        """The condition of its records; its values are `values`."""
        return f"r.collection = {quoted(self.collection)} AND r.is_shown AND r.space = ? AND r.parent = ?"

    @property
    def values(self) -> list[Any]:
        """The values of the condition."""
        return [self.scope.space, self.parent]


class SortColumn(NamedTuple):
    """A column that an answer is sorted by."""

    column: WrittenColumn
    is_down: bool

    @property
    def is_nullable(self) -> bool:
        """Whether a record may have no value there."""
        return self.column is not ID and not {*self.column.kinds}.isdisjoint(EMPTY)


class LocalPlan(NamedTuple):
    """How SQL answers a question: `conditions` that every row meets, `tests` for what SQL can't tell, and `sort`.

    `every` are the tests that tell of any document whether it answers the question; `order` is the order of documents.
    `is_fixed`: its tests stay what they are, whatever the records come to hold. `serving` are the columns of the index
    that serves it.
    """

    conditions: list[ColumnCondition]
    tests: list[Test]
    every: list[Test]
    sort: list[SortColumn]
    order: LocalOrder
    is_fixed: bool
    serving: list[str]

    def finds(self, document: Document) -> bool:
        """Whether the document answers the question."""
        return all(test(document) for test in self.every)


def plan_of(connection: StoreConnection, source: LocalSource, question: Question) -> LocalPlan:
    """The plan of a question whose ids are known. Raises `invalid_query`, IndexWanted, and Unplanned where SQL can't
    answer it."""
    try:
        return _Planner(connection, source).plan(question)
    except Refusal:
        if source.collection in source.scope.shapes:
            raise
        raise Unplanned from None  # all records tell what is wrong first


class _Planner:
    def __init__(self, connection: StoreConnection, source: LocalSource) -> None:
        self._connection = connection
        self._source = source
        self._written = columns_of(connection, source.collection)
        self._missing: list[tuple[str, ColumnForm]] = []
        shape = source.scope.shapes.get(source.collection)
        self._fields: Fields = GuessedByColumns(source.kind, self) if shape is None else declared(shape)
        self._conditions: list[tuple[ColumnCondition, list[WrittenColumn]]] = []
        self._tests: list[Test] = []
        self._every: list[Test] = []

    def plan(self, question: Question) -> LocalPlan:
        if question.words:
            raise Unplanned  # they are in no column
        order = order_of(question, self._fields)
        sort = [SortColumn(self._sorted_by(term), term.is_down) for term in order.terms]
        if question.filter:
            for term in terms_of(self._fields.filter(question.filter)):
                self._add_term(term)
        for name, value in question.equals.items():
            self._add_equality(question, name, value)
        for name, value in question.same.items():
            self._add_same(name, value)
        self._fields.check_names(question.fields)
        if question.search:
            self._add_search(question)
        self._check_columns()
        conditions = [condition for condition, _ in self._conditions]
        return LocalPlan(
            conditions, self._tests, self._every, sort, order, self._is_fixed(question), self._serving(sort)
        )

    def _is_fixed(self, question: Question) -> bool:
        """Whether the declaration or the app's type tells all that is asked, and the records nothing."""
        if isinstance(self._fields, Declared):
            return True
        sort = [name.removeprefix("-") for name in question.sort]
        known = {*META, *(annotated(self._source.kind) or ())}
        return not question.filter and known.issuperset((*sort, *question.equals, *question.fields))

    # ------------------------------------------------------------------ columns

    def _column(self, name: str, form: ColumnForm) -> WrittenColumn:
        found = self._written.find(name, form)
        if found is not None and found.filled is None:
            return found
        if (name, form) not in self._missing:
            self._missing.append((name, form))
        return WrittenColumn(name, form, 0, "", None)

    def _check_columns(self) -> None:
        if not self._missing:
            return
        new = [key for key in self._missing if self._written.find(*key) is None]
        if not self._source.may_index or len(self._written.all()) + len(new) > MOST:
            raise Unplanned
        raise IndexWanted(self._source.collection, self._missing)

    def columns(self, names: Sequence[str]) -> list[WrittenColumn]:
        """The plain columns of these fields."""
        found = [self._column(name, "plain") for name in names]
        unknown = {name for name, form in self._missing if self._written.find(name, form) is None}
        if unknown and not self._are_seen(unknown):
            raise Unplanned
        self._check_columns()
        return found

    def _are_seen(self, names: set[str]) -> bool:
        """Whether a record has the fields, as every record of the server has: else each mistake took a column."""
        rows = self._select("coalesce(r.view, r.base)", "1", _SAMPLE)
        return names <= {name for row in rows for name in decoded(row[0])}

    def exists(self, condition: str) -> bool:
        """Whether a record below the parent meets the condition."""
        return len(self._select("1", condition, 1)) > 0

    def _select(self, what: str, condition: str, limit: int) -> list[tuple[Any, ...]]:
        return self._connection.execute(
            f"SELECT {what} FROM records AS r WHERE {self._source.sql} AND {condition} LIMIT {limit}",
            self._source.values,
        ).fetchall()

    def _sorted_by(self, term: Term) -> WrittenColumn:
        if term.name == "id":
            return ID
        form: ColumnForm = "folded" if term.rank is folded else "whole" if term.rank is whole else "plain"
        column = self._column(term.name, form)
        if not column.fits("wv" if form == "whole" else "bildtm"):
            raise Unplanned  # lists and objects have no order, and the records tell whether it matters
        return column

    # ------------------------------------------------------------------ conditions

    def _add(self, condition: ColumnCondition | None, columns: list[WrittenColumn], test: Test) -> None:
        self._every.append(test)
        if condition is None:
            self._tests.append(test)
        else:
            self._conditions.append((condition, columns))

    def _add_term(self, term: Typed) -> None:
        paths = [part for part in walk(term) if isinstance(part, Path) and part.variable == "record"]
        columns = [column for path in paths if (column := self._read_by(path)) is not None]
        condition = _compiled(term, columns) if len(columns) == len(paths) else None
        self._add(condition, columns, predicate_of(term))

    def _read_by(self, path: Path) -> WrittenColumn | None:
        """The column that a filter reads where it reads a field; None where it has values that the filter can't read,
        or could be mistaken for others."""
        form, kinds = _KINDS.get(path.type, ("plain", ""))
        if not kinds or (form == "list" and not self._connection.has_json):
            return None
        if path.type is DYN and len(path.fields) > 1:
            return None  # whether an object is there that could hold it
        name = INSIDE.join(path.fields)
        is_new = self._written.find(name, form) is None
        if path.declared is not None and is_new and not self._are_seen({path.fields[0]}):
            return None
        column = self._column(name, form)
        return column if column.fits(kinds) else None

    def _add_equality(self, question: Question, name: str, value: Any) -> None:
        equality = equality_of(self._fields, name, value)
        is_whole = self._fields.rank(name) is whole
        column = ID if name == "id" else self._column(name, "whole" if is_whole else "plain")
        condition = equality.condition(column)
        if isinstance(equality, StandingFor) and condition is None and not {*column.kinds}.isdisjoint("Tx"):
            raise Unplanned  # a list that is compared is a mistake, and the records tell whether one is
        self._add(condition, [column], lambda document: equality(document.get(name)))

    def _add_same(self, name: str, value: Any) -> None:
        [column], equality = self.columns([name]), Exactly(value)
        self._add(equality.condition(column), [column], lambda document: equality(document.get(name)))

    def _add_search(self, question: Question) -> None:
        sought = question.search.casefold()
        columns = [self._column(name, "folded") for name in question.fields]
        tests = [f"typeof({column.sql}) = 'text' AND instr({column.sql}, ?)" for column in columns]
        text = f"({' OR '.join(tests) or NEVER})"
        condition = ColumnCondition(text, [sought] * len(columns)) if is_bindable(sought) else None
        self._add(condition, columns, lambda document: occurs(sought, document, question.fields))

    # ------------------------------------------------------------------ index

    def _serving(self, sort: Sequence[SortColumn]) -> list[str]:
        """What is pinned to one value, then the order, then all else that is read, so that the index alone tells.
        Empty: the table's own index serves."""
        pinned = {column.bare for condition, columns in self._conditions if condition.is_pinned for column in columns}
        if "id" in pinned:
            return []
        order = [f"{column.bare}{' DESC' if is_down != sort[0].is_down else ''}" for column, is_down in sort]
        short = {column.bare for _, columns in self._conditions for column in columns if column.form in _SHORT}
        places: dict[str, str] = {}
        for place in (*sorted(pinned), *order, *sorted(short)):
            places.setdefault(place.split()[0], place)
        return [] if [*places] == ["id"] else [*places.values()]


def _compiled(term: Typed, columns: Sequence[WrittenColumn]) -> ColumnCondition | None:
    """A part of a filter as a condition over these columns."""
    names = {column.name: column.sql for column in columns}
    if (pinned := _as_boolean(term)) is not None:
        path, value = pinned
        return ColumnCondition(f"{names[INSIDE.join(path.fields)]} = {value}", [], True)
    try:
        sql = to_sql(term, _dialect(names), lambda name: names.get(name) or (f'r."{name}"' if name else _WHOLE))
    except CelError:
        return None
    # A condition that is false as it is written makes the database forget the index's condition, and refuse the index.
    text = sql.text.replace("FALSE", NEVER)
    return ColumnCondition(text, sql.bind(), _is_pinned(term)) if len(text) <= _LONGEST else None


def _as_boolean(term: Typed) -> tuple[Path, int] | None:
    """The field and the value of a term that is a boolean field or its opposite."""
    if isinstance(term, Path) and term.fields:
        return term, 1
    if isinstance(term, Apply) and term.operation is operations.NOT and isinstance(path := term.arguments[0], Path):
        return path, 0
    return None


def _is_pinned(term: Typed) -> bool:
    """Whether the term compares a field for equality with what is given."""
    if not isinstance(term, Apply) or term.operation is not operations.EQUAL:
        return False
    reading = [side for side in term.arguments if "record" in side.variables]
    return len(reading) == 1 and isinstance(reading[0], Path)
