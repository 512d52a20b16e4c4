"""The SQL condition: its text, its parameters, what an index serves, and its limits."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.dialects import POSTGRES, SQLITE, Dialect
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.sql import Sql, to_sql
from hinterland.kit.cel.types import STRING, Environment, ObjectType
from tests.kit.cel.engines import PostgresRecords, SqliteRecords, column
from tests.kit.cel.schema import ENVIRONMENT

ANN: dict[str, Any] = {"id": "ann", "roles": ["a", "b"], "level": 3, "limits": ["7", "x", 8]}


def compiled(source: str, dialect: Dialect, **options: Any) -> Sql:
    """The condition of a rule."""
    return to_sql(check(parse(source), ENVIRONMENT), dialect, column, **options)


@pytest.mark.parametrize(
    ("source", "sqlite", "postgres", "parameters"),
    [
        ("true", "TRUE", "TRUE", []),
        ("record.open", 'r."open"', 'r."open"', []),
        ("record.price > 3", '(r."price" > ?)', '(r."price" > $1::double precision)', [3.0]),
        ("3 < record.count", '(r."count" > ?)', '(r."count" > $1::bigint)', [3]),
        ("record.count < 1.5", '(r."count" < ?)', '(r."count" < $1::bigint)', [2]),
        ("auth.id == record.id", '(r."id" = ?)', '(r."id" = $1::text)', ["ann"]),
        ("auth.id < record.id", '(r."id" > ?)', '(r."id" > $1::text COLLATE "C")', ["ann"]),
        ("auth != null && record.open", '(? AND r."open")', '($1::boolean AND r."open")', [True]),
        ("record.id == null", '(r."id" IS NULL)', '(r."id" IS NULL)', []),
        ("has(record.json)", '(r."json" IS NOT NULL)', '(r."json" IS NOT NULL)', []),
        ("record.id in ['x', 'y']", '(r."id" IN (?, ?))', '(r."id" IN ($1::text, $2::text))', ["x", "y"]),
        (
            "auth.id in record.tags",
            '(EXISTS (SELECT 1 FROM json_each(r."tags") AS _m WHERE _m.value = ?))',
            '(r."tags" @> to_jsonb($1::text))',
            ["ann"],
        ),
        (
            "record.id.startsWith('ab')",
            '(r."id" >= ? AND r."id" < ?)',
            '(r."id" >= $1::text COLLATE "C" AND r."id" < $2::text COLLATE "C")',
            ["ab", "ac"],
        ),
        ("'a' in auth.roles && auth.level + 1 > 3", "?", "$1::boolean", [True]),
    ],
)
def test_conditions_are_plain(source: str, sqlite: str, postgres: str, parameters: list[object]) -> None:
    """A column stands bare on one side; all that does not read the record is one parameter."""
    for dialect, text in ((SQLITE, sqlite), (POSTGRES, postgres)):
        sql = compiled(source, dialect)
        assert sql.text == text
        assert sql.bind({"auth": ANN}) == parameters


def test_lists_are_bound_as_the_driver_wants_them() -> None:
    """JSON for SQLite, a list for PostgreSQL; 64-bit integers as integers, and what is none left out of a search."""
    sqlite, postgres = (compiled("record.big in auth.limits", dialect) for dialect in (SQLITE, POSTGRES))
    assert (sqlite.text, sqlite.bind({"auth": ANN})) == ('(r."big" IN (SELECT value FROM json_each(?)))', ["[7, 8]"])
    assert (postgres.text, postgres.bind({"auth": ANN})) == ('(r."big" = ANY($1::bigint[]))', [[7, 8]])
    assert sqlite.bind({"auth": None}) == postgres.bind({"auth": None}) == postgres.bind() == [None]


def test_parameters_are_numbered_from_where_the_statement_is() -> None:
    """PostgreSQL's numbers begin at ``start``, and one value has one number; SQLite's stand in order."""
    source = "auth.id == record.id || auth.id == record.key || record.count == 1"
    sql = compiled(source, POSTGRES, start=4)
    assert sql.text == '((r."id" = $4::text) OR ((r."key" = $4::text) OR (r."count" = $5::bigint)))'
    assert (sql.bind({"auth": ANN}), sql.next_number) == (["ann", 1], 6)
    assert compiled(source, SQLITE).bind({"auth": ANN}) == ["ann", "ann", 1]
    assert compiled("true", POSTGRES, start=4).next_number == 4


def test_a_rule_is_compiled_once_for_all_callers() -> None:
    """The same text serves everybody; a missing value is NULL, and a test for null a boolean."""
    sql = compiled("auth == null || auth.id == record.id", SQLITE)
    assert sql.bind({"auth": None}) == [True, None]
    assert sql.bind({"auth": {}}) == [False, None]
    assert sql.bind({"auth": {"id": 5}}) == [False, None]
    assert sql.bind({"auth": ANN}) == [False, "ann"]


@pytest.mark.parametrize("source", ["[1u].exists(x, x == 2u && record.count > 1)", "[].exists(x, record.count > 1)",
                                    "[[1]].exists(x, record.count in x)"])  # fmt: skip
def test_what_no_database_is_given(source: str) -> None:
    """A value of a type that no parameter has is refused when the condition is compiled, for both databases."""
    for dialect in (SQLITE, POSTGRES):
        with pytest.raises(CelError, match="which no database is given"):
            to_sql(check(parse(source), ENVIRONMENT), dialect, column)


def test_columns_are_qualified() -> None:
    """A bare name could mean a column of json_each, so it is refused; so is a path that has no column."""
    tree = check(parse("record.id == 'x'"), ENVIRONMENT)
    for bad in ('"id"', "id", "r.id; --"):
        with pytest.raises(ValueError, match="must be qualified by its table"):
            to_sql(tree, SQLITE, lambda field, bad=bad: bad)  # type: ignore[misc]
    nested = Environment({"record": ObjectType({"owner": ObjectType({"id": STRING})})})
    with pytest.raises(CelError, match=r"record\.owner\.id has no column of its own"):
        to_sql(check(parse("record.owner.id == 'x'"), nested), SQLITE, column)


def test_the_record_is_always_there() -> None:
    """The record itself is never null in its own table; another variable may be the one with columns."""
    assert compiled("record == null", SQLITE).text == "FALSE"
    assert compiled("record != null", SQLITE).text == "TRUE"
    assert compiled("old.id == record.id", SQLITE, variable="old").text == '(r."id" = ?)'


WORST = [
    "||".join(["record.open"] * 600),
    "record.count" + " + 1" * 61 + " > 0",
    "record.price" + " * 1.0" * 60 + " > 0.0",
    "record.id" + ".lowerAscii()" * 60 + " == 'a'",
    "!" * 60 + "record.open",
    "record.open ? record.atom : " * 60 + "record.open",
    "record.id in [" + ", ".join(f"'{number}'" for number in range(1000)) + "]",
    "(" * 60 + "record.id" + " + 'x')" * 60 + ".endsWith(record.key)",
    "&&".join(["auth.id in record.tags"] * 300),
    "&&".join(["record.tags.exists(t, t == record.id)"] * 200),
]


@pytest.mark.parametrize("source", WORST, ids=range(len(WORST)))
def test_the_greatest_rules_run(source: str, sqlite_records: SqliteRecords, postgres_records: PostgresRecords) -> None:
    """Whatever the limits let through, both databases answer at once; the text grows with the rule's, never beyond."""
    tree = check(parse(source), ENVIRONMENT)
    record: dict[str, Any] = {
        "id": "A",
        "key": "x",
        "tags": ["A", "ann"],
        "count": 1,
        "price": 1.0,
        "open": True,
        "atom": True,
    }
    for engine in (sqlite_records, postgres_records):
        engine.fill([record])
        assert len(engine.answers([tree], {"auth": ANN})) == 1
    assert len(to_sql(tree, POSTGRES, column, is_exact=True).text) < 60 * len(source) + 500


