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

    __slots__ = ("bind_list", "elements", "operation", "placeholder", "templates")

    def __init__(
        self,
        operation: Callable[[Operator], str],
        placeholder: Callable[[int, Type], str],
        bind_list: Callable[[list[object]], object],
        templates: Mapping[str, str],
        elements: Mapping[Type, str],
    ) -> None:
        self.operation = operation
        self.placeholder = placeholder
        self.bind_list = bind_list
        self.templates = templates
        self.elements = elements


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
    },
    {DOUBLE: "CAST({0} AS REAL)", INT64: "CAST({0} AS INTEGER)"},
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
    },
    {
        BOOL: "({0})::boolean", INT: "({0})::bigint", INT64: "({0})::bigint", DOUBLE: "({0})::double precision",
        STRING: '({0}) COLLATE "C"', TIMESTAMP: '({0}) COLLATE "C"', BYTES: '({0}) COLLATE "C"',
    },
)  # fmt: skip
