"""What differs between the two databases.

Both hold each field in a column of its own: bool (SQLite: 0 and 1), 64-bit integer, double, text (strings, moments,
base64), and lists as JSON (SQLite: text, PostgreSQL: jsonb). PostgreSQL's text columns are ``COLLATE "C"``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hinterland.kit.cel.operations import Operator
from hinterland.kit.cel.types import BOOL, BYTES, DOUBLE, DURATION, INT, INT64, STRING, TIMESTAMP, ListType, Type

SAFE = 2**53 - 1


class Dialect:
    """A database's SQL. Templates name their operands ``{0}`` and ``{1}``."""

    __slots__ = ("bind_list", "elements", "inside", "of_json", "operation", "placeholder", "templates")

    def __init__(
        self,
        operation: Callable[[Operator], str | None],
        placeholder: Callable[[int, Type], str],
        bind_list: Callable[[list[object]], object],
        templates: Mapping[str, str],
        elements: Mapping[Type, str],
        inside: Callable[[str, tuple[str, ...]], tuple[str, ...]],
        of_json: Callable[[str, str, tuple[str, ...]], str] | None = None,
    ) -> None:
        self.operation = operation
        self.placeholder = placeholder
        self.bind_list = bind_list
        self.templates = templates
        self.elements = elements
        self.inside = inside
        """The operands of the templates for a value in a column of JSON, named by the path that leads to it."""
        self.of_json = of_json
        """A template for a value in a column of JSON, as SQL for one in an element of a list, by the element's alias
        and the names that lead to it; None: elements that are no scalars are not read."""


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
    STRING: "text", TIMESTAMP: "text", BYTES: "text", DURATION: "bigint",
}  # fmt: skip
BOUND = _POSTGRES_NAMES.keys()
"""The types of parameters, and of the elements of those that are lists."""


def _sqlite_element(template: str, alias: str, names: tuple[str, ...]) -> str:
    if not names:
        return template.replace("json_type({0}, {1})", f"{alias}.type").replace(
            "json_extract({0}, {1})", f"{alias}.value"
        )
    path = _literal("$" + "".join([f'."{name}"' for name in names]))
    inner = template.replace("{0}", f"{alias}.value").replace("{1}", path)
    return f"CASE {alias}.type WHEN 'object' THEN {inner} END"


def _postgres_element(template: str, alias: str, names: tuple[str, ...]) -> str:
    path = "".join([f" -> {_literal(name)}" for name in names])
    return template.replace("{0}", f"{alias}.value{path}" if not names else f"({alias}.value{path})")


SQLITE = Dialect(
    lambda operation: operation.sqlite,
    _question_mark,
    _json,
    {
        "in column": "EXISTS (SELECT 1 FROM json_each({1}) AS _m WHERE _m.value = {0})",
        "in column of int64": "EXISTS (SELECT 1 FROM json_each({1}) AS _m WHERE _m.value = CAST({0} AS TEXT))",
        "in bound": "{0} IN (SELECT value FROM json_each({1}))",
        "among": "({0} IN ({1}))",
        "among or": "({0} IN ({1}))",
        "rows": "json_each({0}) AS {e}",
        "rows of json": "json_each({0}) AS {e}",
        "rows bound": "json_each({0}) AS {e}",
        "place": "{e}.key",
        "kept": "LIMIT -1",
        "any": "max({0})",
        "every": "min({0}) <> 0",
        "carried": ", {e}.type AS type",
        "bound as column": "{0}",
        "item": "json_extract({0}, '$[%d]')",
        "inside bool": "CASE json_type({0}, {1}) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END",
        "inside double": (
            "CASE WHEN json_type({0}, {1}) IN ('integer', 'real') THEN CAST(json_extract({0}, {1}) AS REAL) END"
        ),
        "inside string": "CASE json_type({0}, {1}) WHEN 'text' THEN json_extract({0}, {1}) END",
        "inside list": "CASE json_type({0}, {1}) WHEN 'array' THEN json_extract({0}, {1}) END",
        "inside int": (
            f"CASE json_type({{0}}, {{1}}) WHEN 'integer' THEN CASE WHEN json_extract({{0}}, {{1}}) BETWEEN {-SAFE} "
            f"AND {SAFE} THEN json_extract({{0}}, {{1}}) END END"
        ),
        "inside int64": "CASE json_type({0}, {1}) WHEN 'text' THEN CAST(json_extract({0}, {1}) AS INTEGER) END",
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
    _sqlite_element,
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
        "among": "({0} IN ({1}))",
        "among or": "({0} = ANY (ARRAY ({1})))",  # an index of each side is used
        "rows": "jsonb_array_elements_text({0}) WITH ORDINALITY AS {e}(value, n)",
        "rows of json": "jsonb_array_elements({0}) WITH ORDINALITY AS {e}(value, n)",
        "rows bound": "unnest({0}) WITH ORDINALITY AS {e}(value, n)",
        # A subquery with OFFSET is not drawn into the outer one, where its value would be computed three times.
        "place": "({e}.n - 1)", "kept": "OFFSET 0", "any": "bool_or({0})", "every": "bool_and({0})", "carried": "",
        "bound as column": "to_jsonb({0})",
        "item": "{0} ->> %d",
        "inside bool": "CASE jsonb_typeof({0}) WHEN 'boolean' THEN ({0})::boolean END",
        "inside double": "CASE jsonb_typeof({0}) WHEN 'number' THEN ({0} #>> '{}')::double precision END",
        "inside string": "CASE jsonb_typeof({0}) WHEN 'string' THEN ({0} #>> '{}') COLLATE \"C\" END",
        "inside list": "CASE jsonb_typeof({0}) WHEN 'array' THEN {0} END",
        "inside int": (
            "CASE jsonb_typeof({0}) WHEN 'number' THEN CASE WHEN ({0} #>> '{}') ~ '^-{0,1}[0-9]{1,16}$' "
            f"AND ({{0}} #>> '{{}}')::numeric BETWEEN {-SAFE} AND {SAFE} THEN ({{0}} #>> '{{}}')::bigint END END"
        ),
        "inside int64": "CASE jsonb_typeof({0}) WHEN 'string' THEN ({0} #>> '{}')::bigint END",
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
    _postgres_element,
)  # fmt: skip
