"""Records as JSON text, each with what comes with it: the levels of one statement that makes the whole answer.

What comes with a record stands in its member `_expand`, under the name of the include: an object, or null, for the one
that a field names, `{"items": […], "more": …}` for several, with their `total` where it is asked for. Records of a
nested collection that name the record in a field have their parent in `_parent`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from hinterland.contract.kinds.field import Column
from hinterland.contract.records import SERVER_FIELDS
from hinterland.kit.cel.predicates import Variables
from hinterland.kit.cel.types import INT, ListType
from hinterland.server.data.rules import column
from hinterland.server.data.select import json_text
from hinterland.server.data.select.level import RecordLevel
from hinterland.server.data.select.parts import Bind, SqlPart, by_rule, filled, gated, joined
from hinterland.server.data.select.question import Include, JsonMember, Select
from hinterland.server.data.select.visibility import RecordSource, gates_of, source
from hinterland.server.storage.protocol import PAGE_BYTES, ROW_BYTES, DialectName, Texts
from hinterland.server.storage.statements import META_COLUMNS, quote

if TYPE_CHECKING:
    from hinterland.server.data.catalogue import Catalogue, Entry

JSON_COLUMNS = ("_json", "_revision", "_total")
"""A row of records as JSON has these, then the order's."""
JSON_WIDTH = JSON_COLUMNS.index("_total")
# The values of a column that holds a list of ids, as the rows of a subquery.
_VALUES: dict[DialectName, str] = {
    "sqlite": "SELECT value FROM json_each({})",
    "postgres": "SELECT value{} FROM jsonb_array_elements_text({}) AS _ids(value)",
}


