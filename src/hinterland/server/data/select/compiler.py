"""The one compiler of questions: it gives each level its alias, adds each collection's rules, and makes one statement.

The text depends on a question's structure alone, and on which rules are asked: it is made once and kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from hinterland.contract.identity import Principal
from hinterland.kit.cel.moments import NOW
from hinterland.server.data.rules import ANY_ALIAS
from hinterland.server.data.select.aggregates import aggregated_statement
from hinterland.server.data.select.included import JsonLevel
from hinterland.server.data.select.level import KeptStatement, RecordLevel
from hinterland.server.data.select.question import Select
from hinterland.server.data.select.searching import refuse_search, shape_of
from hinterland.server.data.select.visibility import refuse_hidden, rule_of
from hinterland.server.storage.protocol import Texts
from hinterland.server.storage.statements import RECORD_NAMES, TOGETHER

if TYPE_CHECKING:
    from hinterland.server.data.catalogue import Catalogue, Entry

_KEPT = 1_000  # structures
_texts_of = lru_cache(maxsize=256)(Texts.of)
KEPT_CHARACTERS = 4_000_000
"""Of all kept statements together: in an open collection the fields' names are the caller's, and so is the length."""
WIDTH = len(RECORD_NAMES)
"""A row of whole records has their columns, then the total (null where it is not asked for), then the order's."""


class Statement(NamedTuple):
    """One SELECT with its parameters. `texts`: by which its pages are bounded; `is_costly`: it may take much work;
    `has_long_steps`: SQLite may need longer for one of its steps than others can wait, as where FTS5 joins words."""

    sql: str
    parameters: list[Any]
    texts: Texts | None
    is_costly: bool
    has_long_steps: bool = False


def variables_of(caller: Principal | None, instant: str | None) -> dict[str, Any]:
    """What rules and conditions of a request read: its caller's `auth`, and the instant at which it
    is decided (None: what the clock of the machine shows)."""
    return {"auth": None if caller is None else caller.as_auth(), NOW: instant}


class Viewing:
    """The statement of one record by its parent and id, where the view rule shows it; the key's values come first. The
    same of `several` records below one parent, and of their ids alone."""

    def __init__(self, entry: Entry) -> None:
        rule = entry.rules["view"]
        self._rule = None if rule is None else rule.whole(ANY_ALIAS)
        columns = ", ".join([f"{ANY_ALIAS}.{name}" for name in RECORD_NAMES])
        key = f"{ANY_ALIAS}._parent = ? AND {ANY_ALIAS}.id = ?"
        shown = "FALSE" if self._rule is None else self._rule.text
        self.sql = f"SELECT {columns} FROM {entry.table.name} {ANY_ALIAS} WHERE {key} AND ({shown})"
        marks = ", ".join("?" * TOGETHER)
        rest = f"FROM {entry.table.name} {ANY_ALIAS} WHERE {ANY_ALIAS}._parent = ? AND {ANY_ALIAS}.id IN ({marks})"
        self.several = f"SELECT {columns} {rest} AND ({shown})"
        self.several_ids = f"SELECT {ANY_ALIAS}.id {rest} AND ({shown})"

    def rest(self, caller: Principal, instant: str | None = None) -> list[Any]:
        """The parameters that follow the key's; the rule is decided at an instant."""
        return [] if self._rule is None else self._rule.bind(variables_of(caller, instant))


class Compiler:
    """Compiles questions to the collections of a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.kept_characters = 0
        self._catalogue = catalogue
        self._kept: dict[tuple[Any, ...], KeptStatement] = {}

    def compile(self, select: Select, caller: Principal | None, instant: str | None = None) -> Statement | None:
        """The statement of what `caller` (None: the server itself, of whom no rule is asked) is shown at an instant;
        None where that is nothing, whatever the records. Raises `invalid_query`, and `forbidden` where a condition or
        the order reads a field that is hidden from the caller."""
        is_free = caller is None or caller.is_admin
        kept = self._statement(select, is_free=is_free)
        if caller is not None and not is_free:
            for entry, names in kept.reads:
                refuse_hidden(entry, names & entry.hidden(caller))
            if select.search is not None:
                refuse_search(self._catalogue[select.collection], caller)
        variables = variables_of(caller, instant)
        for gate in kept.gates:
            if not gate(select, variables):
                return None
        parameters: list[Any] = []
        for bind in kept.binds:
            parameters += bind(select, variables)
        limit, texts = select.window.limit, kept.texts
        texts = texts and _texts_of(texts, limit) if limit else texts
        return Statement(kept.sql, parameters, texts, kept.is_costly, kept.has_long_steps)

    def look_up(self, select: Select) -> Statement:
        """The statement of the server's own question, of which no rule is asked."""
        statement = self.compile(select, None)
        assert statement is not None
        return statement

    def _statement(self, select: Select, *, is_free: bool) -> KeptStatement:
        key = (self._structure(select), is_free)
        kept = self._kept.get(key)
        if kept is None:
            kept = _made(self._catalogue, select, is_free=is_free)
            self._keep(key, kept)
        return kept

    def _keep(self, key: tuple[Any, ...], made: KeptStatement) -> None:
        size = len(made.sql)
        if size > KEPT_CHARACTERS // 20:
            return  # one that hardly comes again, and would take the place of many
        if len(self._kept) >= _KEPT or self.kept_characters + size > KEPT_CHARACTERS:
            self._kept.clear()
            self.kept_characters = 0
        self._kept[key] = made
        self.kept_characters += size

    def _structure(self, select: Select) -> tuple[Any, ...]:
        """What a statement's text depends on: questions with equal structures differ only in values."""
        entry = self._catalogue[select.collection]
        conditions = tuple([rule_of(entry, condition).structure for condition in select.where])
        inner = tuple([(name, by, back, self._structure(each)) for name, each, by, back in select.includes])
        limit, offset, after = select.window
        window = (limit is None, offset > 0, None if after is None else tuple([value is None for value in after]))
        search = None if select.search is None else shape_of(entry, select.search)
        form = (select.is_json, select.members, select.is_array)
        output = (select.action, select.fields, select.total, search, inner, form)
        return (entry.name, select.parent is None, conditions, select.sort, window, output, select.aggregates)


def _made(catalogue: Catalogue, select: Select, *, is_free: bool) -> KeptStatement:
    """The statement of a question. Raises what `Compiler.compile` does."""
    if select.aggregates is not None:
        return aggregated_statement(catalogue[select.collection], select, is_free=is_free)
    kind = JsonLevel if select.is_json else RecordLevel
    level = kind(catalogue, select, 0, None, is_free=is_free)
    levels = [*level.all()]
    reads = tuple([(each.entry, each.names) for each in levels if each.entry.private])
    part = level.count() if select.total == "alone" else level.rows()
    is_costly = any(each.is_costly for each in levels)
    has_long_steps = any(each.select.search is not None and each.select.search.is_joined for each in levels)
    return KeptStatement(*part, level.texts, is_costly, reads, level.gates, has_long_steps)
