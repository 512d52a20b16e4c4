"""What differs between the two databases.

Both hold each field in a column of its own: bool (SQLite: 0 and 1), 64-bit integer, double, text (strings, moments,
base64), and lists as JSON (SQLite: text, PostgreSQL: jsonb). PostgreSQL's text columns are ``COLLATE "C"``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hinterland.kit.cel.operations import Operator
from hinterland.kit.cel.types import BOOL, BYTES, DOUBLE, INT, INT64, STRING, TIMESTAMP, ListType, Type


class Dialect:
    """A database's SQL. Templates name their operands ``{0}`` and ``{1}``."""

    __slots__ = ("bind_list", "elements", "inside", "operation", "placeholder", "templates")

    def __init__(
        self,
        operation: Callable[[Operator], str],
        placeholder: Callable[[int, Type], str],
        bind_list: Callable[[list[object]], object],
        templates: Mapping[str, str],
        elements: Mapping[Type, str],
        inside: Callable[[str, tuple[str, ...]], tuple[str, ...]],
    ) -> None:
        self.operation = operation
        self.placeholder = placeholder
        self.bind_list = bind_list
        self.templates = templates
        self.elements = elements
        self.inside = inside
        """The operands of the templates for a value in a column of JSON, named by the path that leads to it."""


def _literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _question_mark(number: int, kind: Type) -> str:
    return "?"


def _json(values: list[object]) -> str:
    import json  # only lists that are bound need it

    return json.dumps(values, ensure_ascii=False)


def _numbered(number: int, kind: Type) -> str:
    is_list = isinstance(kind, ListType)
    name = _POSTGRES_NAMES[kind.element if isinstance(kind, ListType) else kind]
    return f"${number}::{name}{'[]' if is_list else ''}"


_POSTGRES_NAMES = {
    BOOL: "boolean", INT: "bigint", INT64: "bigint", DOUBLE: "double precision",
    STRING: "text", TIMESTAMP: "text", BYTES: "text",
}  # fmt: skip

# exists and all: whether any element decides, else whether any is an error. An aggregate never sees NULL.
# A subquery with LIMIT or OFFSET is not drawn into the outer one, where its value would be computed three times.
_FOLD = (
    "(SELECT CASE WHEN {0} IS NULL THEN NULL WHEN %s THEN %s WHEN count(*) > count(_b) THEN NULL ELSE %s END "
    "FROM (SELECT {1} AS _b FROM %s) AS _f)"
)

_ELEMENTS = "jsonb_array_elements_text({0}) AS _e(value) OFFSET 0"

