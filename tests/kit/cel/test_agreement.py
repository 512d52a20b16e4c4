"""The predicate, SQLite, PostgreSQL and cel-python give the same answers, the third value included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.explaining import explain, refusing
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.predicates import predicate
from hinterland.kit.cel.typed import Typed
from tests.kit.cel.engines import Answer, PostgresRecords, SqliteRecords, ask_oracle, for_oracle, oracle
from tests.kit.cel.expressions import Expression, checked, expressions
from tests.kit.cel.schema import AUTH, ENVIRONMENT, LISTS, OLD, RECORDS

Engines = Mapping[str, SqliteRecords | PostgresRecords]
Others = list[tuple[Any, Any]]
RULES = st.lists(expressions(), min_size=4, max_size=8)
OTHERS = st.lists(st.tuples(AUTH, OLD), min_size=1, max_size=2)


@pytest.fixture(scope="session")
def engines(sqlite_records: SqliteRecords, postgres_records: PostgresRecords) -> Engines:
    """Both databases."""
    return {"SQLite": sqlite_records, "PostgreSQL": postgres_records}


def agreed(
    trees: list[Typed], records: list[dict[str, Any]], others: Others, engines: Engines
) -> Iterator[tuple[int, Answer, dict[str, Any]]]:
    """What the predicate of each tree answers, after both databases were found to answer the same.

    Yields the number of the tree, the answer, and the variables.
    """
    tests = [predicate(tree) for tree in trees]
    for engine in engines.values():
        engine.fill(records)
    for auth, old in others:
        found = {name: engine.answers(trees, {"auth": auth, "old": old}) for name, engine in engines.items()}
        for row, record in enumerate(records):
            variables = {"record": record, "auth": auth, "old": old}
            for number, tree in enumerate(trees):
                expected = tests[number](variables)
                for name in engines:
                    assert found[name][row][number] == (expected, expected is True), (name, tree.text, variables)
                yield number, expected, variables


EDGES: dict[str, list[Any]] = {
    "price": [
        2.0**63,
        -(2.0**63),
        2.0**63 - 1024,
        -(2.0**63) - 2048,
        1e150,
        1e-150,
        -1e-150,
        5e-324,
        1.7976931348623157e308,
    ],
    "big": [str(2**63 - 1), str(-(2**63)), str(2**53), str(2**53 + 1), "0", "-1"],
    "count": [2**53 - 1, -(2**53) + 1, 0, -1],
    "id": ["", "a", "b", "ab", "a\uffff", "\U0010ffff", "\ud7ff", "\ue000", "%", "A"],
}
EDGE_RULES = (
    "int(record.price) > 0",
    "record.price * record.price > 1.0",
    "record.price / record.price == 1.0",
    "record.price - record.price == 0.0",
    "-record.price < 0.0",
    "record.price > 9223372036854774784",
    "record.big + 1 > 0",
    "record.big - 1 < 0",
    "record.big * -1 > 0",
    "record.big / -1 > 0",
    "record.big % -1 == 0",
    "-record.big > 0",
    "0 / record.big == 0",
    "double(record.big) == 9007199254740992.0",
    "record.big > 9007199254740992.5",
    "string(record.big).size() > 5",
    "record.count > -0.5",
    "record.count <= 9007199254740991.0",
    "record.count / record.count == 1",
    "record.count % -7 == 0",
    "record.count * record.count > 0",
    "record.id.startsWith('a')",
    "record.id.startsWith('\U0010ffff')",
    "record.id.startsWith('\ud7ff')",
    "record.id.startsWith('')",
    "record.id.startsWith(record.id)",
    "record.id.endsWith('')",
    "record.id.endsWith('ab')",
    "record.id.contains('%')",
    "record.id < '\ue000'",
    "record.id.lowerAscii() == 'a'",
    "record.id in []",
    "!(record.id in [])",
    "record.id in [record.key]",
)


@pytest.mark.parametrize("field", EDGES)
def test_edges_agree(field: str, engines: Engines) -> None:
    """At the ends of every range, and where text is empty or sorts last, all agree too."""
    trees = [check(parse(rule), ENVIRONMENT) for rule in EDGE_RULES]
    records = [{field: value} for value in EDGES[field]]
    assert len(list(agreed(trees, records, [(None, None)], engines))) == len(trees) * len(records)


@given(rules=RULES, records=st.lists(RECORDS, min_size=1, max_size=4), others=OTHERS)
def test_all_agree(rules: list[Expression], records: list[dict[str, Any]], others: Others, engines: Engines) -> None:
    """A rule means the same wherever it is evaluated."""
    pairs = checked(rules)
    assume(pairs)
    programs = [oracle(rule.oracle) if rule.oracle is not None else None for rule, _ in pairs]
    for number, expected, variables in agreed([tree for _, tree in pairs], records, others, engines):
        program = programs[number]
        if program is not None:
            assert ask_oracle(program, for_oracle(variables)) == expected, (pairs[number][0], variables)


@settings(max_examples=settings().max_examples // 3)
@given(rules=RULES, record=RECORDS, parameters=st.lists(st.sampled_from(LISTS)), others=OTHERS)
def test_lists_with_nulls_agree(
    rules: list[Expression], record: dict[str, Any], parameters: list[str], others: Others, engines: Engines
) -> None:
    """A null among a list's elements, which no validated list has, means the same in both databases too."""
    trees = [tree for _, tree in checked(rules)]
    assume(trees)
    record |= {name: [None, *(record.get(name) or [])] for name in parameters}
    others = [(auth and auth | {"roles": [3, None, "a"], "limits": ["1", "x", 2.5]}, old) for auth, old in others]
    assert all(True for _ in agreed(trees, [record], others, engines))


@given(expressions(), RECORDS, AUTH, OLD)
def test_explanations_agree(rule: Expression, record: dict[str, Any], auth: Any, old: Any) -> None:
    """An explanation begins with the value of the whole rule, and names a part that refused just if it refused."""
    for _, tree in checked([rule]):
        variables = {"record": record, "auth": auth, "old": old}
        value = predicate(tree)(variables)
        parts = explain(tree, variables)
        assert parts == [] or parts[0].value is value
        assert all((part.value is None) == bool(part.reason) for part in parts)
        assert (refusing(tree, variables) is None) == (value is True)
