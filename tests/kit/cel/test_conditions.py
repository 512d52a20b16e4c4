"""Conditions as trees: what constructors make is what CEL text says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.conditions import (
    Condition,
    and_,
    cel,
    contains,
    ends_with,
    eq,
    ge,
    gt,
    has,
    in_,
    le,
    lt,
    ne,
    not_,
    or_,
    starts_with,
)
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.predicates import predicate
from hinterland.kit.cel.tree import GIVEN
from hinterland.kit.cel.types import INT, INT64, TIMESTAMP
from tests.kit.cel.engines import PostgresRecords, SqliteRecords
from tests.kit.cel.schema import ENVIRONMENT

TIME = "2026-01-02T03:04:05.000000Z"
PAIRS: list[tuple[Condition, str]] = [
    (eq("key", "a"), "record.key == 'a'"),
    (ne("key", "a"), "record.key != 'a'"),
    (lt("count", 3), "record.count < 3"),
    (le("price", 1.5), "record.price <= 1.5"),
    (gt("price", 1), "record.price > 1"),
    (ge("big", "7", INT64), "record.big >= 7"),
    (gt("at", TIME, TIMESTAMP), f"record.at > timestamp('{TIME}')"),
    (eq("open", True), "record.open == true"),
    (eq("key", None), "record.key == null"),
    (ne("key", None), "record.key != null"),
    (in_("key", ["a", "b"]), "record.key in ['a', 'b']"),
    (in_("count", [1, 2]), "record.count in [1, 2]"),
    (in_("key", []), "record.key in []"),
    (has("key"), "has(record.key)"),
    (contains("key", "A"), "record.key.contains('A')"),
    (contains("key", "A", ignores_case=True), "record.key.lowerAscii().contains('a')"),
    (starts_with("key", "a"), "record.key.startsWith('a')"),
    (starts_with("key", ""), "record.key.startsWith('')"),
    (starts_with("key", "\U0010ffff"), "record.key.startsWith('\U0010ffff')"),
    (ends_with("key", "b"), "record.key.endsWith('b')"),
    (in_("count", [], INT), "record.count in [1] && record.count in [2]"),
    (not_(eq("key", "a")), "!(record.key == 'a')"),
    (and_(eq("key", "a"), cel("record.count > 1")), "record.key == 'a' && record.count > 1"),
    (or_(eq("count", 3), eq("key", "a"), has("big")), "record.count == 3 || record.key == 'a' || has(record.big)"),
    (and_(eq("key", "a")), "record.key == 'a'"),
]  # fmt: skip
RECORDS: list[dict[str, Any]] = [
    {},
    {"key": "a", "count": 3, "price": 1.5, "big": "7", "at": TIME, "open": True},
    {"key": "b", "count": 7, "price": 0.5, "big": "-1", "at": "2027-01-02T03:04:05.000000Z", "open": False},
]


@pytest.mark.parametrize(("condition", "text"), PAIRS)
def test_constructors_say_what_text_says(
    condition: Condition, text: str, sqlite_records: SqliteRecords, postgres_records: PostgresRecords
) -> None:
    """A constructed condition has the value of the text that says the same, wherever it is evaluated."""
    made, written = (check(node, ENVIRONMENT) for node in (condition.node(), parse(text)))
    given = {GIVEN: condition.given}
    expected = [predicate(written)({"record": record}) for record in RECORDS]
    assert [predicate(made)({"record": record, **given}) for record in RECORDS] == expected
    for engine in (sqlite_records, postgres_records):
        engine.fill(RECORDS)
        assert engine.answers([made], given) == [[(value, value is True)] for value in expected]


def test_values_are_beside_the_structure() -> None:
    """Conditions that differ in their values alone are equal in structure; other fields, operators and kinds differ."""
    assert eq("key", "a").key == eq("key", "b").key
    assert in_("count", [1]).key == in_("count", [2, 3]).key
    assert contains("key", "a").key == contains("key", "b").key
    different = [contains("key", "a"), contains("key", "a", ignores_case=True)]
    different += [eq("key", "a"), ne("key", "a"), eq("value", "a"), eq("key", 1), eq("key", None), has("key")]
    assert len({condition.key for condition in different}) == len(different)
    both = and_(eq("key", "a"), or_(eq("count", 1), eq("count", 2)))
    assert both.given == {"0": "a", "1": 1, "2": 2}
    assert hash(both.key) == hash(and_(eq("key", "b"), or_(eq("count", 3), eq("count", 4))).key)


def test_errors_say_the_place() -> None:
    """A condition that no checker lets through is refused in the words of the tree."""
    with pytest.raises(CelError, match=r"a string is never compared with an int"):
        check(eq("key", 1).node(), ENVIRONMENT)
    with pytest.raises(CelError, match="no field"):
        check(eq("kee", "a").node(), ENVIRONMENT)


@pytest.mark.parametrize("value", [b"", object(), {"a": 1}])
def test_values_that_nothing_compares_with(value: object) -> None:
    """A value without a kind, and values of several kinds, are the caller's mistake."""
    with pytest.raises(ValueError, match="is not a value"):
        eq("key", value)
    with pytest.raises(ValueError, match="one kind"):
        in_("key", ["a", 1])


def test_depth() -> None:
    """A condition is nested as deep as text may be, and no deeper; its parts may be many."""
    deep = eq("count", 1, INT)
    for _ in range(70):
        deep = not_(deep)
    with pytest.raises(CelError, match="deeper than 64"):
        deep.node()
    wide: Mapping[str, object] = or_(*[eq("count", n) for n in range(500)]).given
    assert len(wide) == 500
