"""JSON as text that a statement puts together: stored texts are spliced in, and none is parsed that is not taken apart.

Both databases have `concat`, which leaves out what is null, and `->`, which gives a member's own text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from hinterland.contract.kinds.field import Column
from hinterland.server.data.select.parts import SqlPart, filled, joined
from hinterland.server.storage.protocol import ROW_BYTES, DialectName

_MOST_ARGUMENTS = 50  # of one call: PostgreSQL takes 100
_QUOTED: dict[DialectName, str] = {"sqlite": "json_quote({})", "postgres": "to_json({})::text"}
_PLAIN = "coalesce({}, 'null')"
_OF_COLUMNS: dict[DialectName, dict[Column, str]] = {
    "sqlite": {
        "text": "json_quote({})", "integer": _PLAIN, "real": _PLAIN,
        "boolean": "CASE {} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END",
    },
    "postgres": dict.fromkeys(("text", "integer", "boolean"), "coalesce(to_json({})::text, 'null')"),
}  # fmt: skip
# OFFSET 0: a subquery with it is not drawn into the outer one, where what it makes would be made for each use.
_FENCE: dict[DialectName, str] = {"sqlite": "", "postgres": " OFFSET 0"}


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


def key(name: str) -> str:
    """The name of a member of a JSON object, with the colon."""
    return f"{json.dumps(name, ensure_ascii=False)}:"


def concatenated(parts: Sequence[SqlPart]) -> SqlPart:
    """The parts that are not null as one text."""
    while len(parts) > _MOST_ARGUMENTS:
        pieces = range(0, len(parts), _MOST_ARGUMENTS)
        parts = [filled("concat({})", joined(parts[at : at + _MOST_ARGUMENTS], ", ")) for at in pieces]
    return filled("concat({})", joined(parts, ", "))


def id_text(alias: str, dialect: DialectName, *, is_integer: bool) -> str:
    """A record's id as JSON."""
    return f"{alias}.id" if is_integer else quoted(f"{alias}.id", dialect)


def quoted(text: str, dialect: DialectName) -> str:
    """A text as JSON."""
    return _QUOTED[dialect].format(text)


def member(document: str, name: str, dialect: DialectName) -> str:
    """A comma and the member `name` of a JSON object as it is written there; null where it has none."""
    if dialect == "sqlite":
        return f"{literal(',' + key(name))} || ({document} -> {literal('$.' + json.dumps(name, ensure_ascii=False))})"
    return f"{literal(',' + key(name))} || ({document}::json -> {literal(name)})::text"


def value(document: str, name: str, dialect: DialectName) -> str:
    """The member `name` of a JSON object as it is written there; null where it has none."""
    if dialect == "sqlite":
        return f"coalesce({document} -> {literal('$.' + json.dumps(name, ensure_ascii=False))}, 'null')"
    return f"coalesce((({document})::json -> {literal(name)})::text, 'null')"


def column_value(column: str, kind: Column, dialect: DialectName) -> str:
    """The value of a column, null where it has none; it is not asked for where `has_column_form` says no."""
    return _OF_COLUMNS[dialect][kind].format(column)


def has_column_form(kind: Column, dialect: DialectName) -> bool:
    """Whether the value of such a column becomes the JSON that a document has of it, which costs less than to look for
    it there. PostgreSQL writes a double without a fraction as an integer."""
    return kind in _OF_COLUMNS[dialect]


def members(document: str) -> str:
    """A comma and all members of a JSON object; null where it has none."""
    return f"CASE WHEN length({document}) > 2 THEN concat(',', substr({document}, 2, length({document}) - 2)) END"


def items(texts: SqlPart, more: SqlPart, rows: SqlPart, alias: str, dialect: DialectName) -> SqlPart:
    """The `texts` of `rows` as `{"items": […], "more": …}`; `more` is a text too."""
    joined_texts, origin = _texts(texts, rows, alias, dialect)
    return filled("(SELECT concat('{{\"items\":[', {}, '],\"more\":', {}, '}}') FROM {})", joined_texts, more, origin)


def array(texts: SqlPart, rows: SqlPart, alias: str, dialect: DialectName, most: int = ROW_BYTES) -> SqlPart:
    """The `texts` of `rows`, together at most so many bytes, as a JSON array."""
    joined_texts, origin = _texts(texts, rows, alias, dialect, most)
    return filled("(SELECT concat('[', {}, ']') FROM {})", joined_texts, origin)


def _texts(
    texts: SqlPart, rows: SqlPart, alias: str, dialect: DialectName, most: int = ROW_BYTES
) -> tuple[SqlPart, SqlPart]:
    """The aggregate that joins the `texts` of `rows` by commas, and what it is of."""
    if dialect == "sqlite":
        return filled("group_concat({}, ',')", texts), filled(f"({{}}) AS {alias}", rows)
    # Where it gets too long, a length is asked for that no text can have: an error, before there is any such text.
    each = filled(f"SELECT {{}} AS _text FROM ({{}}) AS {alias}{_FENCE[dialect]}", texts, rows)
    through = "sum(octet_length(_text)) OVER (ROWS UNBOUNDED PRECEDING) AS _through"
    bounded = f"CASE WHEN _through > {most} THEN repeat(_text, 2147483647) ELSE _text END"
    summed = filled(f"(SELECT _text, {through} FROM ({{}}) AS _texts) AS _summed", each)
    return SqlPart(f"string_agg({bounded}, ',')"), summed


def one(text: SqlPart, rows: SqlPart, alias: str) -> SqlPart:
    """The `text` of the one row that there may be, as JSON."""
    return filled(f"coalesce((SELECT {{}} FROM ({{}}) AS {alias}), 'null')", text, rows)


def made_once(sql: SqlPart, dialect: DialectName) -> SqlPart:
    """A SELECT whose columns are made once, whatever is done with them."""
    return SqlPart(sql.text + _FENCE[dialect], sql.binds)