class JsonLevel(RecordLevel):
    """A level whose records are JSON text; `has_parents`: their parents may be different ones."""

    has_parents = False

    def __init__(
        self, catalogue: Catalogue, select: Select, depth: int, above: SqlPart | None, *, is_free: bool
    ) -> None:
        super().__init__(catalogue, select, depth, above, is_free=is_free)
        self._dialect = self.entry.table.dialect
        self.is_costly |= any(rule is not None and rule.multiplies for rule in self.entry.private.values())
        self.names = self.names.union([include.by for include in select.includes if include.by])
        self.inner = [IncludedLevel(catalogue, include, self) for include in select.includes]
        self._from_columns = self._read_from_columns()

    def all(self) -> Iterator[RecordLevel]:
        """The level and those inside."""
        yield self
        for level in self.inner:
            yield from level.all()

    @property
    def texts(self) -> Texts | None:
        """The texts by which rows are bounded."""
        if self.select.is_array:
            return Texts(JSON_COLUMNS[:1], (0,), longest=PAGE_BYTES)
        if self.select.total == "alone":
            return None
        return Texts((*JSON_COLUMNS, *self.key_names), (0,), longest=ROW_BYTES)

    def rows(self) -> SqlPart:
        """The SELECT of the window's records."""
        if self.select.is_array:
            array = json_text.array(self.text(), self.window(), self.alias, self._dialect, PAGE_BYTES)
            return filled("SELECT {} AS _json", array)
        json = filled("{} AS _json", self.text())
        rest = [SqlPart(f"{self.alias}.{name}") for name in (*JSON_COLUMNS[1:], *self.key_names)]
        rows = filled(f"SELECT {{}} FROM ({{}}) AS {self.alias}", joined([json, *rest], ", "), self.window())
        return json_text.made_once(rows, self._dialect)

    def _origin(self) -> RecordSource:
        return source(self.entry, self.alias, self.ranks, is_free=True)  # what is private is shown by `_shown`

    def columns(self) -> SqlPart:
        """The columns of which the texts are made; `_private` are the members that the caller sees of it."""
        links = {include.by for include in self.select.includes if include.by}
        read = [SqlPart(column(self.alias, name)) for name in sorted(links.union(self._from_columns))]
        shown = filled("{} AS _private", self._shown())
        return joined([*self._stored(), shown, self._total(), *self._keys(), *read], ", ")

    def _shown(self) -> SqlPart:
        document, fields = f"{self.alias}._private", self.select.fields
        if self.is_free and not fields:
            return SqlPart(json_text.members(document) if self.entry.private else "NULL")
        rules = self.entry.private
        parts = []
        for name in [name for name in rules if not fields or name in fields]:
            text, rule = json_text.member(document, name, self._dialect), rules[name]
            if self.is_free:
                parts.append(SqlPart(text))
            elif rule is not None:
                shown = by_rule(rule.whole(self.alias))
                parts.append(filled("CASE WHEN {} THEN {} END", shown, SqlPart(text)))
        return json_text.concatenated(parts) if parts else SqlPart("NULL")

    # ------------------------------------------------------------ a record's text

    def text(self) -> SqlPart:
        """A record of the window as JSON."""
        if self.select.members:
            return self._object()
        alias = self.alias
        texts = ["'{\"id\":'", json_text.id_text(alias, self._dialect, is_integer=self.entry.is_integer)]
        if self.has_parents:
            texts += ["',\"_parent\":'", json_text.quoted(f"{alias}._parent", self._dialect)]
        if self.select.fields:
            texts += [part for name in SERVER_FIELDS if name in self.select.fields for part in self._meta(name)]
            named = [name for name in self.select.fields if name not in META_COLUMNS and name not in self.entry.private]
            texts += [json_text.member(f"{alias}._body", name, self._dialect) for name in named]
        else:
            texts += [part for name in SERVER_FIELDS for part in self._meta(name)]
            texts.append(json_text.members(f"{alias}._body"))
        if self.entry.private:
            texts.append(f"{alias}._private")
        return json_text.concatenated([*map(SqlPart, texts), *self._expanded(), SqlPart("'}'")])

    def _object(self) -> SqlPart:
        """A record as the members that are wanted of it, in order."""
        levels = {level.include.name: number for number, level in enumerate(self.inner)}
        parts: list[SqlPart] = []
        for place, member in enumerate(self.select.members):
            parts.append(SqlPart(json_text.literal(("," if place else "{") + json_text.key(member.key))))
            if member.include:
                parts.append(self._inner_value(levels[member.include]))
            else:
                parts.append(SqlPart(self._value(member)))
        return json_text.concatenated([*parts, SqlPart("'}'")])

    def _value(self, member: JsonMember) -> str:
        name, alias = member.field, self.alias
        if not name:
            return json_text.literal(json.dumps(member.constant))
        if name == "id":
            is_integer = self.entry.is_integer
            text, before = json_text.id_text(alias, self._dialect, is_integer=is_integer), member.constant
            if is_integer:
                return f"""{json_text.literal(f'"{before}')} || {text} || '"'"""
            return f"""{json_text.literal(f'"{before}')} || substr({text}, 2)""" if before else text
        if name in META_COLUMNS:
            mark = "" if name == "revision" else '"'
            return f"'{mark}' || {alias}.{META_COLUMNS[name]} || '{mark}'"
        if name in self.entry.private:  # those that are shown, each behind a comma
            return json_text.value(f"('{{' || substr({alias}._private, 2) || '}}')", name, self._dialect)
        if name in self._from_columns:
            return json_text.column_value(column(alias, name), self._from_columns[name], self._dialect)
        return json_text.value(f"{alias}._body", name, self._dialect)

    def _read_from_columns(self) -> dict[str, Column]:
        """The members that are read from columns, which costs less than to look for them in the document."""
        declared, private = self.entry.collection.fields, self.entry.private
        fields = {each.field: declared[each.field] for each in self.select.members if each.field in declared}
        return {
            name: field.column
            for name, field in fields.items()
            if name not in private and field.is_kept_alike and json_text.has_column_form(field.column, self._dialect)
        }

    def _meta(self, name: str) -> list[str]:
        value, mark = f"{self.alias}.{META_COLUMNS[name]}", "" if name == "revision" else '"'
        return [f"',\"{name}\":{mark}'", value, *([f"'{mark}'"] if mark else [])]

    def _expanded(self) -> list[SqlPart]:
        parts: list[SqlPart] = []
        for number, level in enumerate(self.inner):
            begin = ',"_expand":{' if not number else ","
            name = json_text.literal(begin + json_text.key(level.include.name))
            parts += [SqlPart(name), self._inner_value(number)]
        return [*parts, SqlPart("'}'")] if parts else []

    def _inner_value(self, number: int) -> SqlPart:
        value = self.inner[number].value()
        return SqlPart(value.text, tuple([partial(_inside, number, bind) for bind in value.binds]))


