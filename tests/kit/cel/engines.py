"""The four that must agree: the predicate, SQLite, PostgreSQL and the oracle."""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import apsw
import asyncpg
import celpy
from celpy import celtypes
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError

from hinterland.kit.cel.dialects import POSTGRES, SQLITE, Dialect
from hinterland.kit.cel.sql import Resolver, Sql, to_sql
from hinterland.kit.cel.sqlite_functions import register
from hinterland.kit.cel.typed import Typed
from hinterland.kit.cel.types import BOOL, BYTES, DOUBLE, DYN, INT, INT64, STRING, TIMESTAMP, ListType, Type
from tests.kit.cel.schema import AUTH_FIELDS, FIELDS

Record = Mapping[str, Any]
Answer = bool | None

_SQLITE_TYPES = {BOOL: "INTEGER", INT: "INTEGER", INT64: "INTEGER", DOUBLE: "REAL"}
_POSTGRES_TYPES = {
    BOOL: "boolean", INT: "bigint", INT64: "bigint", DOUBLE: "double precision", STRING: 'text COLLATE "C"',
    TIMESTAMP: 'text COLLATE "C"', BYTES: 'text COLLATE "C"', DYN: "jsonb",
}  # fmt: skip


def column(field: str) -> str:
    """A field's column."""
    return f'r."{field}"'


def stored(value: object, kind: Type) -> object:
    """A value as its column holds it."""
    if value is not None and (isinstance(kind, ListType) or kind is DYN):
        return json.dumps(value)
    return int(value) if kind is INT64 and isinstance(value, str) else value


def _statement(
    trees: Sequence[Typed], dialect: Dialect, variables: Record, resolver: Resolver
) -> tuple[str, list[object]]:
    """One statement that asks for the exact value of every tree and whether WHERE would let a row through."""
    columns: list[str] = []
    parameters: list[object] = []
    for tree in trees:
        for is_exact in (True, False):
            sql: Sql = to_sql(tree, dialect, resolver, start=len(parameters) + 1, is_exact=is_exact)
            columns.append(f"({sql.text})" if is_exact else f"({sql.text}) IS TRUE")
            parameters += sql.bind(variables)
    return f"SELECT {', '.join(columns)} FROM r ORDER BY r._n", parameters


def _answers(rows: Sequence[Sequence[Any]]) -> list[list[tuple[Answer, bool]]]:
    """For each row, for each tree: its value, and whether WHERE lets the row through."""
    return [
        [(None if row[at] is None else bool(row[at]), bool(row[at + 1])) for at in range(0, len(row), 2)]
        for row in rows
    ]


class SqliteRecords:
    """A table of records in SQLite."""

    def __init__(self) -> None:
        self.connection = apsw.Connection(":memory:")
        register(partial(self.connection.create_scalar_function, deterministic=True))
        columns = ", ".join(f'"{name}" {_SQLITE_TYPES.get(kind, "TEXT")}' for name, kind in FIELDS.items())
        self.connection.execute(f"CREATE TABLE r (_n INTEGER PRIMARY KEY, {columns}) STRICT")

    def fill(self, records: Sequence[Record]) -> None:
        """Replace the records."""
        self.connection.execute("DELETE FROM r")
        places = ", ".join("?" * (len(FIELDS) + 1))
        rows = [(n, *(stored(record.get(name), FIELDS[name]) for name in FIELDS)) for n, record in enumerate(records)]
        self.connection.executemany(f"INSERT INTO r VALUES ({places})", rows)

    def answers(
        self, trees: Sequence[Typed], variables: Record, resolver: Resolver = column
    ) -> list[list[tuple[Answer, bool]]]:
        """For each record, for each tree: its value, and whether WHERE lets the row through."""
        text, parameters = _statement(trees, SQLITE, variables, resolver)
        return _answers(self.connection.execute(text, parameters).fetchall())


