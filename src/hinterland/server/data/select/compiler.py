"""The one compiler of questions: it gives each level its alias, adds each collection's rules, and makes one statement.

The text depends on a question's structure alone, and on which rules are asked: it is made once and kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hinterland.contract.identity import Principal
from hinterland.server.data.rules import ANY_ALIAS, column
from hinterland.server.data.select.parts import Bind, SqlPart, filled, joined, limited
from hinterland.server.data.select.question import Select
from hinterland.server.data.select.visibility import Asked, Gate, asked_of, gates_of, refuse_hidden, source, visible
from hinterland.server.storage.protocol import Texts
from hinterland.server.storage.statements import RECORD_NAMES

if TYPE_CHECKING:
    from hinterland.server.data.catalogue import Catalogue, Entry

_KEPT = 1_000  # structures
WIDTH = len(RECORD_NAMES)
"""A row of whole records has their columns, then the total (null where it is not asked for), then the order's."""


class Statement(NamedTuple):
    """One SELECT with its parameters. `texts`: by which its pages are bounded; `is_costly`: a single step of it may
    take longer than others can wait."""

    sql: str
    parameters: list[Any]
    texts: Texts | None
    is_costly: bool


class _Plan(NamedTuple):
    """What is kept of a structure; `names` are the fields that the caller's conditions and order read, and `gates` what
    must hold for any record to be shown."""

    sql: str
    binds: tuple[Bind, ...]
    texts: Texts | None
    is_costly: bool
    names: frozenset[str]
    gates: tuple[Gate, ...]


class Viewing:
    """The statement of one record by its parent and id, where the view rule shows it; the key's values come first."""

    def __init__(self, entry: Entry) -> None:
        rule = entry.rules["view"]
        self._rule = None if rule is None else rule.whole(ANY_ALIAS)
        columns = ", ".join([f"{ANY_ALIAS}.{name}" for name in RECORD_NAMES])
        key = f"{ANY_ALIAS}._parent = ? AND {ANY_ALIAS}.id = ?"
        shown = "FALSE" if self._rule is None else self._rule.text
        self.sql = f"SELECT {columns} FROM {entry.table.name} {ANY_ALIAS} WHERE {key} AND ({shown})"

    def rest(self, caller: Principal) -> list[Any]:
        """The parameters that follow the key's."""
        return [] if self._rule is None else self._rule.bind({"auth": caller.as_auth()})


class Compiler:
    """Compiles questions to the collections of a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._plans: dict[tuple[Any, ...], _Plan] = {}

    def compile(self, select: Select, caller: Principal | None) -> Statement | None:
        """The statement of what `caller` (None: the server itself, of whom no rule is asked) is shown; None where that
        is nothing, whatever the records. Raises `invalid_query`, and `forbidden` where a condition or the order reads
        a field that is hidden from the caller."""
        entry = self._catalogue[select.collection]
        is_free = caller is None or caller.is_admin
        plan = self._plan(entry, select, is_free=is_free)
        if caller is not None and entry.private:
            refuse_hidden(entry, plan.names & entry.hidden(caller))
        auth = None if caller is None else caller.as_auth()
        for gate in plan.gates:
            if not gate(select, auth):
                return None
        parameters: list[Any] = []
        for bind in plan.binds:
            parameters += bind(select, auth)
        limit, texts = select.window.limit, plan.texts
        return Statement(plan.sql, parameters, texts and texts.of(limit) if limit else texts, plan.is_costly)

    def _plan(self, entry: Entry, select: Select, *, is_free: bool) -> _Plan:
        key = (select.structure, is_free)
        plan = self._plans.get(key)
        if plan is None:
            plan = _Level(entry, select, ANY_ALIAS, is_free=is_free).plan()
            if len(self._plans) >= _KEPT:
                self._plans.clear()
            self._plans[key] = plan
        return plan


class _Level:
    """One level of a statement: the records of a collection, under an alias."""

    def __init__(self, entry: Entry, select: Select, alias: str, *, is_free: bool) -> None:
        self.entry = entry
        self.select = select
        self.alias = alias
        self.rule = None if is_free else entry.rules[select.action]
        self.order = entry.order(select.sort)
        self.asked = asked_of(entry, alias, select)
        self.origin = source(entry, alias, is_free=is_free)
        self.gates = gates_of(entry, select, is_free=is_free)

    def plan(self) -> _Plan:
        """The level as a statement of its own."""
        conditions = [self.entry.book.condition(condition.key) for condition in self.select.where]
        names = self.order.names.union(*[rule.reads_record for rule in conditions])
        is_costly = any(rule.is_costly for rule in conditions) or (self.rule is not None and self.rule.multiplies)
        if self.select.total == "alone":
            return _Plan(*self._count(), None, is_costly, names, self.gates)
        texts = Texts(f"{self.alias}._body", self.origin.private, RECORD_NAMES.index("_body"))
        return _Plan(*self._rows(), None if self.select.fields else texts, is_costly, names, self.gates)

    def _count(self) -> SqlPart:
        return filled(f"SELECT count(*) FROM {self.entry.table.name} {self.alias}{{}}", self._where(self.asked))

    def _where(self, asked: Asked) -> SqlPart:
        terms = visible(self.rule, self.alias, asked)
        return filled(" WHERE {}", joined(terms, " AND ")) if terms else SqlPart("")

    def _rows(self) -> SqlPart:
        after = self.select.window.after
        if after is None:
            return limited(self._found(self.asked), self.select.window)
        is_sought = self.order.keys[0].name in self.entry.book.indexed
        found = [
            limited(self._found(self.asked.beyond(span, is_sought=is_sought)), self.select.window)
            for span in self.order.spans(self.alias, after)
        ]
        if len(found) == 1:
            return found[0]
        # Read in turn: the second only where the first does not fill the window.
        spans = [filled(f"SELECT * FROM ({{}}) AS s{number}", span) for number, span in enumerate(found)]
        return limited(joined(spans, " UNION ALL "), self.select.window)

    def _found(self, asked: Asked) -> SqlPart:
        template = f"SELECT {{}} FROM {{}}{{}} ORDER BY {self.order.by(self.alias)}"
        return filled(template, self._columns(), self.origin.part, self._where(asked))

    def _columns(self) -> SqlPart:
        if self.select.fields:
            return SqlPart(", ".join([column(self.alias, name) for name in self.select.fields]))
        own = [f"{self.alias}.{name}" for name in RECORD_NAMES[:-1]]
        total = self._count() if self.select.total else SqlPart("NULL")
        return filled(f"{', '.join([*own, self.origin.private])}, ({{}}), {self.order.columns(self.alias)}", total)