SQLITE = Dialect(
    lambda operation: operation.sqlite,
    _question_mark,
    _json,
    {
        "in column": "EXISTS (SELECT 1 FROM json_each({1}) AS _m WHERE _m.value = {0})",
        "in column of int64": "EXISTS (SELECT 1 FROM json_each({1}) AS _m WHERE _m.value = CAST({0} AS TEXT))",
        "in bound": "{0} IN (SELECT value FROM json_each({1}))",
        "exists column": _FOLD % ("max(_b)", "TRUE", "FALSE", "json_each({0}) AS _e LIMIT -1"),
        "exists bound": _FOLD % ("max(_b)", "TRUE", "FALSE", "json_each({0}) AS _e LIMIT -1"),
        "all column": _FOLD % ("min(_b) = 0", "FALSE", "TRUE", "json_each({0}) AS _e LIMIT -1"),
        "all bound": _FOLD % ("min(_b) = 0", "FALSE", "TRUE", "json_each({0}) AS _e LIMIT -1"),
        "item": "json_extract({0}, '$[%d]')",
        "inside bool": "CASE json_type({0}, {1}) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END",
        "inside double": (
            "CASE WHEN json_type({0}, {1}) IN ('integer', 'real') THEN CAST(json_extract({0}, {1}) AS REAL) END"
        ),
        "inside string": "CASE json_type({0}, {1}) WHEN 'text' THEN json_extract({0}, {1}) END",
        "inside list": "CASE json_type({0}, {1}) WHEN 'array' THEN json_extract({0}, {1}) END",
        "inside object": "json_type({0}, {1}) = 'object'",
        "inside null": "coalesce(json_type({0}, {1}), 'null') = 'null'",
        "in list of bool": (
            "EXISTS (SELECT 1 FROM json_each({1}) AS _m WHERE _m.type IN ('true', 'false') AND _m.value = {0})"
        ),
        "in list of double": (
            "EXISTS (SELECT 1 FROM json_each({1}) AS _m WHERE _m.type IN ('integer', 'real') "
            "AND CAST(_m.value AS REAL) = {0})"
        ),
        "in list of string": ("EXISTS (SELECT 1 FROM json_each({1}) AS _m WHERE _m.type = 'text' AND _m.value = {0})"),
    },
    {DOUBLE: "CAST({0} AS REAL)", INT64: "CAST({0} AS INTEGER)"},
    lambda column, names: (column, _literal("$" + "".join([f'."{name}"' for name in names]))),
)
POSTGRES = Dialect(
    lambda operation: operation.postgres,
    _numbered,
    lambda values: values,
    {
        "in column": "{1} @> to_jsonb({0})",
        "in column of int64": "{1} @> to_jsonb(CAST({0} AS TEXT))",
        # Not @>, which compares decimal digits: PostgreSQL writes some great doubles with others than Python does.
        "in column of double": (
            "EXISTS (SELECT 1 FROM jsonb_array_elements_text({1}) AS _m(value) "
            "WHERE (_m.value)::double precision = {0})"
        ),
        "in bound": "{0} = ANY({1})",
        "exists column": _FOLD % ("bool_or(_b)", "TRUE", "FALSE", _ELEMENTS),
        "exists bound": _FOLD % ("bool_or(_b)", "TRUE", "FALSE", "unnest({0}) AS _e(value) OFFSET 0"),
        "all column": _FOLD % ("NOT bool_and(_b)", "FALSE", "TRUE", _ELEMENTS),
        "all bound": _FOLD % ("NOT bool_and(_b)", "FALSE", "TRUE", "unnest({0}) AS _e(value) OFFSET 0"),
        "item": "{0} ->> %d",
        "inside bool": "CASE jsonb_typeof({0}) WHEN 'boolean' THEN ({0})::boolean END",
        "inside double": "CASE jsonb_typeof({0}) WHEN 'number' THEN ({0} #>> '{}')::double precision END",
        "inside string": "CASE jsonb_typeof({0}) WHEN 'string' THEN ({0} #>> '{}') COLLATE \"C\" END",
        "inside list": "CASE jsonb_typeof({0}) WHEN 'array' THEN {0} END",
        "inside object": "jsonb_typeof({0}) = 'object'",
        "inside null": "coalesce(jsonb_typeof({0}), 'null') = 'null'",
        "in list of bool": "{1} @> to_jsonb({0})",
        # An element that is not a number is never converted: CASE is evaluated in the written order.
        "in list of double": (
            "EXISTS (SELECT 1 FROM jsonb_array_elements({1}) AS _m(value) WHERE "
            "CASE jsonb_typeof(_m.value) WHEN 'number' THEN (_m.value #>> '{}')::double precision = {0} END)"
        ),
        "in list of string": "{1} @> to_jsonb({0})",
    },
    {
        BOOL: "({0})::boolean", INT: "({0})::bigint", INT64: "({0})::bigint", DOUBLE: "({0})::double precision",
        STRING: '({0}) COLLATE "C"', TIMESTAMP: '({0}) COLLATE "C"', BYTES: '({0}) COLLATE "C"',
    },
    lambda column, names: ("".join([column, *[f" -> {_literal(name)}" for name in names]]),),
)  # fmt: skip