class PostgresRecords:
    """A table of records in PostgreSQL, driven from outside of any event loop."""

    def __init__(self, dsn: str) -> None:
        self.runner = asyncio.Runner()
        # A statement that takes longer than the longest rule should fails, rather than the machine.
        settings = {"statement_timeout": "20s"}
        self.connection = self.runner.run(asyncpg.connect(dsn, statement_cache_size=0, server_settings=settings))
        columns = ", ".join(f'"{name}" {_POSTGRES_TYPES.get(kind, "jsonb")}' for name, kind in FIELDS.items())
        self.runner.run(self.connection.execute(f"CREATE TEMP TABLE r (_n bigint PRIMARY KEY, {columns})"))

    def close(self) -> None:
        """End the connection."""
        self.runner.run(self.connection.close())
        self.runner.close()

    def fill(self, records: Sequence[Record]) -> None:
        """Replace the records."""
        self.runner.run(self._fill(records))

    async def _fill(self, records: Sequence[Record]) -> None:
        await self.connection.execute("TRUNCATE r")
        places = ", ".join(f"${n}" for n in range(1, len(FIELDS) + 2))
        rows = [(n, *(stored(record.get(name), FIELDS[name]) for name in FIELDS)) for n, record in enumerate(records)]
        await self.connection.executemany(f"INSERT INTO r VALUES ({places})", rows)

    def answers(
        self, trees: Sequence[Typed], variables: Record, resolver: Resolver = column
    ) -> list[list[tuple[Answer, bool]]]:
        """For each record, for each tree: its value, and whether WHERE lets the row through."""
        text, parameters = _statement(trees, POSTGRES, variables, resolver)
        return _answers(self.runner.run(self.connection.fetch(text, *parameters)))

    def plan(self, index: str, text: str, parameters: Sequence[object]) -> str:
        """How a statement would run with an index, and with whole scans as the last resort."""
        return self.runner.run(self._plan(index, text, parameters))

    async def _plan(self, index: str, text: str, parameters: Sequence[object]) -> str:
        await self.connection.execute(f"SET enable_seqscan = off; CREATE INDEX _i ON r {index}")
        rows = await self.connection.fetch(f"EXPLAIN {text}", *parameters)
        await self.connection.execute("DROP INDEX _i; RESET enable_seqscan")
        return "\n".join(row[0] for row in rows)


# ---------------------------------------------------------------- the oracle

_ORACLE = celpy.Environment()


def oracle(text: str) -> celpy.Runner:
    """A program of cel-python."""
    return _ORACLE.program(_ORACLE.compile(text))


def ask_oracle(program: celpy.Runner, variables: Mapping[str, Any]) -> Answer:
    """Its answer; None for error."""
    try:
        return bool(program.evaluate(dict(variables)))
    except CELEvalError:
        return None


def for_oracle(variables: Mapping[str, Record | None]) -> dict[str, Any]:
    """Variables as the oracle takes them, and for each a boolean that says whether it is null."""
    fields = {"record": FIELDS, "old": FIELDS, "auth": AUTH_FIELDS}
    found = {name: _oracle_object(value, fields[name]) for name, value in variables.items()}
    return found | {f"{name}_is_null": celtypes.BoolType(value is None) for name, value in variables.items()}


def _oracle_object(value: Record | None, fields: Mapping[str, Type]) -> Any:
    """An object, typed, and without the fields that have no value."""
    if value is None:
        return None
    items = {name: _oracle_value(value[name], kind) for name, kind in fields.items() if value.get(name) is not None}
    return celtypes.MapType({celtypes.StringType(name): item for name, item in items.items()})


def _oracle_value(value: Any, kind: Type) -> Any:
    if isinstance(kind, ListType):
        return celtypes.ListType([_oracle_value(item, kind.element) for item in value])
    if kind in (INT, INT64):
        return celtypes.IntType(int(value))
    if kind is TIMESTAMP:
        return celtypes.TimestampType(datetime.datetime.fromisoformat(value))
    if kind is BYTES:
        return celtypes.BytesType(base64.b64decode(value))
    return json_to_cel(value)
