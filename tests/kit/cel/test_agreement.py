"""The predicate, SQLite, PostgreSQL and cel-python give the same answers, the third value included."""

from __future__ import annotations

from typing import Any

from celpy import celtypes
from hypothesis import given, note
from hypothesis import strategies as st

from hinterland.kit.cel.check import check
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.explain import explain, refusing
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.predicate import predicate
from hinterland.kit.cel.typed import Typed
from tests.kit.cel.engines import PostgresRecords, SqliteRecords, ask_oracle, for_oracle, oracle
from tests.kit.cel.expressions import Expression, expressions
from tests.kit.cel.schema import AUTH, AUTH_FIELDS, ENVIRONMENT, FIELDS, OLD, RECORDS


def checked(rules: list[Expression]) -> list[tuple[Expression, Typed]]:
    """The rules that can be exact, with their trees."""
    trees = []
    for rule in rules:
        try:
            trees.append((rule, check(parse(rule.text), ENVIRONMENT)))
        except CelError as error:
            note(f"refused: {error}")
    return trees


@given(
    rules=st.lists(expressions(), min_size=4, max_size=8),
    records=st.lists(RECORDS, min_size=1, max_size=4),
    others=st.lists(st.tuples(AUTH, OLD), min_size=1, max_size=2),
)
def test_all_agree(
    rules: list[Expression],
    records: list[dict[str, Any]],
    others: list[tuple[Any, Any]],
    sqlite_records: SqliteRecords,
    postgres_records: PostgresRecords,
) -> None:
    """A rule means the same wherever it is evaluated."""
    pairs = checked(rules)
    if not pairs:
        return
    trees = [tree for _, tree in pairs]
    tests = [predicate(tree) for tree in trees]
    programs = [oracle(rule.oracle) if rule.oracle is not None else None for rule, _ in pairs]
    engines: dict[str, SqliteRecords | PostgresRecords] = {"SQLite": sqlite_records, "PostgreSQL": postgres_records}
    for engine in engines.values():
        engine.fill(records)
    for auth, old in others:
        answers = {name: engine.answers(trees, {"auth": auth, "old": old}) for name, engine in engines.items()}
        for row, record in enumerate(records):
            variables = {"record": record, "auth": auth, "old": old}
            translated = {
                "record": for_oracle(record, FIELDS),
                "old": for_oracle(old, FIELDS),
                "auth": for_oracle(auth, AUTH_FIELDS),
                **{f"{name}_is_null": celtypes.BoolType(value is None) for name, value in variables.items()},
            }
            for number, (rule, _) in enumerate(pairs):
                expected = tests[number](variables)
                for name in engines:
                    found = answers[name][row][number]
                    assert found == (expected, expected is True), (name, rule.text, variables)
                program = programs[number]
                if program is not None:
                    assert ask_oracle(program, translated) == expected, (rule, variables)


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
