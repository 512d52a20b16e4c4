"""The levels of a statement: each has its alias and its collection's rules, and finds the records that belong to those
of the level above."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from hinterland.server.data.rules import column
from hinterland.server.data.select.parts import Bind, Gate, SqlPart, filled, gated, joined, limited
from hinterland.server.data.select.question import Include, Select
from hinterland.server.data.select.searching import rank_of, searched_names
from hinterland.server.data.select.visibility import Asked, asked_of, gates_of, rule_of, source, visible
from hinterland.server.storage.protocol import DialectName, Texts
from hinterland.server.storage.statements import RECORD_NAMES, RECORD_TEXTS, quote

if TYPE_CHECKING:
    from hinterland.server.data.catalogue import Catalogue, Entry

# Rows of a subquery as a JSON array of arrays; both databases keep their order.
_ROWS: dict[DialectName, str] = {
    "sqlite": "(SELECT json_group_array(json_array({})) FROM ({}) AS {})",
    "postgres": "(SELECT coalesce(json_agg(json_build_array({})), '[]'::json) FROM ({}) AS {})",
}
# What is an array already, as a part of another.
_NESTED: dict[DialectName, str] = {"sqlite": "json({})", "postgres": "{}"}


class KeptStatement(NamedTuple):
    """What is kept of a structure: `reads` are the fields that the caller's conditions, orders and includes read, and
    `gates` what must hold for any record to be shown."""

    sql: str
    binds: tuple[Bind, ...]
    texts: Texts | None
    is_costly: bool
    reads: tuple[tuple[Entry, frozenset[str]], ...]
    gates: tuple[Gate, ...]


def kept_statement(catalogue: Catalogue, select: Select, *, is_free: bool) -> KeptStatement:
    """The statement of a question. Raises what `Compiler.compile` does."""
    level = _Level(catalogue, select, 0, None, is_free=is_free)
    levels = [*level.all()]
    reads = tuple([(each.entry, each.names) for each in levels if each.entry.private])
    is_costly = any(each.is_costly for each in levels)
    part = level.count() if select.total == "alone" else level.rows()
    return KeptStatement(*part, level.texts, is_costly, reads, level.gates)


class _Level:
    """The records of a collection, under an alias; `above` finds those that belong to a record of the level above."""

    def __init__(
        self, catalogue: Catalogue, select: Select, depth: int, above: SqlPart | None, *, is_free: bool
    ) -> None:
        self.entry = catalogue[select.collection]
        self.select = select
        self.alias = f"r{depth}"
        self.is_free = is_free
        self.rule = None if is_free else self.entry.rules[select.action]
        is_ranked = select.search is not None and not select.sort
        self.order = self.entry.ranked if is_ranked else self.entry.order(select.sort)
        self.gates = gates_of(self.entry, select, is_free=is_free)
        self.asked = asked_of(self.entry, self.alias, select, above)
        more = [rank_of(self.entry, self.alias, select.search)] if is_ranked and select.search is not None else []
        self.origin = source(self.entry, self.alias, more, is_free=is_free)
        conditions = [rule_of(self.entry, condition) for condition in select.where]
        self.names = self.order.names.union(
            *[rule.reads_record for rule in conditions], [include.by for include in select.includes if include.by]
        )
        self.is_costly = any(rule.is_costly for rule in conditions) or (self.rule is not None and self.rule.multiplies)
        self.is_costly |= not self.order.names.isdisjoint(self.entry.book.known.long)
        if select.search is not None:
            self.names |= searched_names(self.entry)
            self.is_costly |= select.search.is_joined and self.entry.table.dialect == "sqlite"
        self.inner = [
            _Level(catalogue, _of_include(include), depth + 1, self._link(catalogue, include), is_free=is_free)
            for include in select.includes
        ]

    def all(self) -> Iterator[_Level]:
        """The level and those inside."""
        yield self
        for level in self.inner:
            yield from level.all()

    @property
    def texts(self) -> Texts | None:
        """The texts by which rows are bounded."""
        if self.select.fields or self.select.total == "alone":
            return None
        included = [f"_included{number}" for number in range(len(self.inner))]
        columns = (*RECORD_NAMES, *included, "_total", *self._key_names())
        return Texts(columns, (*RECORD_TEXTS.places, *range(len(RECORD_NAMES), len(RECORD_NAMES) + len(included))))

    def _key_names(self) -> list[str]:
        return [f"_key{number}" for number in range(len(self.order.keys))]

    # ------------------------------------------------------------ the records

    def count(self) -> SqlPart:
        """The SELECT of how many records there are in all windows. Without a WHERE, SQLite counts in one step, which
        nothing interrupts."""
        where = self._where(self.asked)
        where = where if where.text else SqlPart(" WHERE TRUE")
        return filled(f"SELECT count(*) FROM {self.entry.table.name} {self.alias}{{}}", where)

    def _where(self, asked: Asked) -> SqlPart:
        terms = visible(self.rule, self.alias, asked)
        return filled(" WHERE {}", joined(terms, " AND ")) if terms else SqlPart("")

    def rows(self) -> SqlPart:
        """The SELECT of the window's records, each with what belongs to it."""
        found = self._window()
        if not self.inner:
            return found
        own = [f"{self.alias}.{name}" for name in RECORD_NAMES]
        included = [filled(f"CAST({{}} AS text) AS _included{n}", part) for n, part in enumerate(self._included())]
        rest = [f"{self.alias}.{name}" for name in ("_total", *self._key_names())]
        columns = joined([*map(SqlPart, own), *included, *map(SqlPart, rest)], ", ")
        return filled(f"SELECT {{}} FROM ({{}}) AS {self.alias}", columns, found)

    def _window(self) -> SqlPart:
        after = self.select.window.after
        if after is None:
            return limited(self._found(self.asked), self.select.window)
        is_sought = self.order.keys[0].name in self.entry.book.known.indexed
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
        own = [*[f"{self.alias}.{name}" for name in RECORD_NAMES[:-1]], f"{self.origin.private} AS _private"]
        links = sorted({include.by for include in self.select.includes if include.by})
        named = zip(self.order.keys, self._key_names(), strict=True)
        keys = [f"{column(self.alias, key.name)} AS {name}" for key, name in named]
        total = self.count() if self.select.total else SqlPart("NULL")
        rest = [*keys, *[column(self.alias, name) for name in links]]
        return filled(f"{', '.join(own)}, ({{}}) AS _total, {', '.join(rest)}", total)

    # ------------------------------------------------------------ what belongs to them

    def _included(self) -> list[SqlPart]:
        return [
            SqlPart(array.text, tuple([partial(_inside, number, bind) for bind in array.binds]))
            for number, array in enumerate(level.array() for level in self.inner)
        ]

    def array(self) -> SqlPart:
        """The level's records as a JSON array: each an array of its columns, and of what belongs to it."""
        dialect = self.entry.table.dialect
        own = [SqlPart(f"{self.alias}.{name}") for name in RECORD_NAMES]
        inner = [filled(_NESTED[dialect], part) for part in self._included()]
        return filled(_ROWS[dialect], joined([*own, *inner], ", "), self._window(), SqlPart(self.alias))

    def _link(self, catalogue: Catalogue, include: Include) -> SqlPart:
        """What finds the records of an include: by the id that a field holds, or by their parent."""
        if include.select.fields or include.select.total:
            raise ValueError("an include is of whole records, without a total")
        inner = catalogue[include.select.collection]
        alias = f"r{int(self.alias[1:]) + 1}"
        if include.by:
            if inner.collection.parent or inner.book.kinds["id"] is not self.entry.book.kinds.get(include.by):
                raise ValueError(f"{self.entry.name}.{include.by} does not hold the ids of {inner.name}")
            link = f"{alias}._parent = '' AND {alias}.id = {self.alias}.{quote(include.by)}"
        else:
            if inner.collection.parent != self.entry.name:
                raise ValueError(f"records of {inner.name} are not below those of {self.entry.name}")
            id = f"CAST({self.alias}.id AS text)" if self.entry.is_integer else f"{self.alias}.id"
            name = self.entry.name
            above = f"{self.alias}._parent || '/{name}/'" if self.entry.collection.parent else f"'{name}/'"
            link = f"{alias}._parent = {above} || {id}"
        gates = gates_of(inner, _of_include(include), is_free=self.is_free)
        return joined([SqlPart(link), *[gated(gate) for gate in gates]], " AND ")


def _of_include(include: Include) -> Select:
    """The question of an include: what a record names is viewed, what is below it is listed."""
    return include.select._replace(action="view" if include.by else "list")


def _inside(number: int, bind: Bind, select: Select, auth: Any) -> Any:
    """Bind parameters of an include."""
    return bind(select.includes[number].select, auth)
