"""Expressions asked of SQLite and PostgreSQL: the values in them become columns, so that SQL works on them.

A value stays in the expression where the checker or the compiler wants a literal (a pattern, a duration) or SQL has no
exact form. An expression of which nothing can be a column is not asked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import apsw
import asyncpg

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.dialects import POSTGRES, SQLITE, Dialect
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.sql import to_sql
from hinterland.kit.cel.sqlite_functions import register
from hinterland.kit.cel.tree import FieldAccess, FunctionCall, Index, Literal, Name, Node, Sequence
from hinterland.kit.cel.typed import Typed
from hinterland.kit.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT,
    INT64,
    STRING,
    TIMESTAMP,
    Environment,
    ListType,
    ObjectType,
    Type,
)

_SAFE = 2**53 - 1
_KINDS = {"bool": (BOOL,), "int": (INT64, INT), "double": (DOUBLE,), "string": (STRING,), "bytes": (BYTES,)}
_COLUMNS = {
    "SQLite": {BOOL: "{}", INT: "{}", INT64: "{}", DOUBLE: "CAST({} AS REAL)"},
    "PostgreSQL": {BOOL: "{}::boolean", INT: "{}::bigint", INT64: "{}::bigint", DOUBLE: "{}::double precision",
                   STRING: '{}::text COLLATE "C"', TIMESTAMP: '{}::text COLLATE "C"', BYTES: '{}::text COLLATE "C"'},
}  # fmt: skip
_DIALECTS = {"SQLite": SQLITE, "PostgreSQL": POSTGRES}


class Stored(NamedTuple):
    """An expression over the columns of one row: the checked tree, each column's type and value, and the variables."""

    tree: Typed
    columns: Mapping[str, tuple[Type, Any]]
    variables: Mapping[str, Any]


def stored_forms(text: str, environment: Environment, variables: Mapping[str, Any]) -> Iterator[Stored]:
    """The expression with as many of its values in columns as can be, and with each of them alone."""
    node = parse(text)
    nodes = [*_places(node, environment)]
    kept: dict[int, tuple[str, Type, Any]] = {}
    for number, place in enumerate(nodes):
        for kind, value in _held(place, environment, variables):
            alone = {id(place): (f"c{number}", kind, value)}
            found = _form(node, environment, variables, kept | alone)
            if found is not None:
                kept |= alone
                if (single := _form(node, environment, variables, alone)) is not None and len(nodes) > 1:
                    yield single
                break
    found = _form(node, environment, variables, kept) if kept else None
    if found is not None:
        yield found


def _places(node: Node, environment: Environment) -> Iterator[Node]:
    """What can become a column: literals and variables."""
    if isinstance(node, Literal) or (isinstance(node, Name) and node.name in environment.variables):
        yield node
    for part in node.parts():
        yield from _places(part, environment)


def _held(place: Node, environment: Environment, variables: Mapping[str, Any]) -> Iterator[tuple[Type, Any]]:
    """The types that a column for it can have, with the value."""
    if isinstance(place, Name):
        yield environment.variables[place.name], variables.get(place.name)
    elif isinstance(place, Literal):
        for kind in _KINDS.get(place.kind, ()):
            if kind is not INT or (isinstance(place.value, int) and abs(place.value) <= _SAFE):
                yield kind, place.value


def _form(
    node: Node, environment: Environment, variables: Mapping[str, Any], kept: Mapping[int, tuple[str, Type, Any]]
) -> Stored | None:
    columns = {name: (kind, value) for name, kind, value in kept.values()}
    names = {place: name for place, (name, _, _) in kept.items()}
    fields = ObjectType({name: kind for name, (kind, _) in columns.items()})
    try:
        tree = check(_replaced(node, names), Environment({**environment.variables, "record": fields}))
        for dialect in _DIALECTS.values():
            to_sql(tree, dialect, _column, is_exact=True)
            to_sql(tree, dialect, _column)
    except CelError:
        return None
    return Stored(tree, columns, variables) if "record" in tree.variables else None


def _column(name: str) -> str:
    return f'r."{name}"'


def _replaced(node: Node, names: Mapping[int, str]) -> Node:
    if id(node) in names:
        owner = Name(node.source, node.start, node.end, "record")
        return FieldAccess(node.source, node.start, node.end, owner, names[id(node)])
    place = (node.source, node.start, node.end)
    again = partial(_replaced, names=names)
    match node:
        case FunctionCall():
            return FunctionCall(*place, node.function, tuple(map(again, node.arguments)), node.is_method)
        case FieldAccess():
            return FieldAccess(*place, again(node.operand), node.field)
        case Index():
            return Index(*place, again(node.operand), again(node.index))
        case Sequence():
            return Sequence(*place, tuple(map(again, node.items)))
    return node


class Database:
    """A database that is asked for the values of expressions."""

    def __init__(self, name: str, fetch: Any) -> None:
        self.name = name
        self._dialect: Dialect = _DIALECTS[name]
        self._fetch = fetch

    def answer(self, stored: Stored) -> tuple[bool | None, bool]:
        """The value (None: an error), and whether WHERE lets the row through."""
        columns, parameters = [], []
        for number, (name, (kind, value)) in enumerate(stored.columns.items(), 1):
            mark = f"${number}" if self.name == "PostgreSQL" else "?"
            columns.append(f'{self._shape(kind).format(mark)} AS "{name}"')
            parameters.append(_as_stored(kind, value))
        asked = []
        for is_exact in (True, False):
            start = len(parameters) + 1
            sql = to_sql(stored.tree, self._dialect, _column, start=start, is_exact=is_exact)
            asked.append(f"({sql.text})" if is_exact else f"({sql.text}) IS TRUE")
            parameters += sql.bind(stored.variables)
        rows = f"WITH r AS MATERIALIZED (SELECT {', '.join(columns)}) SELECT {', '.join(asked)} FROM r"
        [(value, is_let_through)] = self._fetch(rows, parameters)
        return None if value is None else bool(value), bool(is_let_through)

    def _shape(self, kind: Type) -> str:
        is_json = isinstance(kind, ListType) or kind is DYN
        return _COLUMNS[self.name].get(kind, "{}::text::jsonb" if is_json and self.name == "PostgreSQL" else "{}")


def _as_stored(kind: Type, value: Any) -> Any:
    if value is not None and (isinstance(kind, ListType) or kind is DYN):
        return json.dumps(value)
    return int(value) if kind in (INT, INT64) and value is not None else value


@contextmanager
def databases(dsn: str) -> Iterator[list[Database]]:
    """SQLite, and the PostgreSQL at `dsn`, for the time of the block."""
    connection = apsw.Connection(":memory:")
    register(partial(connection.create_scalar_function, deterministic=True))
    with asyncio.Runner() as runner:
        postgres = runner.run(asyncpg.connect(dsn, statement_cache_size=0))
        yield [
            Database("SQLite", lambda sql, parameters: connection.execute(sql, parameters).fetchall()),
            Database("PostgreSQL", lambda sql, parameters: runner.run(postgres.fetch(sql, *parameters))),
        ]
        runner.run(postgres.close())
