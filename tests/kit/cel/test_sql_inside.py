"""Values inside of JSON: the predicate and both databases read them alike, the third value included."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.dialects import POSTGRES, SQLITE
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.predicates import predicate
from hinterland.kit.cel.sql import to_sql
from hinterland.kit.cel.typed import Typed
from hinterland.kit.cel.types import STRING, Environment, ObjectType
from tests.kit.cel.engines import PostgresRecords, SqliteRecords, column
from tests.kit.cel.schema import AUTH_FIELDS, DOUBLES, ENVIRONMENT, FIELDS, STRINGS

AUTH = {"id": "Rome", "level": 3, "trusted": True}
RULES = [
    "record.json == 'Rome'",
    "record.json == 1",
    "record.json",
    "record.json.city == 'Rome'",
    "record.json.city != 'Rome'",
    "'Rome' == record.json.city",
    "record.json.city < 'S'",
    "record.json.city == auth.id",
    "record.json.city == record.id",
    "record.json.city.startsWith('Ro') || record.json.city.contains('slo')",
    "record.json.city.lowerAscii() == 'rome'",
    "record.json.n == 1",
    "record.json.n > 0.5",
    "record.json.n <= record.count",
    "record.json.n in [1, 2, 2.5]",
    "record.json.city in ['Rome', 'Oslo']",
    "record.json.city in record.tags",
    "record.json.n == auth.level",
    "record.json.yes",
    "!record.json.yes",
    "record.json.yes == true && record.json.city == 'Rome'",
    "record.json.yes ? record.json.n > 1 : record.json.n < 1",
    "record.json['a b'].c == 'x'",
    "record.json['its ?'] == 1",
    'record.json["it\\u0027s"] == 1',
    "record.json.a.b.c == 'deep'",
    "record.json.city == null",
    "record.json.city != null",
    "has(record.json.a.b)",
    "!has(record.json.a.b.c)",
    "record.json.a == null || record.json.a.b == null",
    "'Rome' in record.json.list",
    "1 in record.json.list",
    "0.5 in record.json.list",
    "true in record.json.list",
    "!(auth.id in record.json.list)",
    "'' in record.json.list && record.json.yes",
]
CITIES: list[Any] = ["Rome", "Oslo", "", "rome", 1, None, True, ["Rome"], {"a": "Rome"}, *STRINGS]
NUMBERS: list[Any] = [1, 0, -1, 1.0, 2.5, True, False, "1", None, 2**53, 10**18, *DOUBLES]
LISTS: list[Any] = [
    [], ["Rome"], ["Rome", 1, True], [1.0], [0.5, "a"], ["1", "true"], [["Rome"], {"Rome": 1}], [None], [[1]], ["[1]"],
    "Rome", None, {"0": "Rome"}, [True], [0], [1e300, 7.60132448245814e16], ["1e5000", 1],
]  # fmt: skip
VALUES = st.recursive(
    st.sampled_from([*CITIES, *NUMBERS]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["city", "n", "yes", "a", "b", "c", "a b", "its ?", "list"]), inner, max_size=4
        ),
    ),
    max_leaves=8,
)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "city": st.sampled_from(CITIES),
        "n": st.one_of(st.sampled_from(NUMBERS), st.floats(allow_nan=False, allow_infinity=False)),
        "yes": st.sampled_from([True, False, None, 1, "true"]),
        "list": st.sampled_from(LISTS),
        "a": VALUES,
        "a b": VALUES,
        "its ?": VALUES,
    },
)
RECORDS = st.fixed_dictionaries(
    {"json": st.one_of(OBJECTS, VALUES)},
    optional={"id": st.sampled_from(["Rome", "x"]), "count": st.integers(-3, 3), "tags": st.just(["Rome", "x"])},
)


def agreed(
    trees: list[Typed], records: list[dict[str, Any]], engines: tuple[SqliteRecords | PostgresRecords, ...]
) -> list[list[bool | None]]:
    """What the predicates answer, after both databases were found to answer the same."""
    # As a record has it: through JSON, where a float that is whole stays one.
    records = [json.loads(json.dumps(record)) for record in records]
    expected = [[predicate(tree)({"record": record, "auth": AUTH}) for tree in trees] for record in records]
    for engine in engines:
        engine.fill(records)
        found = engine.answers(trees, {"auth": AUTH})
        for record, row, wanted in zip(records, found, expected, strict=True):
            for tree, answer, value in zip(trees, row, wanted, strict=True):
                assert answer == (value, value is True), (type(engine).__name__, tree.text, record)
    return expected


@given(records=st.lists(RECORDS, min_size=1, max_size=8))
def test_values_inside_of_json_agree(
    records: list[dict[str, Any]], sqlite_records: SqliteRecords, postgres_records: PostgresRecords
) -> None:
    """A path into a value is read alike everywhere; what is missing or of another type is an error."""
    trees = [check(parse(rule), ENVIRONMENT) for rule in RULES]
    agreed(trees, records, (sqlite_records, postgres_records))


def test_each_kind_of_value(sqlite_records: SqliteRecords, postgres_records: PostgresRecords) -> None:
    """Text is text, a number a number whether whole or not, a truth a truth; a list holds what equals an element."""
    expected: dict[str, dict[str, list[Any]]] = {
        "record.json.x == 'Rome'": {"true": ["Rome"], "false": ["Oslo"], "error": [1, True, None, ["Rome"], {}]},
        "record.json.x == 1": {"true": [1, 1.0], "false": [2, 1.5], "error": ["1", True, None, [1], {"a": 1}]},
        "record.json.x": {"true": [True], "false": [False], "error": [1, "true", None, [True], {}]},
        "'a' in record.json.x": {"true": [["a"], [1, "a"]], "false": [[], [["a"]]], "error": ["a", {"a": 1}, None]},
        "2 in record.json.x": {"true": [[2], [2.0, "a"]], "false": [["2"], [[2]], [True]], "error": [2, None]},
        "has(record.json.x)": {"true": [1, "", [], False], "false": [None], "error": []},
        "has(record.json.x.y)": {"true": [{"y": 0}], "false": [{}, {"y": None}], "error": [1, "y", [], None]},
    }
    answers = {"true": True, "false": False, "error": None}
    for rule, wanted in expected.items():
        records = [{"json": {"x": value}} for values in wanted.values() for value in values]
        found = agreed([check(parse(rule), ENVIRONMENT)], records, (sqlite_records, postgres_records))
        assert found == [[answers[name]] for name, values in wanted.items() for _ in values], rule


def test_fields_that_are_not_declared(sqlite_records: SqliteRecords, postgres_records: PostgresRecords) -> None:
    """In an object that is open, an undeclared field is read out of the document; a declared one has its column."""
    record = ObjectType({"id": STRING}, is_open=True)
    environment = Environment({"record": record, "auth": ObjectType(AUTH_FIELDS, nullable=True)})
    sources = [
        "record.city == auth.id && record.id == 'a'",
        "has(record.city)",
        "record.meta.n > 1",
        "record.x == null",
    ]
    trees = [check(parse(source), environment) for source in sources]

    def resolver(name: str) -> str:
        return column(name or "json")

    document = {"city": "Rome", "meta": {"n": 2}}
    for engine, dialect in ((sqlite_records, SQLITE), (postgres_records, POSTGRES)):
        engine.fill([{"id": "a", "json": document}, {"id": "b", "json": {"city": 1}}])
        answers = engine.answers(trees, {"auth": AUTH}, resolver)
        assert [[value for value, _ in row] for row in answers] == [[True, True, True, True], [False, True, None, True]]
        assert '"city"' not in to_sql(trees[0], dialect, resolver).text.replace('$."city"', "")
    variables = {"record": {"id": "a", **document}, "auth": AUTH}
    assert [predicate(tree)(variables) for tree in trees] == [True] * 4
    with pytest.raises(CelError, match="no field"):
        check(parse("record.city == 'Rome'"), Environment({"record": ObjectType({"id": STRING})}))
    assert "json" in FIELDS