INDEXED = [
    ("record.price > 3", "price"),
    ("3 >= record.count", "count"),
    ("auth.id == record.id", "id"),
    ("auth != null && record.value == auth.id", "value"),
    ("record.id in ['x', 'y']", "id"),
    ("record.id in auth.roles", "id"),
    ("record.id.startsWith('ab')", "id"),
    ("record.id < 'b'", "id"),
    ("record.at > timestamp('2026-01-02T03:04:05Z')", "at"),
]


@pytest.mark.parametrize(("source", "field"), INDEXED)
def test_an_index_serves_on_sqlite(source: str, field: str, sqlite_records: SqliteRecords) -> None:
    """SQLite answers a comparison with a search in the field's index."""
    sql = compiled(source, SQLITE)
    connection = sqlite_records.connection
    connection.execute(f'CREATE INDEX _i ON r ("{field}")')
    plan = connection.execute(
        f"EXPLAIN QUERY PLAN SELECT 1 FROM r WHERE {sql.text}", sql.bind({"auth": ANN})
    ).fetchall()
    connection.execute("DROP INDEX _i")
    assert any(f"INDEX _i ({field}" in str(row[3]) for row in plan), plan


@pytest.mark.parametrize(("source", "field"), [*INDEXED, ("auth.id in record.tags", "tags")])
def test_an_index_serves_on_postgres(source: str, field: str, postgres_records: PostgresRecords) -> None:
    """PostgreSQL answers a comparison with a condition on the field's index, and membership with a GIN index."""
    sql = compiled(source, POSTGRES)
    kind = "gin" if field == "tags" else "btree"
    plan = postgres_records.plan(
        f'USING {kind} ("{field}")', f"SELECT 1 FROM r WHERE {sql.text}", sql.bind({"auth": ANN})
    )
    assert "Index Cond" in plan
