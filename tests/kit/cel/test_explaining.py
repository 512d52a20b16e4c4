"""Explanations: each part in the user's words, its value, and why an error is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.explaining import explain, refusing
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.typed import Typed
from tests.kit.cel.schema import ENVIRONMENT

RECORD: Mapping[str, Any] = {"id": "x", "count": 3, "tags": ["a"], "price": 1e200, "open": False, "key": 5}


def tree(source: str) -> Typed:
    """A checked rule."""
    return check(parse(source), ENVIRONMENT)


def test_every_part_is_explained() -> None:
    """The whole first, then its parts as they were written, each with its value."""
    parts = explain(
        tree("auth != null && (record.count > 1.5 || auth.id in record.tags)"), {"record": RECORD, "auth": None}
    )
    assert [(part.depth, repr(part)) for part in parts] == [
        (0, "auth != null && (record.count > 1.5 || auth.id in record.tags) → false"),
        (1, "auth != null → false"),
        (1, "(record.count > 1.5 || auth.id in record.tags) → true"),
        (2, "record.count > 1.5 → true"),
        (3, "record.count → 3"),
        (2, "auth.id in record.tags → error: auth is null"),
        (3, "auth.id → error: auth is null"),
        (3, "record.tags → ['a']"),
    ]
    assert (parts[1].start, parts[1].end) == (0, 12)


def test_what_the_checker_added_is_not_shown() -> None:
    """Conversions that the user did not write are not parts of their own."""
    parts = explain(
        tree("record.count < record.price && record.price * 2.0 > 1.0"), {"record": {"count": 3, "price": 2.0}}
    )
    assert [part.text for part in parts[1:]] == [
        "record.count < record.price", "record.count", "record.price",
        "record.price * 2.0 > 1.0", "record.price * 2.0", "record.price",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("record.value == 'a'", "record.value has no value"),
        ("record.key == 'a'", "record.key does not hold a string"),
        ("old.id == 'a'", "old is null"),
        ("has(old.id)", "old is null"),
        ("record.count / 0 == 1", "division by zero"),
        ("record.count % (record.count - 3) == 1", "division by zero"),
        ("record.count + 9223372036854775807 > 0", "record.count + 9223372036854775807 is out of range"),
        ("record.price * 2.0 > 1.0", "record.price is out of range"),
        ("record.tags[3] == 'a'", "record.tags has no element 3"),
        ("record.tags.exists(t, t == record.value)", "t == record.value is an error for an element of record.tags"),
        ("record.counts.all(n, n == 1)", "record.counts has no value"),
        ("record.open ? true : record.value == 'a'", "record.value has no value"),
        ("record.value == 'a' ? true : false", "record.value has no value"),
        ("record.id in [record.value, 'a']", "record.value has no value"),
        ("true && !(record.value == 'a')", "record.value has no value"),
    ],
)
def test_errors_have_a_reason(source: str, reason: str) -> None:
    """The first cause is named in the words of the rule."""
    whole = explain(tree(source), {"record": RECORD})[0]
    assert (whole.value, whole.reason) == (None, reason)


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("record.count > 5", "record.count > 5 → false"),
        ("record.id == 'x' && record.count > 5", "record.count > 5 → false"),
        ("record.value == 'a' && record.count > 5", "record.count > 5 → false"),
        ("record.value == 'a' && record.id == 'x'", "record.value == 'a' → error: record.value has no value"),
        ("record.count > 5 || record.id == 'y'", "record.count > 5 || record.id == 'y' → false"),
        ("record.count > 5 || record.value == 'a'", "record.value == 'a' → error: record.value has no value"),
        ("true && (record.id == 'x' && record.open)", "record.open → false"),
        ("!(record.id == 'x')", "!(record.id == 'x') → false"),
    ],
)
def test_the_part_that_refused_is_named(source: str, part: str) -> None:
    """The smallest part that made the rule refuse."""
    assert repr(refusing(tree(source), {"record": RECORD})) == part


def test_nothing_refuses_where_the_rule_allows() -> None:
    """There is no such part then."""
    assert refusing(tree("record.id == 'x'"), {"record": RECORD}) is None


def test_literals_are_not_explained() -> None:
    """A rule that is a literal has no parts."""
    assert explain(tree("true"), {}) == []
    assert repr(refusing(tree("false"), {})) == "false → false"