class IncludedLevel(JsonLevel):
    """A level whose records come with those of the level above."""

    def __init__(self, catalogue: Catalogue, include: Include, above: JsonLevel) -> None:
        if include.select.total == "alone" or include.select.is_json:
            raise ValueError("an include is JSON in any case, and has no total alone")
        self.include = include
        # What a record names is viewed, what names it or is below it is listed.
        select = include.select._replace(action="view" if include.by else "list")
        inner, depth = catalogue[select.collection], above.depth + 1
        self._is_one, link = _link(above, inner, include, f"r{depth}")
        gates = [gated(gate) for gate in gates_of(inner, select, is_free=above.is_free)]
        super().__init__(catalogue, select, depth, joined([SqlPart(link), *gates], " AND "), is_free=above.is_free)
        if include.back:
            self.names = self.names.union([include.back])
            self.has_parents = bool(inner.collection.parent)

    def value(self) -> SqlPart:
        """What comes with a record of the level above, as JSON."""
        rows = self.window()
        if self._is_one:
            return json_text.one(self.text(), rows, self.alias)
        if self.select.members:
            return json_text.array(self.text(), rows, self.alias, self._dialect)
        more = self._more()
        if self.select.total:
            more = filled("{}, ',\"total\":', ({})", more, self.count())
        return json_text.items(self.text(), more, rows, self.alias, self._dialect)

    def _total(self) -> SqlPart:
        return SqlPart("NULL AS _total")  # it is beside all records, not each of them

    def _more(self) -> SqlPart:
        """Whether there are records beyond the window, as JSON: they are looked for where it is full."""
        if self.select.window.limit is None:
            return SqlPart("'false'")
        is_short = SqlPart("count(*) < ?", (lambda select, variables: (select.window.limit,),))
        spans = joined([self.found(span, SqlPart("1")) for span in self.spans()], " UNION ALL ")
        beyond = filled("{} LIMIT 1 OFFSET {}", spans, SqlPart("?", (_place_beyond,)))
        return filled("CASE WHEN {} THEN 'false' WHEN EXISTS ({}) THEN 'true' ELSE 'false' END", is_short, beyond)


def _place_beyond(select: Select, variables: Variables) -> tuple[int]:
    limit, offset, _ = select.window
    assert limit is not None
    return (offset + limit,)


def _link(above: JsonLevel, inner: Entry, include: Include, alias: str) -> tuple[bool, str]:
    """What finds the records of an include, and whether there is one at most. Raises ValueError for what no record
    holds the ids of."""
    entry = above.entry
    if include.by:
        return _link_by(above, inner, include.by, alias)
    if include.back:
        if inner.book.kinds.get(include.back) is not entry.book.kinds["id"] or entry.collection.parent:
            raise ValueError(f"{inner.name}.{include.back} does not hold the ids of {entry.name}")
        return False, f"{alias}.{quote(include.back)} = {above.alias}.id"
    if inner.collection.parent != entry.name:
        raise ValueError(f"records of {inner.name} are not below those of {entry.name}")
    id = f"CAST({above.alias}.id AS text)" if entry.is_integer else f"{above.alias}.id"
    path = f"{above.alias}._parent || '/{entry.name}/'" if entry.collection.parent else f"'{entry.name}/'"
    return False, f"{alias}._parent = {path} || {id}"


def _link_by(above: JsonLevel, inner: Entry, by: str, alias: str) -> tuple[bool, str]:
    held, id, place = above.entry.book.kinds.get(by), inner.book.kinds["id"], f"{above.alias}.{quote(by)}"
    is_list = isinstance(held, ListType)
    if inner.collection.parent or (held.element if isinstance(held, ListType) else held) is not id:
        raise ValueError(f"{above.entry.name}.{by} does not hold the ids of {inner.name}")
    if is_list:
        dialect = inner.table.dialect
        values = (place,) if dialect == "sqlite" else ("::bigint" if id is INT else "", place)
        return False, f"{alias}._parent = '' AND {alias}.id IN ({_VALUES[dialect].format(*values)})"
    return True, f"{alias}._parent = '' AND {alias}.id = {place}"


def _inside(number: int, bind: Bind, select: Select, variables: Variables) -> Any:
    """Bind parameters of an include."""
    return bind(select.includes[number].select, variables)
