"""What an evaluation may cost."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.metering import METER, MOST_STEPS, Meter, OverBudget, is_metered, multiplies
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.predicates import predicate
from hinterland.kit.cel.typed import Typed
from hinterland.kit.cel.types import INT64, STRING, Environment, ListType, ObjectType

AUTH = ObjectType({"id": STRING})
RECORD = ObjectType({"text": STRING, "author": STRING, "tags": ListType(STRING), "numbers": ListType(INT64)})
ENVIRONMENT = Environment({"record": RECORD, "auth": AUTH})
LARGE: dict[str, Any] = {"text": "a" * 500_000, "tags": ["b"] * 20_000, "numbers": [7] * 20_000}


def checked(source: str) -> Typed:
    return check(parse(source), ENVIRONMENT)


def spent(source: str, record: dict[str, Any]) -> int:
    """The steps that an evaluation takes of a meter."""
    meter = Meter()
    predicate(checked(source))({"record": record, METER: meter})
    return meter.spent


COSTLY = [
    "record.tags.exists(tag, (tag + record.text).contains('x'))",
    "record.tags.all(tag, !record.text.contains(tag + 'x'))",
    "record.tags.exists(tag, (record.text + record.text).size() == 1)",
    "record.tags.exists(tag, record.text.upperAscii() == tag)",
    "record.tags.exists(tag, tag in record.tags && 'x' in record.tags && 'y' in record.tags && tag == 'x')",
    "record.numbers.exists(number, number * 2 in record.numbers)",
    "||".join(["record.text.lowerAscii().contains('x')"] * 50),
]


@pytest.mark.parametrize("source", COSTLY)
def test_over_the_budget(source: str) -> None:
    """An evaluation that would cost more than its budget is an error, which denies, negated or not; with a meter of its
    caller's it raises. It stops before the step that is too much."""
    for text in (source, f"!({source})"):
        test = predicate(checked(text))
        assert test({"record": LARGE}) is None
        with pytest.raises(OverBudget):
            test({"record": LARGE, METER: Meter()})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("record.text.contains('x')", False),
        ("record.text.lowerAscii().endsWith('a') && record.text.contains('aaa')", True),
        ("record.tags.exists(tag, tag == 'x' || tag.contains('b'))", True),
        ("'x' in record.tags || 'b' in record.tags || 'z' in record.tags", True),
        ("8 in record.numbers", False),
    ],
)
def test_within_the_budget(source: str, expected: bool) -> None:
    """Work that grows with the record just as reading it does is within the budget, however large a record may be."""
    assert predicate(checked(source))({"record": LARGE}) is expected
    assert 0 < spent(source, LARGE) <= MOST_STEPS * 0.6


@pytest.mark.parametrize("source", COSTLY)
def test_steps_are_the_same_everywhere(source: str) -> None:
    """Steps count the expression's parts and the sizes of values, never time."""
    small = {"text": "a" * 640, "tags": ["b"] * 16, "numbers": [7] * 16}
    assert spent(source, small) == spent(source, small) > 0


def test_what_is_counted() -> None:
    """A part of a body is a step for each element; 64 characters are one, so are eight elements of a list of texts; one
    that is read first takes two."""
    assert spent("record.tags.exists(tag, tag == 'x')", {"tags": ["a"] * 100}) == 100 * (1 + 2)
    assert spent("record.text.contains('x')", {"text": "a" * 6_399}) == 100
    assert spent("(record.text + 'x').contains('y')", {"text": "a" * 6_399}) == 200
    assert spent("'x' in record.tags", {"tags": ["a"] * 80}) == 10
    assert spent("1 in record.numbers", {"numbers": [7] * 80}) == 160


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("auth.id == record.author", False),
        ("auth.id in record.tags", False),
        ("record.text.size() > 3 && record.text < 'x'", False),
        ("record.text.startsWith('x')", False),
        ("record.text.startsWith(auth.id)", True),
        ("record.text.contains('x')", True),
        ("3 in record.numbers", True),
        ("record.tags.all(tag, tag == 'x')", True),
        (" || ".join([f"'{name}' in record.tags" for name in "abc"]), True),
    ],
)
def test_what_needs_no_meter(source: str, expected: bool) -> None:
    """Only what grows with texts or lists is counted: the commonest rules cost nothing more."""
    assert is_metered(checked(source)) is expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("auth.id in record.tags", False),
        ("record.tags.exists(tag, tag == auth.id || tag == record.author)", False),
        ("record.text.contains('x') && record.text.lowerAscii() == 'y'", False),
        ("record.author + 'x' == auth.id", True),
        ("record.tags.exists(tag, record.text.contains(tag))", True),
        ("record.tags.all(tag, !(tag in record.tags))", True),
    ],
)
def test_what_multiplies(source: str, expected: bool) -> None:
    """Work grows with the product of two sizes where texts are joined, or searched for each element of a list."""
    assert multiplies(checked(source)) is expected
