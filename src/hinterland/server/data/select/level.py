"""A level of a statement: it has its alias and its collection's rules, and finds the records of a window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from hinterland.server.data.rules import column
from hinterland.server.data.select.parts import Bind, Gate, SqlPart, filled, joined, limited
from hinterland.server.data.select.question import Select
from hinterland.server.data.select.searching import rank_of
from hinterland.server.data.select.visibility import Asked, RecordSource, asked_of, gates_of, rule_of, source, visible
from hinterland.server.storage.protocol import Texts
from hinterland.server.storage.statements import RECORD_NAMES, RECORD_TEXTS

if TYPE_CHECKING:
    from hinterland.server.data.catalogue import Catalogue, Entry


class KeptStatement(NamedTuple):
    """What is kept of a structure: `reads` are the fields that the caller's conditions, orders and includes read, and
    `gates` what must hold for any record to be shown."""

    sql: str
    binds: tuple[Bind, ...]
    texts: Texts | None
    is_costly: bool
    reads: tuple[tuple[Entry, frozenset[str]], ...]
    gates: tuple[Gate, ...]
    has_long_steps: bool = False


class RecordLevel:
    """The records of a collection, under an alias; `above` finds those that belong to a record of the level above."""

    def __init__(
        self, catalogue: Catalogue, select: Select, depth: int, above: SqlPart | None, *, is_free: bool
    ) -> None:
        self.entry = catalogue[select.collection]
        self.select = select
        self.depth = depth
        self.alias = f"r{depth}"
        self.is_free = is_free
        self.rule = None if is_free else self.entry.rules[select.action]
        is_ranked = select.search is not None and not select.sort
        self.order = self.entry.ranked if is_ranked else self.entry.order(select.sort)
        self.gates = gates_of(self.entry, select, is_free=is_free)
        self.asked = asked_of(self.entry, self.alias, select, above, is_free=is_free)
        self.ranks: list[SqlPart] = []
        if is_ranked and select.search is not None:
            self.ranks.append(rank_of(self.entry, self.alias, select.search, is_free=is_free))
        conditions = [rule_of(self.entry, condition) for condition in select.where]
        self.names = self.order.names.union(*[rule.reads_record for rule in conditions])
        self.is_costly = any(rule.is_costly for rule in conditions) or (self.rule is not None and self.rule.multiplies)
        self.is_costly |= not self.order.names.isdisjoint(self.entry.book.known.long)

    def all(self) -> Iterator[RecordLevel]:
        """The level and those inside."""
        yield self

    @property
    def texts(self) -> Texts | None:
        """The texts by which rows are bounded."""
        if self.select.fields or self.select.total == "alone":
            return None
        return Texts((*RECORD_NAMES, "_total", *self.key_names), RECORD_TEXTS.places)

    @property
    def key_names(self) -> list[str]:
        """The names of the columns that hold the keys of the order."""
        return [f"_key{number}" for number in range(len(self.order.keys))]

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
        """The SELECT of the window's records."""
        return self.window()

    def window(self) -> SqlPart:
        """The SELECT of the records of the window, in order."""
        window, order = self.select.window, f" ORDER BY {self.order.by(self.alias)}"
        found = [limited(self.found(span, self.columns(), order), window) for span in self.spans()]
        if len(found) == 1:
            return found[0]
        # Read in turn: the second only where the first does not fill the window.
        spans = [filled(f"SELECT * FROM ({{}}) AS s{number}", span) for number, span in enumerate(found)]
        return limited(joined(spans, " UNION ALL "), window)

    def spans(self) -> list[Asked]:
        """What is asked of the records beyond the window's place: each a part of the order, in turn."""
        after = self.select.window.after
        if after is None:
            return [self.asked]
        is_sought = self.order.keys[0].name in self.entry.book.known.indexed
        return [self.asked.beyond(span, is_sought=is_sought) for span in self.order.spans(self.alias, after)]

    def found(self, asked: Asked, columns: SqlPart, order: str = "") -> SqlPart:
        """The SELECT of what is asked for."""
        return filled(f"SELECT {{}} FROM {{}}{{}}{order}", columns, self._origin().part, self._where(asked))

    def _origin(self) -> RecordSource:
        return source(self.entry, self.alias, self.ranks, is_free=self.is_free)

    def columns(self) -> SqlPart:
        """The columns of the records: those that are named, or a whole record's, with the total and the order's."""
        if self.select.fields:
            return SqlPart(", ".join([column(self.alias, name) for name in self.select.fields]))
        private = SqlPart(f"{self._origin().private} AS _private")
        return joined([*self._stored(), private, self._total(), *self._keys()], ", ")

    def _stored(self) -> list[SqlPart]:
        return [SqlPart(f"{self.alias}.{name}") for name in RECORD_NAMES[:-1]]

    def _total(self) -> SqlPart:
        return filled("({}) AS _total", self.count() if self.select.total else SqlPart("NULL"))

    def _keys(self) -> list[SqlPart]:
        named = zip(self.order.keys, self.key_names, strict=True)
        return [SqlPart(f"{column(self.alias, key.name)} AS {name}") for key, name in named]
